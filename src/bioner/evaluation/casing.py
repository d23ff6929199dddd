"""Words in other letters: capitals, small letters, a capital first, or each letter's other case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from bioner.entities import Document
from bioner.evaluation.edits import Edit
from bioner.evaluation.sources import Sources
from bioner.words import split_words

FORMS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": lambda word: word[:1].upper() + word[1:].lower(),
    "swap": str.swapcase,
}


def case(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """The other form of every word, at least `minimum_length` long, that it changes. An uncased encoder sees none of it."""
    random = Random(f"{settings['seed']}:case:{document.id}")
    for start, end in split_words(document.text):
        word = document.text[start:end]
        changed = FORMS[settings["form"]](word)
        if len(word) >= settings["minimum_length"] and changed != word:
            yield random.random(), Edit((start, end), changed)
