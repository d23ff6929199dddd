"""Mentions under the names of other mentions of their type, from the same document or from the fold's training part."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.settings import seeded_rate
from bioner.preparation.variants import as_variant, is_name, lone_mentions
from bioner.rewriting import rewrite

WITHIN = ("document", "training")

Name = tuple[str, tuple[str, ...]]
"""Surface and concepts of a mention, which travel together."""


def shuffling_of(settings: Any) -> tuple[float, int, str]:
    """Rate, seed and `within` of `{"rate": ..., "seed": ..., "within": "document" | "training"}`; BionerError for anything else."""
    within = settings.get("within", "document") if isinstance(settings, dict) else None
    if within not in WITHIN:
        raise BionerError(f"expected `shuffling` with within among {', '.join(WITHIN)}, got {settings!r:.80}; change it in the config")
    rate, seed = seeded_rate("shuffling", {key: value for key, value in settings.items() if key != "within"})
    return rate, seed, within


def shuffle_within(document: Document, rate: float, seed: int) -> Document | None:
    """The document with some mentions' names exchanged inside their type, `<id>~shuffling1`; None when nothing changed.

    Each mention takes part with probability `rate`; those that do, in a random order, each get the
    name of the next one, concepts with it. Discontiguous, nested and overlapping mentions stay as they are.
    """
    generator = random.Random(f"{seed}:shuffling:{document.id}")
    chosen: dict[str, list[Mention]] = defaultdict(list)
    for mention in _replaceable(document):
        if generator.random() < rate:
            chosen[mention.type].append(mention)
    names: dict[Mention, Name] = {}
    for mentions in chosen.values():
        generator.shuffle(mentions)
        names.update(zip(mentions, [_name(document, mention) for mention in (*mentions[1:], mentions[0])], strict=True))
    return _renamed(document, names)


def names_by_type(training: Iterable[Document]) -> dict[str, list[Name]]:
    """The name of every mention that can be replaced, by entity type: as often as it is mentioned, sorted."""
    names: dict[str, list[Name]] = defaultdict(list)
    for document in training:
        for mention in _replaceable(document):
            names[mention.type].append(_name(document, mention))
    return {type: sorted(found) for type, found in names.items()}


def shuffle_from(document: Document, names: Mapping[str, Sequence[Name]], rate: float, seed: int) -> Document | None:
    """The document with some mentions under names drawn from `names`, `<id>~shuffling1`; None when nothing changed.

    Each mention is replaced with probability `rate` by a name of its type, drawn as often as it is
    mentioned, concepts with it; which mentions can be replaced is as in `shuffle_within`.
    """
    generator = random.Random(f"{seed}:shuffling:{document.id}")
    drawn: dict[Mention, Name] = {}
    for mention in _replaceable(document):
        if names.get(mention.type) and generator.random() < rate:
            drawn[mention] = generator.choice(names[mention.type])
    return _renamed(document, drawn)


def _replaceable(document: Document) -> list[Mention]:
    """Mentions in one part that stand alone, whose text can stand in another one."""
    return [mention for mention in lone_mentions(document) if len(mention.spans) == 1 and is_name(document.surface(mention))]


def _name(document: Document, mention: Mention) -> Name:
    return document.surface(mention), mention.concepts


def _renamed(document: Document, names: Mapping[Mention, Name]) -> Document | None:
    different = {mention: name for mention, name in names.items() if name[0] != document.surface(mention)}
    if not different:
        return None
    changed = rewrite(document, [(mention.spans[0], surface) for mention, (surface, _) in different.items()])
    moved = zip(document.mentions, changed.mentions, strict=True)
    mentions = tuple(new._replace(concepts=different[old][1]) if old in different else new for old, new in moved)
    return as_variant(replace(changed, mentions=mentions), document, "shuffling")
