"""Tag schemes: mentions over units of text (words, or pieces of words) as tags, and back."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bioner.entities import Mention, Span

SCHEMES = {"iob2": "BI", "iobes": "BIES"}
"""Scheme -> its prefixes: begin, inside, and in IOBES the end of a mention and a mention of a single unit."""


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of a set of entity types: `O`, then those of each type, sorted, in the order of the scheme's prefixes.

    Tag ids are positions in `names`; `O` is always 0. The scheme is `iob2` or `iobes`.
    """

    types: tuple[str, ...]
    scheme: str = "iob2"

    @classmethod
    def of(cls, types: Iterable[str], scheme: str = "iob2") -> TagSet:
        return cls(tuple(sorted(set(types))), scheme)

    @property
    def names(self) -> tuple[str, ...]:
        return ("O", *(f"{prefix}-{kind}" for kind in self.types for prefix in SCHEMES[self.scheme]))

    def spell(self, kind: str, units: int) -> list[int]:
        """The tag ids of a mention of a type over so many units, at least one."""
        prefixes = SCHEMES[self.scheme]
        last = {"iob2": "BI", "iobes": "SE"}[self.scheme]  # of a mention of one unit, of a longer one
        spelled = last[0] if units == 1 else f"B{'I' * (units - 2)}{last[1]}"
        first = 1 + len(prefixes) * self.types.index(kind)
        return [first + prefixes.index(prefix) for prefix in spelled]

    def split(self, tag: int) -> tuple[str, str | None]:
        """Prefix and type of a tag id: `("O", None)`, `("B", type)`, `("I", type)`, ..."""
        if tag == 0:
            return "O", None
        prefixes = SCHEMES[self.scheme]
        kind, prefix = divmod(tag - 1, len(prefixes))
        return prefixes[prefix], self.types[kind]

    def allowed(self, previous: int | None, tag: int | None) -> bool:
        """Whether `tag` may follow `previous` (None: the start, or the end, of a sequence)."""
        before, open_kind = self.split(previous or 0)
        prefix, kind = self.split(tag or 0)
        if prefix in "IE":
            return before in "BI" and open_kind == kind
        return self.scheme == "iob2" or before not in "BI"


class Lost(NamedTuple):
    """A mention that tags do not represent exactly, and why: one of REASONS."""

    mention: Mention
    reason: str


REASONS = ("no unit", "type without a tag", "overlaps a longer mention", "discontiguous", "boundary inside a unit")


def units_of(span: Span, units: Sequence[Span]) -> range:
    """Indices of the units that overlap a span (units sorted and disjoint)."""
    first = bisect.bisect_right(units, span[0], key=lambda unit: unit[1])
    last = bisect.bisect_left(units, span[1], key=lambda unit: unit[0])
    return range(first, max(first, last))


def encode(mentions: Sequence[Mention], units: Sequence[Span], tag_set: TagSet) -> tuple[list[int], list[Lost]]:
    """Tag ids of units, and the mentions that these tags do not represent exactly.

    A mention that begins or ends inside a unit is widened to whole units. Of overlapping
    mentions the longest is kept, the earlier one among equals. A discontiguous mention is tagged
    over its whole extent. Lost mentions are those whose own span differs from the tagged one, that
    cover no unit, or that another one displaced; types outside the tag set are lost too.
    """
    tags = [0] * len(units)
    lost: list[Lost] = []
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.type)):
        covered = units_of((mention.start, mention.end), units)
        if not covered:
            lost.append(Lost(mention, "no unit"))
        elif mention.type not in tag_set.types:
            lost.append(Lost(mention, "type without a tag"))
        elif any(tags[covered.start : covered.stop]):
            lost.append(Lost(mention, "overlaps a longer mention"))
        else:
            tags[covered.start : covered.stop] = tag_set.spell(mention.type, len(covered))
            if len(mention.spans) > 1:
                lost.append(Lost(mention, "discontiguous"))
            elif (units[covered[0]][0], units[covered[-1]][1]) != (mention.start, mention.end):
                lost.append(Lost(mention, "boundary inside a unit"))
    return tags, lost


def decode(tags: Sequence[int], units: Sequence[Span], tag_set: TagSet) -> list[tuple[range, Span, str]]:
    """Mentions in tag ids: (unit indices, character span, type).

    An `I-` or `E-` that continues no mention of its type begins one, as conlleval and seqeval's default
    mode read it; a mention also ends where its `E-` is missing.
    """
    found: list[tuple[range, Span, str]] = []
    start, current = 0, None
    for index in range(len(tags) + 1):
        prefix, kind = tag_set.split(tags[index]) if index < len(tags) else ("O", None)
        if current is not None and (prefix not in "IE" or kind != current):
            found.append((range(start, index), (units[start][0], units[index - 1][1]), current))
            current = None
        if kind is not None and current is None:
            start, current = index, kind
        if prefix in "ES" and current is not None:
            found.append((range(start, index + 1), (units[start][0], units[index][1]), current))
            current = None
    return found
