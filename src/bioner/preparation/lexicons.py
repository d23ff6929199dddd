"""Names from outside of the corpus: an ontology in OBO format, or a table of one's own. Only what the config declares."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.preparation.normalize import normalize_text
from bioner.preparation.synonyms import Lexicon
from bioner.storage import sha256_file

PREFIXES = {"MIM": "OMIM:", "OMIM": "OMIM:", "MESH": "", "UMLS": "", "UMLS_CUI": ""}
"""Vocabularies that corpora and ontologies name differently, and the prefix under which they meet."""


@dataclass(frozen=True, slots=True)
class ExternalLexicon:
    """Names by concept (as `concept_key` writes it), sorted; `sha256` of the file they come from."""

    name: str
    sha256: str
    names: Mapping[str, tuple[str, ...]]


def concept_key(concept: str) -> str:
    """A concept identifier without the differences between corpora: `MESH:D003967` is `D003967`, `MIM:222100` is `OMIM:222100`."""
    prefix, colon, code = concept.partition(":")
    return PREFIXES.get(prefix.upper(), prefix + colon) + code if colon else concept


def read_lexicon(name: str, settings: Any) -> ExternalLexicon:
    """The external lexicon of `{"obo": path}` or `{"tsv": path}`.

    A table has two columns without a heading, concept and name, separated by a tab. Of an ontology see `read_obo`.

    Raises:
        BionerError: other settings; a file that is missing, not UTF-8 or not of its format, with its line.
    """
    readers = {"obo": read_obo, "tsv": _read_table}
    known = isinstance(settings, dict) and len(settings) == 1 and not set(settings) - readers.keys()
    if not known or not all(isinstance(place, str) for place in settings.values()):
        raise BionerError(f'expected lexicon {name} as {{"obo": path}} or {{"tsv": path}}, got {settings!r:.80}; change it in the config')
    (kind, place), *_ = settings.items()
    names: dict[str, set[str]] = defaultdict(set)
    for concept, surface in readers[kind](Path(place)):
        if surface.strip():
            names[concept_key(concept)].add(" ".join(surface.split()))
    return ExternalLexicon(name, sha256_file(place), {concept: tuple(sorted(found)) for concept, found in names.items()})


def external_synonyms(training: Lexicon, source: ExternalLexicon, steps: Sequence[str]) -> Lexicon:
    """An external lexicon's names, normalized by `steps`, for the concepts and types that the training part mentions; no provenance."""
    surfaces = {}
    for concept, type in training.surfaces:
        if found := source.names.get(concept_key(concept)):
            surfaces[concept, type] = tuple(sorted({normalize_text(name, steps)[0].strip() for name in found} - {""}))
    return Lexicon(surfaces, {})


@dataclass
class _Term:
    where: str
    id: str = ""
    names: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()
    obsolete: bool = False


_TAG = re.compile(r"([\w-]+): *(.*)")
# the scope may lack, and is RELATED then; after it may come a type such as OMO:0003012 for acronyms
_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"(?: +(EXACT|NARROW|BROAD|RELATED)(?: +[^\s\[]+)?)? *\[.*')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "W": " "}


def read_obo(path: Path) -> Iterator[tuple[str, str]]:
    """Concepts and names of an ontology in OBO format: each term's name and exact synonyms, under its id and its xrefs.

    Obsolete terms are left out, and so are other synonyms than exact ones: they name something
    narrower or broader. An xref that several terms have says nothing about which of them it means and is left out too.

    Raises:
        BionerError: as `read_lexicon`.
    """
    terms = [term for term in _terms(path) if not term.obsolete]
    holders: dict[str, int] = defaultdict(int)
    for term in terms:
        for key in {concept_key(xref) for xref in term.xrefs}:
            holders[key] += 1
    for term in terms:
        for concept in (term.id, *(xref for xref in term.xrefs if holders[concept_key(xref)] == 1)):
            for name in term.names:
                yield concept, name


def _terms(path: Path) -> Iterator[_Term]:
    term: _Term | None = None
    found = False
    for number, line in ((number, line.rstrip()) for number, line in _lines(path)):
        if line.startswith("["):
            if term is not None:
                yield _complete(term)
            term = _Term(f"{path}:{number}") if line == "[Term]" else None
            found = found or term is not None
        elif term is not None and not line.startswith("!"):
            _take(term, line, f"{path}:{number}")
    if term is not None:
        yield _complete(term)
    if not found:
        raise BionerError(f"{path}: expected an ontology in OBO format, found no [Term]; give its .obo file")


def _complete(term: _Term) -> _Term:
    if not term.id:
        raise BionerError(f"{term.where}: expected a [Term] with an id, found none; correct or remove it")
    return term


def _take(term: _Term, line: str, where: str) -> None:
    """One line of a term."""
    found = _TAG.fullmatch(line)
    if found is None:
        raise BionerError(f"{where}: expected `tag: value`, found {line!r:.60}; correct the line")
    tag, value = found.groups()
    if tag == "id":
        term.id = _plain(value)
    elif tag == "name":
        term.names = (_plain(value), *term.names)
    elif tag == "is_obsolete":
        term.obsolete = _plain(value) == "true"
    elif tag == "xref":
        term.xrefs = (*term.xrefs, _unescape(value.split(" ", maxsplit=1)[0]))
    elif tag == "synonym":
        match = _SYNONYM.fullmatch(value)
        if match is None:
            raise BionerError(f'{where}: expected synonym: "name" SCOPE [...], found {value!r:.60}; correct the line')
        if match[2] == "EXACT":
            term.names = (*term.names, _unescape(match[1]))


def _plain(value: str) -> str:
    """A value without the comment and the qualifiers that may follow it."""
    return _unescape(re.split(r"(?<!\\)(?: *!| +\{[^{]*\} *(?:!|$))", value)[0]).strip()


def _unescape(value: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), value)


def _read_table(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in _lines(path):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 2 or not all(columns):
            raise BionerError(f"{path}:{number}: expected concept and name, separated by a tab, found {line!r:.60}; correct the line")
        yield columns[0], columns[1]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbers and text of the lines that are not blank."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        told = error.strerror or error
        raise BionerError(f"{path}: expected a file of names, found none ({told}); correct `preparation.lexicons` in the config") from error
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        raise BionerError(
            f"{path}:{row}: expected UTF-8, found byte {error.object[error.start]:#04x}; convert the file to UTF-8"
        ) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")
