"""BioC XML, read as a stream, one document at a time, without a DTD, entities or the network (see `bioner.corpora.bioc`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn
from xml.parsers import expat

from bioner.corpora.bioc import build
from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_blocks
from bioner.corpora.raw import RawCorpus
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError

LISTS = {
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "relation": "relations",
    "location": "locations",
}
"""Element -> key of BioC JSON under which its parent has it."""

TEXTS = ("id", "offset", "text", "infon")
DEEPEST = 8
"""Levels of elements inside a document: passage, sentence, annotation and infon are four."""
ELEMENTS = 8
"""Elements of a document for each annotation that it may have; an annotation with two infons is five."""


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all files of a corpus, each with its file's split; the only option is `limits`.

    Raises:
        BionerError: a file that is not well-formed XML or not BioC, that declares entities, or is over the limits.
    """
    limits: Limits = options["limits"]
    for file in corpus.of_role("text"):
        for document in parse(file.name, read_blocks(file, limits), repairs, limits):
            yield replace(document, split=file.split)


def parse(name: str, blocks: Iterator[bytes], repairs: Repairs, limits: Limits) -> Iterator[Document]:
    """Documents of one file given as blocks of bytes; see `read`."""
    reader = _Reader(name, limits)
    for value in reader.values(blocks):
        try:
            yield build(value, name, value["line"], repairs, limits)
        except ValueError as error:
            raise BionerError(f"{name}:{value['line']}: not a BioC document: {error}; repair this document") from error


class _Reader:
    """Turns elements into the objects of BioC JSON, with the line of each."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._ready: list[dict[str, Any]] = []
        self._stack: list[tuple[str, dict[str, Any], list[str]]] = []
        self._root = False
        self._characters = self._annotations = self._elements = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._refuse
        self._parser.SkippedEntityHandler = self._refuse

    @property
    def _place(self) -> str:
        return f"{self._name}:{self._parser.CurrentLineNumber}"

    def values(self, blocks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """Document objects, as they are complete."""
        fed = 0
        for block in blocks:
            self._feed(block, final=False)
            fed += len(block)
            # a tag or comment without end would be kept until it ends
            if fed - self._parser.CurrentByteIndex > 4 * self._limits.line_characters:
                raise self._limits.exceeded("line_characters", self._place)
            yield from self._ready
            self._ready.clear()
        self._feed(b"", final=True)
        yield from self._ready

    def _feed(self, block: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(block, final)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, str(error))
            raise BionerError(f"{self._name}:{error.lineno}: expected BioC XML, found: {what}; repair the file") from error
        except (LookupError, ValueError) as error:
            raise BionerError(f"{self._place}: expected XML in a known encoding, found: {error}; convert the file to UTF-8") from error

    def _refuse(self, *_: Any) -> NoReturn:
        raise BionerError(f"{self._place}: expected BioC without entities of its own, found one; write characters instead of entities")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._root and tag != "collection":
            raise BionerError(f"{self._place}: expected BioC's element collection, found another; check `format` in the config")
        self._root = True
        if not self._stack and tag != "document":
            return
        if len(self._stack) > DEEPEST:
            raise BionerError(f"{self._place}: expected a BioC document, found elements nested too deep; repair this document")
        self._annotations += tag == "annotation"
        self._elements += 1
        most = self._limits.document_mentions
        # some more, because those of the document and its passages count too
        if self._annotations > most or self._elements > ELEMENTS * (most + 9):
            raise self._limits.exceeded("document_mentions", self._place)
        # only what is asked for later, because elements are many
        value: dict[str, Any] = dict(attributes) if tag in ("document", "infon", "location") else {}
        if tag in ("document", "annotation"):
            value["line"] = self._parser.CurrentLineNumber
        self._stack.append((tag, value, []))

    def _text(self, text: str) -> None:
        if self._stack and self._stack[-1][0] in TEXTS:
            self._characters += len(text)
            # texts of mentions and infons stand beside the document's own
            if self._characters > 4 * self._limits.document_characters:
                raise self._limits.exceeded("document_characters", self._place)
            self._stack[-1][2].append(text)

    def _end(self, tag: str) -> None:
        if not self._stack:
            return
        _, value, texts = self._stack.pop()
        if not self._stack:
            self._ready.append(value)
            self._characters = self._annotations = self._elements = 0
            return
        parent = self._stack[-1][1]
        if tag in LISTS:
            parent.setdefault(LISTS[tag], []).append(value)
        elif tag == "infon":
            parent.setdefault("infons", {})[str(value.get("key", ""))] = "".join(texts)
        elif tag in TEXTS:
            parent[tag] = "".join(texts)
