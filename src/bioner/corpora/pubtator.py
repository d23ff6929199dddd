"""PubTator: `ID|t|title`, `ID|a|abstract`, then tab-separated annotations, one document after another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bioner.corpora.raw import RawCorpus, decompress
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention, Passage, sort_mentions
from bioner.errors import BionerError

_PASSAGE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(slots=True)
class _Draft:
    """A document being read."""

    id: str
    place: str
    title: str
    abstract: str | None = None
    annotations: list[tuple[str, list[str]]] = field(default_factory=list)


def read(corpus: RawCorpus, repairs: Repairs) -> Iterator[Document]:
    """Documents of all PubTator files of a corpus, each with its file's split."""
    for file in corpus.of_role("text"):
        for document in parse(file.name, file.data(), repairs):
            yield replace(document, split=file.split)


def parse(name: str, data: bytes, repairs: Repairs) -> Iterator[Document]:
    """Documents of one PubTator file, in order; the text is title, one blank, abstract.

    Args:
        name: the file's name, for messages; one that ends in `.gz` is unpacked.
        data: the file's bytes: UTF-8, with or without byte order mark, LF or CRLF.
        repairs: counts what was repaired, skipped or dropped.

    Raises:
        BionerError: a line that is none of the format's, with file and line.
    """
    draft: _Draft | None = None
    blank: str | None = None
    for number, line in enumerate(_lines(name, data, repairs), 1):
        place = f"{name}:{number}"
        if not line.strip():
            blank = place
            continue
        passage = _PASSAGE.fullmatch(line)
        if passage and passage[2] == "t":
            if draft is not None:
                if blank is None:
                    repairs.note("no blank line between documents", place)
                yield _finish(draft, repairs)
            draft = _Draft(passage[1], place, passage[3])
        elif draft is None:
            raise BionerError(f"{place}: expected 'ID|t|title', found something else; remove or repair this line")
        else:
            if blank is not None:
                repairs.note("blank line inside a document", place)
            _continue(draft, line, place)
        blank = None
    if draft is not None:
        yield _finish(draft, repairs)


def _lines(name: str, data: bytes, repairs: Repairs) -> Iterator[str]:
    try:
        text = decompress(name, data).decode("utf-8")
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        found = f"byte {error.object[error.start]:#04x}"
        raise BionerError(f"{name}:{row}: expected UTF-8, found {found}; convert the file to UTF-8") from error
    if text.startswith("\ufeff"):
        repairs.note("byte order mark removed", f"{name}:1")
        text = text[1:]
    if text and not text.endswith("\n"):
        repairs.note("no newline at the end of the file", name)
    # not splitlines: U+2028, \x0b and a lone \r are ordinary characters of a text here
    for number, line in enumerate(text.split("\n"), 1):
        if line.endswith("\r"):
            repairs.note("carriage return at the end of a line", f"{name}:{number}")
        yield line.removesuffix("\r")


def _continue(draft: _Draft, line: str, place: str) -> None:
    """Add an abstract or an annotation line to the document being read."""
    passage = _PASSAGE.fullmatch(line)
    if passage:
        if passage[1] != draft.id or draft.abstract is not None or draft.annotations:
            raise BionerError(
                f"{place}: expected one '{draft.id}|a|abstract' after the title at {draft.place}, found another; repair this line"
            )
        draft.abstract = passage[3]
        return
    columns = line.split("\t")
    if columns[0] != draft.id or not 4 <= len(columns) <= 7:
        raise BionerError(
            f"{place}: expected 4 to 7 tab-separated columns that begin with the document's id {draft.id}, found "
            f"{len(columns)} that {'do' if columns[0] == draft.id else 'do not'}; repair this line"
        )
    draft.annotations.append((place, columns))


def _finish(draft: _Draft, repairs: Repairs) -> Document:
    """The document of a complete draft, its annotations checked against its text."""
    if draft.abstract is None:
        repairs.note("no abstract line", draft.place)
    abstract = draft.abstract or ""
    text = f"{draft.title} {abstract}"
    start = len(draft.title) + 1
    passages = [Passage(0, len(draft.title), "title"), Passage(start, len(text), "abstract")]
    mentions: dict[tuple[int, int, str], Mention] = {}
    for place, columns in draft.annotations:
        mention = _mention(text, columns, place, repairs)
        if mention is not None:
            _keep(mentions, mention, place, repairs)
    return Document(
        draft.id,
        text,
        mentions=sort_mentions(mentions.values()),
        passages=tuple(passage for passage in passages if passage.start < passage.end),
    )


def _keep(mentions: dict[tuple[int, int, str], Mention], mention: Mention, place: str, repairs: Repairs) -> None:
    """Add a mention; one with the same span and type as another joins it."""
    key = (mention.start, mention.end, mention.type)
    if key not in mentions:
        mentions[key] = replace(mention, id=f"T{len(mentions) + 1}")
    elif mentions[key].concepts == mention.concepts:
        repairs.note("duplicate annotation dropped", place)
    else:
        repairs.note("same span and type again: concepts joined", place)
        concepts = tuple(dict.fromkeys(mentions[key].concepts + mention.concepts))
        mentions[key] = replace(mentions[key], concepts=concepts)


def _mention(text: str, columns: list[str], place: str, repairs: Repairs) -> Mention | None:
    """The mention of an annotation line; None for a relation or a mention that is not in the text."""
    if len(columns) == 4 and not _NUMBER.fullmatch(columns[1]):
        repairs.note("relation line skipped", place)
        return None
    if len(columns) < 5 or not all(_NUMBER.fullmatch(value) for value in columns[1:3]) or not columns[4].strip():
        raise BionerError(f"{place}: expected 'ID start end text type concept', found something else; repair this line")
    span = _span(text, int(columns[1]), int(columns[2]), columns[3], place, repairs)
    types = [kind.strip() for kind in columns[4].split(",") if kind.strip()]
    if not types:
        raise BionerError(f"{place}: expected a type in column 5, found none; repair this line")
    if len(types) > 1:
        repairs.note("several types: first one taken", place)
    if len(columns) == 7:
        repairs.note("composite: seventh column read over" if columns[6].strip() else "empty seventh column", place)
    concepts = _concepts(columns[5] if len(columns) > 5 else "", place, repairs)
    return None if span is None else Mention("", (span,), types[0], concepts)


def _span(text: str, start: int, end: int, written: str, place: str, repairs: Repairs) -> tuple[int, int] | None:
    """The half-open span of a mention, or None (counted) when it is not the text at its offsets."""
    repairs.annotations += 1
    if not start < end <= len(text):
        repairs.note("dropped: span empty or outside the text", place)
        return None
    found = text[start:end]
    if found == written:
        repairs.exact += 1
        return start, end
    bare = written.rstrip()
    if bare and found.rstrip() == bare:
        if found == bare:
            repairs.note("trailing blank in a mention's text removed", place)
        else:
            repairs.note("trailing blank in a mention's span removed", place)
        return start, start + len(bare)
    repairs.note("dropped: mention is not the text at its offsets", place)
    return None


def _concepts(column: str, place: str, repairs: Repairs) -> tuple[str, ...]:
    """Concept identifiers of column 6: alternatives or parts joined by `|`; `-1` stands for none."""
    parts = column.split("|")
    if any(part != part.strip() for part in parts):
        repairs.note("stray blank in a concept id removed", place)
    names = [part.strip() for part in parts if part.strip()]
    if "-1" in names:
        repairs.note("annotation without a concept (-1)", place)
    if len(names) > 1:
        repairs.note("several concepts joined by |", place)
    return tuple(dict.fromkeys(name for name in names if name != "-1"))
