"""Attacks at test time that see the model: FGSM, FGM and PGD on word embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.decoding import Perturb
from bioner.tagging.tagger import Tagger

Precision = Callable[[], AbstractContextManager[object]]


def white_boxes(
    attacks: Sequence[dict[str, Any]],
    victim: Tagger | None = None,
    precision: Precision = nullcontext,
    norms: Sequence[Norms] | None = None,
) -> list[Perturb]:
    """Perturbations against the true loss of the tagger's own head: cross-entropy, or the CRF's negative log-likelihood.

    All begin at the unperturbed embeddings: the gradient there is computed once for a batch, when they follow each other on it.
    The perturbations are float32, and so are the predictions from them. PGD gives, for each window, the point of largest loss among its
    steps and the one-step point of the same ball (FGSM's, or FGM's for `l2`), so that it is never weaker than that.

    Args:
        attacks: of the config: `kind` (`fgsm`, `fgm`, `pgd`), `epsilon`, and for PGD `steps`, `step_size` and `norm`.
        victim: the tagger in a form in which gradients are cheap to compute; None for the tagger itself.
        precision: makes the context of the forward passes of attacks, such as an autocast; the default is float32.
        norms: one for each attack, to which its perturbations are added; None for nothing.
    """
    shared: dict[str, Any] = {"batch": None}

    def first(tagger: Tagger, batch: Batch, clean: Tensor) -> tuple[Tensor, Tensor]:
        if shared["batch"] is not batch:
            shared.update(batch=batch, found=losses_and_gradient(victim or tagger, batch, clean, precision))
        found: tuple[Tensor, Tensor] = shared["found"]
        return found

    def perturb(adversary: Adversary, record: Norms | None) -> Perturb:
        def attack(tagger: Tagger, batch: Batch) -> Tensor:
            clean = tagger.embed(batch.pieces).detach()
            losses, gradient = first(tagger, batch, clean)
            model = victim or tagger
            if adversary.kind == "pgd":
                delta = strongest(adversary, model, batch, clean, losses, gradient, precision)
            else:
                delta = adversary.move(torch.zeros_like(clean, dtype=torch.float32), gradient, batch.free)
            if record is not None:
                record.add(clean, delta, batch.free)
            return clean + delta

        return attack

    return [perturb(Adversary.of(settings), None if norms is None else norms[index]) for index, settings in enumerate(attacks)]


def strongest(
    adversary: Adversary, tagger: Tagger, batch: Batch, clean: Tensor, losses: Tensor, gradient: Tensor, precision: Precision
) -> Tensor:
    """The perturbation [B, L, E] of PGD: of each window the point of largest loss that its steps and one full step reach.

    Args:
        clean: [B, L, E] unperturbed embeddings.
        losses: [B] of the windows there.
        gradient: [B, L, E] there.
    """
    zeros = torch.zeros_like(clean, dtype=torch.float32)
    best, most = zeros, losses
    whole = replace(adversary, kind="fgm" if adversary.norm == "l2" else "fgsm", steps=1, step_size=adversary.epsilon)
    points = [whole.move(zeros, gradient, batch.free)]
    delta = zeros
    for number in range(adversary.steps):
        delta = adversary.move(delta, gradient, batch.free)
        if number + 1 < adversary.steps:
            losses, gradient = losses_and_gradient(tagger, batch, clean + delta, precision)
            best, most = _larger(best, most, delta, losses)
    for point in (*points, delta):
        best, most = _larger(best, most, point, window_losses(tagger, batch, clean + point, precision))
    return best


def _larger(best: Tensor, most: Tensor, delta: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    """Of each window the perturbation of the larger loss, and that loss; one that is not finite counts for nothing."""
    better = losses.isfinite() & (losses > most)
    return torch.where(better[:, None, None], delta, best), torch.where(better, losses, most)


def losses_and_gradient(tagger: Tagger, batch: Batch, embeddings: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """Losses [B] of the windows at embeddings [B, L, E], and the gradient [B, L, E] of their sum."""
    leaf = embeddings.detach().requires_grad_()
    with torch.enable_grad():
        losses = _losses(tagger, batch, leaf, precision)
        return losses.detach(), torch.autograd.grad(losses.sum(), leaf)[0]


def window_losses(tagger: Tagger, batch: Batch, embeddings: Tensor, precision: Precision = nullcontext) -> Tensor:
    """Losses [B] of the windows at embeddings [B, L, E], each summed over its own units."""
    with torch.no_grad():
        return _losses(tagger, batch, embeddings, precision)


def _losses(tagger: Tagger, batch: Batch, embeddings: Tensor, precision: Precision) -> Tensor:
    with precision():
        emissions = tagger.emissions(embeddings, batch)
    if tagger.crf is not None:
        return tagger.crf.negative_log_likelihood(emissions, batch.tags, batch.lengths)
    units = functional.cross_entropy(emissions.float(), batch.tags, reduction="none")
    windows = torch.arange(len(batch.lengths), device=units.device).repeat_interleave(batch.lengths, output_size=len(units))
    return torch.zeros(len(batch.lengths), device=units.device).index_add(0, windows, units)


@dataclass
class Norms:
    """L2 norms of word embeddings and of their perturbations, over the pieces that may be perturbed.

    The norm of a perturbation is told per piece, so that an epsilon of one norm or encoder compares with that of another.
    """

    pieces: int = 0
    embeddings: float = 0.0
    perturbations: float = 0.0
    largest: float = 0.0
    relative: float = 0.0

    def add(self, clean: Tensor, delta: Tensor, free: Tensor) -> None:
        """Count a batch: embeddings and perturbation [B, L, E], and where it is allowed [B, L]."""
        lengths = torch.linalg.vector_norm(clean[free].double(), dim=1)
        sizes = torch.linalg.vector_norm(delta[free].double(), dim=1)
        if len(sizes):
            self.pieces += len(sizes)
            self.embeddings += float(lengths.sum())
            self.perturbations += float(sizes.sum())
            self.relative += float((sizes / lengths.clamp_min(1e-12)).sum())
            self.largest = max(self.largest, float(sizes.max()))

    def told(self) -> dict[str, float]:
        """`pieces`; the mean L2 norm of an `embedding` and of a `perturbation` of a piece, the mean of their ratio (`relative`), and the
        `largest` perturbation; means are 0 without pieces."""
        count = max(self.pieces, 1)
        means = {"embedding": self.embeddings, "perturbation": self.perturbations, "relative": self.relative}
        return {"pieces": self.pieces, "largest": round(self.largest, 9)} | {key: round(value / count, 9) for key, value in means.items()}
