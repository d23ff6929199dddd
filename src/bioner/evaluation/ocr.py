"""Errors of optical character recognition: letters taken for others of the same look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from bioner.entities import Document
from bioner.evaluation.edits import Edit
from bioner.evaluation.sources import Sources
from bioner.words import split_words

LOOKS = (
    ("rn", "m"), ("cl", "d"), ("vv", "w"), ("ri", "n"), ("li", "h"), ("nn", "m"), ("l", "1"), ("l", "I"), ("i", "l"), ("O", "0"),
    ("o", "0"), ("S", "5"), ("B", "8"), ("Z", "2"), ("g", "9"), ("q", "g"), ("e", "c"), ("h", "b"), ("f", "t"), ("u", "v"), ("a", "o"),
)  # fmt: skip
"""Characters that look alike in print, in both directions."""

CONFUSIONS = tuple(sorted({pair for first, second in LOOKS for pair in ((first, second), (second, first))}))
"""(printed, read), sorted."""


def ocr(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """A misreading for every word of at least `minimum_length` letters and digits that has a confusable character."""
    random = Random(f"{settings['seed']}:ocr:{document.id}")
    for start, end in split_words(document.text):
        word = document.text[start:end]
        if len(word) >= settings["minimum_length"] and (places := confusable(word)):
            draw = random.random()
            place, printed, read = random.choice(places)
            yield draw, Edit((start, end), word[:place] + read + word[place + len(printed) :])


def confusable(word: str) -> list[tuple[int, str, str]]:
    """Places at which a word can be misread, what is printed there and what is read; sorted."""
    return [(place, printed, read) for place in range(len(word)) for printed, read in CONFUSIONS if word.startswith(printed, place)]
