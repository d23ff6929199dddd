"""Attacks at test time that see the model: FGSM, FGM and PGD on word embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.decoding import Perturb
from bioner.tagging.losses import CRFLoss, CrossEntropy
from bioner.tagging.tagger import Tagger

Precision = Callable[[], AbstractContextManager[object]]


def white_boxes(attacks: Sequence[dict[str, Any]], victim: Tagger | None = None, precision: Precision = nullcontext) -> list[Perturb]:
    """Perturbations against the true loss of the tagger's own head.

    All begin at the unperturbed embeddings: the gradient there is computed once for a batch, when they follow each other on it.
    The perturbations are float32, and so are the predictions from them.

    Args:
        attacks: of the config: `kind` (`fgsm`, `fgm`, `pgd`), `epsilon`, and for PGD `steps`, `step_size` and `norm`.
        victim: the tagger in a form in which gradients are cheap to compute; None for the tagger itself.
        precision: makes the context of the gradients' forward passes, such as an autocast; the default is float32.
    """
    shared: dict[str, Any] = {"batch": None}

    def first(tagger: Tagger, batch: Batch, clean: Tensor) -> Tensor:
        if shared["batch"] is not batch:
            shared.update(batch=batch, gradient=loss_gradient(victim or tagger, batch, clean, precision))
        gradient: Tensor = shared["gradient"]
        return gradient

    def perturb(adversary: Adversary) -> Perturb:
        def attack(tagger: Tagger, batch: Batch) -> Tensor:
            clean = tagger.embed(batch.pieces).detach()
            gradient = first(tagger, batch, clean)

            def further(delta: Tensor) -> Tensor:
                return loss_gradient(victim or tagger, batch, clean + delta, precision)

            return clean + adversary.perturb(gradient, batch.free, further)

        return attack

    return [perturb(Adversary.of(settings)) for settings in attacks]


def loss_gradient(tagger: Tagger, batch: Batch, embeddings: Tensor, precision: Precision) -> Tensor:
    """Gradient [B, L, E] of the loss that fits the head, cross-entropy or CRF, at embeddings [B, L, E]."""
    loss: nn.Module = CrossEntropy() if tagger.crf is None else CRFLoss()
    leaf = embeddings.detach().requires_grad_()
    with torch.enable_grad():
        with precision():
            emissions = tagger.emissions(leaf, batch)
        parts = loss(emissions, batch.tags, batch.lengths, tagger.crf)
        return torch.autograd.grad(parts.total, leaf)[0]
