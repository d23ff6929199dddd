"""i2b2/VA 2010: a note as `.txt`, its concepts as `.con` by line and token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_document
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention, Passage, Span, sort_mentions
from bioner.errors import BionerError

TYPES = ("problem", "test", "treatment")

# the text is matched greedily, because quotes and pipes may occur inside it
_CONCEPT = re.compile(r'c="(.*)" ([0-9]{1,9}):([0-9]{1,9}) ([0-9]{1,9}):([0-9]{1,9})\|\|t="([^"]*)"\s*', re.DOTALL)
_TOKEN = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class Note:
    """The two files of a note."""

    text: RawFile
    concepts: RawFile


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all notes of a corpus, each with its split; the id is the stem of the file's name; the only option is `limits`."""
    limits: Limits = options["limits"]
    for note in pair(corpus):
        concepts = note.concepts.name, read_document(note.concepts, limits)
        if concepts[1].count(b"\n") > limits.document_mentions:
            raise limits.exceeded("document_mentions", note.concepts.name)
        document = parse(note.text.name, read_document(note.text, limits), repairs, concepts=concepts)
        limits.check(document, note.text.name)
        yield replace(document, split=note.text.split)


def stem(name: str) -> str:
    """The part of a file's name before the first dot: it identifies the note."""
    return PurePosixPath(name).name.split(".")[0]


def pair(corpus: RawCorpus) -> list[Note]:
    """Notes with their concept files, paired by split and stem, then by nearness of folders.

    Raises:
        BionerError: a note without concepts, or concepts without a note.
    """
    waiting: dict[tuple[str | None, str], list[RawFile]] = {}
    for file in corpus.of_role("annotations"):
        waiting.setdefault((file.split, stem(file.name)), []).append(file)
    notes = []
    for file in corpus.of_role("text"):
        candidates = waiting.get((file.split, stem(file.name)), [])
        if not candidates:
            raise BionerError(f"{file.path}: expected {stem(file.name)}.con of the same split, found none; add it or take the note away")
        best = max(candidates, key=lambda candidate: _shared_folders(file.name, candidate.name))
        candidates.remove(best)
        notes.append(Note(file, best))
    for left in (file for files in waiting.values() for file in files):
        raise BionerError(f"{left.path}: expected {stem(left.name)}.txt of the same split, found none; add it or take the concepts away")
    return notes


def _shared_folders(one: str, other: str) -> int:
    shared = 0
    for a, b in zip(PurePosixPath(one).parts[:-1], PurePosixPath(other).parts[:-1], strict=False):
        if a != b:
            break
        shared += 1
    return shared


def parse(name: str, data: bytes, repairs: Repairs, *, concepts: tuple[str, bytes] | None = None) -> Document:
    """The document of one note; its text is the whole note with LF line ends.

    Args:
        name: the note's file name, for messages and the id.
        data: the note's bytes: UTF-8, or latin-1 (counted).
        repairs: counts what was repaired or dropped, never with text.
        concepts: name and bytes of the `.con` file; None for a note to predict on.

    Raises:
        BionerError: a line of the `.con` file that is none of the format's; without its text.
    """
    text = _decode(name, data, repairs)
    lines = text.split("\n")
    starts = _line_starts(lines)
    passages = tuple(Passage(start, start + len(line), "line") for start, line in zip(starts, lines, strict=True) if line.strip())
    mentions: dict[tuple[Span, str], Mention] = {}
    if concepts and not concepts[1].strip():
        repairs.note("no annotations in a file", concepts[0])

    @cache
    def tokens(line: int) -> list[Span]:
        return [match.span() for match in _TOKEN.finditer(lines[line - 1])] if 1 <= line <= len(lines) else []

    for place, row in _rows(*concepts, repairs) if concepts else ():
        found = _CONCEPT.fullmatch(row)
        if not found:
            raise BionerError(f'{place}: expected \'c="text" line:token line:token||t="type"\', found something else; repair this line')
        if found[6] not in TYPES:
            repairs.note("dropped: type is none of problem, test, treatment", place)
            continue
        span = _span(lines, starts, tokens, tuple(int(found[group]) for group in range(2, 6)), found[1], place, repairs)
        if span is None:
            continue
        if (span, found[6]) in mentions:
            repairs.note("duplicate annotation dropped", place)
            continue
        if "\n" in text[span[0] : span[1]]:
            repairs.note("concept over more than one line: kept as one span", place)
        mentions[span, found[6]] = Mention(f"T{len(mentions) + 1}", (span,), found[6])
    return Document(stem(name), text, mentions=sort_mentions(mentions.values()), passages=passages)


def _decode(name: str, data: bytes, repairs: Repairs) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        repairs.note("not UTF-8: read as latin-1", f"{name}:{line}")
        text = data.decode("latin-1")
    if text.startswith("\ufeff"):
        repairs.note("byte order mark removed", f"{name}:1")
        text = text[1:]
    if "\r\n" in text:
        repairs.note("CRLF line ends read as LF", name)
        text = text.replace("\r\n", "\n")
    return text


def _line_starts(lines: list[str]) -> list[int]:
    starts, position = [], 0
    for line in lines:
        starts.append(position)
        position += len(line) + 1
    return starts


def _rows(name: str, data: bytes, repairs: Repairs) -> Iterator[tuple[str, str]]:
    """Place and content of the lines of a `.con` file that are not blank."""
    for number, row in enumerate(_decode(name, data, repairs).split("\n"), 1):
        if row.strip():
            yield f"{name}:{number}", row


def _span(
    lines: list[str],
    starts: list[int],
    tokens: Callable[[int], list[Span]],
    position: tuple[int, ...],
    written: str,
    place: str,
    repairs: Repairs,
) -> Span | None:
    """Character span of (start line, start token, end line, end token), the end inclusive; None (counted) if it does not hold."""
    repairs.annotations += 1
    first_line, first_token, last_line, last_token = position
    ends = []
    for line, token in ((first_line, first_token), (last_line, last_token)):
        if token >= len(tokens(line)):
            repairs.note("dropped: line or token is not in the note", place)
            return None
        ends.append((starts[line - 1] + tokens(line)[token][0], starts[line - 1] + tokens(line)[token][1]))
    start, end = ends[0][0], ends[1][1]
    if (first_line, first_token) > (last_line, last_token):
        repairs.note("dropped: concept ends before it begins", place)
        return None
    surface = "\n".join(lines[first_line - 1 : last_line])[start - starts[first_line - 1] : end - starts[first_line - 1]]
    if _plain(surface) != _plain(written):
        repairs.note("dropped: concept's text is not the note's", place)
        return None
    repairs.exact += 1
    return start, end


def _plain(text: str) -> str:
    """Lower case, runs of white space as one blank: the form in which `.con` files write a text."""
    return " ".join(text.lower().split())
