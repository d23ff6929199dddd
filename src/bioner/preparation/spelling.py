"""The `spelling` step: misspelt words put right by a dictionary from outside.

A dictionary made from the corpus would carry words of the test part into training; so it is a file
of its own, named with its digest in the config and thereby in every run that used it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.preparation.offsets import Edit, apply_replacements

_JOINED = r"\w'\u2019/@\u0300-\u036f-"
# what is longer than forty letters is no word but a sequence
_WORD = re.compile(rf"(?<![.{_JOINED}])[^\W\d_]{{6,40}}+(?![{_JOINED}])(?!\.\w)")


def spelling_step(settings: Any) -> Callable[[str], tuple[str, list[Edit]]]:
    """The step for `{"dictionary": path, "sha256": its digest}`.

    Raises:
        BionerError: other settings, or a dictionary that is missing, malformed or another one.
    """
    if (
        not isinstance(settings, dict)
        or set(settings) != {"dictionary", "sha256"}
        or not all(isinstance(v, str) for v in settings.values())
    ):
        expected = '{"spelling": {"dictionary": path, "sha256": its digest}}'
        raise BionerError(f"expected the step {expected}, got settings {settings!r:.120}; change `normalize` in the config")
    return _load(settings["dictionary"], settings["sha256"]).correct_text


@dataclass(frozen=True)
class Dictionary:
    """The words of a dictionary: as listed, and all of them in small letters."""

    listed: frozenset[str]
    known: frozenset[str]
    letters: tuple[str, ...]
    _corrections: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, words: frozenset[str]) -> Dictionary:
        known = frozenset(word.lower() for word in words)
        return cls(words, known, tuple(sorted(set().union(*known))))

    def correct_text(self, text: str) -> tuple[str, list[Edit]]:
        """Text with misspelt words put right, and the edits that lead to it.

        Looked at are words of six or more small letters that stand alone, no part of a compound, a
        path or an address.
        """
        words = (match for match in _WORD.finditer(text) if match[0].islower())
        return apply_replacements(text, ((match.span(), self.correct(match[0])) for match in words))

    def correct(self, word: str) -> str:
        """A word, or the only one of the dictionary that differs from it by one letter too many, too few or other, or by
        two neighbours changed over, and begins alike; the word itself if it is known, or that one is a name with capitals."""
        if word not in self._corrections:
            found = set() if word in self.known else {near for near in self._near(word) if near in self.known}
            (only,) = found if len(found) == 1 else (word,)
            self._corrections[word] = only if only in self.listed else word
        return self._corrections[word]

    def _near(self, word: str) -> Iterator[str]:
        """All strings at Damerau-Levenshtein distance 1 that begin with the same letter and are as long as what is corrected."""
        for index in range(1, len(word) + 1):
            head, tail = word[:index], word[index:]
            if tail:
                yield head + tail[1:]
                yield from (head + letter + tail[1:] for letter in self.letters)
            if len(tail) > 1:
                yield head + tail[1] + tail[0] + tail[2:]
            yield from (head + letter + tail for letter in self.letters)


@cache
def _load(path: str, sha256: str) -> Dictionary:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BionerError(
            f"{path}: expected a dictionary for the step spelling, found {error.strerror or error}; change `normalize` in the config"
        ) from error
    if (found := hashlib.sha256(data).hexdigest()) != sha256.lower():
        raise BionerError(
            f"{path}: expected the dictionary with sha256 {sha256}, found {found}; restore it, or declare the new one and train again"
        )
    return Dictionary.of(frozenset(_words(path, data)))


def _words(path: str, data: bytes) -> Iterator[str]:
    """The words of a dictionary: one a line, its count after a tab or none; empty lines are read over."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        raise BionerError(f"{path}:{row}: expected UTF-8, found byte {error.object[error.start]:#04x}; convert it to UTF-8") from error
    count = 0
    for number, line in enumerate(lines, 1):
        word, _, occurrences = line.rstrip("\r").partition("\t")
        if not line.strip():
            continue
        if not word or len(word.split()) != 1 or word != word.strip() or not re.fullmatch(r"[0-9]*", occurrences):
            raise BionerError(f"{path}:{number}: expected one word, or a word, a tab and its count, found {line!r:.60}; repair this line")
        count += 1
        yield word
    if not count:
        raise BionerError(f"{path}: expected a dictionary, found no word; give a file with one word a line")
