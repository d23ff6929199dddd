"""Diseases to terms of an ontology and to ICD-10-CM codes, by their names alone; ambiguous and unknown ones say so.

A mention is looked up by the long form that its document defines for it, if it is a short form of one, then by its
own words; each under the keys of `bioner.evaluation.ontology.KEYS`, strictest first. The first key under which any term is
found decides: one term whose label is meant comes before terms of which it is a synonym; otherwise several terms are ambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bioner.entities import Document, Mention
from bioner.evaluation.consistency import FindDefinitions, meanings
from bioner.evaluation.icd10 import PREFIX, codes_of, describe
from bioner.evaluation.ontology import KEYS, Ontology

LINKED, AMBIGUOUS, UNKNOWN = "linked", "ambiguous", "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    """What a mention was linked to: identifiers of terms, sorted; one if `linked`, several if `ambiguous`, none if `unknown`."""

    status: str
    terms: tuple[str, ...] = ()

    @property
    def term(self) -> str | None:
        return self.terms[0] if self.status == LINKED else None


def link_name(ontology: Ontology, name: str) -> Link:
    """The link of a name."""
    for key, names in zip(KEYS, ontology.names, strict=True):
        holders = names.get(key(name), frozenset())
        preferred = sorted(term for term, by_label in holders if by_label)
        terms = preferred if len(preferred) == 1 else sorted(term for term, _ in holders)
        if terms:
            return Link(LINKED if len(terms) == 1 else AMBIGUOUS, tuple(terms))
    return Link(UNKNOWN)


def link_mention(ontology: Ontology, document: Document, mention: Mention, longs: Mapping[str, str]) -> Link:
    """The link of a mention in its document.

    Args:
        longs: long form of each short form that the document defines.
    """
    surface = " ".join(document.surface(mention).split())
    links = [link_name(ontology, name) for name in (longs.get(surface), surface) if name]
    return next((link for status in (LINKED, AMBIGUOUS) for link in links if link.status == status), Link(UNKNOWN))


def link_document(ontology: Ontology, document: Document, types: Sequence[str], find: FindDefinitions) -> tuple[Document, dict[str, Link]]:
    """A document whose mentions of some types are linked, and the links by the mentions' ids.

    The concepts of a linked mention are its term and the ICD-10-CM codes of the term; ambiguous and unknown ones have no
    concepts. `meta["links"]` tells of each by its id: `status`, `terms`, and `icd10cm`, the names of codes (null for a
    cross-reference that is no code of the release).
    """
    longs = meanings(document.text, find(document.text))
    links = {mention.id: link_mention(ontology, document, mention, longs) for mention in document.mentions if mention.type in types}
    mentions = tuple(
        mention._replace(concepts=_concepts(ontology, links[mention.id])) if mention.id in links else mention
        for mention in document.mentions
    )
    told = {name: _told(ontology, link) for name, link in links.items()}
    return replace(document, mentions=mentions, meta={**document.meta, "links": told}), links


def codes(ontology: Ontology, terms: Sequence[str]) -> tuple[str, ...]:
    """ICD-10-CM codes that terms refer to and that the release has, sorted."""
    return tuple(sorted({code for term in terms for code in codes_of(ontology.terms[term].xrefs) if describe(code) is not None}))


def _concepts(ontology: Ontology, link: Link) -> tuple[str, ...]:
    return (link.term, *(PREFIX + code for code in codes(ontology, link.terms))) if link.term else ()


def _told(ontology: Ontology, link: Link) -> dict[str, Any]:
    named = {code: describe(code) for term in link.terms[:1] if link.term for code in codes_of(ontology.terms[term].xrefs)}
    return {"status": link.status, "terms": list(link.terms), "icd10cm": named}
