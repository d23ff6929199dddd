"""What a part of a corpus holds: documents, sentences, mentions, types, lengths, and mentions that overlap."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bioner.corpora.consistency import share
from bioner.entities import Document, Span
from bioner.words import count_cuts, count_words

LENGTHS = ("document_words", "document_characters", "mention_words", "mention_characters")
SHAPES = ("nested", "crossing", "same_span", "overlapping", "discontiguous", "boundary_inside_a_word")
PERCENTILES = {"minimum": 0, "median": 50, "percentile_95": 95, "maximum": 100}


@dataclass(slots=True)
class Profile:
    """Counts over documents, one at a time; memory grows with distinct types and lengths."""

    documents: int = 0
    sentences: int = 0
    types: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    shapes: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        """Count a document."""
        text, mentions, lengths = document.text, document.mentions, self.lengths
        self.documents += 1
        self.sentences += sum([passage.kind == "sentence" for passage in document.passages])
        self.types.update([mention.type for mention in mentions])
        lengths["document_words"][count_words(text)] += 1
        lengths["document_characters"][len(text)] += 1
        lengths["mention_words"].update([count_words(document.surface(mention)) for mention in mentions])
        lengths["mention_characters"].update([sum([end - start for start, end in mention.spans]) for mention in mentions])
        spans = [(mention.start, mention.end) for mention in mentions]
        self.shapes.update(shapes(spans))
        self.shapes["discontiguous"] += sum([len(mention.spans) > 1 for mention in mentions])
        self.shapes["boundary_inside_a_word"] += count_cuts(text, spans)

    def to_json(self) -> dict[str, Any]:
        """Numbers; `sentences` is null where no passage is one, `shapes` has the count of mentions and its share in [0, 1] of all."""
        mentions = self.types.total()
        return {
            "documents": self.documents,
            "sentences": self.sentences or None,
            "mentions": mentions,
            "types": dict(sorted(self.types.items())),
            "lengths": {name: quantiles(self.lengths[name]) for name in LENGTHS},
            "shapes": {name: {"count": self.shapes[name], "share": share(self.shapes[name], mentions)} for name in SHAPES},
        }


def together(profiles: Iterable[Profile]) -> Profile:
    """The profile of several parts as one."""
    whole = Profile()
    for part in profiles:
        whole.documents += part.documents
        whole.sentences += part.sentences
        whole.types.update(part.types)
        whole.shapes.update(part.shapes)
        for name in LENGTHS:
            whole.lengths[name].update(part.lengths[name])
    return whole


def quantiles(numbers: Counter[int]) -> dict[str, int] | None:
    """For each of PERCENTILES the smallest number that so many percent of all do not exceed; None of no numbers.

    Args:
        numbers: number -> how often it occurs.
    """
    total = numbers.total()
    if not total:
        return None
    found: dict[str, int] = {}
    counted = 0
    for number, times in sorted(numbers.items()):
        counted += times
        for name, percent in PERCENTILES.items():
            if name not in found and 100 * counted >= percent * total:
                found[name] = number
    return found


def shapes(spans: Sequence[Span]) -> Counter[str]:
    """How many of the spans, none of them empty, have what kind of other one.

    `nested` lie inside of a longer one, `crossing` share characters with one while both have some of their own, `same_span` have
    the very span of another one, `overlapping` are all that share characters with any other one. Zeros are left out.
    """
    times = Counter(spans)
    # longest first among those that begin together: whatever encloses a span comes before it
    distinct = sorted(times, key=lambda span: (span[0], -span[1]))
    if len(distinct) == len(spans) and all([before[1] <= after[0] for before, after in pairwise(distinct)]):
        return Counter()
    mirrored = sorted(((-end, -start) for start, end in distinct), key=lambda span: (span[0], -span[1]))
    found = {
        "nested": _inside(distinct),
        "crossing": _crossing(distinct) | {(-end, -start) for start, end in _crossing(mirrored)},
        "same_span": {span for span in distinct if times[span] > 1},
    }
    found["overlapping"] = found["same_span"] | _touching(distinct)
    return Counter({name: sum([times[span] for span in among]) for name, among in found.items() if among})


def _inside(ordered: Sequence[Span]) -> set[Span]:
    """Spans that an earlier one encloses."""
    found, reached = set(), -1
    for start, end in ordered:
        if end <= reached:
            found.add((start, end))
        reached = max(reached, end)
    return found


def _crossing(ordered: Sequence[Span]) -> set[Span]:
    """Spans that an earlier one begins before, and ends inside of."""
    found = set()
    ends: list[int] = []
    for start, end in ordered:
        del ends[: bisect_right(ends, start)]
        if ends and ends[0] < end:
            found.add((start, end))
        insort(ends, end)
    return found


def _touching(ordered: Sequence[Span]) -> set[Span]:
    """Spans that share characters with another one."""
    found: set[Span] = set()
    widest = ordered[0]
    for span in ordered[1:]:
        # the earlier span that ends last touches this one if any does; an earlier one that this one touches was then before it
        if span[0] < widest[1]:
            found |= {widest, span}
        if span[1] > widest[1]:
            widest = span
    return found
