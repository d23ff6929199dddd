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


_Meaning = tuple[str, str | None]
"""Prefix of a tag, and its type unless the prefix is O."""


@dataclass(slots=True)
class _Sentence:
    """Tokens on consecutive lines from line `first` on: their texts, and what their tags mean."""

    first: int
    texts: list[str] = field(default_factory=list)
    tags: list[_Meaning] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """A document being read: finished sentences, and the one that is open."""

    id: str
    place: str
    sentences: list[_Sentence] = field(default_factory=list)
    open: _Sentence | None = None
    size: int = 0
    begun: int = 0

    def end_sentence(self) -> None:
        if self.open is not None:
            self.sentences.append(self.open)
            self.open = None


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
    """One file being read: its columns, the line of the first token, and the meanings of the tags met so far, which are few."""

    name: str
    repairs: Repairs
    limits: Limits
    columns: Columns
    count: int = 0
    width: int = 0
    begins: int = 0
    meanings: dict[str, _Meaning] = field(default_factory=dict)

    def documents(self, lines: Iterable[str]) -> Iterator[Document]:
        mark = self.columns.document_mark
        draft: _Draft | None = None
        number, empty = 1, True
        for number, line in enumerate(lines, 1):
            empty = not line.strip(" \t")
            begins = mark is not None and line.startswith(mark)
            if draft is not None and (begins or empty):
                draft.end_sentence()
                if begins or mark is None:
                    yield from self._finish(draft)
                    draft = None
            if begins:
                draft = self._begin(number, _cells(line, self.columns)[0].removeprefix(str(mark)).strip())
            elif not empty:
                if draft is None:
                    if mark is not None:
                        self.repairs.note("tokens before the first document mark: a document of their own", self._at(number))
                    draft = self._begin(number, "")
                self._add(draft, _cells(line, self.columns), number)
        if not empty:
            self.repairs.note("no empty line after the last sentence", self._at(number))
        if draft is not None:
            draft.end_sentence()
            yield from self._finish(draft)

    def _at(self, number: int) -> str:
        return f"{self.name}:{number}"

    def _begin(self, number: int, name: str) -> _Draft:
        self.count += 1
        return _Draft(name or f"{PurePosixPath(self.name).name.split('.')[0]}-{self.count}", self._at(number))

    def _add(self, draft: _Draft, cells: list[str], number: int) -> None:
        """Add a token; BionerError for a line that has not the columns of the others, or a document over the limits."""
        if len(cells) != self.width:
            self._check_width(cells, number)
        text, tag = cells[self.columns.token].strip(" "), cells[self.columns.tag]
        meaning = self.meanings.get(tag)
        if meaning is None or not text:
            meaning = self.meanings[tag] = self._meaning(text, tag.strip(" "), self._at(number))
        if draft.open is None:
            draft.open = _Sentence(number)
        draft.open.texts.append(text)
        draft.open.tags.append(meaning)
        draft.size += len(text) + 1
        draft.begun += meaning[0] in "BS"
        if draft.size > self.limits.document_characters:
            raise self.limits.exceeded("document_characters", self._at(number))
        if draft.begun > self.limits.document_mentions:
            raise self.limits.exceeded("document_mentions", self._at(number))

    def _check_width(self, cells: list[str], number: int) -> None:
        """Raise BionerError unless this is the first token, and its line has the columns of token and tag."""
        columns, found = self.columns, len(cells)
        if self.width:
            expected = f"{self.width} columns as in {self._at(self.begins)}"
            raise BionerError(f"{self._at(number)}: expected {expected}, found {found}; repair this line or `separator`")
        if found < 2 or not all(-found <= column < found for column in (columns.token, columns.tag)):
            raise BionerError(
                f"{self._at(number)}: expected a token in column {columns.token} and a tag in column {columns.tag}, found {found} columns "
                f"by {columns.separator}; correct `conll` in the config, or name the document mark there"
            )
        self.width, self.begins = found, number

    def _meaning(self, text: str, tag: str, place: str) -> _Meaning:
        """What the tag of a token means; BionerError for one that is not of the scheme, or no token."""
        scheme = self.columns.scheme
        prefix, dash, kind = tag.partition("-")
        if not text or prefix not in PREFIXES[scheme] or len(prefix) != 1 or bool(dash) != bool(kind) or (prefix == "O" and dash):
            allowed = ", ".join(PREFIXES[scheme])
            raise BionerError(f"{place}: expected a token and a tag of {scheme} ({allowed}), found something else; repair this line")
        if prefix != "O" and not kind and self.columns.type is None:
            raise BionerError(f"{place}: expected a type after {prefix}-, found none; set `conll.type` in the config to name it")
        return prefix, None if prefix == "O" else kind or self.columns.type

    def _finish(self, draft: _Draft) -> Iterator[Document]:
        """The document of a complete draft; none (counted) for a mark without tokens."""
        if not draft.sentences:
            self.repairs.note("document mark without tokens: no document", draft.place)
            return
        passages: list[Passage] = []
        mentions: list[Mention] = []
        texts: list[str] = []
        start = 0
        for sentence in draft.sentences:
            text = " ".join(sentence.texts)
            starts = list(accumulate((len(token) + 1 for token in sentence.texts), initial=start))
            for first, last in self._runs(sentence):
                begin, end = starts[first], starts[last + 1] - 1
                self.repairs.annotations += 1
                self.repairs.exact += text[begin - start : end - start] == " ".join(sentence.texts[first : last + 1])
                mentions.append(Mention(f"T{len(mentions) + 1}", ((begin, end),), str(sentence.tags[first][1])))
            if len(mentions) > self.limits.document_mentions:
                raise self.limits.exceeded("document_mentions", self._at(sentence.first + len(sentence.texts) - 1))
            passages.append(Passage(start, start + len(text), "sentence"))
            texts.append(text)
            start += len(text) + 1
        yield Document(draft.id, "\n".join(texts), mentions=sort_mentions(mentions), passages=tuple(passages))

    def _runs(self, sentence: _Sentence) -> Iterator[tuple[int, int]]:
        """First and last token of each mention of a sentence; tags that the scheme does not write there are noted."""
        first: int | None = None
        for index, (prefix, kind) in enumerate(sentence.tags):
            if prefix == "O" and first is None:
                continue
            continues = first is not None and prefix in "IE" and kind == sentence.tags[first][1]
            if first is not None and not continues:
                self._note_end(sentence, index - 1)
                yield first, index - 1
            if not continues:
                first = None if prefix == "O" else index
                self._note_start(sentence, index)
            if prefix in "SE" and first is not None:
                yield first, index
                first = None
        if first is not None:
            self._note_end(sentence, len(sentence.tags) - 1)
            yield first, len(sentence.tags) - 1

    def _note_end(self, sentence: _Sentence, index: int) -> None:
        """Note a mention that ends although the scheme would have said so."""
        if self.columns.scheme == "iobes":
            self.repairs.note("mention without E- ended at its last token", self._at(sentence.first + index))

    def _note_start(self, sentence: _Sentence, index: int) -> None:
        """Note a tag that begins a mention although the scheme does not let it."""
        prefix, kind = sentence.tags[index]
        iob1 = self.columns.scheme == "iob1"
        if prefix == "I" and not iob1:
            self.repairs.note("orphan I- read as B-", self._at(sentence.first + index))
        elif prefix == "E":
            self.repairs.note("orphan E- read as S-", self._at(sentence.first + index))
        elif prefix == "B" and iob1 and (index == 0 or sentence.tags[index - 1][1] != kind):
            self.repairs.note("B- where IOB1 writes I-", self._at(sentence.first + index))


def _cells(line: str, columns: Columns) -> list[str]:
    return line.split("\t") if columns.separator == "tab" else _BLANKS.split(line.strip(" \t"))
