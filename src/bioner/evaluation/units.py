"""Words of many texts at once: those of `bioner.words.split_words`, found by arrays."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bioner.evaluation.counting import Integers
from bioner.words import split_words

_SPACE, _RUN, _SINGLE, _UNSEEN = range(4)
_CHARACTERS_AT_ONCE = 2_000_000


def word_spans(texts: Sequence[str]) -> tuple[Integers, Integers]:
    """Starts and ends of the words of texts that are laid end to end, each of shape (words,), in order.

    A word never reaches over the end of its text.
    """
    kinds = np.full(sys.maxunicode + 1, _UNSEEN, dtype=np.uint8)
    starts, ends = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    offset = 0
    for chunk in _chunks(texts):
        found = _kinds_of("".join(chunk), kinds)
        joined = (found[1:] == _RUN) & (found[:-1] == _RUN)
        borders = np.cumsum([len(text) for text in chunk])[:-1]
        joined[borders[(borders > 0) & (borders < len(found))] - 1] = False
        word = found != _SPACE
        starts.append(np.flatnonzero(word & ~np.concatenate(([False], joined))) + offset)
        ends.append(np.flatnonzero(word & ~np.concatenate((joined, [False]))) + 1 + offset)
        offset += len(found)
    return np.concatenate(starts), np.concatenate(ends)


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in groups that hold characters, a limited number of them where one text is not longer."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        if size and size + len(text) > _CHARACTERS_AT_ONCE:
            yield chunk
            chunk, size = [], 0
        chunk.append(text)
        size += len(text)
    if size:
        yield chunk


def _kinds_of(text: str, kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What each character is to a word; `kinds` by code point is filled in on the way."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    present = np.flatnonzero(np.bincount(codes))
    for code in present[kinds[present] == _UNSEEN].tolist():
        # a letter twice is one word, a sign twice is two
        kinds[code] = {0: _SPACE, 1: _RUN, 2: _SINGLE}[len(split_words(chr(code) * 2))]
    found: npt.NDArray[np.uint8] = kinds[codes]
    return found
