"""Training objectives over the emissions of labelled words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bioner.tagging.crf import CRF


@dataclass(frozen=True, slots=True)
class LossParts:
    """A loss and what it is made of; parts that the objective lacks are None.

    All are per word, but for a CRF part that is summed over sequences, and the total with it. `alpha` is the weight of cross-entropy
    as a share of both weights.
    """

    total: Tensor
    cross_entropy: Tensor | None = None
    crf: Tensor | None = None
    alpha: Tensor | None = None


class CrossEntropy(nn.Module):
    """Mean over words of -log softmax(emission)[tag], with smoothed labels and weighted tags if asked for.

    With smoothing e (Szegedy et al. 2016, section 7) the target of a word is (1 - e) on its tag plus e / T on each of the T tags;
    with weights w the loss of tag t is multiplied by w[t].

    Args:
        smoothing: e, in [0, 1).
        weights: [T], see `balanced_weights`; None for 1.
    """

    weights: Tensor | None

    def __init__(self, *, smoothing: float = 0.0, weights: Tensor | None = None) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        # torch's mean would divide by the sum of the weights of the batch, which differs from batch to batch
        total = functional.cross_entropy(emissions.float(), tags, self.weights, reduction="sum", label_smoothing=self.smoothing)
        loss = total / len(tags)
        return LossParts(total=loss, cross_entropy=loss)


class CRFLoss(nn.Module):
    """Negative log-likelihood of the conditional random field, divided by the number of words or of sequences.

    Args:
        reduction: `words`, or `sequences` for the sum over a sequence's words, averaged over the sequences of the batch.
    """

    def __init__(self, *, reduction: str = "words") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        assert crf is not None
        loss = crf.negative_log_likelihood(emissions, tags, lengths).sum() / len(tags if self.reduction == "words" else lengths)
        return LossParts(total=loss, crf=loss)


class Mixture(nn.Module, ABC):
    """L = alpha * CE + (1 - alpha) * CRF, of two parts that see the same emissions."""

    def __init__(self, cross_entropy: CrossEntropy, likelihood: CRFLoss) -> None:
        super().__init__()
        self.cross_entropy, self.likelihood = cross_entropy, likelihood

    @property
    @abstractmethod
    def alpha(self) -> Tensor:
        """The weight of cross-entropy, in [0, 1]."""

    def mix(self, cross_entropy: Tensor, likelihood: Tensor) -> Tensor:
        """The total of both parts."""
        return self.alpha * cross_entropy + (1 - self.alpha) * likelihood

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF | None) -> LossParts:
        first = self.cross_entropy(emissions, tags, lengths, crf).total
        second = self.likelihood(emissions, tags, lengths, crf).total
        return LossParts(self.mix(first, second), first, second, self.alpha)


class Fixed(Mixture):
    """The mixture with a constant alpha: the ablation of a learned one."""

    _alpha: Tensor

    def __init__(self, cross_entropy: CrossEntropy, likelihood: CRFLoss, *, alpha: float) -> None:
        super().__init__(cross_entropy, likelihood)
        self.register_buffer("_alpha", torch.tensor(alpha), persistent=False)

    @property
    def alpha(self) -> Tensor:
        return self._alpha


class Adaptive(Mixture):
    """The mixture with a learned alpha (Kumar and Basu 2025, AdaBioBERT).

    alpha = low + (high - low) * sigmoid(theta), theta = 0 at the start, with its own learning rate. The gradient at theta is
    (high - low) sigmoid'(theta) (CE - CRF): alpha goes to the smaller part. With the CRF summed over the sequence, as AdaBioBERT's
    code has it (`crf_reduction: sequences`), that is cross-entropy on all but the shortest sequences, whatever the model: alpha goes to
    1 and the CRF is no longer trained. With both as means over words it is the part that fits better; bounds keep both in training.

    Args:
        bounds: (low, high) of alpha, 0 <= low < high <= 1; (0, 1) is the plain sigmoid.
    """

    def __init__(self, cross_entropy: CrossEntropy, likelihood: CRFLoss, *, bounds: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__(cross_entropy, likelihood)
        self.bounds = bounds
        self.theta = nn.Parameter(torch.zeros(()))

    @property
    def alpha(self) -> Tensor:
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(self.theta)


class Uncertainty(Mixture):
    """L = exp(-s_1) CE + s_1 + exp(-s_2) CRF + s_2 with learned s (Kendall, Gal and Cipolla 2018).

    s is the logarithm of a part's variance, 0 at the start, with the loss's own learning rate; the paper's log sigma is s / 2, a
    factor that only scales the weights. Each s is drawn to the logarithm of its part, so that parts of any size weigh alike. The alpha
    that is told is exp(-s_1) / (exp(-s_1) + exp(-s_2)).
    """

    def __init__(self, cross_entropy: CrossEntropy, likelihood: CRFLoss) -> None:
        super().__init__(cross_entropy, likelihood)
        self.log_variances = nn.Parameter(torch.zeros(2))

    @property
    def alpha(self) -> Tensor:
        return torch.softmax(-self.log_variances, 0)[0]

    def mix(self, cross_entropy: Tensor, likelihood: Tensor) -> Tensor:
        weights = (-self.log_variances).exp()
        return weights[0] * cross_entropy + weights[1] * likelihood + self.log_variances.sum()


def balanced_weights(frequencies: Tensor) -> Tensor:
    """Weights [T] in inverse proportion to the tags' frequencies [T], whose mean over the words counted is 1.

    Each tag that occurs has the same share in the loss. A tag that does not, of which only label smoothing can make a target, has
    the largest weight of those that do.
    """
    counts = frequencies.double()
    seen = counts > 0
    weights = counts.sum() / (seen.sum() * counts.clamp_min(1))
    return torch.where(seen, weights, weights[seen].max()).float()


def make_loss(settings: dict[str, Any], frequencies: Tensor | None = None) -> nn.Module:
    """The objective of a recipe's `loss` entry; kinds and keys are checked with the configuration.

    Args:
        frequencies: [T] how often each tag occurs in the training windows; `class_weights: balanced` needs it.
    """
    balanced = settings.get("class_weights", "none") == "balanced"
    assert frequencies is not None or not balanced, "class_weights: balanced needs the frequencies of the tags"
    weights = balanced_weights(frequencies) if frequencies is not None and balanced else None
    parts = (
        CrossEntropy(smoothing=settings.get("smoothing", 0.0), weights=weights),
        CRFLoss(reduction=settings.get("crf_reduction", "words")),
    )
    kind = settings["kind"]
    if kind == "cross_entropy":
        return parts[0]
    if kind == "crf":
        return parts[1]
    if kind == "fixed":
        return Fixed(*parts, alpha=float(settings["alpha"]))
    if kind == "uncertainty":
        return Uncertainty(*parts)
    assert kind == "adaptive", kind
    low, high = settings.get("bounds", (0.0, 1.0))
    return Adaptive(*parts, bounds=(float(low), float(high)))
