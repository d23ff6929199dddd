"""Short forms and the long form that a document defines for them, predicted alike.

A *chain* is a definition in the text, `long form (SF)` or `SF (long form)`: the place of its long form, the place of its
short form, and every other place where the short form stands as a word of its own. A prediction with exactly the
spans of a place votes there for its type; a place without any prediction on it votes for none; a place that
predictions only overlap does not vote, and is left alone.

| policy | what decides | what is done |
| --- | --- | --- |
| long_form | the vote of the long form; nothing is done where that is none | all short forms become mentions of its type |
| majority | what more than half of the votes are for, a type or none | all places become mentions of it, or lose theirs |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import fmean

from bioner.entities import Mention, Span, sort_mentions
from bioner.errors import BionerError

FindDefinitions = Callable[[str], Iterable[tuple[Span, Span]]]
"""Gives the definitions of a text in order: the spans of short and long form."""

POLICIES = ("long_form", "majority")
DONE = ("added", "removed", "retyped")
"""What can be done to a place."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The places of one short form and its long form: half-open intervals of the text."""

    short: str
    long: Span
    places: tuple[Span, ...]
    """Places of the short form, in order."""


def find_chains(text: str, definitions: Iterable[tuple[Span, Span]]) -> list[Chain]:
    """The chains of a text. A short form with several long forms has none, for its uses cannot be told apart."""
    longs: dict[str, dict[str, Span]] = {}
    for short, long in definitions:
        surface = " ".join(text[slice(*long)].casefold().split())
        longs.setdefault(text[slice(*short)], {}).setdefault(surface, long)
    chains = []
    for form, meanings in longs.items():
        if len(meanings) == 1:
            (long,) = meanings.values()
            found = (match.span() for match in re.finditer(rf"(?<!\w){re.escape(form)}(?!\w)", text))
            places = tuple(place for place in found if place[1] <= long[0] or long[1] <= place[0])
            chains.append(Chain(form, long, places))
    return chains


def meanings(text: str, definitions: Iterable[tuple[Span, Span]]) -> Mapping[str, str]:
    """The long form of each short form that has just one in the text, white space collapsed."""
    return {chain.short: " ".join(text[slice(*chain.long)].split()) for chain in find_chains(text, definitions)}


def make_consistent(text: str, mentions: Sequence[Mention], policy: str, find: FindDefinitions) -> tuple[tuple[Mention, ...], Counter[str]]:
    """Mentions after a policy has gone over every chain of a text, and how many were added, removed and retyped.

    Added mentions have the mean score of the mentions that voted for their type, and ids `A1`, `A2`, ...

    Raises:
        BionerError: an unknown policy.
    """
    if policy not in POLICIES:
        raise BionerError(f"expected an abbreviation policy {' or '.join(POLICIES)}, got {policy!r}; correct postprocessing.abbreviations")
    kept = list(mentions)
    counts: Counter[str] = Counter()
    for chain in find_chains(text, find(text)):
        kind, scores = _decide(chain, kept, policy)
        if kind is None:
            continue
        for place in (chain.long, *chain.places) if policy == "majority" else chain.places:
            counts += _set(kept, place, kind, fmean(scores) if scores else None)
    return sort_mentions(_named(kept, {mention.id for mention in mentions})), counts


def _decide(chain: Chain, mentions: Sequence[Mention], policy: str) -> tuple[str | None, list[float]]:
    """The type that the places of a chain get, "" for none, None when nothing is to be done; and the scores behind it."""
    votes: Counter[str] = Counter()
    scores: dict[str, list[float]] = {}
    for place in (chain.long, *chain.places) if policy == "majority" else (chain.long,):
        exact = [mention for mention in mentions if mention.spans == (place,)]
        if not exact and _touched(mentions, place):
            continue
        for kind in {mention.type for mention in exact} or {""}:
            votes[kind] += 1
        for mention in exact:
            scores.setdefault(mention.type, []).extend([] if mention.score is None else [mention.score])
    if policy == "long_form":
        kinds = sorted(kind for kind in votes if kind)
        return (kinds[0], scores[kinds[0]]) if len(kinds) == 1 else (None, [])
    if not any(votes):
        return None, []
    kind, number = votes.most_common(1)[0]
    return (kind, scores.get(kind, [])) if 2 * number > votes.total() else (None, [])


def _set(mentions: list[Mention], place: Span, kind: str, score: float | None) -> Counter[str]:
    """Make a place say its type, or nothing for ""; what was done."""
    exact = [mention for mention in mentions if mention.spans == (place,)]
    if not exact:
        if not kind or _touched(mentions, place):
            return Counter()
        mentions.append(Mention("", (place,), kind, score=score))
        return Counter(added=1)
    if {mention.type for mention in exact} == {kind}:
        return Counter()
    for mention in exact:
        mentions.remove(mention)
    if not kind:
        return Counter(removed=len(exact))
    mentions.append(exact[0]._replace(type=kind))
    return Counter(retyped=1)


def _touched(mentions: Iterable[Mention], place: Span) -> bool:
    return any(start < place[1] and place[0] < end for mention in mentions for start, end in mention.spans)


def _named(mentions: Iterable[Mention], taken: set[str]) -> list[Mention]:
    """Mentions, those without an id named in reading order."""
    free = (name for number in count(1) if (name := f"A{number}") not in taken)
    return [mention if mention.id else mention._replace(id=next(free)) for mention in sort_mentions(mentions)]
