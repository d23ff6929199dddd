"""Adversarial training on word embeddings: FGSM, FGM, PGD, FreeLB and SMART.

Perturbations are added to `inputs_embeds`, before positions and normalization (and before ALBERT's map
to its hidden size), one per example: two occurrences of a word are perturbed apart, frozen embeddings are no
obstacle, and weights are never touched. Padding and special tokens are never perturbed. An example is a window.

| kind | source | perturbation of an example with gradient g |
| --- | --- | --- |
| fgsm | Goodfellow et al. 2015, section 4 | epsilon sign(g) |
| fgm | Miyato et al. 2017, equation 5 | epsilon g / ||g||_2 |
| pgd | Madry et al. 2018, section 2.1 | K steps of sign(g) or g / ||g||_2, each projected to the ball, from 0 |
| freelb | Zhu et al. 2020, algorithm 1 | K steps of g / ||g||_2, each projected to the ball, from a uniform point inside |
| smart | Jiang et al. 2020, algorithm 1 | K steps of g / max |g| of each piece, each projected to the cube, from normal noise |

All steps are free of the gradient's scale: neither a loss scale, nor a sum in place of a mean, nor other examples
of the batch change a perturbation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bioner.tagging.batches import Batch

NONE = "none"
FREELB = "freelb"
SMART = "smart"
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True)
class Adversary:
    """How a perturbation is made.

    Attributes:
        kind: `none`, `fgsm`, `fgm`, `pgd`, `freelb` or `smart`.
        epsilon: size of the perturbation in the norm: of each coordinate for `linf`, of each
            example's whole perturbation for `l2`.
        steps: gradient steps, 1 for FGSM and FGM.
        step_size: length of a step in the norm; epsilon for FGSM and FGM.
        norm: `linf` (FGSM, PGD, SMART) or `l2` (FGM, PGD, FreeLB).
        start: size of the random start, at most epsilon. FreeLB: bound of its L2 norm, U(-start, start) / sqrt(N) in each
            of an example's N coordinates. SMART: standard deviation of each coordinate, before the projection.
        weight: of SMART's divergence in the loss, its lambda_s.
    """

    kind: str = NONE
    epsilon: float = 0.0
    steps: int = 1
    step_size: float = 0.0
    norm: str = "linf"
    start: float = 0.0
    weight: float = 0.0

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Adversary:
        """The adversary of a recipe or an attack; keys are checked with the configuration."""
        kind = settings["kind"]
        if kind == NONE:
            return cls()
        epsilon = float(settings["epsilon"])
        if kind in ("fgsm", "fgm"):
            return cls(kind, epsilon, 1, epsilon, "linf" if kind == "fgsm" else "l2")
        norm = {FREELB: "l2", SMART: "linf"}.get(kind) or settings.get("norm", "linf")
        rest = {name: float(settings[name]) for name in ("start", "weight") if name in settings}
        return cls(kind, epsilon, int(settings["steps"]), float(settings["step_size"]), norm, **rest)

    def perturb(self, gradient: Tensor, free: Tensor, loss_gradient: Callable[[Tensor], Tensor]) -> Tensor:
        """The perturbation [B, L, E] after all steps from the unperturbed embeddings.

        Args:
            gradient: [B, L, E] gradient of the loss at the unperturbed embeddings.
            free: [B, L] bool, True where a perturbation is allowed.
            loss_gradient: gives the gradient [B, L, E] at a perturbation [B, L, E].
        """
        delta = self.move(torch.zeros_like(gradient, dtype=torch.float32), gradient, free)
        for _ in range(self.steps - 1):
            delta = self.move(delta, loss_gradient(delta), free)
        return delta

    def move(self, delta: Tensor, gradient: Tensor, free: Tensor) -> Tensor:
        """A perturbation [B, L, E] after one more step along a gradient [B, L, E], inside the ball.

        An example whose gradient is not finite, as an overflow of float16 makes it, is not moved.
        """
        gradient = gradient.float().masked_fill(~free.unsqueeze(2), 0.0)
        usable = gradient.isfinite().flatten(1).all(1)[:, None, None]
        return torch.where(usable, self._project(delta + self.step_size * self._direction(gradient)), delta)

    def begin(self, embeddings: Tensor, batch: Batch, seed: int) -> Tensor:
        """The random start [B, L, E]: of an example it depends on the seed and its pieces, not on its place in the batch or on padding."""
        delta = torch.zeros_like(embeddings, dtype=torch.float32)
        if self.start == 0.0:
            return delta
        generator = torch.Generator(embeddings.device)
        for row, window in enumerate(batch.windows):
            generator.manual_seed(_example_seed(seed, window.pieces))
            part = delta[row, : len(window.pieces)]
            if self.kind == FREELB:
                part.uniform_(-1.0, 1.0, generator=generator)
            else:
                part.normal_(generator=generator)
        delta *= batch.free.unsqueeze(2)
        if self.kind == FREELB:
            delta /= (batch.free.sum(1).clamp_min(1) * embeddings.shape[2]).sqrt()[:, None, None]
        return self._project(delta * self.start)

    def _direction(self, gradient: Tensor) -> Tensor:
        """A gradient at length 1: its sign, or scaled to a largest coordinate of 1 (each piece) or to an L2 norm of 1 (each example)."""
        if self.kind == SMART:
            return _divide(gradient, gradient.abs().amax(2, keepdim=True))
        if self.norm == "linf":
            return gradient.sign()
        scaled = _divide(gradient, gradient.abs().amax((1, 2), keepdim=True))  # squares of small gradients would vanish
        return _divide(scaled, _lengths(scaled))

    def _project(self, delta: Tensor) -> Tensor:
        if self.norm == "linf":
            return delta.clamp(-self.epsilon, self.epsilon)
        return delta * (self.epsilon / _lengths(delta).clamp_min(TINY)).clamp_max(1.0)


def _lengths(values: Tensor) -> Tensor:
    """L2 norms [B, 1, 1] of the examples in values [B, L, E]."""
    lengths: Tensor = torch.linalg.vector_norm(values, dim=(1, 2), keepdim=True)
    return lengths


def _divide(values: Tensor, sizes: Tensor) -> Tensor:
    return values / sizes.clamp_min(TINY)


def _example_seed(seed: int, pieces: np.ndarray[Any, Any]) -> int:
    content = str(seed).encode() + np.ascontiguousarray(pieces, dtype="<i8").tobytes()
    return int.from_bytes(blake2b(content, digest_size=7).digest(), "little")
