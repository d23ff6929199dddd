"""Attacks at test time that see the model: FGSM and PGD on word embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.decoding import Perturb
from bioner.tagging.losses import CRFLoss, CrossEntropy
from bioner.tagging.tagger import Tagger


def white_box(settings: dict[str, Any]) -> Perturb:
    """A perturbation against the true loss of the tagger's own head, computed in float32.

    Args:
        settings: an attack of the config: `kind` (`fgsm`, `pgd`), `epsilon`, and for PGD `steps`,
            `step_size` and `norm`.
    """
    adversary = Adversary.of(settings)

    def attack(tagger: Tagger, batch: Batch) -> Tensor:
        loss: nn.Module = CrossEntropy() if tagger.crf is None else CRFLoss()
        clean = tagger.embed(batch.pieces).detach()

        def gradient(delta: Tensor) -> Tensor:
            embeddings = (clean + delta).requires_grad_()
            with torch.enable_grad():
                parts = loss(tagger.emissions(embeddings, batch), batch.tags, batch.lengths, tagger.crf)
                return torch.autograd.grad(parts.total, embeddings)[0]

        return clean + adversary.perturb(gradient(torch.zeros_like(clean)), batch.free, gradient)

    return attack
