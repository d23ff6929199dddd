"""Mentions under other names: of their own concept, of their type, or of another type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bioner.entities import Document, Mention
from bioner.evaluation.edits import Edit
from bioner.evaluation.sources import Name, Sources

Candidates = Iterator[tuple[float, Edit]]


def synonyms(document: Document, settings: Mapping[str, Any], sources: Sources) -> Candidates:
    """Each mention of one concept that the training part mentions by another name: such a name."""

    def others(mention: Mention) -> Sequence[Name]:
        found = sources.synonyms.get((mention.concepts[0], mention.type), ()) if len(mention.concepts) == 1 else ()
        return [(surface, mention.concepts) for surface in found]

    return _renamed(document, "synonyms", settings, sources, others)


def entities_seen(document: Document, settings: Mapping[str, Any], sources: Sources) -> Candidates:
    """Each mention: a name of its type from the training part, with the name's concepts."""
    return _renamed(document, "entities_seen", settings, sources, lambda mention: sources.seen_names.get(mention.type, ()))


def entities_unseen(document: Document, settings: Mapping[str, Any], sources: Sources) -> Candidates:
    """Each mention: a name of its type from the validation and test parts that no training mention has, with the name's concepts."""
    return _renamed(document, "entities_unseen", settings, sources, lambda mention: sources.unseen_names.get(mention.type, ()))


def entities_other_type(document: Document, settings: Mapping[str, Any], sources: Sources) -> Candidates:
    """Each mention: a name of another type from the training part, the label kept, without concepts: a control.

    A tagger that reads the name alone loses these mentions, one that reads the context alone keeps them.
    """
    return _renamed(document, "entities_other_type", settings, sources, lambda mention: sources.foreign_names.get(mention.type, ()))


def _renamed(
    document: Document, kind: str, settings: Mapping[str, Any], sources: Sources, others: Callable[[Mention], Sequence[Name]]
) -> Candidates:
    """A name that differs by more than its case or marks for each replaceable mention that has one."""
    random = Random(f"{settings['seed']}:{kind}:{document.id}")
    for mention in sources.replaceable(document):
        draw, second = random.random(), random.random()
        name = _pick(others(mention), document.surface(mention), second, sources.key)
        if name is not None:
            yield draw, Edit(mention.spans[0], *name)


def _pick(names: Sequence[Name], own: str, draw: float, key: Callable[[str], str]) -> Name | None:
    """The name at a draw in [0, 1), or the first after it that is not a mention's own, as their keys say."""
    first = int(draw * len(names))
    candidates = (names[(first + step) % len(names)] for step in range(len(names)))
    return next((name for name in candidates if key(name[0]) != key(own)), None)
