"""The `abbreviations` step: short forms that a document defines, written out where it uses them again.

Definitions are found by the algorithm of Schwartz and Hearst, "A simple algorithm for identifying
abbreviation definitions in biomedical text", Pacific Symposium on Biocomputing 2003, pp. 451-462.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bioner.entities import Span
from bioner.preparation.offsets import Edit, apply_replacements

# what stands in parentheses or brackets, one further pair inside allowed: `(FEV(1.0))`
_PARENTHESES = re.compile(r"(?=\(((?:[^()]++|\([^()]*+\))*+)\)|\[((?:[^\[\]]++|\[[^\[\]]*+\])*+)\])")
_SENTENCE_END = re.compile(r"[.?!]['\")\]]?\s+(?=[\[(\"']?[A-Z0-9])|[;\n]")
_WORD = re.compile(r"[^\s-]+")
_TOKEN = re.compile(r"(?<![\w/.-])\w+(?![\w/-])")
_LONGEST = 10
_WINDOW = 500  # characters in which a long form of at most 2 * 10 words is looked for


@dataclass(frozen=True, slots=True)
class Definition:
    """A short form and its long form where a text defines the one by the other: half-open spans of the text."""

    short: Span
    long: Span


def find_definitions(text: str) -> list[Definition]:
    """The definitions `long form (SF)` and `SF (long form)` of a text, in order."""
    return [found for match in _PARENTHESES.finditer(text) if (found := _definition(text, match.span(match.lastindex or 1))) is not None]


def _definition(text: str, inside: Span) -> Definition | None:
    """What one pair of parentheses defines: short forms stand in them, unless there are more than two words."""
    opening = inside[0] - 1
    short = _trim(text, inside[0], _first_part(text, inside))
    if len(text[slice(*short)].split()) <= 2:
        return _defined(text, short, _candidate(text, opening)) if _is_short_form(text[slice(*short)]) else None
    before = text[max(0, opening - _LONGEST - 2) : opening].rstrip()
    word = re.search(r"\S+\Z", before)
    if word is None or not _is_short_form(word[0]) or word[0].islower():
        return None
    start = max(0, opening - _LONGEST - 2) + word.start()
    return _defined(text, (start, start + len(word[0])), _trim(text, *inside))


def _first_part(text: str, inside: Span) -> int:
    """Where the part before the first `, ` or `;` in parentheses ends."""
    cut = re.compile(r";|,\s").search(text, *inside)
    return cut.start() if cut else inside[1]


def _trim(text: str, start: int, end: int) -> Span:
    """A span without the blanks and quotes at its ends."""
    found = text[start:end]
    bare = found.strip(" \t\r\n\"'")
    first = start + found.find(bare)
    return first, first + len(bare)


def _is_short_form(text: str) -> bool:
    """Whether a text can be a short form; a plain word of more than four small letters cannot."""
    if text.islower() and len(text) > 4:
        return False
    return 2 <= len(text) <= _LONGEST and text[0].isalnum() and any(map(str.isalpha, text))


def _candidate(text: str, opening: int) -> Span:
    """The part of a sentence before a parenthesis in which a long form is looked for."""
    start = max(0, opening - _WINDOW)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start, opening)]
    return _trim(text, ends[-1] if ends else start, opening)


def _defined(text: str, short: Span, candidate: Span) -> Definition | None:
    """The definition of a short form in a candidate, or None when the long form that is found cannot be one."""
    form = text[slice(*short)]
    start = _align(form, text, candidate)
    if start is None:
        return None
    long = text[start : candidate[1]]
    size = sum(map(str.isalnum, form))
    words = _WORD.findall(long)
    if (
        len(long) <= len(form)
        or not (long[-1].isalnum() or long[-1] in ")]")
        or not _balanced(long)
        or len(words) > min(size + 5, 2 * size)
        or form in long.split()
        or long.endswith(form)
    ):
        return None
    return Definition(short, (start, candidate[1]))


def _balanced(text: str) -> bool:
    return all(text.count(left) == text.count(right) for left, right in ("()", "[]"))


def _align(form: str, text: str, candidate: Span) -> int | None:
    """Where a long form begins: each letter and digit of the short form, from the last to the first, is found before
    the one after it, and the first one begins a word."""
    position = candidate[1]
    for index in range(len(form) - 1, -1, -1):
        if not form[index].isalnum():
            continue
        letter = form[index].lower()
        position -= 1
        while position >= candidate[0] and not (
            text[position].lower() == letter and (index > 0 or position == candidate[0] or not text[position - 1].isalnum())
        ):
            position -= 1
        if position < candidate[0]:
            return None
    while position > candidate[0] and not text[position - 1].isspace():
        position -= 1
    while position < candidate[1] and text[position] in "\"'([":
        position += 1
    return position


def expand_abbreviations(text: str) -> tuple[str, list[Edit]]:
    """Text with defined short forms written out where they come again, and the edits that lead to it.

    The definitions themselves stay as they are, and so does what may be something else: uses before
    the definition, a short form with two long forms in this text, one that stands alone in
    parentheses, is part of a longer word or compound (`AD-like`, `ADs`), is more than one word, or
    has nothing but its first letter to tell it from a common word (`Was`). An edit replaces a whole
    short form, so that a mention of it becomes one of the long form and comes back exactly, and what
    is found in any part of the long form comes back as the short form.
    """
    definitions = find_definitions(text)
    meanings: dict[str, tuple[int, str]] = {}
    ambiguous: set[str] = set()
    for definition in definitions:
        form, long = text[slice(*definition.short)], " ".join(text[slice(*definition.long)].split())
        known = meanings.setdefault(form, (max(definition.short[1], definition.long[1]), long))
        if known[1].casefold() != long.casefold():
            ambiguous.add(form)
    usable = {form: meaning for form, meaning in meanings.items() if form not in ambiguous and _is_distinct(form)}
    if not usable:
        return text, []
    defining = {place for definition in definitions for span in (definition.short, definition.long) for place in range(*span)}
    uses = ((span, usable[form][1]) for span, form in _uses(text, usable) if defining.isdisjoint(range(*span)))
    return apply_replacements(text, uses, whole=True)


def _is_distinct(form: str) -> bool:
    return form.isalnum() and any(letter.isupper() or letter.isdigit() for letter in form[1:])


def _uses(text: str, meanings: dict[str, tuple[int, str]]) -> Iterator[tuple[Span, str]]:
    """Where short forms stand as words of their own after their definition."""
    for match in _TOKEN.finditer(text):
        form = match[0]
        alone = text[match.start() - 1 : match.start()] in ("(", "[") and text[match.end() : match.end() + 1] in (")", "]")
        if form in meanings and match.start() >= meanings[form][0] and not alone:
            yield match.span(), form
