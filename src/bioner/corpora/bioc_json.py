"""BioC JSON, read as a stream: a collection, a list of collections or documents, or documents one after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bioner.corpora.bioc import build
from bioner.corpora.jsonl import refuse_constant, refuse_surrogates
from bioner.corpora.limits import Limits
from bioner.corpora.lines import decoded, read_blocks
from bioner.corpora.raw import RawCorpus
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError

DOCUMENTS = ("documents", "PubTator3")
"""Keys of a collection that hold its documents."""

_LONGEST = len(r"\ud83e\uddec")
_BLANKS = re.compile(r"[ \t\r\n]*")


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all files of a corpus, each with its file's split; the only option is `limits`.

    Raises:
        BionerError: a file that is not UTF-8, not JSON or not BioC, or is over the limits; with file and line.
    """
    limits: Limits = options["limits"]
    for file in corpus.of_role("text"):
        reader = _Reader(file.name, decoded(file.name, read_blocks(file, limits), repairs), limits)
        for line, value in reader.values():
            try:
                document = build(value, file.name, line, repairs, limits)
            except ValueError as error:
                raise BionerError(f"{file.name}:{line}: not a BioC document: {error}; repair this document") from error
            yield replace(document, split=file.split)


class _Reader:
    """Reads JSON values from pieces of text; holds one document and a piece at a time."""

    def __init__(self, name: str, pieces: Iterator[str], limits: Limits) -> None:
        self._name = name
        self._pieces = pieces
        self._limits = limits
        self._text = ""
        self._at = 0
        # the line of position `_told`
        self._line = 1
        self._told = 0
        self._decoder = json.JSONDecoder(parse_constant=refuse_constant)

    def values(self) -> Iterator[tuple[int, Any]]:
        """Line and object of each document."""
        while self._peek():
            if self._peek() == "[":
                for _ in self._items("[", "]"):
                    yield from self._object()
            else:
                yield from self._object()

    def _object(self) -> Iterator[tuple[int, Any]]:
        """The documents of a collection, or the object itself where it is a document."""
        line = self._here()
        rest: dict[str, Any] = {}
        listed = False
        for _ in self._items("{", "}"):
            key = self._value()
            self._expect(":")
            if key in DOCUMENTS and self._peek() == "[":
                listed = True
                for _ in self._items("[", "]"):
                    begin = self._here()
                    yield begin, self._value()
            elif isinstance(key, str):
                rest[key] = self._value()
            else:
                raise self._error("a key")
        if "passages" in rest:
            yield line, rest
        elif not listed:
            raise BionerError(f"{self._name}:{line}: expected a BioC collection or document, found neither; check `format` in the config")

    def _items(self, opening: str, closing: str) -> Iterator[None]:
        """Stops before each item between brackets."""
        self._expect(opening)
        if self._peek() != closing:
            yield
            while self._peek() == ",":
                self._expect(",")
                yield
        self._expect(closing)

    def _fill(self, characters: int = 1) -> bool:
        """Read at least so many characters, unless the file ends; whether there were any."""
        pieces, size = list[str](), 0
        while size < characters and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            size += len(piece)
        if not pieces:
            return False
        self._line = self._line_of(self._at)
        self._text = "".join((self._text[self._at :], *pieces))
        self._at = self._told = 0
        return True

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _line_of(self, position: int) -> int:
        return self._line + self._text.count("\n", self._told, position)

    def _here(self) -> int:
        """The line of the next value."""
        self._peek()
        self._line, self._told = self._line_of(self._at), self._at
        return self._line

    def _error(self, expected: str) -> BionerError:
        return BionerError(f"{self._name}:{self._here()}: expected {expected} in BioC JSON, found something else; repair the file")

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._error(f"'{character}'")
        self._at += 1

    def _value(self) -> Any:
        """The next JSON value."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                # a number may go on in the next piece
                if end < len(self._text) or not self._fill():
                    refuse_surrogates(value, self._text[self._at : end])
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                if not self._cut(error) or not self._double():
                    place = f"{self._name}:{self._line_of(error.pos)}"
                    raise BionerError(f"{place}: expected JSON, found: {error.msg}; repair the file") from error
            except (RecursionError, ValueError) as error:
                raise BionerError(f"{self._name}:{self._here()}: expected JSON, found: {error}; repair this value") from error

    def _cut(self, error: json.JSONDecodeError) -> bool:
        """Whether more text may mend an error: a string has no end yet, or it is where the text ends, in a word or an escape."""
        return error.msg.startswith("Unterminated string") or error.pos > len(self._text) - _LONGEST

    def _double(self) -> bool:
        """Whether there was more text to read; as much as is held was read, unless the file ends or that is too much."""
        size, most = len(self._text) - self._at, 4 * self._limits.document_characters
        if size > most:
            raise self._limits.exceeded("document_characters", f"{self._name}:{self._here()}")
        return self._fill(min(size, most - size) + 1)
