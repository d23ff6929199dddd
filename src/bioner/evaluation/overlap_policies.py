"""Mentions that lie over each other: which of them stay, by a named policy.

Every policy is an order of preference. Mentions are taken in that order, and one that conflicts with a mention
taken before is left out (a greedy choice: the result is maximal, not the largest possible). The order is total up to
spans, type and id, so that the result does not depend on the order in which mentions come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bioner.entities import Mention, sort_mentions
from bioner.errors import BionerError


def _length(mention: Mention) -> int:
    return sum(end - start for start, end in mention.spans)


def _score(mention: Mention) -> float:
    """Its score; one without a score comes after all that have one."""
    return -1.0 if mention.score is None else mention.score


def _identity(mention: Mention) -> tuple[Any, ...]:
    return mention.spans, mention.type, mention.id


POLICIES: dict[str, Callable[[Mention], tuple[Any, ...]]] = {
    "longest": lambda mention: (-_length(mention), -_score(mention), *_identity(mention)),
    "highest_score": lambda mention: (-_score(mention), -_length(mention), *_identity(mention)),
    "first": lambda mention: (mention.start, -_length(mention), -_score(mention), *_identity(mention)),
}
"""Sort keys, the preferred mention first: most characters (then score), highest score (then length), earliest start (then length)."""

NESTED = ("remove", "keep")


def resolve_overlaps(mentions: Iterable[Mention], policy: str, *, nested: str = "remove") -> tuple[Mention, ...]:
    """Mentions without conflicts, in reading order.

    Two mentions conflict when they share a character. With `nested` "keep" a mention that lies inside another is no conflict,
    unless both have the same spans: then one of them stays, whatever their types.

    Args:
        policy: a key of `POLICIES`.
        nested: one of `NESTED`.

    Raises:
        BionerError: an unknown policy or an unknown word for nested mentions.
    """
    if policy not in POLICIES or nested not in NESTED:
        known = f"one of {', '.join(POLICIES)} and nested {' or '.join(NESTED)}"
        raise BionerError(f"expected an overlap policy of {known}, got {policy!r} and {nested!r}; correct postprocessing.overlaps")
    kept: list[Mention] = []
    for cluster in _clusters(sort_mentions(mentions)):
        chosen: list[Mention] = []
        for mention in sorted(cluster, key=POLICIES[policy]):
            if not any(_conflict(mention, other, nested == "keep") for other in chosen):
                chosen.append(mention)
        kept += chosen
    return sort_mentions(kept)


def _clusters(mentions: Sequence[Mention]) -> Iterator[list[Mention]]:
    """Mentions, sorted by start, in groups between which no character is shared."""
    cluster: list[Mention] = []
    end = 0
    for mention in mentions:
        if cluster and mention.start >= end:
            yield cluster
            cluster = []
        end = max(end, mention.end) if cluster else mention.end
        cluster.append(mention)
    if cluster:
        yield cluster


def overlap(left: Mention, right: Mention) -> bool:
    """Whether two mentions share a character."""
    return any(a < d and c < b for a, b in left.spans for c, d in right.spans)


def _conflict(left: Mention, right: Mention, nested_allowed: bool) -> bool:
    if not overlap(left, right):
        return False
    if left.spans == right.spans or not nested_allowed:
        return True
    return not (_inside(left, right) or _inside(right, left))


def _inside(inner: Mention, outer: Mention) -> bool:
    return all(any(c <= a and b <= d for c, d in outer.spans) for a, b in inner.spans)
