"""Documents as word pieces in windows, and back: whole documents, nothing cut off."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioner import tags
from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.tagging.refusals import RecipeError
from bioner.tagging.spacing import spaced, word_tokenizer
from bioner.tags import Lost
from bioner.words import split_words

Ids = NDArray[np.int64]

ALIGNMENTS = ("first", "last", "mean", "all")
"""What is read for a unit: a word's first piece, its last, the mean over its pieces; or each piece is a unit of its own (`all`)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a document as the encoder sees it; `document` is its position, `name` its id.

    `pieces` are piece ids with special tokens around; `owned` is the range of the document's units
    that are labelled and predicted here: each unit is owned by exactly one window, the one in
    which its word has most context. `heads` are the positions in `pieces` that the owned units are read
    from, `sizes` how many of them each unit has, `tags` the units' tag ids, and `vectors` the rows of
    their words in the table of word vectors (0 for unknown words, and where there is no table).
    """

    document: int
    name: str
    pieces: Ids
    owned: tuple[int, int]
    heads: Ids
    sizes: Ids
    tags: Ids
    vectors: Ids


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """Units of a document (spans of characters), their gold tag ids, its windows, and the mentions that tags cannot say."""

    units: list[Span]
    tags: list[int]
    windows: list[Window]
    lost: list[Lost]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Piece ids of a document's words in a row, the index of each word's first one, the total at the end, and where each piece begins."""

    ids: list[int]
    starts: list[int]
    begins: list[int]


