"""Typing errors: one edit in some of the longer words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from random import Random
from typing import Any

from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.keyboard import NEIGHBOURS
from bioner.words import split_words


def typos(document: Document, settings: Mapping[str, Any]) -> list[tuple[Span, str]]:
    """Replacements that make typing errors, exactly one edit a chosen word.

    Every word of letters only, at least `minimum_length` long, is chosen with probability `rate` and
    then gets a swap of adjacent letters, a deletion, a duplication or a letter from beside it on the
    keyboard; its first letter stays. Words with the border of a mention inside them are left alone.
    The draws depend on `seed` and the document's id only and not on `rate`, so that the errors at a
    lower rate are among those at a higher one.

    Args:
        settings: `rate` in [0, 1] (0.3), `minimum_length` in letters, at least 2 (5), `seed` (1).

    Raises:
        BionerError: an unknown setting, or a value out of its range.
    """
    rate, minimum, seed = _checked(settings)
    random = Random(f"{seed}:typos:{document.id}")
    borders = sorted({border for mention in document.mentions for span in mention.spans for border in span})
    replacements: list[tuple[Span, str]] = []
    for start, end in split_words(document.text):
        word = document.text[start:end]
        if len(word) < minimum or not word.isalpha():
            continue
        chosen = random.random() < rate
        edited = misspell(word, random)
        after = bisect_right(borders, start)
        if chosen and (after == len(borders) or borders[after] >= end):
            replacements.append(((start, end), edited))
    return replacements


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


def _checked(settings: Mapping[str, Any]) -> tuple[float, int, int]:
    known: dict[str, Any] = {"rate": 0.3, "minimum_length": 5, "seed": 1}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise BionerError(f"attack typos: expected settings {', '.join(known)}, got {', '.join(unknown)}; correct the config")
    values = known | dict(settings)
    for key, kinds in (("rate", (int, float)), ("minimum_length", (int,)), ("seed", (int,))):
        if not isinstance(values[key], kinds) or isinstance(values[key], bool):
            raise BionerError(f"attack typos: expected a number for {key}, got {values[key]!r}; correct the config")
    if not 0 <= values["rate"] <= 1 or values["minimum_length"] < 2:
        found = f"{values['rate']} and {values['minimum_length']}"
        raise BionerError(f"attack typos: expected rate in [0, 1] and minimum_length >= 2, got {found}; correct the config")
    return float(values["rate"]), values["minimum_length"], values["seed"]
