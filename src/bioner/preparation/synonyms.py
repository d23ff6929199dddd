"""Synonyms by concept identifier, from the training part of one fold and nothing else."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bioner.entities import NO_CONCEPT, Document, Mention, Span
from bioner.preparation.variants import as_variant, is_name, lone_mentions
from bioner.rewriting import rewrite


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Surfaces of each (concept, entity type), sorted, and the ids of the documents that have each surface."""

    surfaces: Mapping[tuple[str, str], tuple[str, ...]]
    provenance: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, object]:
        """The form of `lexicon.json`: entries by concept, whatever the type."""
        entries: dict[str, set[str]] = defaultdict(set)
        for (concept, _), surfaces in self.surfaces.items():
            entries[concept].update(surfaces)
        return {
            "source": "training",
            "entries": {concept: sorted(surfaces) for concept, surfaces in sorted(entries.items())},
            "provenance": {surface: list(ids) for surface, ids in sorted(self.provenance.items())},
        }


def build_lexicon(training: Iterable[Document]) -> Lexicon:
    """Every surface under which the training documents mention each concept.

    Mentions with several concepts (composite or ambiguous), with none, or in several parts say
    nothing about a single name and are left out, and so is text that can stand nowhere else (`is_name`).
    """
    surfaces: dict[tuple[str, str], set[str]] = defaultdict(set)
    provenance: dict[str, set[str]] = defaultdict(set)
    for document in training:
        for mention in document.mentions:
            key = _concept(mention)
            surface = document.surface(mention)
            if key is not None and is_name(surface):
                surfaces[key].add(surface)
                provenance[surface].add(document.id)
    return Lexicon(
        {key: tuple(sorted(found)) for key, found in surfaces.items()}, {surface: tuple(sorted(ids)) for surface, ids in provenance.items()}
    )


def merge_lexicons(lexicons: Iterable[Lexicon]) -> Lexicon | None:
    """One lexicon with the surfaces of several, without provenance; None when they have none."""
    surfaces: dict[tuple[str, str], set[str]] = defaultdict(set)
    for lexicon in lexicons:
        for key, found in lexicon.surfaces.items():
            surfaces[key].update(found)
    return Lexicon({key: tuple(sorted(found)) for key, found in surfaces.items()}, {}) if surfaces else None


def _concept(mention: Mention) -> tuple[str, str] | None:
    """Concept and type of a mention that is one name for one concept."""
    single = len(mention.spans) == 1 and len(mention.concepts) == 1 and mention.concepts[0] not in NO_CONCEPT
    return (mention.concepts[0], mention.type) if single else None


def replace_synonyms(document: Document, lexicon: Lexicon, rate: float, seed: int, kind: str = "synonyms") -> Document | None:
    """The document with some mentions under another name, `<source>~<kind>1`; None when none changed.

    Each mention whose concept has a surface that differs by more than case is replaced with
    probability `rate` by one of these, of the same type; nested and overlapping mentions are left alone.
    """
    generator = random.Random(f"{seed}:{kind}:{document.id}")
    replacements: list[tuple[Span, str]] = []
    for mention in lone_mentions(document):
        key = _concept(mention)
        surface = document.surface(mention)
        others = [other for other in lexicon.surfaces.get(key, ()) if other.casefold() != surface.casefold()] if key else []
        if others and generator.random() < rate:
            replacements.append((mention.spans[0], generator.choice(others)))
    if not replacements:
        return None
    return as_variant(rewrite(document, replacements), document, kind)
