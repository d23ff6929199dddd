"""Whole documents in, mentions with offsets and scores out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioner import tags
from bioner.entities import Document, Mention
from bioner.tagging.batches import Batch, collate, plan_batches
from bioner.tagging.crf import constrained_path
from bioner.tagging.encode import EncodedDocument, Encoder
from bioner.tagging.tagger import Tagger

Perturb = Callable[[Tagger, Batch], Tensor]
"""Gives the embeddings [B, L, E] to predict from; a white-box attack adds a perturbation."""

BUDGETS = {"cpu": 1024, "cuda": 16384}
"""Padded pieces in a batch of predictions: what a processor's cache holds, what fills a card."""


def embed(tagger: Tagger, batch: Batch) -> Tensor:
    """The embeddings without any attack."""
    with torch.no_grad():
        return tagger.embed(batch.pieces)


def predict(
    tagger: Tagger,
    encoder: Encoder,
    documents: Sequence[Document],
    *,
    budget: int | None = None,
    perturb: Perturb = embed,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
    progress: Callable[[int, int], None] | None = None,
) -> list[Document]:
    """Predict the mentions of documents.

    Args:
        budget: padded pieces in a batch; None for what suits the device.
        perturb: white-box attack, or plain `embed`. It sees the gold tags of the documents.
        precision: makes the context of each forward pass, such as an autocast; the default is float32.
        progress: called with batches done and batches in all.

    Returns:
        The same documents with predicted mentions in place of gold ones, each with a score: the
        mean probability of its tags over its units.
    """
    return predict_under(tagger, encoder, documents, [perturb], budget=budget, precision=precision, progress=progress)[0]


def predict_under(
    tagger: Tagger,
    encoder: Encoder,
    documents: Sequence[Document],
    perturbs: Sequence[Perturb],
    *,
    budget: int | None = None,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Document]]:
    """Predict as `predict` does under each of several perturbations, batch by batch, so that these can share work on a batch."""
    encoded = encoder.encode(documents)
    shape = (len(perturbs), len(encoder.tag_set.names))
    emissions = [np.zeros((shape[0], len(item.units), shape[1]), dtype=np.float32) for item in encoded]
    special = (len(encoder.prefix), len(encoder.suffix))
    device = next(tagger.parameters()).device
    batches = plan_batches([window for item in encoded for window in item.windows], budget or BUDGETS.get(device.type, BUDGETS["cuda"]))
    for number, windows in enumerate(batches, 1):
        batch = collate(windows, encoder.tokenizer.pad_token_id or 0, special).to(device)
        cuts = np.cumsum(batch.lengths.cpu().numpy())[:-1]
        for index, perturb in enumerate(perturbs):
            embeddings = perturb(tagger, batch)
            with torch.inference_mode(), precision():
                scores = tagger.emissions(embeddings, batch).cpu().numpy()
            for window, rows in zip(windows, np.split(scores, cuts), strict=True):
                emissions[window.document][index, slice(*window.owned)] = rows
        if progress is not None:
            progress(number, len(batches))
    return [
        [
            replace(document, mentions=decode_document(tagger, item, rows[index]))
            for document, item, rows in zip(documents, encoded, emissions, strict=True)
        ]
        for index in range(len(perturbs))
    ]


def decode_document(tagger: Tagger, encoded: EncodedDocument, emissions: NDArray[np.float32]) -> tuple[Mention, ...]:
    """Mentions from emissions [N, T] of all units of a document.

    A linear head takes the best tag of each unit, as plain transformers does; a CRF the best
    sequence over the document; both the best of those that the tag scheme allows if the tagger is constrained. Where it is not,
    an `I-` without its `B-` begins a mention.
    """
    if not len(emissions):
        return ()
    if tagger.crf is None:
        constraints = tagger.constraints
        path = emissions.argmax(1).tolist() if constraints is None else constrained_path(emissions, constraints)
        shifted = np.exp(emissions - emissions.max(1, keepdims=True))
        probabilities = shifted / shifted.sum(1, keepdims=True)
    else:
        path = tagger.crf.viterbi(emissions, tagger.constraints)
        device = tagger.crf.transitions.device
        probabilities = tagger.crf.marginals(torch.from_numpy(emissions).to(device), torch.tensor([len(emissions)])).cpu().numpy()
    found = tags.decode(path, encoded.units, tagger.tag_set)
    return tuple(
        Mention(f"P{number}", (span,), kind, score=float(np.mean([probabilities[i, path[i]] for i in words])))
        for number, (words, span, kind) in enumerate(found, 1)
    )
