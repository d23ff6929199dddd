"""What a parser repaired, dropped or skipped: named, counted, and located by file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bioner.entities import Mention, Span

EXAMPLES_KEPT = 5
DROPPED = "dropped: "
"""How the rules begin by which a mention is lost."""


@dataclass(slots=True)
class Repairs:
    """Counts of named irregularities over a whole corpus.

    `annotations` is the number of annotation lines whose offsets were checked, `exact` the number
    of those that held as written. Places are `file:line` and never text, because a corpus may be
    under a data use agreement.
    """

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    annotations: int = 0
    exact: int = 0

    def note(self, rule: str, place: str) -> None:
        """Count one case of a rule found at `place` (`file:line`)."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        places = self.places.setdefault(rule, [])
        if len(places) < EXAMPLES_KEPT:
            places.append(place)

    def to_json(self) -> dict[str, Any]:
        """Rule -> its count and first places, sorted by rule."""
        return {rule: {"count": self.counts[rule], "first": self.places[rule]} for rule in sorted(self.counts)}


def keep(found: dict[tuple[tuple[Span, ...], str], Mention], mention: Mention, place: str, repairs: Repairs) -> None:
    """Add a mention to those found, by spans and type; one that is there already gives it its concepts (counted)."""
    first = found.setdefault((mention.spans, mention.type), mention)
    if first is mention:
        return
    if first.concepts == mention.concepts:
        repairs.note("duplicate annotation dropped", place)
    else:
        repairs.note("same span and type again: concepts joined", place)
        found[mention.spans, mention.type] = first._replace(concepts=tuple(dict.fromkeys(first.concepts + mention.concepts)))
