"""What does not belong to a mention, taken off its borders: white space, punctuation, brackets without their partner."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bioner.entities import Mention, Span
from bioner.errors import BionerError

PUNCTUATION = ".,;:!?"
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}")
BRACKETS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = {closing: opening for opening, closing in BRACKETS.items()}


def _white_space(text: str, span: Span) -> Span:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _punctuation(text: str, span: Span) -> Span:
    """Without punctuation at its ends. The full stop of initials stays (`H.I.V.`)."""
    start, end = span
    while start < end and text[start] in PUNCTUATION:
        start += 1
    while start < end and text[end - 1] in PUNCTUATION and not _INITIALS.fullmatch(text[start:end].rsplit(None, 1)[-1]):
        end -= 1
    return start, end


def _brackets(text: str, span: Span) -> Span:
    """With its brackets in pairs, where that takes one character at a border.

    A bracket without its partner goes when it stands at a border. One inside gets its partner when this is the very next
    character of the text (`poly(I:C` of `poly(I:C)`). Others stay: what is meant cannot be told.
    """
    start, end = span
    while start < end:
        lonely = _lonely(text, start, end)
        if not lonely:
            break
        if start in lonely:
            start += 1
        elif end - 1 in lonely:
            end -= 1
        else:
            first, last = text[lonely[0]], text[lonely[-1]]
            if last in BRACKETS and text[end : end + 1] == BRACKETS[last]:
                end += 1
            elif first in _CLOSING and start > 0 and text[start - 1] == _CLOSING[first] and start - 1 not in _lonely(text, start - 1, end):
                start -= 1  # one that stayed without its partner, as of `([)]`, would be taken away again, and so on
            else:
                break
    return start, end


def _lonely(text: str, start: int, end: int) -> list[int]:
    """Where brackets stand that have no partner between start and end, in order."""
    opened: list[int] = []
    lonely: list[int] = []
    for place in range(start, end):
        if text[place] in BRACKETS:
            opened.append(place)
        elif text[place] in _CLOSING:
            if opened and text[opened[-1]] == _CLOSING[text[place]]:
                opened.pop()
            else:
                lonely.append(place)
    return sorted(lonely + opened)


STEPS: dict[str, Callable[[str, Span], Span]] = {"white_space": _white_space, "punctuation": _punctuation, "brackets": _brackets}


def clean_boundaries(text: str, mention: Mention, steps: Sequence[str]) -> tuple[Mention | None, list[str]]:
    """A mention with clean borders, and the steps that changed it, in their order.

    The steps are repeated until none of them changes anything, so that cleaning twice is cleaning once. Of a
    discontiguous mention each part loses its white space, and nothing else is touched: a bracket may have its partner in another part.

    Args:
        text: of the document, in which the mention's spans are half-open intervals.
        steps: keys of `STEPS`.

    Returns:
        None for a mention of which nothing is left.

    Raises:
        BionerError: an unknown step.
    """
    if unknown := sorted(set(steps) - STEPS.keys()):
        raise BionerError(f"expected boundary steps among {', '.join(STEPS)}, got {unknown[0]!r}; correct postprocessing.boundaries")
    changed: dict[str, None] = {}
    spans = list(mention.spans)
    while True:
        before = list(spans)
        for step in (step for step in steps if len(before) == 1 or step == "white_space"):
            cleaned = [span for span in (STEPS[step](text, span) for span in spans) if span[0] < span[1]]
            if cleaned != spans:
                changed[step] = None
            spans = cleaned
        if spans == before or not spans:
            break
    return (mention.at(*spans) if spans else None), list(changed)
