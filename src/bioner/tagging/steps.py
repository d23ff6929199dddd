"""One training step: gradients of the clean loss and, with an adversary, of the adversarial one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from bioner.errors import BionerError
from bioner.tagging.adversaries import NONE, Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.losses import LossParts
from bioner.tagging.tagger import Tagger

PARTS = ("loss", "cross_entropy", "crf", "adversarial", "alpha")


def accumulate_gradients(
    tagger: Tagger,
    objective: nn.Module,
    adversary: Adversary,
    batch: Batch,
    seed: int,
    precision: Callable[[], AbstractContextManager[object]],
) -> dict[str, float]:
    """Add the gradients of clean + adversarial loss to the parameters; return the parts by name.

    The clean backward pass gives the first gradient of the embeddings; inner steps of PGD compute
    gradients of the embeddings only. All passes of a step see the same dropout masks, so that an
    adversary follows the loss and not the noise.

    Raises:
        BionerError: the loss is not finite; names the documents of the batch.
    """

    def compute(embeddings: Tensor) -> LossParts:
        torch.manual_seed(seed)
        with precision():
            emissions = tagger.emissions(embeddings, batch)
        parts: LossParts = objective(emissions, batch.tags, batch.lengths, tagger.crf)
        return parts

    embeddings = tagger.embed(batch.pieces)
    attacked = adversary.kind != NONE
    if attacked:
        if not embeddings.requires_grad:  # frozen embeddings
            embeddings.requires_grad_()
        embeddings.retain_grad()
    clean = compute(embeddings)
    require_finite(clean.total, "loss", batch)
    torch.autograd.backward(clean.total)
    values = {"loss": clean.total, "cross_entropy": clean.cross_entropy, "crf": clean.crf, "alpha": clean.alpha, "adversarial": None}
    if attacked:
        assert embeddings.grad is not None

        def gradient(delta: Tensor) -> Tensor:
            leaf = (embeddings.detach() + delta).requires_grad_()
            return torch.autograd.grad(compute(leaf).total, leaf)[0]

        delta = adversary.perturb(embeddings.grad, batch.free, gradient)
        adversarial = compute(tagger.embed(batch.pieces) + delta)
        require_finite(adversarial.total, "adversarial loss", batch)
        torch.autograd.backward(adversarial.total)
        values["adversarial"] = adversarial.total
    return {name: value.item() for name, value in values.items() if value is not None}


def require_finite(value: Tensor, what: str, batch: Batch) -> None:
    """Raise a BionerError that names the batch's documents unless a scalar is finite."""
    if not torch.isfinite(value):
        documents = sorted({window.name for window in batch.windows})
        raise BionerError(
            f"expected a finite {what}, got {value.item()} on documents {', '.join(documents[:8])}; "
            "lower the learning rate or epsilon, or set precision: fp32"
        )
