"""What an attack achieves: mentions that were right before it and are not under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.errors import shared_characters
from bioner.evaluation.novelty import TrainingNames

Place = tuple[str, str, int]
"""A gold mention, the same in clean and attacked text: its document, its id, and which of the mentions of that id it is."""

COUNTS = ("right", "broken", "partial")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The distinct gold mentions that are right in the clean text: each with its type and novelty there.

    `texts` are the clean texts by document.
    """

    right: Mapping[Place, tuple[str, str]]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Under one attack: the right mentions that were not found strictly any more, and those of them that the right type overlapped.

    `edits` and `queries` are those of all documents, `changed` the documents whose text is another one.
    """

    broken: frozenset[Place]
    partial: frozenset[Place]
    edits: int
    queries: int
    documents: int
    changed: int


def baseline(pairs: Sequence[tuple[Document, Document]], names: TrainingNames, normalized: Callable[[str], str]) -> Baseline:
    """Which mentions are right (same spans and type) in the clean text.

    Args:
        pairs: clean gold and predicted documents.
        normalized: brings a surface form into the shape of training texts.
    """
    right: dict[Place, tuple[str, str]] = {}
    for gold, predicted in pairs:
        found = {(mention.spans, mention.type) for mention in predicted.mentions}
        for place, mention in _distinct(gold):
            if (mention.spans, mention.type) in found:
                right[place] = mention.type, names.novelty(mention, normalized(gold.surface(mention)))
    return Baseline(right, {gold.id: gold.text for gold, _ in pairs})


def outcome(clean: Baseline, pairs: Sequence[tuple[Document, Document]], name: str) -> Outcome:
    """What an attack did to the mentions that were right.

    Args:
        pairs: attacked gold (of an attack that leaves the text alone: the clean gold) and predicted documents.
        name: of the attack, for the message.

    Raises:
        BionerError: a mention that was right is not in the attacked gold.
    """
    where = {place: (mention, predicted) for gold, predicted in pairs for place, mention in _places(gold)}
    broken, partial = set[Place](), set[Place]()
    for place in clean.right:
        if place not in where:
            raise BionerError(
                f"{name}: expected mention {place[1]!r} of document {place[0]!r} in the attacked gold, found none; run attack again"
            )
        mention, predicted = where[place]
        same = [other for other in predicted.mentions if other.type == mention.type]
        if not any(other.spans == mention.spans for other in same):
            broken.add(place)
            if any(shared_characters(mention, other) for other in same):
                partial.add(place)
    documents = [gold for gold, _ in pairs]
    told = [document.meta for document in documents if document.meta.get("attack") == name]  # other meta is the corpus's own
    return Outcome(
        frozenset(broken),
        frozenset(partial),
        edits=sum(int(meta.get("edits_made", 0)) for meta in told),
        queries=sum(int(meta.get("queries", 0)) for meta in told),
        documents=len(documents),
        changed=sum(document.text != clean.texts[document.id] for document in documents),
    )


def worst_case(outcomes: Sequence[Outcome]) -> Outcome:
    """All attacks together: broken is what any of them breaks, partial what none of those that break it leaves without an overlap.

    Edits, queries and changed documents are summed over the attacks.
    """
    broken = frozenset[Place]().union(*(one.broken for one in outcomes))
    lost = frozenset[Place]().union(*(one.broken - one.partial for one in outcomes))
    sums = {field: sum(getattr(one, field) for one in outcomes) for field in ("edits", "queries", "changed")}
    return Outcome(broken, broken - lost, documents=outcomes[0].documents, **sums)


def success_rows(clean: Baseline, found: Outcome) -> Iterator[dict[str, Any]]:
    """type, novelty, right, broken, partial, edits, queries, documents, changed.

    The first row, of no type and novelty, is of all mentions; the others, of each type and novelty, have mentions only.
    """
    sets = (clean.right.keys(), found.broken, found.partial)
    totals = dict(zip(COUNTS, map(len, sets), strict=True))
    documents = {field: getattr(found, field) for field in ("edits", "queries", "documents", "changed")}
    yield {"type": "", "novelty": "", **totals, **documents}
    counts = [Counter(clean.right[place] for place in places) for places in sets]
    for kind, novelty in sorted(counts[0]):
        yield {"type": kind, "novelty": novelty, **{name: count[kind, novelty] for name, count in zip(COUNTS, counts, strict=True)}}


def _distinct(document: Document) -> list[tuple[Place, Mention]]:
    """The first mention of each spans and type, with its place."""
    found: dict[tuple[object, str], tuple[Place, Mention]] = {}
    for place, mention in _places(document):
        found.setdefault((mention.spans, mention.type), (place, mention))
    return list(found.values())


def _places(document: Document) -> Iterator[tuple[Place, Mention]]:
    seen: Counter[str] = Counter()
    for mention in document.mentions:
        yield (document.id, mention.id, seen[mention.id]), mention
        seen[mention.id] += 1
