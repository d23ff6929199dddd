"""Tag schemes: mentions over words as tags, and back."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bioner.entities import Mention, Span


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of a set of entity types in IOB2: `O`, then `B-` and `I-` of each type, sorted.

    Tag ids are positions in `names`; `O` is always 0.
    """

    types: tuple[str, ...]

    @classmethod
    def of(cls, types: Iterable[str]) -> TagSet:
        return cls(tuple(sorted(set(types))))

    @property
    def names(self) -> tuple[str, ...]:
        return ("O", *(f"{prefix}-{kind}" for kind in self.types for prefix in "BI"))

    def begin(self, kind: str) -> int:
        return 1 + 2 * self.types.index(kind)

    def inside(self, kind: str) -> int:
        return 2 + 2 * self.types.index(kind)

    def split(self, tag: int) -> tuple[str, str | None]:
        """Prefix and type of a tag id: `("O", None)`, `("B", type)` or `("I", type)`."""
        if tag == 0:
            return "O", None
        return ("B" if tag % 2 else "I"), self.types[(tag - 1) // 2]

    def allowed(self, previous: int | None, tag: int) -> bool:
        """Whether `tag` may follow `previous` (None: the start of a sequence)."""
        prefix, kind = self.split(tag)
        if prefix != "I":
            return True
        return previous is not None and self.split(previous)[1] == kind


def words_of(span: Span, words: Sequence[Span]) -> range:
    """Indices of the words that overlap a span (words sorted and disjoint)."""
    first = bisect.bisect_right(words, span[0], key=lambda word: word[1])
    last = bisect.bisect_left(words, span[1], key=lambda word: word[0])
    return range(first, max(first, last))


def encode(mentions: Sequence[Mention], words: Sequence[Span], tag_set: TagSet) -> tuple[list[int], list[Mention]]:
    """Tag ids of words, and the mentions that these tags do not represent exactly.

    A mention that begins or ends inside a word is widened to whole words. Of overlapping
    mentions the longest is kept, the earlier one among equals. A discontiguous mention is tagged
    over its whole extent. Lost mentions are those whose own span differs from the tagged one, that
    cover no word, or that another one displaced; types outside the tag set are lost too.
    """
    tags = [0] * len(words)
    lost: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.type)):
        covered = words_of((mention.start, mention.end), words)
        if not covered or mention.type not in tag_set.types or any(tags[i] for i in covered):
            lost.append(mention)
            continue
        tags[covered[0]] = tag_set.begin(mention.type)
        for index in covered[1:]:
            tags[index] = tag_set.inside(mention.type)
        if len(mention.spans) > 1 or (words[covered[0]][0], words[covered[-1]][1]) != (mention.start, mention.end):
            lost.append(mention)
    return tags, lost


def decode(tags: Sequence[int], words: Sequence[Span], tag_set: TagSet) -> list[tuple[range, Span, str]]:
    """Mentions in tag ids: (word indices, character span, type).

    An `I-` that continues no mention of its type begins one, as conlleval and seqeval's default
    mode read it.
    """
    found: list[tuple[range, Span, str]] = []
    start, current = 0, None
    for index in range(len(tags) + 1):
        prefix, kind = tag_set.split(tags[index]) if index < len(tags) else ("O", None)
        if current is not None and (prefix != "I" or kind != current):
            found.append((range(start, index), (words[start][0], words[index - 1][1]), current))
            current = None
        if kind is not None and current is None:
            start, current = index, kind
    return found
