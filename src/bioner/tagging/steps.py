"""The gradients of a training step, or of one of its micro-batches: of the loss, and of what an adversary adds to it.

| kind | minimised | passes |
| --- | --- | --- |
| none | L(x) | 1 |
| fgsm, fgm | L(x) + L(x + delta) | 2 |
| pgd | L(x) + L(x + delta) | 1 + K |
| freelb | mean of L(x + delta_k) over k = 0 ... K - 1 | K |
| smart | L(x) + weight D(x, x + delta) | 2 + K |

FreeLB has no clean pass: its parameters' gradients come from the very passes that give the next perturbation (Zhu et al. 2020,
algorithm 1), the first one at its random start. D is the symmetric Kullback-Leibler divergence KL(p || q) + KL(q || p) between the tag
distributions of a word, softmax of its emissions, mean over words (Jiang et al. 2020, equation 2). On a CRF head it is the softmax of
the emissions too: the transitions are the same on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields

import torch
from torch import Tensor, nn

from bioner.errors import BionerError
from bioner.tagging.adversaries import FREELB, NONE, SMART, Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.losses import LossParts
from bioner.tagging.tagger import Tagger

PARTS = ("loss", "cross_entropy", "crf", "adversarial", "alpha")

Values = dict[str, Tensor]


def accumulate_gradients(
    tagger: Tagger,
    objective: nn.Module,
    adversary: Adversary,
    batch: Batch,
    seed: int,
    precision: Callable[[], AbstractContextManager[object]],
    *,
    share: float = 1.0,
    scale: float = 1.0,
) -> dict[str, float]:
    """Add the gradients of `scale * share` times what is minimised (see the module) to the parameters.

    The clean backward pass gives the first gradient of the embeddings; inner steps of PGD and SMART
    compute gradients of the embeddings only. All passes see the same dropout masks, so that an
    adversary follows the loss and not the noise, and share one precision context, so that an
    autocast converts each weight once; losses and backward passes are outside of it.

    Args:
        seed: of the dropout masks and of random starts.
        precision: makes the context of the forward passes, such as an autocast.
        share: this micro-batch's part of the words of the step.
        scale: of a loss scaler, which looks for gradients that are not finite; 1.0 without one.

    Returns:
        The parts of the loss by name, per word, neither shared nor scaled: `loss` is the clean one (of FreeLB the
        one at its start), `adversarial` the one under the perturbation (FreeLB: mean of the steps; SMART: the divergence).

    Raises:
        BionerError: the loss is not finite, without a scaler; names the documents of the batch.
    """
    passes = _Passes(tagger, objective, batch, seed, share * scale)
    with precision():
        embeddings = tagger.embed(batch.pieces)
        if adversary.kind == NONE:
            values = _plain(passes, embeddings)
        elif adversary.kind == FREELB:
            values = _freelb(passes, adversary, embeddings)
        elif adversary.kind == SMART:
            values = _smart(passes, adversary, embeddings)
        else:
            values = _attacked(passes, adversary, embeddings)
    device = batch.pieces.device
    numbers = torch.stack([value.detach().to(device, torch.float32) for value in values.values()]).tolist()
    parts: dict[str, float] = dict(zip(values, numbers, strict=True))
    if scale == 1.0:
        require_finite(parts["loss"], "loss", batch)
        require_finite(parts.get("adversarial", 0.0), "adversarial loss", batch)
    return parts


class _Passes:
    """Forward and backward passes of a micro-batch, all with the same dropout masks; gradients are those of `factor` times a loss."""

    def __init__(self, tagger: Tagger, objective: nn.Module, batch: Batch, seed: int, factor: float) -> None:
        self.tagger, self.objective, self.batch, self.seed, self.factor = tagger, objective, batch, seed, factor
        self.device = batch.pieces.device.type

    def emissions(self, embeddings: Tensor) -> Tensor:
        torch.manual_seed(self.seed)
        return self.tagger.emissions(embeddings, self.batch)

    def loss(self, embeddings: Tensor) -> LossParts:
        return self.loss_of(self.emissions(embeddings))

    def loss_of(self, emissions: Tensor) -> LossParts:
        with torch.autocast(self.device, enabled=False):
            parts: LossParts = self.objective(emissions, self.batch.tags, self.batch.lengths, self.tagger.crf)
        return parts

    def backward(self, loss: Tensor) -> None:
        with torch.autocast(self.device, enabled=False):
            torch.autograd.backward(loss * self.factor)

    def gradient(self, loss: Tensor, leaf: Tensor) -> Tensor:
        """The gradient at a leaf alone; parameters keep what they have."""
        with torch.autocast(self.device, enabled=False):
            return torch.autograd.grad(loss * self.factor, leaf)[0]


def _plain(passes: _Passes, embeddings: Tensor) -> Values:
    parts = passes.loss(embeddings)
    passes.backward(parts.total)
    return _values(parts)


def _attacked(passes: _Passes, adversary: Adversary, embeddings: Tensor) -> Values:
    """FGSM, FGM and PGD: the clean loss and the one under the perturbation."""
    clean = _leaf(embeddings)
    parts = passes.loss(clean)
    passes.backward(parts.total)
    first = _gradient_of(clean)

    def further(delta: Tensor) -> Tensor:
        leaf = _leaf(embeddings + delta)
        return passes.gradient(passes.loss(leaf).total, leaf)

    delta = adversary.perturb(first, passes.batch.free, further)
    perturbed = _leaf(embeddings + delta, wanted=embeddings.requires_grad)
    adversarial = passes.loss(perturbed).total
    passes.backward(adversarial)
    if embeddings.requires_grad:
        torch.autograd.backward(embeddings, first + _gradient_of(perturbed))
    return _values(parts, adversarial)


def _freelb(passes: _Passes, adversary: Adversary, embeddings: Tensor) -> Values:
    """Gradients of parameters and embeddings at once, in each of the steps; the last one needs no further perturbation."""
    delta = adversary.begin(embeddings, passes.batch, passes.seed)
    collected = torch.zeros_like(delta)
    steps: list[LossParts] = []
    for number in range(1, adversary.steps + 1):
        leaf = _leaf(embeddings + delta, wanted=embeddings.requires_grad or number < adversary.steps)
        steps.append(passes.loss(leaf))
        passes.backward(steps[-1].total / adversary.steps)
        if leaf.requires_grad:
            collected += _gradient_of(leaf)
        if number < adversary.steps:
            delta = adversary.move(delta, _gradient_of(leaf), passes.batch.free)
    if embeddings.requires_grad:
        torch.autograd.backward(embeddings, collected)
    return _values(steps[0], torch.stack([parts.total.detach() for parts in steps]).mean())


def _smart(passes: _Passes, adversary: Adversary, embeddings: Tensor) -> Values:
    """The clean loss and the divergence between clean and perturbed distributions; both sides of it have gradients."""
    clean = passes.emissions(embeddings)
    parts = passes.loss_of(clean)
    delta = adversary.begin(embeddings, passes.batch, passes.seed)
    for _ in range(adversary.steps):
        leaf = _leaf(embeddings + delta)
        gradient = passes.gradient(symmetric_divergence(passes.emissions(leaf), clean.detach()), leaf)
        delta = adversary.move(delta, gradient, passes.batch.free)
    divergence = symmetric_divergence(passes.emissions(embeddings + delta), clean)
    passes.backward(parts.total + adversary.weight * divergence)
    return _values(parts, divergence)


def symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """KL(p || q) + KL(q || p) = sum_t (p_t - q_t) (log p_t - log q_t) of emissions [N, T], mean over N words; at least 0, float32."""
    log_p, log_q = first.float().log_softmax(1), second.float().log_softmax(1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1).mean()


def _leaf(values: Tensor, *, wanted: bool = True) -> Tensor:
    """The values as a new beginning of a graph, with a gradient of its own if it is wanted."""
    return values.detach().requires_grad_(wanted)


def _gradient_of(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def _values(parts: LossParts, adversarial: Tensor | None = None) -> Values:
    found = {field.name: getattr(parts, field.name) for field in fields(parts)} | {"adversarial": adversarial}
    return {"loss": found.pop("total")} | {name: value for name, value in found.items() if value is not None}


def require_finite(value: Tensor | float, what: str, batch: Batch) -> None:
    """Raise a BionerError that names the batch's documents unless a scalar is finite."""
    if not math.isfinite(number := float(value)):
        documents = sorted({window.name for window in batch.windows})
        raise BionerError(
            f"expected a finite {what}, got {number} on documents {', '.join(documents[:8])}; "
            "lower the learning rate or epsilon, or set precision: fp32"
        )
