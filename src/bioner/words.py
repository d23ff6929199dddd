"""Words: the units that are tagged and over which token metrics count."""

from __future__ import annotations

import re

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


def cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether [start, end), not empty, begins where no word of the text begins or ends where none ends."""
    first, last = text[start], text[end - 1]
    return (
        first.isspace()
        or last.isspace()
        or (start > 0 and first.isalnum() and text[start - 1].isalnum())
        or (end < len(text) and last.isalnum() and text[end].isalnum())
    )
