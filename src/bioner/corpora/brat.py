"""brat standoff: a text as `.txt`, its annotations as `.ann` beside it; as files, or as members of a tar archive.

An archive is read as a stream and nothing of it is unpacked to the disk.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from bioner.corpora.limits import Limits
from bioner.corpora.lines import BLOCK, read_blocks, read_document, text_lines
from bioner.corpora.locating import EXACT, Locator
from bioner.corpora.raw import RawCorpus, RawFile, is_plain
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention, Span, sort_mentions
from bioner.errors import BionerError

ARCHIVES = (".tar.gz", ".tar")
SKIPPED = {"R": "relation", "E": "event", "A": "attribute", "M": "attribute", "N": "normalization", "#": "note", "*": "equivalence"}
"""First character of a line -> what it says; such lines are counted and not read."""

HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
LONGEST_HEADER = 1 << 20
"""Bytes of a member's name or attributes."""

_ENTITY = re.compile(r"(T[^\t]*)\t([^\t ]+) ([0-9]{1,9} [0-9]{1,9}(?:;[0-9]{1,9} [0-9]{1,9})*)\t(.*)", re.DOTALL)

Pair = tuple[str, str | None, bytes, bytes]
"""Name without suffix, split, bytes of the text and of its annotations."""


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of a corpus, each with its split; the id is the stem of the file's name.

    Options: `folders` (split -> folder in an archive; a member elsewhere is not read), `limits`.
    """
    limits: Limits = options["limits"]
    archives = [file for file in corpus.of_role("text") if file.name.endswith(ARCHIVES)]
    pairs = [_files(corpus, limits), *(_members(file, options.get("folders") or {}, limits) for file in archives)]
    for name, split, text, said in (pair for source in pairs for pair in source):
        yield replace(parse(name, text, said, repairs, limits), split=split)


def _files(corpus: RawCorpus, limits: Limits) -> Iterator[Pair]:
    """The pairs among the files of a corpus; BionerError for a text without annotations, or the reverse."""
    waiting = {file.name.removesuffix(".ann"): file for file in corpus.of_role("annotations")}
    for file in corpus.of_role("text"):
        if file.name.endswith(ARCHIVES):
            continue
        name = file.name.removesuffix(".txt")
        if name == file.name or name not in waiting:
            raise BionerError(f"{file.path}: expected a .txt with {PurePosixPath(name).name}.ann beside it, found none; add it")
        yield name, file.split, read_document(file, limits), read_document(waiting.pop(name), limits)
    for left in waiting.values():
        raise BionerError(f"{left.path}: expected a .txt of that name beside it, found none; add it or take the annotations away")


class _Stream:
    """Blocks of bytes as a file that can only be read on."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        while len(self._held) - self._at < size and (block := next(self._blocks, b"")):
            self._held = self._held[self._at :] + block
            self._at = 0
        data = self._held[self._at : self._at + size]
        self._at += len(data)
        return data


class _Member(tarfile.TarInfo):
    """A member's header. One that announces a name or attributes longer than any of use is refused: tarfile reads these at once."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.type in HEADERS and member.size > LONGEST_HEADER:
            raise tarfile.TarError(f"a header of {member.size:,} bytes")
        return member


def _members(file: RawFile, folders: Mapping[str, str], limits: Limits) -> Iterator[Pair]:
    """The pairs in an archive, each as soon as it is complete; the archive's digest is checked at its end."""
    blocks = read_blocks(file, limits)
    waiting: dict[str, tuple[str | None, str, bytes]] = {}
    for path, data in _contents(file, blocks, folders, limits):
        name, suffix = str(path.with_suffix("")), path.suffix
        if name not in waiting:
            waiting[name] = (_split(path, folders, file.split), suffix, data)
            continue
        split, other, found = waiting.pop(name)
        if other == suffix:
            raise BionerError(f"{file.name}: expected {path} once, found it again; pack the archive again")
        yield (name, split, data, found) if suffix == ".txt" else (name, split, found, data)
    for name, (_, suffix, _) in waiting.items():
        raise BionerError(f"{file.name}: expected {name}.txt and .ann, found only {suffix}; pack the archive again")
    for _ in blocks:
        pass


