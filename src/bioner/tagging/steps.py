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
    adversary follows the loss and not the noise, and share one precision context, so that an
    autocast converts each weight once; losses and backward passes are outside of it.

    Raises:
        BionerError: the loss is not finite; names the documents of the batch.
    """
    device = batch.pieces.device.type

    def compute(embeddings: Tensor) -> LossParts:
        torch.manual_seed(seed)
        emissions = tagger.emissions(embeddings, batch)
        with torch.autocast(device, enabled=False):
            parts: LossParts = objective(emissions, batch.tags, batch.lengths, tagger.crf)
        return parts

    def backward(loss: Tensor, what: str) -> None:
        require_finite(loss, what, batch)
        with torch.autocast(device, enabled=False):
            torch.autograd.backward(loss)

    def gradient(delta: Tensor) -> Tensor:
        leaf = (embeddings.detach() + delta).requires_grad_()
        loss = compute(leaf).total
        with torch.autocast(device, enabled=False):
            return torch.autograd.grad(loss, leaf)[0]

    with precision():
        embeddings = tagger.embed(batch.pieces)
        attacked = adversary.kind != NONE
        if attacked:
            if not embeddings.requires_grad:  # frozen embeddings
                embeddings.requires_grad_()
            embeddings.retain_grad()
        clean = compute(embeddings)
        backward(clean.total, "loss")
        values = {"loss": clean.total, "cross_entropy": clean.cross_entropy, "crf": clean.crf, "alpha": clean.alpha, "adversarial": None}
        if attacked:
            assert embeddings.grad is not None
            delta = adversary.perturb(embeddings.grad, batch.free, gradient)
            adversarial = compute(tagger.embed(batch.pieces) + delta).total
            backward(adversarial, "adversarial loss")
            values["adversarial"] = adversarial
    return {name: value.item() for name, value in values.items() if value is not None}


def require_finite(value: Tensor, what: str, batch: Batch) -> None:
    """Raise a BionerError that names the batch's documents unless a scalar is finite."""
    if not torch.isfinite(value):
        documents = sorted({window.name for window in batch.windows})
        raise BionerError(
            f"expected a finite {what}, got {value.item()} on documents {', '.join(documents[:8])}; "
            "lower the learning rate or epsilon, or set precision: fp32"
        )
