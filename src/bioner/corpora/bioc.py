"""BioC: documents of passages with stand-off annotations, in the form that its XML and its JSON share.

Why no library: `bioc` 2.1 was tried. It takes offsets and texts as they stand without comparing them, names neither file nor line when a
field is missing, holds a whole JSON collection in memory, and its XML side expands entities that a file declares.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bioner.corpora.limits import Limits
from bioner.corpora.locating import EXACT, Locator
from bioner.corpora.repairs import Repairs, keep
from bioner.entities import NO_CONCEPT, Document, Mention, Passage, Span, sort_mentions

CONCEPTS = ("identifier", "MESH", "concept_id")
"""Infons of an annotation that hold its concepts, the first one that is there."""

_BREAKS = re.compile(r"[\t\n\r]")
_BETWEEN = "[ .\u2026]+"
"""What may stand between the parts of a discontiguous mention in its text."""

Json = Mapping[str, Any]


@dataclass(slots=True)
class _Chunk:
    """A contiguous text of the original: a passage, or a sentence of one that has no text of its own."""

    offset: int
    start: int
    kind: str
    locator: Locator

    @property
    def text(self) -> str:
        return self.locator.text


def build(value: Any, name: str, line: int, repairs: Repairs, limits: Limits) -> Document:
    """The document of a BioC document object.

    Passages are joined by one blank, or by nothing where their offsets leave no room, so that offsets of a well-formed document stay
    as they are. Sentences stand as passages where a passage has no text of its own.

    Args:
        value: as in BioC JSON; numbers may be strings, an object may have its `line`.
        name: the file, for places.
        line: the document's first line.
        repairs: counts what was repaired, skipped or dropped.
        limits: how large a document may be.

    Raises:
        ValueError: a field that is not as BioC says.
        BionerError: a document over the limits.
    """
    place = f"{name}:{line}"
    chunks: list[_Chunk] = []
    waiting: list[tuple[int | None, Json]] = [(None, item) for item in _objects(value, "annotations")]
    skipped = len(_objects(value, "relations"))
    for passage in _objects(value, "passages"):
        sentences = _objects(passage, "sentences")
        whole = isinstance(passage.get("text"), str) and bool(passage["text"] or not sentences)
        if whole or not sentences:
            _append(chunks, passage, _kind(passage), place, repairs)
        waiting += [(len(chunks) - 1 if whole else None, item) for item in _objects(passage, "annotations")]
        for sentence in sentences:
            if not whole:
                _append(chunks, sentence, "sentence", place, repairs)
            waiting += [(len(chunks) - 1, item) for item in _objects(sentence, "annotations")]
            skipped += len(_objects(sentence, "relations"))
        skipped += len(_objects(passage, "relations"))
    for _ in range(skipped):
        repairs.note("relation skipped", place)
    if len(waiting) > limits.document_mentions:
        raise limits.exceeded("document_mentions", place)
    text = _text(chunks)
    finder = _Finder(text, chunks)
    mentions: dict[tuple[tuple[Span, ...], str], Mention] = {}
    for home, annotation in waiting:
        where = f"{name}:{annotation.get('line', line)}"
        mention = _mention(annotation, f"T{len(mentions) + 1}", finder, home, where, repairs)
        if mention is not None:
            keep(mentions, mention, where, repairs)
    passages = tuple(Passage(chunk.start, chunk.start + len(chunk.text), chunk.kind) for chunk in chunks if chunk.text)
    document = Document(_name(value), text, sort_mentions(mentions.values()), passages)
    limits.check(document, place)
    return document


def _objects(value: Any, key: str) -> list[Json]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    found = value.get(key)
    items = [] if found is None else found
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ValueError(f"expected '{key}' to be a list of objects")
    return items


def _name(value: Json) -> str:
    name = value.get("id")
    if isinstance(name, bool) or not isinstance(name, int | str) or not str(name).strip():
        raise ValueError("expected a document with an id, got none")
    return str(name).strip()


def _infons(value: Json) -> Json:
    infons = value.get("infons") or {}
    if not isinstance(infons, Mapping):
        raise ValueError("expected 'infons' to be an object")
    return infons


def _kind(passage: Json) -> str:
    infons = _infons(passage)
    return str(infons.get("type") or infons.get("section_type") or "passage")


def _number(value: Json, key: str) -> int:
    found = value.get(key)
    if isinstance(found, str) and len(found) < 10 and found.isdecimal() and found.isascii():
        return int(found)
    if isinstance(found, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", found, re.ASCII):
        return int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 10**9:
        raise ValueError(f"expected '{key}' to be a number from 0, got something else")
    return found


def _append(chunks: list[_Chunk], value: Json, kind: str, place: str, repairs: Repairs) -> None:
    """Add the text of a passage or sentence after the last one."""
    text = value.get("text")
    if text is not None and not isinstance(text, str):
        raise ValueError("expected 'text' to be a string")
    offset, start = _number(value, "offset"), 0
    if chunks:
        last = chunks[-1]
        gap = offset - last.offset - len(last.text)
        start = last.start + len(last.text) + (gap != 0)
        if gap > 1:
            repairs.note("gap between passages closed to one blank", place)
        elif gap < 0:
            repairs.note("passages overlap by their offsets: put one after another", place)
    chunks.append(_Chunk(offset, start, kind, Locator(text or "")))


def _text(chunks: list[_Chunk]) -> str:
    parts, end = [], 0
    for chunk in chunks:
        parts += [" " * (chunk.start - end), chunk.text]
        end = chunk.start + len(chunk.text)
    return "".join(parts)


class _Finder:
    """Finds annotations in a document's text by the offsets of its chunks."""

    def __init__(self, text: str, chunks: list[_Chunk]) -> None:
        self._text = text
        self._chunks = chunks
        self._offsets = [chunk.offset for chunk in chunks]
        self._ordered = all(one.offset + len(one.text) <= other.offset for one, other in pairwise(chunks))

    def find(self, spans: list[Span], home: int | None, says: Callable[[list[str]], bool]) -> tuple[list[Span], str] | None:
        """Spans in the document's text, and the rule that gave them; see `Locator.find`.

        Args:
            spans: in offsets of the original.
            home: the chunk that the annotation belongs to, None for the document.
            says: whether pieces of text are what the annotation says.
        """
        if home is None and self._ordered:
            home = max(0, bisect_right(self._offsets, spans[0][0]) - 1) if self._chunks else None
        chunk = self._chunks[home] if home is not None else None
        found = None
        if chunk is not None:
            found = chunk.locator.find([(start - chunk.offset, end - chunk.offset) for start, end in spans], says)
        if found is None or found[1] != EXACT:
            across = self._across(spans)
            if across is not None and says([self._text[start:end] for start, end in across]):
                return across, EXACT
        if found is None and chunk is not None and chunk.offset:
            found = chunk.locator.find(spans, says)
            found = found and (found[0], f"{found[1] or 'offsets counted'} from the passage's start")
        if found is None or chunk is None:
            return None
        return [(start + chunk.start, end + chunk.start) for start, end in found[0]], found[1]

    def _across(self, spans: list[Span]) -> list[Span] | None:
        """Spans that may begin and end in different chunks; None where the original has no text."""
        if not self._ordered:
            return None
        moved = []
        for start, end in spans:
            first, last = bisect_right(self._offsets, start) - 1, bisect_right(self._offsets, end) - 1
            if first < 0 or last < 0:
                return None
            one, other = self._chunks[first], self._chunks[last]
            if start - one.offset > len(one.text) or end - other.offset > len(other.text):
                return None
            moved.append((one.start + start - one.offset, other.start + end - other.offset))
        return moved


