"""Tag sequences that the scheme does not allow, read by each convention of the field.

| convention | an `I-` (or `E-`) that continues no mention of its type | who reads so |
| --- | --- | --- |
| begin | begins a mention | `bioner.tags.decode`, the predictions that are scored |
| discard | is no part of a mention, nor is what continues it; in IOBES also a mention without its end | seqeval's `mode="strict"` |
| seqeval | begins a mention; which tags end and begin chunks is a table of its own | seqeval's default, Hugging Face `run_ner` |
| conlleval | begins a mention; knows no `S-`, and an `E-` does not end a mention before a `B-` | conlleval.pl (CoNLL-2000) |
| repair | takes the type of the mention before it where that is open; else begins one | repairs before scoring |

In IOB2 `begin`, `seqeval` and `conlleval` agree on every sequence; in IOBES each differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bioner.entities import Document, Mention, Span
from bioner.tags import TagSet, decode

Found = list[tuple[int, int, str]]
"""Mentions as half-open ranges of units, with a type, in order."""
_ENDS = {
    "seqeval": "BB BS BO IB IS IO EB EI EE ES EO SB SI SE SS SO",
    "conlleval": "BB BO IB IO EE EI EO",
}
_BEGINS = {
    "seqeval": "OB BB IB EB SB OS BS IS ES SS EE EI SE SI OE OI",
    "conlleval": "OB BB IB OI EE EI OE",
}
"""Pairs of prefixes between which a chunk ends or begins, types aside: as the two programs have them."""


def read_tags(tags: Sequence[int], tag_set: TagSet, convention: str) -> Found:
    """The mentions in tag ids as one of `CONVENTIONS` reads them."""
    return _READERS[convention](tags, tag_set)


def count_invalid(tags: Sequence[int], tag_set: TagSet) -> int:
    """Number of places in a sequence, its end included, at which the scheme does not allow what comes."""
    return sum(not tag_set.allowed(before, after) for before, after in zip([None, *tags], [*tags, None], strict=True))


def _begin(tags: Sequence[int], tag_set: TagSet) -> Found:
    places = [(index, index + 1) for index in range(len(tags))]
    return [(*span, kind) for _, span, kind in decode(tags, places, tag_set)]


def _discard(tags: Sequence[int], tag_set: TagSet) -> Found:
    found: Found = []
    start: int | None = None
    for index in range(len(tags) + 1):
        prefix, kind = tag_set.split(tags[index]) if index < len(tags) else ("O", None)
        if start is not None and (prefix not in "IE" or kind != tag_set.split(tags[start])[1]):
            if tag_set.scheme == "iob2":
                found.append((start, index, str(tag_set.split(tags[start])[1])))
            start = None
        if prefix == "B":
            start = index
        elif prefix == "S":
            found.append((index, index + 1, str(kind)))
        elif prefix == "E" and start is not None:
            found.append((start, index + 1, str(kind)))
            start = None
    return found


def _chunks(convention: str) -> Callable[[Sequence[int], TagSet], Found]:
    """A reader by tables of where chunks end and begin; a change of type does both."""
    ends, begins = frozenset(_ENDS[convention].split()), frozenset(_BEGINS[convention].split())

    def read(tags: Sequence[int], tag_set: TagSet) -> Found:
        found: Found = []
        before: tuple[str, str | None] = ("O", None)
        start = 0
        for index in range(len(tags) + 1):
            prefix, kind = tag_set.split(tags[index]) if index < len(tags) else ("O", None)
            changes = kind != before[1]
            if before[1] is not None and (before[0] + prefix in ends or changes):
                found.append((start, index, before[1]))
            if kind is not None and (before[0] + prefix in begins or changes):
                start = index
            before = prefix, kind
        return found

    return read


def _repair(tags: Sequence[int], tag_set: TagSet) -> Found:
    repaired: list[int] = []
    for tag in tags:
        prefix, own = tag_set.split(tag)
        before, kind = tag_set.split(repaired[-1]) if repaired else ("O", None)
        wrong = prefix in "IE" and before in "BI" and kind != own
        repaired.append(tag_set.names.index(f"{prefix}-{kind}") if wrong else tag)
    return _begin(repaired, tag_set)


_READERS: dict[str, Callable[[Sequence[int], TagSet], Found]] = {
    "begin": _begin,
    "discard": _discard,
    "seqeval": _chunks("seqeval"),
    "conlleval": _chunks("conlleval"),
    "repair": _repair,
}
CONVENTIONS = tuple(_READERS)
"""Ways to read tag sequences that the scheme does not allow."""


@dataclass(slots=True)
class ConventionCounts:
    """What each convention makes of the raw tags of documents; strict counts against gold, in original offsets."""

    documents: int = 0
    units: int = 0
    invalid: int = 0
    gold: int = 0
    predicted: Counter[str] = field(default_factory=Counter)
    correct: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        gold: Document,
        tags: Sequence[int],
        units: Sequence[Span],
        tag_set: TagSet,
        restore: Callable[[list[Mention]], Sequence[Mention]],
    ) -> None:
        """Count a document.

        Args:
            gold: the document with its gold mentions.
            tags: raw tag ids of its units.
            units: their spans, in the text that was tagged.
            restore: takes mentions of that text to offsets of gold's.
        """
        invalid = count_invalid(tags, tag_set)
        self.documents += 1
        self.units += len(tags)
        self.invalid += invalid
        wanted = {(mention.spans, mention.type) for mention in gold.mentions}
        self.gold += len(wanted)
        agree = tag_set.scheme == "iob2" and not invalid
        first = read_tags(tags, tag_set, CONVENTIONS[0])
        for convention in CONVENTIONS:
            found = first if agree else read_tags(tags, tag_set, convention)
            mentions = [Mention("", ((units[start][0], units[stop - 1][1]),), kind) for start, stop, kind in found]
            given = {(mention.spans, mention.type) for mention in restore(mentions)}
            self.predicted[convention] += len(given)
            self.correct[convention] += len(given & wanted)

    def to_json(self) -> dict[str, Any]:
        """documents, units, invalid (places the scheme does not allow), gold, conventions: {name: {predicted, correct}}."""
        conventions = {name: {"predicted": self.predicted[name], "correct": self.correct[name]} for name in CONVENTIONS}
        return {"documents": self.documents, "units": self.units, "invalid": self.invalid, "gold": self.gold, "conventions": conventions}
