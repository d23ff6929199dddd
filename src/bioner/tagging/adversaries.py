"""Adversarial training on word embeddings: FGSM (Goodfellow et al. 2015) and PGD (Madry et al. 2018).

Perturbations are added to `inputs_embeds`, before positions and normalization, one per example:
two occurrences of a word are perturbed apart, frozen embeddings are no obstacle, and weights are
never touched. Padding and special tokens are never perturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

NONE = "none"


@dataclass(frozen=True, slots=True)
class Adversary:
    """How a perturbation is made.

    Attributes:
        kind: `none`, `fgsm` or `pgd`.
        epsilon: size of the perturbation in the norm: of each coordinate for `linf`, of each
            example's whole perturbation for `l2`.
        steps: gradient steps, 1 for FGSM; the first gradient is given, further ones are computed.
        step_size: length of a step in the norm; epsilon for FGSM.
        norm: `linf` or `l2`.
    """

    kind: str = NONE
    epsilon: float = 0.0
    steps: int = 1
    step_size: float = 0.0
    norm: str = "linf"

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Adversary:
        kind = settings["kind"]
        if kind == NONE:
            return cls()
        epsilon = float(settings["epsilon"])
        if kind == "fgsm":
            return cls(kind, epsilon, 1, epsilon, "linf")
        return cls(kind, epsilon, int(settings["steps"]), float(settings["step_size"]), settings.get("norm", "linf"))

    def perturb(self, gradient: Tensor, free: Tensor, loss_gradient: Callable[[Tensor], Tensor]) -> Tensor:
        """The perturbation [B, L, E] after all steps.

        Args:
            gradient: [B, L, E] gradient of the loss at the unperturbed embeddings.
            free: [B, L] bool, True where a perturbation is allowed.
            loss_gradient: gives the gradient [B, L, E] at a perturbation [B, L, E].
        """
        free = free.unsqueeze(2)
        delta = self._step(torch.zeros_like(gradient), gradient, free)
        for _ in range(self.steps - 1):
            delta = self._step(delta, loss_gradient(delta), free)
        return delta

    def _step(self, delta: Tensor, gradient: Tensor, free: Tensor) -> Tensor:
        gradient = gradient.float() * free
        if self.norm == "linf":
            return (delta + self.step_size * gradient.sign()).clamp(-self.epsilon, self.epsilon)
        length = gradient.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None]
        moved = delta + self.step_size * gradient / length
        size = moved.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None]
        projected: Tensor = moved * (self.epsilon / size).clamp_max(1.0)
        return projected
