"""Typing errors: one edit in some of the longer words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from bioner.entities import Document
from bioner.evaluation.edits import Edit
from bioner.evaluation.sources import Sources
from bioner.keyboard import NEIGHBOURS
from bioner.words import split_words


def typos(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """A typing error for every word of letters only that is at least `minimum_length` long.

    It is a swap of adjacent letters, a deletion, a duplication or a letter from beside one on the keyboard; the first letter stays.
    """
    random = Random(f"{settings['seed']}:typos:{document.id}")
    for start, end in split_words(document.text):
        word = document.text[start:end]
        if len(word) >= settings["minimum_length"] and word.isalpha():
            draw = random.random()
            yield draw, Edit((start, end), misspell(word, random))


def misspell(word: str, random: Random) -> str:
    """The word with one edit after its first letter; never the word itself.

    Args:
        word: letters, at least 2.
    """
    swaps = [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]]
    substitutions = [i for i in range(1, len(word)) if word[i].lower() in NEIGHBOURS]
    edits = ["deletion", "duplication", *(["swap"] if swaps else []), *(["substitution"] if substitutions else [])]
    edit = random.choice(edits)
    if edit == "swap":
        i = random.choice(swaps)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if edit == "substitution":
        i = random.choice(substitutions)
        letter = random.choice(NEIGHBOURS[word[i].lower()])
        return word[:i] + (letter.upper() if word[i].isupper() else letter) + word[i + 1 :]
    i = random.randrange(1, len(word))
    return word[:i] + (word[i] * 2 if edit == "duplication" else "") + word[i + 1 :]
