"""What a masked language model would say in place of single words of a document."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM

from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.tagging.batches import collate, plan_batches
from bioner.tagging.decoding import BUDGETS
from bioner.tagging.encode import Encoder, Window
from bioner.tagging.loading import load_config, load_network
from bioner.tagging.manifest import verify_encoder
from bioner.tagging.masked_lm import guess
from bioner.tagging.precision import choose_device, configure_torch
from bioner.tagging.tagger import load_tokenizer, make_encoder
from bioner.tags import TagSet

WINDOW, OVERLAP = 128, 32
MARKS = ("\u2581", "\u0120")
"""What begins a piece that begins a word, in vocabularies of SentencePiece and of byte BPE."""
SPARE = 5
"""Words proposed for each one that is wanted, because some will not fit."""


@dataclass(frozen=True)
class MaskedReplacement:
    """Proposes words for words of a document, each masked alone in the original text.

    All pieces of a word become one mask; proposed are the whole words of the vocabulary, letters only, by their probability there.

    Args:
        network: a masked language model of transformers, in evaluation mode.
        encoder: with alignment `mean`, so that windows tell all pieces of their words.
        top: words that are wanted.
    """

    network: Any
    encoder: Encoder
    top: int

    @classmethod
    def load(cls, manifest: Path, *, top: int, threads: int = 1) -> MaskedReplacement:
        """The masked language model of a fetched or adapted encoder.

        Raises:
            BionerError: the folder has no masked-language-model head, or its tokenizer no mask.
        """
        folder = manifest.parent
        verify_encoder(folder)
        configure_torch(threads)
        network, report = load_network(
            folder, kind=AutoModelForMaskedLM, config=load_config(folder), dtype=torch.float32, output_loading_info=True
        )
        if missing := sorted(report["missing_keys"]):
            raise BionerError(
                f"{folder}: expected a model with a masked-language-model head, found none ({missing[0]} is missing); "
                "name another encoder in the attack, or an adaptation, which trains such a head"
            )
        tokenizer = load_tokenizer(folder)
        if tokenizer.mask_token_id is None:
            raise BionerError(f"{folder}: expected a tokenizer with a mask token, found none; name another encoder in the attack")
        limit = min(WINDOW, getattr(network.config, "max_position_embeddings", WINDOW) - 2)
        recipe = {"model": "attack", "window": limit, "overlap": min(OVERLAP, limit // 4), "alignment": "mean"}
        encoder = make_encoder(tokenizer, TagSet(()), recipe, network.config)
        return cls(network.to(choose_device()).eval(), encoder, top)

    def __call__(self, document: Document, spans: Sequence[Span]) -> list[list[str]]:
        """For each span of a word: words that could stand there, the likeliest first; none for a span that is no word."""
        proposed: list[list[str]] = [[] for _ in spans]
        if not spans:
            return proposed
        (encoded,) = self.encoder.encode([replace(document, mentions=())])
        places = {unit: index for index, unit in enumerate(encoded.units)}
        starts = [window.owned[0] for window in encoded.windows]
        masked: list[Window] = []
        for number, span in enumerate(spans):
            if span in places:
                window = encoded.windows[bisect_left(starts, places[span] + 1) - 1]
                masked.append(replace(self._masked(window, places[span]), document=number))
        for batch in plan_batches(masked, BUDGETS.get(self._device.type, BUDGETS["cuda"])):
            for window, scores in zip(batch, self._scores(batch), strict=True):
                proposed[window.document] = self._words(scores)
        return proposed

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.network.parameters()).device
        return device

    def _masked(self, window: Window, unit: int) -> Window:
        """A window in which the mask stands for a unit, whose place becomes the only head."""
        own = unit - window.owned[0]
        first = int(window.sizes[:own].sum())
        pieces = window.heads[first : first + int(window.sizes[own])]
        start, stop = int(pieces[0]), int(pieces[-1]) + 1
        changed = np.concatenate([window.pieces[:start], [self.encoder.tokenizer.mask_token_id], window.pieces[stop:]])
        one = np.ones(1, dtype=np.int64)
        return replace(window, pieces=changed, heads=one * start, sizes=one, tags=one * 0, vectors=one * 0)

    def _scores(self, windows: Sequence[Window]) -> Tensor:
        """Scores [B, W] of the whole words of the vocabulary at the mask of each window."""
        special = (len(self.encoder.prefix), len(self.encoder.suffix))
        batch = collate(windows, self.encoder.tokenizer.pad_token_id or 0, special).to(self._device)
        with torch.inference_mode():
            scores = guess(self.network, batch.pieces, batch.mask, batch.heads)
        return scores[:, torch.tensor([number for number, _ in self._vocabulary], device=scores.device)].cpu()

    def _words(self, scores: Tensor) -> list[str]:
        """Words by their scores [W], the likeliest first; the earlier one of the vocabulary among equals."""
        order = torch.sort(scores, descending=True, stable=True).indices[: self.top * SPARE]
        return [self._vocabulary[index][1] for index in order.tolist()]

    @cached_property
    def _vocabulary(self) -> list[tuple[int, str]]:
        """Ids and text of the pieces that are whole words of letters, by id."""
        pieces = sorted((number, piece) for piece, number in self.encoder.tokenizer.get_vocab().items())
        special = set(self.encoder.tokenizer.all_special_ids)
        marks = [mark for mark in MARKS if sum(piece.startswith(mark) for _, piece in pieces) > len(pieces) / 20]
        begun = [(number, piece[len(marks[0]) :]) for number, piece in pieces if piece.startswith(marks[0])] if marks else pieces
        words = [(number, piece) for number, piece in begun if piece.isalpha() and number not in special]
        if not words:
            raise BionerError("expected a vocabulary with whole words, found none; name another encoder in the attack")
        return words
