"""The steps that change characters, `unicode` and its parts among them, each with an exact offset map."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

from bioner.entities import Span
from bioner.preparation.offsets import Edit, apply_replacements, compose

SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bc\u00b4"
DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2036"
INVISIBLE = "\u00ad\u180e\ufeff" + "".join(
    chr(code) for low, high in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069), (0xFE00, 0xFE0F)) for code in range(low, high + 1)
)
# degree signs in practice: as letters they would join the number or unit beside them
KEPT = "\u00aa\u00ba"

TABLES: dict[str, dict[int, str]] = {
    "spaces": dict.fromkeys(map(ord, SPACES), " "),
    "dashes": dict.fromkeys(map(ord, DASHES), "-"),
    "quotes": dict.fromkeys(map(ord, SINGLE_QUOTES), "'") | dict.fromkeys(map(ord, DOUBLE_QUOTES), '"'),
    "invisible": dict.fromkeys(map(ord, INVISIBLE), ""),
}
TABLE: dict[int, str] = {code: new for table in TABLES.values() for code, new in table.items()}
LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}

# characters of combining class 0 that nevertheless join the one before them (Unicode 14), by range
_JOINING = (
    (0x09BE, 0x09BE), (0x09D7, 0x09D7), (0x0B3E, 0x0B3E), (0x0B56, 0x0B57), (0x0BBE, 0x0BBE), (0x0BD7, 0x0BD7), (0x0CC2, 0x0CC2),
    (0x0CD5, 0x0CD6), (0x0D3E, 0x0D3E), (0x0D57, 0x0D57), (0x0DCF, 0x0DCF), (0x0DDF, 0x0DDF), (0x0FB5, 0x0FB5), (0x0FB7, 0x0FB7),
    (0x102E, 0x102E), (0x1161, 0x1175), (0x11A8, 0x11C2), (0x1B35, 0x1B35), (0x11127, 0x11127), (0x1133E, 0x1133E), (0x11357, 0x11357),
    (0x114B0, 0x114B0), (0x114BA, 0x114BA), (0x114BD, 0x114BD), (0x115AF, 0x115AF), (0x11930, 0x11930),
)  # fmt: skip


def translate(text: str, table: Mapping[int, str]) -> tuple[str, list[Edit]]:
    """Text with the characters of a table replaced, and the edits that lead to it."""
    return apply_replacements(text, (((i, i + 1), table[ord(c)]) for i, c in enumerate(text) if ord(c) in table))


def normal_form(text: str, form: Literal["NFC", "NFKC"]) -> tuple[str, list[Edit]]:
    """Text in a normal form of Unicode, letter for letter as the standard says, and the edits that lead to it."""
    if text.isascii():
        return text, []
    return apply_replacements(text, ((span, unicodedata.normalize(form, text[slice(*span)])) for span in clusters(text)))


def unify_characters(text: str) -> tuple[str, list[Edit]]:
    """Text with one form for each character, and the edits that lead to it.

    Exotic spaces become blanks, dashes `-`, curly quotes straight; invisible characters go; the
    rest is brought to NFKC, one combining cluster at a time, Greek left as it is. A symbol that
    NFKC would turn into letters, digits or a blank (trade mark, vulgar fraction, spacing accent)
    stays, because it would merge with the word beside it or change what a number says; so do raised and
    lowered characters after a digit (`10⁹` is not `109`), while those after a letter become plain (`Ca²⁺`).
    """
    if text.isascii():
        return text, []
    middle, first = translate(text, TABLE)
    kept = _exponents(middle)
    new, second = apply_replacements(middle, ((span, _unify(middle[slice(*span)])) for span in clusters(middle) if span[0] not in kept))
    return new, compose(first, second)


def _exponents(text: str) -> set[int]:
    """Positions of raised and lowered characters in runs that follow a digit."""
    found: set[int] = set()
    for index in range(1, len(text)):
        if _raised(text[index]) and (index - 1 in found or (text[index - 1].isdigit() and not _raised(text[index - 1]))):
            found.add(index)
    return found


@cache
def _raised(character: str) -> bool:
    return unicodedata.decomposition(character).startswith(("<super>", "<sub>"))


def clusters(text: str) -> Iterator[Span]:
    """Spans that cover a text, such that normalizing each alone normalizes the whole."""
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not _joins(text[index]):
            yield start, index
            start = index


@cache
def _joins(character: str) -> bool:
    """Whether normalization may join a character with the one before it."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.combining(first) != 0 or any(low <= ord(first) <= high for low, high in _JOINING)


@cache
def _unify(cluster: str) -> str:
    return unicodedata.normalize("NFC", "".join(map(_compatible, cluster))).translate(TABLE)


@cache
def _compatible(character: str) -> str:
    """NFKC of a character, or itself where that would change how the text reads."""
    new = unicodedata.normalize("NFKC", character)
    blank = any(c.isspace() for c in new) and not character.isspace()
    becomes_word = any(c.isalnum() for c in new) and not character.isalnum()
    return character if blank or becomes_word or "\u2044" in new or character in KEPT else new
