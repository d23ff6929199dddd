"""The `greek` step: Greek letters by their names, as abstracts in plain ASCII write them."""

from __future__ import annotations

import re
import unicodedata

from bioner.preparation.offsets import Edit, apply_replacements

NAMES = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
]  # fmt: skip
LETTERS = {chr(0x3B1 + index): name for index, name in enumerate(NAMES)} | {
    chr(0x391 + index): name.capitalize() for index, name in enumerate(NAMES) if index != 17
}
"""Letter -> its name; both forms of the small sigma have the same one, and place 17 has no capital."""

# symbols that are forms of a letter, the mathematical alphabets among them, but neither raised nor lowered
# ones, nor the signs of micro and ohm
_FORMS = {
    chr(code): LETTERS[form]
    for low, high in ((0x3D0, 0x3D7), (0x3F0, 0x3F7), (0x1D6A8, 0x1D7CC))
    for code in range(low, high)
    if (form := unicodedata.normalize("NFKC", chr(code))) in LETTERS
}
_NAMED = LETTERS | _FORMS

# A run of more than three letters, or one with an accent, is a Greek word.
_RUN = re.compile("[\u0370-\u03ff\u1f00-\u1fff\U0001d6a8-\U0001d7cb]+")
_LONGEST = 3
_NUMBER = re.compile(r"[0-9][\u00b7.]?[ \u00a0\u2009\u202f]?[kMGm]?\Z")


def name_greek(text: str) -> tuple[str, list[Edit]]:
    """Text with Greek letters replaced by their names, a capital by a capital name, and the edits that lead to it.

    Left alone are words in Greek, letters with marks, the mu of a unit (after a number, or before a
    Latin letter as in `\u03bcg`; `\u03bc-opioid` becomes `mu-opioid`), and the omega of ohms.
    """
    if text.isascii():
        return text, []
    runs = (match for match in _RUN.finditer(text) if _is_name(text, match))
    return apply_replacements(text, (((i, i + 1), _NAMED[text[i]]) for match in runs for i in range(*match.span())))


def _is_name(text: str, run: re.Match[str]) -> bool:
    start, end = run.span()
    if end - start > _LONGEST or not all(letter in _NAMED for letter in run[0]) or unicodedata.combining(text[end : end + 1] or " "):
        return False
    after_number = _NUMBER.search(text, max(0, start - 4), start) is not None
    if _NAMED[run[0][0]] == "mu" and end - start == 1:
        return not (after_number or text[end : end + 1].isalpha())
    return not (run[0] == "\u03a9" and after_number)