def _contents(file: RawFile, blocks: Iterator[bytes], folders: Mapping[str, str], limits: Limits) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and bytes of the texts and annotations in an archive.

    Raises:
        BionerError: a damaged archive, one of these members too large, absolute, outside the archive, or not a plain file.
    """
    try:
        with tarfile.open(fileobj=_Stream(blocks), mode="r|", tarinfo=_Member) as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive, 1):
                if number > limits.archive_members:
                    raise limits.exceeded("archive_members", file.name)
                archive.members.clear()  # which would grow with the archive, and is of no use in a stream
                path = PurePosixPath(member.name)
                if path.suffix not in (".txt", ".ann") or member.isdir() or (folders and _split(path, folders, None) is None):
                    continue
                if not is_plain(member.name) or path.is_absolute() or ".." in path.parts or not member.isreg():
                    found = member.name if is_plain(member.name) else repr(member.name)
                    raise BionerError(f"{file.name}: expected plain files below the archive, found {found}; pack the archive again")
                if member.size > 4 * limits.document_characters:
                    raise limits.exceeded("document_characters", f"{file.name}: {member.name}")
                content = archive.extractfile(member)
                yield path, content.read() if content else b""
            # where a header is damaged, the archive seems to end
            while rest := archive.fileobj.read(BLOCK):
                if rest.count(0) < len(rest):
                    raise tarfile.TarError("there is more after its end")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BionerError(f"{file.name}: expected a tar archive, found a damaged one ({error}); download it again") from error


def _split(path: PurePosixPath, folders: Mapping[str, str], otherwise: str | None) -> str | None:
    """The split whose folder holds a member, wherever that folder is in the archive."""
    for split, folder in folders.items():
        if f"/{path.parent}/".find(f"/{folder.strip('/')}/") >= 0:
            return split
    return otherwise


def parse(name: str, text: bytes, annotations: bytes, repairs: Repairs, limits: Limits) -> Document:
    """The document of one pair.

    Args:
        name: path without suffix, for messages; its last part is the id.
        text: the `.txt`: UTF-8, kept as it is but for a byte order mark.
        annotations: the `.ann`.
        repairs: counts what was repaired, skipped or dropped.
        limits: how large it may be.

    Raises:
        BionerError: a line that is none of the format's, or something over the limits, with file and line.
    """
    content = _decode(f"{name}.txt", text, repairs)
    locator = Locator(content, mark=text.startswith(b"\xef\xbb\xbf"))
    mentions: dict[tuple[tuple[Span, ...], str], Mention] = {}
    if not annotations.strip():
        repairs.note("no annotations in a file", f"{name}.ann")
    for place, row in _rows(f"{name}.ann", annotations, repairs, limits):
        kind, spans = _entity(place, row, locator, repairs) or ("", ())
        if (spans, kind) in mentions:
            repairs.note("duplicate annotation dropped", place)
        elif spans:
            mentions[spans, kind] = Mention(f"T{len(mentions) + 1}", spans, kind)
        if len(mentions) > limits.document_mentions:
            raise limits.exceeded("document_mentions", place)
    document = Document(PurePosixPath(name).name, content, sort_mentions(mentions.values()))
    limits.check(document, f"{name}.txt")
    return document


def _decode(name: str, data: bytes, repairs: Repairs) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BionerError(f"{name}:{line}: expected UTF-8, found byte {data[error.start]:#04x}; convert the file to UTF-8") from error
    if text.startswith("\ufeff"):
        repairs.note("byte order mark removed", f"{name}:1")
    if "\r" in text:
        repairs.note("carriage returns in a text kept", name)
    return text.removeprefix("\ufeff")


def _rows(name: str, data: bytes, repairs: Repairs, limits: Limits) -> Iterator[tuple[str, str]]:
    """Place and content of the lines that say a mention; others are counted."""
    blocks = (data[start : start + BLOCK] for start in range(0, len(data), BLOCK))
    for number, row in enumerate(text_lines(name, blocks, repairs, limits), 1):
        place = f"{name}:{number}"
        if row.startswith("T"):
            yield place, row
        elif row[:1] in SKIPPED:
            repairs.note(f"{SKIPPED[row[:1]]} line skipped", place)
        elif row.strip():
            raise BionerError(f"{place}: expected a line of brat's (T, E, R, A, M, N, # or *), found something else; repair this line")


def _entity(place: str, row: str, locator: Locator, repairs: Repairs) -> tuple[str, tuple[Span, ...]] | None:
    """Type and spans of a mention's line; None (counted) when it is not in the text."""
    found = _ENTITY.fullmatch(row)
    if not found:
        raise BionerError(f"{place}: expected 'T1<tab>Type start end[;start end]<tab>text', found something else; repair this line")
    pairs = (pair.split(" ") for pair in found[3].split(";"))
    spans = sorted((int(start), int(end)) for start, end in pairs)
    repairs.annotations += 1
    if any(start >= end for start, end in spans) or any(one[1] > other[0] for one, other in pairwise(spans)):
        repairs.note("dropped: span empty or parts overlap", place)
        return None
    # brat writes a line break inside a mention as a blank, and joins parts by one
    written = _flat(found[4])
    located = locator.find(spans, lambda pieces: _flat(" ".join(pieces)) == written)
    if located is None:
        repairs.note("dropped: mention is not the text at its offsets", place)
        return None
    spans, rule = located
    repairs.exact += rule == EXACT
    if rule != EXACT:
        repairs.note(rule, place)
    joined = _joined(spans, locator.text)
    if len(joined) < len(spans):
        repairs.note("parts on both sides of a line break joined", place)
    return found[2], tuple(joined)


def _flat(text: str) -> str:
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")


def _joined(spans: list[Span], text: str) -> list[Span]:
    """Spans, those joined between which the text has only a line break and blanks: brat cannot write one span there."""
    joined = [spans[0]]
    for start, end in spans[1:]:
        gap = text[joined[-1][1] : start]
        if "\n" in gap and not gap.strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
