"""Label-exact edits: change the text of a document, and its mentions and passages move with it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from bioner.entities import Document, Mention, Passage, Span


def rewrite(document: Document, replacements: Sequence[tuple[Span, str]]) -> Document:
    """The document with parts of its text replaced.

    A replacement is a half-open span of the old text, in code points, and its new text; an empty
    span is an insertion. Replacements may come in any order and must be disjoint; insertions at
    one place keep their order. Each lies inside or outside every span of every mention, so that a
    mention still covers exactly its own, possibly edited, text. An insertion at a mention's border
    stays outside of it. Passages grow with what is inserted at their borders, and where two meet the
    first one grows; one without text stays so. `meta["edits"]`, the offset map of normalization, no longer fits and is dropped.

    Raises:
        ValueError: replacements that overlap or leave the text, one that straddles the border of a
            mention, or one that leaves a mention without text.
    """
    shift = _Shift(replacements, len(document.text))
    ends = {passage.end for passage in document.passages if passage.start < passage.end}
    return replace(
        document,
        text=shift.apply(document.text),
        mentions=tuple(shift.mention(mention, document.id) for mention in document.mentions),
        passages=tuple(shift.passage(passage, ends) for passage in document.passages),
        meta={key: value for key, value in document.meta.items() if key != "edits"},
    )


class _Shift:
    """Where positions of the old text lie in the new one."""

    def __init__(self, replacements: Sequence[tuple[Span, str]], length: int) -> None:
        self.replacements = sorted(replacements, key=lambda item: item[0])
        for (start, end), _ in self.replacements:
            if not 0 <= start <= end <= length:
                raise ValueError(f"expected replacements inside the text (length {length}), got [{start}, {end})")
        for ((_, end), _), ((start, after), _) in pairwise(self.replacements):
            if start < end:
                raise ValueError(f"expected disjoint replacements, got one ending at {end} and [{start}, {after})")
        self.starts = [span[0] for span, _ in self.replacements]
        self.ends = [span[1] for span, _ in self.replacements]
        # growth[i]: by how much the first i replacements lengthen the text
        self.growth = list(accumulate((len(new) - (end - start) for (start, end), new in self.replacements), initial=0))

    def apply(self, text: str) -> str:
        pieces, position = [], 0
        for (start, end), new in self.replacements:
            pieces += [text[position:start], new]
            position = end
        return "".join([*pieces, text[position:]])

    def before(self, position: int) -> int:
        """New place of a position, before what is inserted there; one inside a replacement moves to its end."""
        index = bisect_left(self.starts, position)
        return (max(position, self.ends[index - 1]) if index else position) + self.growth[index]

    def after(self, position: int) -> int:
        """New place of a position, after what is inserted there; one inside a replacement moves to its end."""
        index = bisect_right(self.ends, position)
        if index < len(self.starts) and self.starts[index] < position:
            return self.ends[index] + self.growth[index + 1]
        return position + self.growth[index]

    def cuts(self, position: int) -> bool:
        """Whether a position lies strictly inside a replacement."""
        index = bisect_right(self.ends, position)
        return index < len(self.starts) and self.starts[index] < position

    def mention(self, mention: Mention, document: str) -> Mention:
        if any(self.cuts(position) for span in mention.spans for position in span):
            raise ValueError(
                f"expected replacements inside or outside mention {mention.id} of document {document}, got one across its border"
            )
        spans = tuple((self.after(start), self.before(end)) for start, end in mention.spans)
        if any(start >= end for start, end in spans):
            raise ValueError(f"expected mention {mention.id} of document {document} to keep some text, got none")
        return mention.at(*spans)

    def passage(self, passage: Passage, ends: set[int]) -> Passage:
        start = self.after(passage.start) if passage.start in ends else self.before(passage.start)
        return Passage(start, self.after(passage.end) if passage.start < passage.end else start, passage.kind)
