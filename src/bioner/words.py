"""Words: the units that are tagged and over which token metrics count."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bioner.entities import Span

_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")


def split_words(text: str) -> list[Span]:
    """Half-open spans of the words of a text, in order.

    A word is a maximal run of letters and digits, or a single other character that is not white
    space. Combining marks count as other characters. The words cover every character but white
    space exactly once.
    """
    return [match.span() for match in _WORD.finditer(text)]


def count_words(text: str) -> int:
    """The number of words of a text."""
    return len(_WORD.findall(text))


def count_cuts(text: str, spans: Iterable[Span]) -> int:
    """The number of spans, none of them empty, that begin where no word of the text begins or end where none ends."""
    # a blank on both sides, so that every character has a neighbour
    around = f" {text} "
    return sum(
        [
            (around[start].isalnum() and around[start + 1].isalnum())
            or (around[end].isalnum() and around[end + 1].isalnum())
            or around[start + 1].isspace()
            or around[end].isspace()
            for start, end in spans
        ]
    )
