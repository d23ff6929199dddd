"""Words around mentions in other words: what a masked language model would put there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.edits import Edit, Ground
from bioner.evaluation.sources import Sources, words_of
from bioner.words import split_words


def context(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """Every word of letters, at least `minimum_length` long, that no mention reaches over, as it stands: `fill` gives the new words."""
    random = Random(f"{settings['seed']}:context:{document.id}")
    ground = Ground(document)
    for start, end in split_words(document.text):
        word = document.text[start:end]
        if len(word) >= settings["minimum_length"] and word.isalpha():
            draw = random.random()
            if not ground.mentioned((start, end)):
                yield draw, Edit((start, end), word)


def fill(document: Document, edits: Sequence[Edit], settings: Mapping[str, Any], sources: Sources) -> list[Edit]:
    """The chosen words with one of the model's `top` proposals each; a word without a fit one stays.

    A proposal is fit if it is another word of two letters or more and no word of any name: a new name in the text would lack its label.
    Each word is proposed for in the original text, alone, so that it does not depend on how many others are replaced.
    """
    if sources.propose is None:
        raise BionerError(
            "attack context: expected a masked language model, got none; set the attack's encoder or adaptation in the config"
        )
    proposals = sources.propose(document, [edit.span for edit in edits])
    own = {word for mention in document.mentions for word in words_of(document.surface(mention))}
    filled = []
    for edit, words in zip(edits, proposals, strict=True):
        fits = [word for word in words if _fits(word, edit.text) and word.lower() not in own | sources.protected_words]
        if fits:
            drawn = Random(f"{settings['seed']}:context:{document.id}:{edit.span[0]}").choice(fits[: settings["top"]])
            filled.append(edit._replace(text=_as_cased(drawn, edit.text)))
    return filled


def _fits(word: str, old: str) -> bool:
    return len(word) > 1 and word.isalpha() and word.casefold() != old.casefold()


def _as_cased(word: str, old: str) -> str:
    """A word in the case of the one whose place it takes."""
    if old.isupper() and len(old) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if old[0].isupper() else word
