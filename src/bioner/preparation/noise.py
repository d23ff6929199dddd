"""Typing noise in characters and words, with exact labels."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.keyboard import NEIGHBOURS
from bioner.preparation.settings import seeded_rate
from bioner.preparation.variants import as_variant
from bioner.rewriting import rewrite
from bioner.words import split_words

Replacement = tuple[Span, str]


@dataclass(frozen=True, slots=True)
class Noise:
    """`rate`: probability in [0, 1] that a word of letters is disturbed; `seed`: of the draws, made per document.

    `mentions`: whether words that a mention touches are disturbed too.
    """

    rate: float
    seed: int = 1
    mentions: bool = True


def noise_of(settings: Any) -> Noise:
    """The noise of `{"rate": ..., "seed": ..., "mentions": ...}`; BionerError for anything else."""
    mentions = settings.get("mentions", True) if isinstance(settings, dict) else True
    if type(mentions) is not bool:
        raise BionerError(f"expected `noise.mentions` true or false, got {mentions!r:.80}; change it in the config")
    plain = {key: value for key, value in settings.items() if key != "mentions"} if isinstance(settings, dict) else settings
    return Noise(*seeded_rate("noise", plain), mentions)


def add_noise(document: Document, noise: Noise) -> Document:
    """The document with some words disturbed, named `<source>~noise1`; the same seed gives the same text.

    With probability `rate` a word gets one letter replaced by its keyboard neighbour, inserted,
    deleted or swapped with the next; a word that no mention touches may also be deleted, doubled
    or swapped with the next word. What is drawn changes the text; a single letter is left alone where
    nothing of this can be done. Mentions stay where their text is, are never emptied and keep type
    and concepts; nothing crosses the border of a mention or passage.
    """
    generator = random.Random(f"{noise.seed}:noise:{document.id}")
    noisy = rewrite(document, list(_disturbances(document, noise, generator)))
    return as_variant(noisy, document, "noise")


def _disturbances(document: Document, noise: Noise, generator: random.Random) -> Iterator[Replacement]:
    """Disjoint replacements, none of which crosses a border."""
    text = document.text
    words = split_words(text)
    layout = _Layout(document)
    index = 0
    while index < len(words):
        word, following = words[index], words[index + 1] if index + 1 < len(words) else None
        index += 1
        if generator.random() >= noise.rate or not text[word[0] : word[1]].isalpha():
            continue
        if not noise.mentions and layout.mentioned(*word):
            continue
        pieces = [piece for piece in layout.cut(word) if piece[1] - piece[0] > 1]
        piece = generator.choice(pieces) if pieces else (word[0], word[0])
        places = _letter_actions(text[slice(*piece)])
        actions = _word_actions(text, word, following, layout) + [action for action in places for _ in range(2)]
        if not actions:
            continue
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
            yield piece, _disturb_letters(text[slice(*piece)], action, generator.choice(places[action]), generator)


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
        return not self.mentioned(start, end) and len(self.cut((start, end))) == 1

    def mentioned(self, start: int, end: int) -> bool:
        """Whether a mention reaches over any of this text."""
        return any(self.covered[start:end])

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
    if alone and text[slice(*word)] != text[slice(*following)] and layout.free(word[0], following[1]):
        actions.append("swap words")
    return actions


def _letter_actions(piece: str) -> dict[str, Sequence[int]]:
    """What can be done to a piece of letters, and the places at which it changes something."""
    whole = range(len(piece))
    places: dict[str, Sequence[int]] = {
        "substitute": [place for place in whole if piece[place].lower() in NEIGHBOURS],
        "insert": whole,
        "delete": whole,
        "swap": [place for place in whole[:-1] if piece[place] != piece[place + 1]],
    }
    return {action: found for action, found in places.items() if found}


def _disturb_letters(piece: str, action: str, place: int, generator: random.Random) -> str:
    """One letter of a piece of at least two disturbed; what lies beside the piece is not touched."""
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
