"""Augmentation that depends on a document alone: typing noise with exact labels."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.preparation.settings import seeded_rate
from bioner.rewriting import rewrite
from bioner.words import split_words

Replacement = tuple[Span, str]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Keys beside each letter on a QWERTY keyboard whose rows are shifted by half a key."""
    places = {letter: (column + row / 2, row) for row, letters in enumerate(_ROWS) for column, letter in enumerate(letters)}
    return {
        letter: "".join(other for other, (x, y) in sorted(places.items()) if other != letter and abs(x - here) <= 1 and abs(y - row) <= 1)
        for letter, (here, row) in places.items()
    }


NEIGHBOURS = _neighbours()


@dataclass(frozen=True, slots=True)
class Noise:
    """`rate`: probability in [0, 1] that a word is disturbed; `seed`: of the draws, made per document."""

    rate: float
    seed: int = 1


def noise_of(settings: Any) -> Noise | None:
    """The noise that the settings ask for, or None.

    Raises:
        BionerError: an unknown key or a value out of range.
    """
    if not isinstance(settings, dict) or set(settings) - {"noise"}:
        raise BionerError(f'expected augmentation settings such as {{"noise": {{"rate": 0.05, "seed": 1}}}}, got {settings!r:.80}')
    chosen = settings.get("noise")
    if chosen is None:
        return None
    return Noise(*seeded_rate("noise", chosen))


def add_noise(document: Document, noise: Noise) -> Document:
    """The document with some words disturbed, named `<source>~noise1`; the same seed gives the same text.

    With probability `rate` a word gets one letter replaced by its keyboard neighbour, inserted,
    deleted or swapped with the next; a word that no mention touches may also be deleted, doubled
    or swapped with the next word. Mentions stay where their text is, are never emptied and keep type
    and concepts; nothing crosses the border of a mention or passage.
    """
    generator = random.Random(f"{noise.seed}:noise:{document.id}")
    noisy = rewrite(document, list(_disturbances(document, noise.rate, generator)))
    return replace(noisy, id=f"{document.id}~noise1", meta={"source": document.source, "augmentation": "noise"})


def _disturbances(document: Document, rate: float, generator: random.Random) -> Iterator[Replacement]:
    """Disjoint replacements, none of which crosses a border."""
    text = document.text
    words = split_words(text)
    layout = _Layout(document)
    index = 0
    while index < len(words):
        word, following = words[index], words[index + 1] if index + 1 < len(words) else None
        index += 1
        if generator.random() >= rate or not text[word[0] : word[1]].isalpha():
            continue
        actions = _word_actions(text, word, following, layout) + [disturb for disturb in _LETTER_ACTIONS for _ in range(2)]
        action = generator.choice(actions)
        if action == "swap words" and following is not None:
            gap = text[word[1] : following[0]]
            yield (word[0], following[1]), text[slice(*following)] + gap + text[slice(*word)]
            index += 1
        elif action == "delete word":
            yield (word[0], word[1] + 1), ""
        elif action == "double word":
            yield (word[1], word[1]), " " + text[slice(*word)]
        else:
            pieces = [piece for piece in layout.cut(word) if piece[1] - piece[0] > 1]
            if pieces:
                piece = generator.choice(pieces)
                yield piece, _disturb_letters(text[slice(*piece)], action, generator)


class _Layout:
    """Borders of mentions and passages, and the text that mentions reach over."""

    def __init__(self, document: Document) -> None:
        borders = {position for mention in document.mentions for span in mention.spans for position in span}
        borders |= {position for passage in document.passages for position in (passage.start, passage.end)}
        self.borders = sorted(borders)
        self.covered = bytearray(len(document.text) + 1)
        for mention in document.mentions:
            self.covered[mention.start : mention.end] = b"\1" * (mention.end - mention.start)

    def free(self, start: int, end: int) -> bool:
        """Whether no mention reaches over any of this text and no border lies strictly inside."""
        return not any(self.covered[start:end]) and len(self.cut((start, end))) == 1

    def cut(self, span: Span) -> list[Span]:
        """A span cut at the borders inside it."""
        inside = self.borders[bisect_right(self.borders, span[0]) : bisect_left(self.borders, span[1])]
        edges = [span[0], *inside, span[1]]
        return list(pairwise(edges))


def _word_actions(text: str, word: Span, following: Span | None, layout: _Layout) -> list[str]:
    actions: list[str] = []
    if following is None or not layout.free(*word):
        return actions
    actions.append("double word")
    if text[word[1]] == " " and layout.free(word[0], word[1] + 1):
        actions.append("delete word")
    alone = text[word[1] : following[0]] == " " and text[slice(*following)].isalpha()
    if alone and layout.free(word[0], following[1]):
        actions.append("swap words")
    return actions


_LETTER_ACTIONS = ("substitute", "insert", "delete", "swap")


def _disturb_letters(piece: str, action: str, generator: random.Random) -> str:
    """One letter of a piece of at least two disturbed; what lies beside the piece is not touched."""
    place = generator.randrange(len(piece) - 1 if action == "swap" else len(piece))
    letter = piece[place]
    if action == "delete":
        return piece[:place] + piece[place + 1 :]
    if action == "swap":
        return piece[:place] + piece[place + 1] + letter + piece[place + 2 :]
    near = NEIGHBOURS.get(letter.lower())
    new = generator.choice(near) if near else letter
    if letter.isupper():
        new = new.upper()
    return piece[:place] + new + piece[place + (action == "substitute") :]


def augment_corpus(normalized: Path, settings: Any, output: Path) -> None:
    """Write the noisy variant of every document of a file; without noise in the settings, none.

    Raises:
        BionerError: settings that are not as expected.
    """
    noise = noise_of(settings)
    documents: Sequence[Document] | Iterator[Document] = () if noise is None else read_documents(normalized)
    write_documents(output, (add_noise(document, noise) for document in documents if noise is not None))
