"""The `shorthand` step: what writers abbreviate to save time, written out."""

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


def _pattern() -> re.Pattern[str]:
    forms = []
    for word in sorted(WORDS, key=lambda word: (-len(word), word)):
        first = f"[{word[0]}{word[0].upper()}]"
        border = "" if word.endswith((".", "/")) else r"(?![\w/-])"
        forms.append(first + re.escape(word[1:]) + border + _FOLLOWED.get(word, ""))
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(forms)})")


_SHORTHAND = _pattern()


def expand_shorthand(text: str) -> tuple[str, list[Edit]]:
    """Text with shorthand written out, and the edits that lead to it; a capital first letter stays one."""
    return apply_replacements(text, ((match.span(), _expansion(match[0])) for match in _SHORTHAND.finditer(text)))


def _expansion(found: str) -> str:
    meaning = WORDS[found.lower()]
    return meaning[0].upper() + meaning[1:] if found[0].isupper() else meaning
