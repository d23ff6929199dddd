"""CoNLL columns: one token a line, a tag in IOB1, IOB2 or IOBES beside it, an empty line between sentences.

The format keeps no text of its own: a document's text is its tokens, joined by one blank within a sentence and by a newline between
sentences. Without document marks each sentence is a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_lines
from bioner.corpora.raw import RawCorpus
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention, Passage, sort_mentions
from bioner.errors import BionerError

_BLANKS = re.compile(r"[ \t]+")

PREFIXES = {"iob1": "BIO", "iob2": "BIO", "iobes": "BIOES"}


@dataclass(frozen=True, slots=True)
class Columns:
    """How the lines of a file are read.

    `token` and `tag` are columns from 0, or from the end if negative; `type` names tags without one (`B`); a line whose first
    column begins with `document_mark` begins a document; `separator` is `tab`, or `blank` for any run of blanks and tabs.
    """

    scheme: str = "iob2"
    token: int = 0
    tag: int = -1
    type: str | None = None
    document_mark: str | None = None
    separator: str = "tab"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Columns:
        """The columns of a dataset's `conll` entry; BionerError for a wrong scheme or separator."""
        settings = {key: value for key, value in options.items() if key != "limits"}
        if unknown := sorted(settings.keys() - {part.name for part in fields(cls)}):
            raise BionerError(
                f"conll: expected keys {', '.join(part.name for part in fields(cls))}, found {unknown[0]!r}; correct the config"
            )
        columns = cls(**settings)
        if columns.scheme not in PREFIXES or columns.separator not in ("tab", "blank"):
            raise BionerError(
                f"conll: expected scheme in {', '.join(PREFIXES)} and separator tab or blank, "
                f"found {columns.scheme!r} and {columns.separator!r}; correct the config"
            )
        return columns


@dataclass(frozen=True, slots=True)
class _Token:
    """A token with its tag: a prefix, and a type unless the prefix is O."""

    place: str
    text: str
    prefix: str
    type: str | None


@dataclass(slots=True)
class _Draft:
    """A document being read: finished sentences, and the one that is open."""

    id: str
    place: str
    sentences: list[list[_Token]] = field(default_factory=list)
    open: list[_Token] = field(default_factory=list)
    size: int = 0
    begun: int = 0

    def end_sentence(self) -> None:
        if self.open:
            self.sentences.append(self.open)
            self.open = []


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all CoNLL files of a corpus, each with its file's split; for options see `Columns`."""
    limits: Limits = options["limits"]
    columns = Columns.of(options)
    for file in corpus.of_role("text"):
        for document in parse(file.name, read_lines(file, repairs, limits), repairs, limits, columns):
            yield replace(document, split=file.split)


def parse(name: str, lines: Iterable[str], repairs: Repairs, limits: Limits, columns: Columns) -> Iterator[Document]:
    """Documents of one file, in order.

    A document is called by what follows its mark; without that, and where there are no marks, by the file's stem and its number
    from 1, as in `train-1`.

    Args:
        name: the file's name, for messages and ids.
        lines: its lines, without their ends.
        repairs: counts what was repaired.
        limits: how large a document may be.
        columns: how lines are read.

    Raises:
        BionerError: a line that is none of the format's, or a document over the limits, with file and line.
    """
    return _Parser(name, repairs, limits, columns).documents(lines)


@dataclass(slots=True)
class _Parser:
    """One file being read."""

    name: str
    repairs: Repairs
    limits: Limits
    columns: Columns
    count: int = 0
    width: tuple[int, str] | None = None

    def documents(self, lines: Iterable[str]) -> Iterator[Document]:
        mark = self.columns.document_mark
        draft: _Draft | None = None
        place, empty = f"{self.name}:1", True
        for number, line in enumerate(lines, 1):
            place, empty = f"{self.name}:{number}", not line.strip(" \t")
            begins = mark is not None and line.startswith(mark)
            if draft is not None and (begins or empty):
                draft.end_sentence()
                if begins or mark is None:
                    yield from _finish(draft, self.repairs, self.limits, self.columns.scheme)
                    draft = None
            if begins:
                draft = self._begin(place, _cells(line, self.columns)[0].removeprefix(str(mark)).strip())
            elif not empty:
                if draft is None:
                    if mark is not None:
                        self.repairs.note("tokens before the first document mark: a document of their own", place)
                    draft = self._begin(place, "")
                self._add(draft, _cells(line, self.columns), place)
        if not empty:
            self.repairs.note("no empty line after the last sentence", place)
        if draft is not None:
            draft.end_sentence()
            yield from _finish(draft, self.repairs, self.limits, self.columns.scheme)

    def _begin(self, place: str, name: str) -> _Draft:
        self.count += 1
        return _Draft(name or f"{PurePosixPath(self.name).name.split('.')[0]}-{self.count}", place)

    def _add(self, draft: _Draft, cells: list[str], place: str) -> None:
        self.width = self.width or (len(cells), place)
        token = _token(cells, self.width, place, self.columns)
        draft.open.append(token)
        draft.size += len(token.text) + 1
        draft.begun += token.prefix in "BS"
        if draft.size > self.limits.document_characters:
            raise self.limits.exceeded("document_characters", place)
        if draft.begun > self.limits.document_mentions:
            raise self.limits.exceeded("document_mentions", place)


