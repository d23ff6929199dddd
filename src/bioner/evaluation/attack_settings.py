"""What each kind of attack on text can be told: its settings, their defaults and their ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bioner.errors import BionerError

TARGETS = ("all", "context", "mentions")
MOVES = ("typos", "ocr", "case", "punctuation")
"""Kinds that draw on the document alone, of which a search takes its edits."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A default, what is expected, and whether a value is so."""

    default: Any
    expected: str
    fits: Callable[[Any], bool]


def _integer(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_of(default: str, *values: str) -> Setting:
    return Setting(default, f"one of {', '.join(values)}", lambda value: value in values)


def _words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word.isalpha() for word in value)


def _rate(default: float) -> Setting:
    return Setting(default, "a number in [0, 1]", lambda value: _number(value) and 0 <= value <= 1)


SEED = Setting(1, "a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
MOST = Setting(None, "a whole number, at least 0, or null", lambda value: value is None or _integer(0)(value))
LENGTH = Setting(5, "a whole number, at least 2", _integer(2))
NAME = Setting(None, "a name or null", lambda value: value is None or isinstance(value, str))
TARGET = _one_of("all", *TARGETS)

_NAMES = {"rate": _rate(1.0), "edits": MOST, "seed": SEED}
_WORDS = {"rate": _rate(0.3), "edits": MOST, "seed": SEED}

SETTINGS: dict[str, dict[str, Setting]] = {
    "typos": _WORDS | {"minimum_length": LENGTH, "target": TARGET},
    "ocr": _WORDS | {"minimum_length": LENGTH, "target": TARGET},
    "case": _WORDS
    | {"minimum_length": Setting(2, "a whole number, at least 1", _integer(1)), "target": TARGET}
    | {"form": _one_of("upper", "upper", "lower", "title", "swap")},
    "punctuation": _WORDS | {"rate": _rate(0.1), "target": TARGET},
    "abbreviation": _NAMES | {"direction": _one_of("both", "both", "long", "short")},
    "synonyms": _NAMES,
    "entities_seen": _NAMES,
    "entities_unseen": _NAMES,
    "entities_other_type": _NAMES,
    "context": _WORDS
    | {"rate": _rate(0.15), "minimum_length": Setting(4, "a whole number, at least 1", _integer(1))}
    | {"top": Setting(10, "a whole number, at least 1", _integer(1)), "encoder": NAME, "adaptation": NAME},
    "boundary_insertion": _WORDS | {"words": Setting(["and", "with", "the", "for"], "a list of words of letters", _words)},
    "concatenation": _WORDS | {"rate": _rate(0.2)},
    "search": {
        "edits": Setting(3, "a whole number, at least 1", _integer(1)),
        "queries": Setting(60, "a whole number, at least 2", _integer(2)),
        "rank": _one_of("deletion", "deletion", "confidence"),
        "moves": Setting(
            ["typos", "ocr", "punctuation"],
            f"a list among {', '.join(MOVES)}",
            lambda value: isinstance(value, list) and bool(value) and all(move in MOVES for move in value),
        ),
        "tries": Setting(2, "a whole number, at least 1", _integer(1)),
        "target": _one_of("context", *TARGETS),
        "minimum_length": Setting(3, "a whole number, at least 2", _integer(2)),
        "seed": SEED,
    },
}
"""Kind -> its settings by name."""


def complete(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a kind, those not given by default.

    Raises:
        BionerError: an unknown setting, or a value out of its range.
    """
    known = SETTINGS[kind]
    if unknown := sorted(set(given) - set(known)):
        raise BionerError(f"attack {kind}: expected settings {', '.join(known)}, got {', '.join(unknown)}; correct the config")
    values = {name: setting.default for name, setting in known.items()} | dict(given)
    for name, setting in known.items():
        if not setting.fits(values[name]):
            raise BionerError(f"attack {kind}: expected {setting.expected} for {name}, got {values[name]!r}; correct the config")
    return values
