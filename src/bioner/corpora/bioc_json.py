"""BioC JSON, read as a stream: a collection, a list of collections or documents, or documents one after another."""

from __future__ import annotations

import json
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

_BLANKS = " \t\r\n"


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
        self._line = 1
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

    def _fill(self) -> bool:
        """Whether there was more text to read."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._line += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + piece
        self._at = 0
        return True

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def _here(self) -> int:
        self._peek()
        return self._line + self._text.count("\n", 0, self._at)

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
                if not self._double():
                    line = self._line + self._text.count("\n", 0, error.pos)
                    raise BionerError(f"{self._name}:{line}: expected JSON, found: {error.msg}; repair the file") from error
            except (RecursionError, ValueError) as error:
                raise BionerError(f"{self._name}:{self._here()}: expected JSON, found: {error}; repair this value") from error

    def _double(self) -> bool:
        """Whether there was more text to read; at least as much as is held was read, unless the file ends."""
        size = len(self._text) - self._at
        if size > 4 * self._limits.document_characters:
            raise self._limits.exceeded("document_characters", f"{self._name}:{self._here()}")
        more = False
        while len(self._text) - self._at < 2 * size + 1 and self._fill():
            more = True
        return more
