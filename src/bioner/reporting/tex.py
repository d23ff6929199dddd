"""Text as LaTeX prints it, under T1 fonts and UTF-8 input: nothing that comes out can stop the compiler."""

from __future__ import annotations

import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\n": " ",
    "\r": " ",
    "\t": " ",
} | {character: "\\" + character for character in "&%$#_{}"}

GREEK_COMMANDS = (
    "α alpha β beta γ gamma δ delta ε varepsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi π pi ρ rho ς varsigma "
    "σ sigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega ϵ epsilon ϑ vartheta ϕ phi ϖ varpi ϱ varrho "
    "Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega"
)
# these have the shape of a Latin letter, so LaTeX has no command for them
GREEK_AS_LATIN = "Α A Β B Ε E Ζ Z Η H Ι I Κ K Μ M Ν N Ο O Ρ P Τ T Χ X ο o"
MATHEMATICS = (
    "− - ≤ le ≥ ge ≠ ne ≈ approx ∼ sim ≡ equiv ∞ infty → rightarrow ← leftarrow ↔ leftrightarrow ↑ uparrow ↓ downarrow ⇒ Rightarrow "
    "∈ in ∑ sum ∏ prod √ surd ∂ partial ∆ Delta ∇ nabla ∝ propto ∩ cap ∪ cup ′ prime ⋅ cdot"
)
TEXT_COMMANDS = (
    "– textendash — textemdash “ textquotedblleft ” textquotedblright ‘ textquoteleft ’ textquoteright „ quotedblbase ‚ quotesinglbase "
    "‹ guilsinglleft › guilsinglright … textellipsis • textbullet † textdagger ‡ textdaggerdbl ‰ textperthousand ™ texttrademark "
    "€ texteuro ı i ȷ j ł l Ł L đ dj Đ DJ ŋ ng Ŋ NG œ oe Œ OE"
)
ACCENTS_ABOVE = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
}
ACCENTS_BELOW = {"\u0323": "d", "\u0327": "c", "\u0328": "k", "\u0331": "b"}


def _pairs(words: str) -> list[tuple[str, str]]:
    parts = words.split()
    return list(zip(parts[::2], parts[1::2], strict=True))


PRINTED = (
    SPECIAL
    | {letter: rf"$\{command}$" for letter, command in _pairs(GREEK_COMMANDS)}
    | {letter: rf"$\mathrm{{{latin}}}$" for letter, latin in _pairs(GREEK_AS_LATIN)}
    | {symbol: f"$\\{command}$" if command.isalpha() else f"${command}$" for symbol, command in _pairs(MATHEMATICS)}
    | {symbol: rf"\{command}{{}}" for symbol, command in _pairs(TEXT_COMMANDS)}
    | {character: rf"\textsuperscript{{{digit}}}" for digit, character in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    | {character: rf"\textsubscript{{{digit}}}" for digit, character in enumerate("₀₁₂₃₄₅₆₇₈₉")}
    | {"⁺": r"\textsuperscript{+}", "⁻": r"\textsuperscript{$-$}", "₊": r"\textsubscript{+}", "₋": r"\textsubscript{$-$}"}
    | {"\u00a0": r"\nobreakspace{}", "\u00ad": r"\-", "\u2009": r"\,", "\u202f": r"\,", "\u2010": "-", "\u2011": "-"}
)


def tex_escape(text: str) -> str:
    """ASCII and printable Latin-1 that print `text`; a character LaTeX has no glyph for is named by its code, as U+XXXX."""
    return "".join(map(_printed, unicodedata.normalize("NFC", text)))


def _printed(character: str) -> str:
    if character in PRINTED:
        return PRINTED[character]
    if " " <= character <= "~" or "\xa1" <= character <= "\xff":
        return character
    return _accented(character) or rf"\texttt{{U+{ord(character):04X}}}"


def _accented(character: str) -> str:
    """A Latin letter under or over one accent as the accent's command; empty for anything else."""
    letter, mark = unicodedata.normalize("NFD", character)[:1], unicodedata.normalize("NFD", character)[1:]
    if not (letter.isascii() and letter.isalpha()):
        return ""
    if mark in ACCENTS_BELOW:
        return rf"\{ACCENTS_BELOW[mark]}{{{letter}}}"
    dotless = {"i": r"\i", "j": r"\j"}.get(letter, letter)
    return rf"\{ACCENTS_ABOVE[mark]}{{{dotless}}}" if mark in ACCENTS_ABOVE else ""