@dataclass(frozen=True)
class Encoder:
    """Turns documents into windows with a fast Hugging Face tokenizer.

    Words (see `bioner.words`) are tokenized one by one, with the blank before them, so that each has its own pieces; a word
    that the tokenizer would drop becomes one unknown piece. Units that are tagged are the words, or with alignment
    `all` their pieces: a piece reaches to where the next one of its word begins, so that units cover all
    characters of the words, dropped ones included; pieces that begin together are one unit, read from the first of them.

    Args:
        tokenizer: a fast tokenizer of transformers.
        tag_set: the tags.
        window: pieces in a window, special tokens included.
        overlap: pieces that neighbouring windows share, as context for both.
        alignment: one of ALIGNMENTS.
        vocabulary: lower-case word -> row of its word vector, rows from 1 on; None without word vectors.
    """

    tokenizer: Any
    tag_set: tags.TagSet
    window: int
    overlap: int
    alignment: str = "first"
    vocabulary: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        room = self.window - len(self.prefix) - len(self.suffix)
        if not 0 <= self.overlap < room:
            raise RecipeError(
                f"expected overlap between 0 and {room - 1} pieces for a window of {self.window}, got {self.overlap}; set it in the recipe"
            )
        if self.tokenizer.unk_token_id is None:
            raise BionerError("expected a tokenizer with an unknown token, found none; choose another encoder")

    @cached_property
    def _words(self) -> Any:
        return word_tokenizer(self.tokenizer)

    @cached_property
    def prefix(self) -> list[int]:
        return self._special_tokens[0]

    @cached_property
    def suffix(self) -> list[int]:
        return self._special_tokens[1]

    @cached_property
    def _special_tokens(self) -> tuple[list[int], list[int]]:
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self.tokenizer("a", add_special_tokens=True)["input_ids"]
        at = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
        return full[:at], full[at + len(bare) :]

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """Encode documents; windows carry the document's position in the sequence."""
        return [self._encode_one(index, document, split_words(document.text)) for index, document in enumerate(documents)]

    def _pieces(self, surface: list[str], words: list[Span]) -> _Pieces:
        pieces, starts, begins = list[int](), list[int](), list[int]()

        def add_unknown() -> None:
            begins.append(words[len(starts)][0])
            starts.append(len(pieces))
            pieces.append(self.tokenizer.unk_token_id)

        if surface:
            encoding = self._words.encode(surface, is_pretokenized=True, add_special_tokens=False)
            for word, piece, (begin, _) in zip(encoding.word_ids, encoding.ids, encoding.offsets, strict=True):
                while len(starts) < word:  # words without any piece
                    add_unknown()
                if len(starts) == word:
                    starts.append(len(pieces))
                    begins.append(words[word][0])
                else:
                    begins.append(words[word][0] + max(begin - surface[word].startswith(" "), 0))
                pieces.append(piece)
        while len(starts) < len(surface):
            add_unknown()
        return _Pieces(pieces, [*starts, len(pieces)], begins)

    def _encode_one(self, index: int, document: Document, words: list[Span]) -> EncodedDocument:
        surface = [document.text[start:end] for start, end in words]
        pieces = self._pieces(spaced(document.text, words), words)
        units, firsts = self._units(words, pieces)
        tag_ids, lost = tags.encode(document.mentions, units, self.tag_set)
        vectors = [self.vocabulary.get(word.lower(), 0) for word in surface] if self.vocabulary else [0] * len(words)
        room = self.window - len(self.prefix) - len(self.suffix)
        windows = []
        for (first, last), (own, stop) in window_ranges(pieces.starts, room, self.overlap):
            begin, end = pieces.starts[first], min(pieces.starts[last], pieces.starts[first] + room)
            # units of the owned words; what a cut word has beyond the window is nobody's
            owned = bisect_left(firsts, pieces.starts[own]), bisect_left(firsts, min(pieces.starts[stop], end))
            heads, sizes = self._heads(firsts, pieces, owned, end)
            numbers = np.searchsorted(pieces.starts, firsts[slice(*owned)], side="right") - 1
            windows.append(
                Window(
                    document=index,
                    name=document.id,
                    pieces=np.array([*self.prefix, *pieces.ids[begin:end], *self.suffix], dtype=np.int64),
                    owned=owned,
                    heads=np.array(heads, dtype=np.int64) - begin + len(self.prefix),
                    sizes=np.array(sizes, dtype=np.int64),
                    tags=np.array(tag_ids[slice(*owned)], dtype=np.int64),
                    vectors=np.array(vectors, dtype=np.int64)[numbers],
                )
            )
        return EncodedDocument(units, tag_ids, windows, lost)

    def _units(self, words: list[Span], pieces: _Pieces) -> tuple[list[Span], list[int]]:
        """Units, and the first piece of each."""
        if self.alignment != "all":
            return words, pieces.starts[:-1]
        units, firsts = list[Span](), list[int]()
        for (start, end), (first, last) in zip(words, pairwise(pieces.starts), strict=True):
            for piece in range(first, last):
                begin = pieces.begins[piece]
                if piece == first or units[-1][0] < begin < end:
                    if piece > first:
                        units[-1] = units[-1][0], begin
                    units.append((max(begin, start), end))
                    firsts.append(piece)
        return units, firsts

    def _heads(self, firsts: list[int], pieces: _Pieces, owned: tuple[int, int], end: int) -> tuple[list[int], list[int]]:
        """Pieces that the owned units are read from, and how many each has; none from `end` on."""
        chosen = firsts[slice(*owned)]
        if self.alignment in ("first", "all"):
            return chosen, [1] * len(chosen)
        stops = [min(stop, end) for stop in pieces.starts[owned[0] + 1 : owned[1] + 1]]
        if self.alignment == "last":
            return [stop - 1 for stop in stops], [1] * len(stops)
        heads = [piece for first, stop in zip(chosen, stops, strict=True) for piece in range(first, stop)]
        return heads, [stop - first for first, stop in zip(chosen, stops, strict=True)]


def window_ranges(starts: Sequence[int], room: int, overlap: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Word ranges of the windows of a document, each with the range of words that it owns.

    Args:
        starts: first piece of each word, and the number of pieces at the end.
        room: pieces that fit a window. A word of more pieces is cut; its first piece stays.
        overlap: pieces shared with the next window, at most; less than `room`.

    Returns:
        ((first, last), (owned first, owned last)), half-open; the owned ranges partition the words.
    """
    count = len(starts) - 1
    ranges: list[tuple[int, int]] = []
    first = 0
    while first < count:
        last = int(np.searchsorted(starts, starts[first] + room, side="right")) - 1
        last = min(max(last, first + 1), count)
        ranges.append((first, last))
        if last == count:
            break
        shared = int(np.searchsorted(starts, starts[last] - overlap, side="left"))
        first = min(max(shared, first + 1), last)
    cuts = [0]
    for (_, last), (following, _) in pairwise(ranges):
        middle = (starts[following] + starts[last]) // 2
        cuts.append(min(max(int(np.searchsorted(starts, middle, side="left")), following, cuts[-1]), last))
    cuts.append(count)
    return [(window, (cuts[i], cuts[i + 1])) for i, window in enumerate(ranges)]