def _cells(line: str, columns: Columns) -> list[str]:
    return line.split("\t") if columns.separator == "tab" else _BLANKS.split(line.strip(" \t"))


def _token(cells: list[str], width: tuple[int, str], place: str, columns: Columns) -> _Token:
    """The token of a line; BionerError unless it has as many columns as the first one, a token and a tag of the scheme."""
    if len(cells) != width[0]:
        raise BionerError(f"{place}: expected {width[0]} columns as in {width[1]}, found {len(cells)}; repair this line or `separator`")
    if len(cells) < 2 or not all(-len(cells) <= column < len(cells) for column in (columns.token, columns.tag)):
        raise BionerError(
            f"{place}: expected a token in column {columns.token} and a tag in column {columns.tag}, found {len(cells)} columns "
            f"by {columns.separator}; correct `conll` in the config, or name the document mark there"
        )
    text, tag = cells[columns.token].strip(" "), cells[columns.tag].strip(" ")
    prefix, dash, kind = tag.partition("-")
    if not text or prefix not in PREFIXES[columns.scheme] or len(prefix) != 1 or bool(dash) != bool(kind) or (prefix == "O" and dash):
        allowed = ", ".join(PREFIXES[columns.scheme])
        raise BionerError(f"{place}: expected a token and a tag of {columns.scheme} ({allowed}), found something else; repair this line")
    if prefix != "O" and not kind and columns.type is None:
        raise BionerError(f"{place}: expected a type after {prefix}-, found none; set `conll.type` in the config to name it")
    return _Token(place, text, prefix, None if prefix == "O" else kind or columns.type)


def _finish(draft: _Draft, repairs: Repairs, limits: Limits, scheme: str) -> Iterator[Document]:
    """The document of a complete draft; none (counted) for a mark without tokens."""
    if not draft.sentences:
        repairs.note("document mark without tokens: no document", draft.place)
        return
    passages: list[Passage] = []
    mentions: list[Mention] = []
    texts: list[str] = []
    start = 0
    for sentence in draft.sentences:
        text = " ".join(token.text for token in sentence)
        starts = list(accumulate((len(token.text) + 1 for token in sentence), initial=start))
        for first, last in _runs(sentence, scheme, repairs):
            begin, end = starts[first], starts[last + 1] - 1
            repairs.annotations += 1
            repairs.exact += text[begin - start : end - start] == " ".join(token.text for token in sentence[first : last + 1])
            mentions.append(Mention(f"T{len(mentions) + 1}", ((begin, end),), str(sentence[first].type)))
        if len(mentions) > limits.document_mentions:
            raise limits.exceeded("document_mentions", sentence[-1].place)
        passages.append(Passage(start, start + len(text), "sentence"))
        texts.append(text)
        start += len(text) + 1
    yield Document(draft.id, "\n".join(texts), mentions=sort_mentions(mentions), passages=tuple(passages))


def _runs(sentence: list[_Token], scheme: str, repairs: Repairs) -> Iterator[tuple[int, int]]:
    """First and last token of each mention of a sentence; tags that the scheme does not write there are noted."""
    first: int | None = None
    for index, token in enumerate(sentence):
        before = sentence[index - 1] if index else None
        continues = first is not None and token.prefix in "IE" and token.type == sentence[first].type
        if first is not None and not continues:
            if scheme == "iobes":
                repairs.note("mention without E- ended at its last token", sentence[index - 1].place)
            yield first, index - 1
        if not continues:
            first = None if token.prefix == "O" else index
            _note_start(token, before, scheme, repairs)
        if token.prefix in "SE" and first is not None:
            yield first, index
            first = None
    if first is not None:
        if scheme == "iobes":
            repairs.note("mention without E- ended at its last token", sentence[-1].place)
        yield first, len(sentence) - 1


def _note_start(token: _Token, before: _Token | None, scheme: str, repairs: Repairs) -> None:
    """Note a tag that begins a mention although the scheme does not let it."""
    if token.prefix == "I" and scheme != "iob1":
        repairs.note("orphan I- read as B-", token.place)
    elif token.prefix == "E":
        repairs.note("orphan E- read as S-", token.place)
    elif token.prefix == "B" and scheme == "iob1" and (before is None or before.type != token.type):
        repairs.note("B- where IOB1 writes I-", token.place)
