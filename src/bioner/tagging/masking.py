"""Whole-word masking: which pieces of a window a masked language model must guess, and what it sees in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioner.errors import BionerError
from bioner.tagging.encode import Ids, Window

MASKED, RANDOM = 0.8, 0.1
"""Of the chosen pieces, the share that the mask takes the place of, and the share that another piece does; the rest stays."""


@dataclass(frozen=True)
class Masker:
    """Masks whole words, as BERT (Devlin et al. 2019, section 3.1) and its later whole-word variant do.

    A word is chosen with all of its pieces; each chosen piece becomes the mask with probability 0.8, a piece drawn evenly from the
    vocabulary's ordinary ones with 0.1, and stays with 0.1. Special tokens are never chosen and never drawn, nor is a word with an
    unknown piece. Windows must come from an `Encoder` with alignment `first` and without overlap, so that they own all of their words.

    Args:
        tokenizer: a tokenizer of transformers that has a mask token.
        share: of a window's pieces that are chosen, in (0, 1).
        suffix: special tokens at a window's end.
    """

    tokenizer: Any
    share: float
    suffix: int

    def __post_init__(self) -> None:
        if self.tokenizer.mask_token_id is None:
            raise BionerError("expected a tokenizer with a mask token, found none; adapt an encoder that was trained by masking")

    @cached_property
    def special(self) -> Ids:
        """Ids of special tokens, sorted."""
        return np.array(sorted(self.tokenizer.all_special_ids), dtype=np.int64)

    @cached_property
    def ordinary(self) -> Ids:
        """Ids of all other pieces, sorted."""
        return np.setdiff1d(np.array(list(self.tokenizer.get_vocab().values()), dtype=np.int64), self.special)

    def words(self, window: Window) -> list[tuple[int, int]]:
        """Half-open ranges of positions, one for each word that can be chosen, in order."""
        stops = [*window.heads[1:].tolist(), len(window.pieces) - self.suffix]
        fixed = np.isin(window.pieces, self.special)
        return [(start, stop) for start, stop in zip(window.heads.tolist(), stops, strict=True) if not fixed[start:stop].any()]

    def mask(self, window: Window, random: np.random.Generator) -> tuple[Window, Ids]:
        """A window with chosen pieces replaced, and their positions, ascending.

        Words come in random order until `share` of all choosable pieces is reached. The word that would go beyond it is taken with such
        a probability that the expected share is exact; one word is always taken, where there is any.
        """
        words = self.words(window)
        if not words:
            return window, np.empty(0, dtype=np.int64)
        order = random.permutation(len(words))
        sizes = np.array([words[i][1] - words[i][0] for i in order])
        before = np.cumsum(sizes) - sizes
        left = np.clip((self.share * sizes.sum() - before) / sizes, 0.0, 1.0)
        taken = left > random.random()  # 1 before the last word, then a fraction, then 0
        taken[0] = True
        positions = np.sort(np.concatenate([np.arange(*words[i]) for i in order[taken]]))
        draws = random.random(len(positions))
        others = random.choice(self.ordinary, len(positions))
        pieces = window.pieces.copy()
        pieces[positions] = np.where(
            draws < MASKED, self.tokenizer.mask_token_id, np.where(draws < MASKED + RANDOM, others, pieces[positions])
        )
        return replace(window, pieces=pieces), positions


def mask_batch(masker: Masker, windows: Sequence[Window], random: np.random.Generator) -> tuple[list[Window], Ids, NDArray[np.int64]]:
    """Masked windows, the positions of the chosen pieces in the flattened [B * L], and what stood there.

    L is the length of the longest window.
    """
    length = max(len(window.pieces) for window in windows)
    masked, positions, targets = list[Window](), list[Ids](), list[Ids]()
    for row, window in enumerate(windows):
        changed, chosen = masker.mask(window, random)
        masked.append(changed)
        positions.append(chosen + row * length)
        targets.append(window.pieces[chosen])
    return masked, np.concatenate(positions), np.concatenate(targets)
