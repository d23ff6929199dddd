"""The steps `shorthand` and `shorthand_clinical`: what writers abbreviate to save time, written out."""

from __future__ import annotations

import re

from bioner.preparation.offsets import Edit, apply_replacements

WORDS = {
    "vs": "versus",
    "vs.": "versus",
    "w/": "with",
    "w/o": "without",
    "approx": "approximately",
    "approx.": "approximately",
    "incl.": "including",
    "s/p": "status post",
    "h/o": "history of",
    "c/o": "complains of",
    "r/o": "rule out",
    "y/o": "year old",
}
"""Lower-case shorthand and its meaning; matched as whole words, in lower case or with a capital first letter."""

# All capitals are other things: VS vital signs, C/O and S/P ratios, W/O a water-in-oil emulsion. So are
# `Vs:`, `w/v` and `w/o emulsion`, and a term such as `graft-vs-host` is a name.
_FOLLOWED = {
    "vs": r"(?!\s*:)",
    "vs.": "",
    "w/": r"(?=\s)",
    "w/o": r"(?!\s+(?:\w*emulsion|type|phase))",
}


CLINICAL = {
    "pt": "patient",
    "pts": "patients",
    "hx": "history",
    "dx": "diagnosis",
    "abx": "antibiotics",
    "f/u": "follow up",
    "yo": "year old",
    "bid": "twice a day",
    "tid": "three times a day",
    "qid": "four times a day",
    "qhs": "at bedtime",
    "prn": "as needed",
}
"""Lower-case shorthand of clinical notes that has one meaning there; matched in lower case only, if not named below.

Left alone: what has several meanings (d/c, c/w, a/w, tx, rx, sx, fx, ms, ra, cp, p.c., o.d., undotted po, iv,
im), and what ties findings of their own together (n/v, f/c), because one edit would lie across their mentions.
"""

DOTTED = {
    "b.i.d": "twice a day",
    "t.i.d": "three times a day",
    "q.i.d": "four times a day",
    "q.d": "every day",
    "q.h.s": "at bedtime",
    "p.r.n": "as needed",
    "p.o": "by mouth",
    "n.p.o": "nothing by mouth",
    "y.o": "year old",
    "i.v": "intravenous",
    "i.m": "intramuscular",
}
"""As `CLINICAL`, without the last point, which may end a sentence too; matched in lower case or in capitals."""

# PT is a therapy or a clotting time and Pt platinum, but metals deny nothing; 12 pt is a size, bid an offer or a gene.
_CLINICAL_FORMS = {
    "pt": r"(?:(?<![0-9] )pt(?!\s*[0-9])|Pt(?=\s+(?:complains|denie[sd]|reports|states|c/o)\b))",
    "pts": r"(?<![0-9] )[pP]ts",
    "hx": "[hH]x",
    "dx": "[dD]x",
    "abx": "[aA]bx",
    "f/u": "[fF]/u",
    "yo": "(?<=[0-9] )yo",
    "bid": "(?<=(?:mg|ml|cg| g|po) )bid",
}


def _basic_forms() -> list[str]:
    forms = []
    for word in sorted(WORDS, key=lambda word: (-len(word), word)):
        first = f"[{word[0]}{word[0].upper()}]"
        border = "" if word.endswith((".", "/")) else r"(?![\w/-])"
        forms.append(first + re.escape(word[1:]) + border + _FOLLOWED.get(word, ""))
    return forms


def _clinical_forms() -> list[str]:
    # capitals before a capitalized word are a name's: I.M. Smith, P.O. Box
    dotted = [rf"{re.escape(word)}|{re.escape(word.upper())}(?!\.?\s+[A-Z])" for word in sorted(DOTTED, key=len, reverse=True)]
    point = r"(?:\.(?![^\S\n]*(?:[A-Z\n]|\Z)))?"
    words = [_CLINICAL_FORMS.get(word, word) for word in CLINICAL]
    return [rf"(?:{'|'.join(dotted)})(?!\.?[\w/-]){point}", rf"(?:{'|'.join(words)})(?![\w/-])"]


def _pattern(forms: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(forms)})")


_SHORTHAND = _pattern(_basic_forms())
_CLINICAL = _pattern(_basic_forms() + _clinical_forms())
_SPOKEN = WORDS | CLINICAL


def expand_shorthand(text: str) -> tuple[str, list[Edit]]:
    """Text with shorthand written out, and the edits that lead to it; a capital first letter stays one."""
    return _expand(text, _SHORTHAND)


def expand_clinical(text: str) -> tuple[str, list[Edit]]:
    """As `expand_shorthand`, with that of clinical notes too; the point of a dotted one stays if it may end a sentence."""
    return _expand(text, _CLINICAL)


def _expand(text: str, pattern: re.Pattern[str]) -> tuple[str, list[Edit]]:
    return apply_replacements(text, ((match.span(), _expansion(match[0])) for match in pattern.finditer(text)), whole=True)


def _expansion(found: str) -> str:
    word = found.lower()
    if word in _SPOKEN:
        return _SPOKEN[word].capitalize() if found[0].isupper() else _SPOKEN[word]
    return DOTTED[word.removesuffix(".")]
