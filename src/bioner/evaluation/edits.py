"""Edits of a document's text that keep its labels exact, and the attacked document that they make."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from bioner.entities import Document, Mention, Span
from bioner.errors import BionerError
from bioner.rewriting import rewrite


class Edit(NamedTuple):
    """A half-open span of the original text, in code points, and what stands there instead; an empty span is an insertion.

    `concepts` are those of the new name where the edit renames the mention of exactly this span; None leaves a mention's own.
    `mentions` are the gold mentions of an inserted text, in offsets of that text.
    """

    span: Span
    text: str
    concepts: tuple[str, ...] | None = None
    mentions: tuple[Mention, ...] = ()


class Ground:
    """Where a document's text may be edited without touching the border of a mention."""

    def __init__(self, document: Document) -> None:
        spans = [span for mention in document.mentions for span in mention.spans]
        self.borders = sorted({border for span in spans for border in span})
        self.spans = sorted(set(spans))
        self.covered = bytearray(len(document.text) + 1)
        self.inside = bytearray(len(document.text) + 1)
        for mention in document.mentions:
            self.covered[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
            self.inside[mention.start + 1 : mention.end] = b"\1" * (mention.end - mention.start - 1)

    def mentioned(self, span: Span) -> bool:
        """Whether a mention reaches over any of this text; of an insertion, whether it stands strictly inside one."""
        start, end = span
        return bool(self.inside[start]) if start == end else any(self.covered[start:end])

    def at_border(self, position: int) -> bool:
        index = bisect_left(self.borders, position)
        return index < len(self.borders) and self.borders[index] == position

    def allows(self, edit: Edit) -> bool:
        """Whether no border lies strictly inside an edit's span, and no mention is left without text by it."""
        start, end = edit.span
        if bisect_right(self.borders, start) < bisect_left(self.borders, end):
            return False
        if edit.text or start == end:
            return True
        index = bisect_left(self.spans, (start, start))
        return not any(start <= span[0] and span[1] <= end for span in self.spans[index : index + 2])


def attacked_document(document: Document, edits: Iterable[Edit], name: str, *, queries: int = 0) -> Document:
    """The document under disjoint edits: the same id and mentions, in offsets of the attacked text.

    Mentions that an edit brings along come after the document's own, whose order stays. `meta` gets `attack` (the name), `edits_made`,
    `queries`, `original_spans` and `edit_spans` (of each edit, in order, in the original and the attacked text), and `labels`: how many
    mentions were `checked`, how many of them have an `edited` text, and how many were `added`; `label_validity` is the share of the
    checked ones that say what they said or what they were replaced by.

    Raises:
        BionerError: an edit that does not keep the labels exact.
    """
    chosen = sorted(edits, key=lambda edit: edit.span)
    rewritten = rewrite(document, [(edit.span, edit.text) for edit in chosen])
    places = new_spans(chosen)
    names = {edit.span: edit.concepts for edit in chosen if edit.concepts is not None}
    own = tuple(_renamed(old, names).at(*new.spans) for old, new in zip(document.mentions, rewritten.mentions, strict=True))
    added = tuple(
        mention.at(*((start + place[0], end + place[0]) for start, end in mention.spans))
        for edit, place in zip(chosen, places, strict=True)
        for mention in edit.mentions
    )
    attacked = replace(rewritten, mentions=own + added)
    edited = check_labels(document, attacked, chosen)
    meta = {
        "attack": name,
        "edits_made": len(chosen),
        "queries": queries,
        "original_spans": [list(edit.span) for edit in chosen],
        "edit_spans": [list(place) for place in places],
        "labels": {"checked": len(own) + len(added), "edited": edited, "added": len(added)},
        "label_validity": 1.0,
    }
    return replace(attacked, meta=attacked.meta | meta)


def _renamed(mention: Mention, names: Mapping[Span, tuple[str, ...]]) -> Mention:
    """A mention with the concepts of its new name, if the edit of its span gives it one."""
    concepts = names.get(mention.spans[0]) if len(mention.spans) == 1 else None
    return mention if concepts is None else mention._replace(concepts=concepts)


def new_spans(edits: Sequence[Edit]) -> list[Span]:
    """Where edits, sorted by span, stand in the attacked text."""
    growth = accumulate((len(edit.text) - (edit.span[1] - edit.span[0]) for edit in edits), initial=0)
    return [(edit.span[0] + shift, edit.span[0] + shift + len(edit.text)) for edit, shift in zip(edits, growth, strict=False)]


def check_labels(original: Document, attacked: Document, edits: Sequence[Edit]) -> int:
    """Check that an attack kept the labels exact; the number of mentions whose text was edited.

    The mentions are the same ones (number, ids, types, parts, concepts but where an edit gives new ones), each with text of its own
    that is exactly its original text under the edits inside it; hence a mention without edits reads as before. Those that edits bring
    along follow, each with its own text.

    Raises:
        BionerError: naming the document and the first mention that breaks this.
    """
    brought = [(mention, edit) for edit in edits for mention in edit.mentions]
    if len(original.mentions) + len(brought) != len(attacked.mentions):
        raise _broken(original, f"{len(original.mentions) + len(brought)} mentions", f"{len(attacked.mentions)}")
    backwards = sorted(edits, key=lambda edit: edit.span)[::-1]
    names = {edit.span: edit.concepts for edit in edits if edit.concepts is not None}
    changed = 0
    for before, after in zip(original.mentions, attacked.mentions, strict=False):
        expected_mention = _renamed(before, names)
        if expected_mention.at() != after.at() or len(before.spans) != len(after.spans):
            raise _broken(original, f"mention {before.id} ({before.type}, {len(before.spans)} spans)", f"mention {after.id} ({after.type})")
        texts = [_edited(original.text, old, backwards) for old in before.spans]
        for old, new, expected in zip(before.spans, after.spans, texts, strict=True):
            _compare(original, before, old, new, expected, attacked.text)
        changed += any(text != original.text[start:end] for text, (start, end) in zip(texts, before.spans, strict=True))
    for (mention, edit), after in zip(brought, attacked.mentions[len(original.mentions) :], strict=True):
        if mention.at() != after.at():
            raise _broken(original, f"added mention {mention.id} ({mention.type})", f"mention {after.id} ({after.type})")
        for old, new in zip(mention.spans, after.spans, strict=True):
            _compare(original, mention, old, new, edit.text[old[0] : old[1]], attacked.text)
    return changed


def _compare(document: Document, mention: Mention, old: Span, new: Span, expected: str, text: str) -> None:
    found = text[new[0] : new[1]] if 0 <= new[0] < new[1] <= len(text) else ""
    if not found or found != expected:
        # never the text itself: the corpus may be under an agreement
        wanted = f"mention {mention.id} at {old} to have its {len(expected)} characters at {new}"
        raise _broken(document, wanted, f"{len(found)} characters that differ")


def _edited(text: str, span: Span, backwards: Sequence[Edit]) -> str:
    """The text of a span under the edits inside it, given last first; an insertion at its borders is outside."""
    letters = list(text[span[0] : span[1]])
    for edit in backwards:
        start, end = edit.span
        inside = span[0] <= start < end <= span[1] or (start == end and span[0] < start < span[1])
        if inside:
            letters[start - span[0] : end - span[0]] = edit.text
    return "".join(letters)


def _broken(document: Document, expected: str, found: str) -> BionerError:
    return BionerError(f"attack on document {document.id!r}: expected {expected}, got {found}; correct the attack")
