"""Documents as word pieces in windows, and back: whole documents, nothing cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioner import tags
from bioner.entities import Document, Mention, Span
from bioner.errors import BionerError
from bioner.words import split_words

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a document as the encoder sees it; `document` is its position, `name` its id.

    `pieces` are piece ids with special tokens around; `owned` is the range of the document's words
    that are labelled and predicted here: each word is owned by exactly one window, the one in
    which it has most context. `heads` are the positions in `pieces` of the first pieces of the
    owned words, `tags` their tag ids.
    """

    document: int
    name: str
    pieces: Ids
    owned: tuple[int, int]
    heads: Ids
    tags: Ids


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """Words of a document, their gold tag ids, its windows, and the mentions that tags cannot say."""

    words: list[Span]
    tags: list[int]
    windows: list[Window]
    lost: list[Mention]


@dataclass(frozen=True)
class Encoder:
    """Turns documents into windows with a fast Hugging Face tokenizer.

    Words (see `bioner.words`) are tokenized one by one, so that each has its own pieces; a word
    that the tokenizer would drop becomes one unknown piece. Tags stand on first pieces.

    Args:
        tokenizer: a fast tokenizer of transformers.
        tag_set: the tags.
        window: pieces in a window, special tokens included.
        overlap: pieces that neighbouring windows share, as context for both.
    """

    tokenizer: Any
    tag_set: tags.TagSet
    window: int
    overlap: int

    def __post_init__(self) -> None:
        room = self.window - len(self.prefix) - len(self.suffix)
        if not 0 <= self.overlap < room:
            raise BionerError(
                f"expected overlap between 0 and {room - 1} pieces for a window of {self.window}, got {self.overlap}; set it in the recipe"
            )
        if self.tokenizer.unk_token_id is None:
            raise BionerError("expected a tokenizer with an unknown token, found none; choose another encoder")

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
        words = [split_words(document.text) for document in documents]
        texts = [[document.text[start:end] for start, end in spans] for document, spans in zip(documents, words, strict=True)]
        return [
            self._encode_one(index, document, spans, *self._pieces(surface))
            for index, (document, spans, surface) in enumerate(zip(documents, words, texts, strict=True))
        ]

    def _pieces(self, surface: list[str]) -> tuple[list[int], list[int]]:
        """Piece ids of words in a row, and the index of each word's first piece, plus the total."""
        if not surface:
            return [], [0]
        encoding = self.tokenizer(surface, is_split_into_words=True, add_special_tokens=False, truncation=False, verbose=False)
        pieces: list[int] = []
        starts: list[int] = []
        for word, piece in zip(encoding.word_ids(), encoding["input_ids"], strict=True):
            while len(starts) < word:  # words without any piece
                starts.append(len(pieces))
                pieces.append(self.tokenizer.unk_token_id)
            if len(starts) == word:
                starts.append(len(pieces))
            pieces.append(piece)
        while len(starts) < len(surface):
            starts.append(len(pieces))
            pieces.append(self.tokenizer.unk_token_id)
        return pieces, [*starts, len(pieces)]

    def _encode_one(self, index: int, document: Document, words: list[Span], pieces: list[int], starts: list[int]) -> EncodedDocument:
        tag_ids, lost = tags.encode(document.mentions, words, self.tag_set)
        room = self.window - len(self.prefix) - len(self.suffix)
        windows = []
        for (first, last), owned in window_ranges(starts, room, self.overlap):
            begin, end = starts[first], min(starts[last], starts[first] + room)
            heads = np.array(starts[owned[0] : owned[1]], dtype=np.int64) - begin + len(self.prefix)
            windows.append(
                Window(
                    document=index,
                    name=document.id,
                    pieces=np.array([*self.prefix, *pieces[begin:end], *self.suffix], dtype=np.int64),
                    owned=owned,
                    heads=heads,
                    tags=np.array(tag_ids[owned[0] : owned[1]], dtype=np.int64),
                )
            )
        return EncodedDocument(words, tag_ids, windows, lost)


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