def _mention(annotation: Json, name: str, finder: _Finder, home: int | None, place: str, repairs: Repairs) -> Mention | None:
    """The mention of an annotation, called `name`; None (counted) when it has no place in the text."""
    kind = str(_infons(annotation).get("type") or "").strip()
    if not kind:
        raise ValueError("expected every annotation to have an infon 'type', got one without")
    spans = []
    for item in _objects(annotation, "locations"):
        start = _number(item, "offset")
        spans.append((start, start + _number(item, "length")))
    spans.sort()
    written = annotation.get("text")
    if written is not None and not isinstance(written, str):
        raise ValueError("expected 'text' of an annotation to be a string")
    if written is None:
        repairs.note("annotation without its text: taken at its offsets", place)
    else:
        repairs.annotations += 1
    overlap = any(one[1] > other[0] for one, other in pairwise(spans))
    if not spans or overlap or any(start >= end for start, end in spans):
        repairs.note("dropped: no place, an empty one, or parts that overlap", place)
        return None
    found = finder.find(spans, home, lambda pieces: written is None or _same(pieces, written))
    if found is None:
        repairs.note("dropped: mention is not the text at its offsets", place)
        return None
    if found[1] != EXACT:
        repairs.note(found[1], place)
    elif written is not None:
        repairs.exact += 1
    return Mention(name, tuple(found[0]), kind, _concepts(_infons(annotation)))


def _same(pieces: list[str], written: str) -> bool:
    """Whether pieces of text are a mention's text; line breaks count as blanks, and dots may stand between pieces."""
    flat = [_BREAKS.sub(" ", piece) for piece in pieces]
    said = _BREAKS.sub(" ", written)
    if " ".join(flat) == said:
        return True
    return len(flat) > 1 and re.fullmatch(_BETWEEN.join(map(re.escape, flat)), said) is not None


def _concepts(infons: Json) -> tuple[str, ...]:
    column = next((str(infons[key]) for key in CONCEPTS if infons.get(key) is not None), "")
    names = (name.strip() for name in re.split(r"[|;,]", column))
    return tuple(dict.fromkeys(name for name in names if name not in NO_CONCEPT))
