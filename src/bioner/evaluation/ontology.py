"""A vocabulary of diseases: terms with their names and cross-references, found by name or by cross-reference."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bioner.errors import BionerError

ReadNames = Callable[[Path], Iterable[tuple[str, str]]]
"""Reads (identifier, exact name) pairs of an ontology in OBO format."""

_BARE = {"MESH": re.compile(r"[CD](?:\d{6}|\d{9})"), "UMLS": re.compile(r"C\d{7}")}
_PREFIXES = {"MIM": "OMIM", "OMIM": "OMIM", "MESH": "MESH", "UMLS": "UMLS", "UMLS_CUI": "UMLS"}
_COLUMNS = {"id", "label"}


@dataclass(frozen=True, slots=True)
class Term:
    """A term: its identifier and preferred name, and cross-references as `identifier` writes them, sorted."""

    id: str
    label: str
    xrefs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ontology:
    """Terms by identifier; identifiers of terms by cross-reference; and (term, whether by its label) by each kind of name key.

    `names[k]` is of the k-th function of `KEYS`. `unused` counts names of terms that no table has.
    """

    terms: Mapping[str, Term]
    by_xref: Mapping[str, frozenset[str]]
    names: tuple[Mapping[str, frozenset[tuple[str, bool]]], ...]
    unused: int


def identifier(concept: str) -> str:
    """A concept as all corpora and ontologies here are made to write it: `D003967` is `MESH:D003967`, `MIM:222100` is `OMIM:222100`.

    Identifiers without a vocabulary are told by their shape: of MeSH six or nine digits, of UMLS seven.
    """
    prefix, colon, code = concept.strip().partition(":")
    if not colon:
        return next((f"{name}:{prefix}" for name, shape in _BARE.items() if shape.fullmatch(prefix)), prefix)
    return f"{_PREFIXES.get(prefix.upper(), prefix)}:{code}"


def same_letters(name: str) -> str:
    """A name in small letters, white space collapsed."""
    return " ".join(name.casefold().split())


def same_words(name: str) -> str:
    """A name's words in small letters: without punctuation, possessive and plural, British spellings made American."""
    return " ".join(_words(name))


def same_set(name: str) -> str:
    """The words of `same_words` in alphabetical order, without prepositions and articles: `cancer of the breast` is `breast cancer`."""
    return " ".join(sorted(word for word in _words(name) if word not in _SMALL))


def same_core(name: str) -> str:
    """The words of `same_set` without such as `disease`: `von Hippel-Lindau` is `von Hippel-Lindau disease`. Nothing if none is left."""
    return " ".join(word for word in same_set(name).split() if word not in _GENERIC)


KEYS = (same_letters, same_words, same_set, same_core)
"""When two names are the same, from strict to loose."""

_SMALL = frozenset({"of", "the", "in", "with", "a", "an"})
_GENERIC = frozenset({"disease", "disorder", "syndrome", "system"})
_APOSTROPHE = re.compile(r"['\u2019`]s?\b")
_BRITISH = (
    ("aemi", "emi"),
    ("haem", "hem"),
    ("oede", "ede"),
    ("oesoph", "esoph"),
    ("tumour", "tumor"),
    ("paed", "ped"),
    ("leuka", "leuke"),
)


@cache  # three keys are made of the words
def _words(name: str) -> tuple[str, ...]:
    text = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", name).casefold())
    for british, american in _BRITISH:
        text = text.replace(british, american)
    return tuple(map(_singular, re.findall(r"\w+", text)))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def read_ontology(files: Iterable[str | Path], read_names: ReadNames) -> Ontology:
    """An ontology of its tables (`.tsv`: terms, labels, cross-references) and OBO files (further names of the tables' terms).

    A term has the label that the first table gives it; what others call it are further names.

    Raises:
        BionerError: a file of another kind, a table without its columns, or no terms at all.
    """
    labels: dict[str, str] = {}
    xrefs: dict[str, set[str]] = defaultdict(set)
    names: set[tuple[str, str]] = set()
    for path in map(Path, files):
        if path.suffix == ".tsv":
            for term, label, references in _read_table(path):
                if labels.setdefault(term, label) != label:
                    names.add((term, label))
                xrefs[term].update(references)
        elif path.suffix == ".obo":
            names.update(read_names(path))
        else:
            raise BionerError(
                f"{path}: expected a table (.tsv) or an ontology (.obo), found another kind; correct ontologies in the config"
            )
    if not labels:
        raise BionerError("expected a table of terms (.tsv) among the files of an ontology, found none; correct ontologies in the config")
    terms = {name: Term(name, label, tuple(sorted(xrefs[name]))) for name, label in sorted(labels.items())}
    synonyms = sorted((term, name) for term, name in names if term in terms)
    own = f"{next(iter(terms)).partition(':')[0]}:"
    unused = sum(term.startswith(own) and term not in terms for term, _ in names)
    return Ontology(terms, _by_xref(terms), tuple(_by_name(key, terms, synonyms) for key in KEYS), unused)


def _by_xref(terms: Mapping[str, Term]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for term in terms.values():
        for xref in term.xrefs:
            found[xref].add(term.id)
    return {xref: frozenset(names) for xref, names in found.items()}


def _by_name(
    key: Callable[[str], str], terms: Mapping[str, Term], synonyms: Iterable[tuple[str, str]]
) -> dict[str, frozenset[tuple[str, bool]]]:
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for term in terms.values():
        found[key(term.label)][term.id] = True
    for name, synonym in synonyms:
        found[key(synonym)].setdefault(name, False)
    return {name: frozenset(holders.items()) for name, holders in found.items() if name}


def _read_table(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Identifier, label and cross-references of each row of a table with columns id, label, and xref or xrefs."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, delimiter="\t")
            if _COLUMNS - set(reader.fieldnames or ()):
                found = ", ".join(reader.fieldnames or ()) or "none"
                raise BionerError(f"{path}:1: expected columns id and label, found {found}; give another table")
            for row in reader:
                if not row["id"] or row["label"] is None:
                    raise BionerError(f"{path}:{reader.line_num}: expected an id and a label, found none; correct the line")
                references = row.get("xref") or row.get("xrefs") or ""
                yield row["id"], row["label"], [identifier(part) for part in references.split(", ") if part]
    except OSError as error:
        raise BionerError(f"{path}: expected a table of terms, found none ({error.strerror or error}); run download again") from error
    except UnicodeDecodeError as error:
        raise BionerError(f"{path}: expected UTF-8, found byte {error.object[error.start]:#04x}; run download again") from error
