"""bioner's own JSON Lines of documents, as written by `bioner.documents` (docs/formats.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_lines
from bioner.corpora.raw import RawCorpus
from bioner.corpora.repairs import Repairs, keep
from bioner.documents import from_json
from bioner.entities import NO_CONCEPT, Document, Mention, Span
from bioner.errors import BionerError

WRITTEN = ("edits", "original_spans", "lost_by_normalization", "lost_by_cutting")
"""Keys of `meta` by which later steps tell what normalization and cutting did to a document, or that they did it."""


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all files of a corpus; a file's split, where it has one, stands above the documents' own. Option: `limits`.

    Raises:
        BionerError: the first line that is no document, with file and line.
    """
    limits: Limits = options["limits"]
    for file in corpus.of_role("text"):
        for number, line in enumerate(read_lines(file, repairs, limits), 1):
            place = f"{file.name}:{number}"
            if line.strip():
                document = _with_own_meta(_document(line, place), place, repairs)
                document = _without_repeats(_without_placeholders(document, place, repairs), place, repairs)
                limits.check(document, place)
                yield replace(document, split=file.split or document.split)


def _document(line: str, place: str) -> Document:
    try:
        document = from_json(load(line))
    except RecursionError as error:
        raise BionerError(f"{place}: expected a document, found JSON nested too deep; repair this line") from error
    except ValueError as error:
        raise BionerError(f"{place}: not a document: {error}; repair this line") from error
    if not document.id:
        raise BionerError(f"{place}: expected a document with an id, found an empty one; repair this line")
    return document


def _with_own_meta(document: Document, place: str, repairs: Repairs) -> Document:
    """The document with what its user keeps under WRITTEN under `own_<key>` instead, where no step takes it for its own."""
    meta = dict(document.meta)
    for key in [key for key in WRITTEN if key in meta]:
        repairs.note("key of meta that bioner writes itself: kept with own_ before it", place)
        name = f"own_{key}"
        while name in meta:
            name = f"own_{name}"
        meta[name] = meta.pop(key)
    return replace(document, meta=meta)


def _without_placeholders(document: Document, place: str, repairs: Repairs) -> Document:
    """The document without what stands for no concept, counted as in PubTator's column."""
    if all(NO_CONCEPT.isdisjoint(mention.concepts) for mention in document.mentions):
        return document
    for name in (name for mention in document.mentions for name in mention.concepts):
        if name and name in NO_CONCEPT:
            repairs.note(f"annotation without a concept ({name})", place)
    mentions = (
        mention._replace(concepts=tuple(name for name in mention.concepts if name not in NO_CONCEPT)) for mention in document.mentions
    )
    return replace(document, mentions=tuple(mentions))


def _without_repeats(document: Document, place: str, repairs: Repairs) -> Document:
    """The document with each mention once, and with an id of its own, by which links are kept."""
    document = _with_ids(document, place, repairs)
    if len({(mention.spans, mention.type) for mention in document.mentions}) == len(document.mentions):
        return document
    found: dict[tuple[tuple[Span, ...], str], Mention] = {}
    for mention in document.mentions:
        keep(found, mention, place, repairs)
    return replace(document, mentions=tuple(found.values()))


def _with_ids(document: Document, place: str, repairs: Repairs) -> Document:
    ids = {mention.id for mention in document.mentions}
    if len(ids) == len(document.mentions) and "" not in ids:
        return document
    repairs.note("mention ids repeated or missing: numbered anew", place)
    return replace(document, mentions=tuple(mention._replace(id=f"T{number}") for number, mention in enumerate(document.mentions, 1)))


def load(line: str) -> Any:
    """The value of a JSON text; ValueError for what is none, NaN, Infinity and lone surrogates."""
    value = json.loads(line, parse_constant=refuse_constant)
    refuse_surrogates(value, line)
    return value


def refuse_surrogates(value: Any, source: str) -> None:
    """ValueError for a value whose JSON text `source` wrote half of a character, which UTF-8 cannot hold."""
    if "\\ud" in source or "\\uD" in source:
        json.dumps(value, ensure_ascii=False).encode()


def refuse_constant(constant: str) -> NoReturn:
    """ValueError for NaN and Infinity, which are no JSON."""
    raise ValueError(f"expected a number, got {constant}")
