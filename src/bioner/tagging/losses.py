"""Training objectives over the emissions of labelled words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bioner.tagging.crf import CRF


@dataclass(frozen=True, slots=True)
class LossParts:
    """A loss and what it is made of; parts that the objective lacks are None. All are per word."""

    total: Tensor
    cross_entropy: Tensor | None = None
    crf: Tensor | None = None
    alpha: Tensor | None = None


class CrossEntropy(nn.Module):
    """Mean over words of -log softmax(emission)[tag]."""

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        loss = functional.cross_entropy(emissions.float(), tags)
        return LossParts(total=loss, cross_entropy=loss)


class CRFLoss(nn.Module):
    """Negative log-likelihood of the conditional random field, divided by the number of words."""

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        assert crf is not None
        loss = crf.negative_log_likelihood(emissions, tags, lengths).sum() / len(tags)
        return LossParts(total=loss, crf=loss)


class Adaptive(nn.Module):
    """L = alpha * CE + (1 - alpha) * CRF with a learned alpha (Kumar and Basu 2025, AdaBioBERT).

    alpha = low + (high - low) * sigmoid(theta), theta = 0 at the start, with its own learning
    rate. Both parts are means over words: with the published sum over the sequence CE is always
    the smaller one, and the gradient alpha (1 - alpha) (CE - CRF) drives alpha to 1.

    Args:
        bounds: (low, high) of alpha, 0 <= low < high <= 1; (0, 1) is the plain sigmoid.
    """

    def __init__(self, bounds: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        self.bounds = bounds
        self.theta = nn.Parameter(torch.zeros(()))

    @property
    def alpha(self) -> Tensor:
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(self.theta)

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        assert crf is not None
        cross_entropy = functional.cross_entropy(emissions.float(), tags)
        likelihood = crf.negative_log_likelihood(emissions, tags, lengths).sum() / len(tags)
        alpha = self.alpha
        return LossParts(alpha * cross_entropy + (1 - alpha) * likelihood, cross_entropy, likelihood, alpha)


def make_loss(settings: dict[str, Any]) -> nn.Module:
    """The objective of a recipe's `loss` entry; kinds are checked with the configuration."""
    kind = settings["kind"]
    if kind == "cross_entropy":
        return CrossEntropy()
    if kind == "crf":
        return CRFLoss()
    assert kind == "adaptive", kind
    low, high = settings.get("bounds", (0.0, 1.0))
    return Adaptive((float(low), float(high)))
