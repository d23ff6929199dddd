"""Label consistency: a surface form that is annotated with several types, or annotated here and left out there.

Two texts are the same surface form if their words (`bioner.words`) are, whatever the white space between them. The case of a word
counts only where a letter after its first is a capital: `Gout` at the start of a sentence is `gout`, the gene `WAS` is not `was`.
Mentions of several parts are no surface form of the text, and are left aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bioner.entities import Document, Span
from bioner.words import split_words

SHORTEST = 3
"""Characters, white space apart, of the surface forms that are looked for: shorter ones are too often something else."""
SHOWN = 80
"""Characters of a surface form that is shown."""


def fold(word: str) -> str:
    """A word without its case, unless a letter after its first is a capital."""
    rest = word[1:]
    return word.casefold() if rest == rest.lower() else word


@lru_cache(maxsize=1 << 16)
def surface_key(text: str) -> str:
    """What is equal for the same surface form: its folded words, joined by a blank; empty for a text without words."""
    return " ".join([fold(text[start:end]) for start, end in split_words(text)])


@dataclass(slots=True)
class Surfaces:
    """Annotated surface forms: their mentions by type, and one spelling of each, without capitals where there is such a one."""

    mentions: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    aside: int = 0

    def add(self, document: Document) -> None:
        """Count the mentions of a document."""
        for mention in document.mentions:
            text = document.text[mention.start : mention.end]
            key = surface_key(text) if len(mention.spans) == 1 else ""
            if key:
                self.mentions[key, mention.type] += 1
                self.texts[key] = max(text, self.texts.get(key, ""))
            else:
                self.aside += 1

    def by_type(self) -> dict[str, Counter[str]]:
        """Surface form -> mentions by type."""
        grouped: dict[str, Counter[str]] = {}
        for (key, kind), number in self.mentions.items():
            grouped.setdefault(key, Counter())[kind] = number
        return grouped


def is_looked_for(key: str) -> bool:
    """Whether a surface form is long enough to be looked for."""
    return len(key) - key.count(" ") >= SHORTEST


@dataclass(slots=True)
class _Node:
    """The words that may follow, and the surface form that is complete here, if one is."""

    following: dict[str, _Node] = field(default_factory=dict)
    key: str | None = None


class LeftOut:
    """Places where an annotated surface form of three characters or more stands and no mention touches any of its words.

    A place inside of a longer one counts for the longer one alone, as the words inside of a mention count for the mention alone.
    """

    def __init__(self, surfaces: Surfaces) -> None:
        self.places: Counter[str] = Counter()
        self._root = _Node()
        for key in surfaces.texts:
            if is_looked_for(key):
                node = self._root
                for word in key.split(" "):
                    node = node.following.setdefault(word, _Node())
                node.key = key

    def add(self, document: Document) -> None:
        """Count the places of a document."""
        text, words = document.text, split_words(document.text)
        for first, last in free_runs(words, [span for mention in document.mentions for span in mention.spans]):
            self._search([fold(text[start:end]) for start, end in words[first:last]])

    def _search(self, words: Sequence[str]) -> None:
        """Count the places in a run of folded words that no mention touches."""
        reached = 0
        for start, word in enumerate(words):
            node = self._root.following.get(word)
            place, key, end = start + 1, None, 0
            while node is not None:
                if node.key is not None:
                    key, end = node.key, place
                if place == len(words):
                    break
                node = node.following.get(words[place])
                place += 1
            if key is not None and end > reached:
                self.places[key] += 1
                reached = end


def free_runs(words: Sequence[Span], covered: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Half-open ranges [first, last) of the words, sorted spans, that no covered span has a character of."""
    union: list[Span] = []
    for start, end in sorted(covered):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    first = place = 0
    for index, (start, end) in enumerate(words):
        while place < len(union) and union[place][1] <= start:
            place += 1
        if place < len(union) and union[place][0] < end:
            if first < index:
                yield first, index
            first = index + 1
    if first < len(words):
        yield first, len(words)


def describe(surfaces: Surfaces, left_out: LeftOut, examples: int) -> dict[str, Any]:
    """Both kinds of inconsistency as JSON: totals, and the `examples` surface forms with the largest minorities, with their text.

    `mentions` and `surfaces` are what was compared, `aside` the mentions that were not. A minority is what would have to change for
    a surface form to agree with itself. In `several_types`, `mentions` are all those of such forms, `minority` those not of their
    form's most frequent type, and `minority_share` is minority / mentions compared. In `left_out`, `annotated` are the mentions of
    the forms that are left out somewhere, `places` where they are, `share` is places / (annotated + places), `minority` sums the
    smaller one of both for each form, and `minority_share` is it / (mentions of all forms that are looked for + places).
    Shares are in [0, 1], null where there is nothing to divide by. With `examples` 0 no text of the corpus is in it.
    """
    by_type = surfaces.by_type()
    total = surfaces.mentions.total()
    several = {key: types for key, types in by_type.items() if len(types) > 1}
    minority = Counter({key: types.total() - max(types.values()) for key, types in several.items()})
    annotated = {key: by_type[key].total() for key in left_out.places}
    undecided = Counter({key: min(places, annotated[key]) for key, places in left_out.places.items()})
    places = left_out.places.total()
    looked_for = sum(types.total() for key, types in by_type.items() if is_looked_for(key))
    return {
        "mentions": total,
        "surfaces": len(by_type),
        "aside": surfaces.aside,
        "several_types": {
            "surfaces": len(several),
            "mentions": sum(types.total() for types in several.values()),
            "minority": minority.total(),
            "minority_share": share(minority.total(), total),
            "examples": [
                {"surface": _shown(surfaces.texts[key]), "types": dict(several[key].most_common())}
                for key in _most_frequent(minority, examples)
            ],
        },
        "left_out": {
            "surfaces": len(annotated),
            "annotated": sum(annotated.values()),
            "places": places,
            "share": share(places, sum(annotated.values()) + places),
            "minority": undecided.total(),
            "minority_share": share(undecided.total(), looked_for + places),
            "examples": [
                {"surface": _shown(surfaces.texts[key]), "annotated": annotated[key], "left_out": number}
                | {"share": share(number, annotated[key] + number)}
                for key in _most_frequent(undecided, examples)
                for number in [left_out.places[key]]
            ],
        },
    }


def share(part: int, whole: int) -> float | None:
    """part / whole, rounded to six places; None where the whole is nothing."""
    return round(part / whole, 6) if whole else None


def _most_frequent(numbers: Mapping[str, int], examples: int) -> list[str]:
    return sorted(numbers, key=lambda key: (-numbers[key], key))[:examples]


def _shown(text: str) -> str:
    """A surface form on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
