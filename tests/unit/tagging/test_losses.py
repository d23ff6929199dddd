from __future__ import annotations

import math

import pytest
import torch

from bioner.tagging.crf import CRF
from bioner.tagging.losses import Adaptive, CRFLoss, CrossEntropy, make_loss

LENGTHS = torch.tensor([3, 2])


def inputs() -> tuple[torch.Tensor, torch.Tensor, CRF]:
    torch.manual_seed(3)
    return torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1]), CRF(3)


def test_cross_entropy_is_the_mean_over_words() -> None:
    emissions, tags, _ = inputs()
    expected = -sum(float(torch.log_softmax(row, 0)[tag]) for row, tag in zip(emissions, tags, strict=True)) / 5
    assert CrossEntropy()(emissions, tags, LENGTHS, None).total.item() == pytest.approx(expected, abs=1e-6)


def test_crf_is_divided_by_words_not_sequences() -> None:
    emissions, tags, crf = inputs()
    expected = crf.negative_log_likelihood(emissions, tags, LENGTHS).sum().item() / 5
    assert CRFLoss()(emissions, tags, LENGTHS, crf).total.item() == pytest.approx(expected)


def test_adaptive_mixes_both_parts_and_starts_in_the_middle() -> None:
    emissions, tags, crf = inputs()
    parts = Adaptive()(emissions, tags, LENGTHS, crf)
    assert parts.alpha.item() == pytest.approx(0.5)
    assert parts.total.item() == pytest.approx(0.5 * parts.cross_entropy.item() + 0.5 * parts.crf.item())


def test_theta_follows_the_equation() -> None:
    """dL/dtheta = alpha (1 - alpha) (CE - CRF) for the plain sigmoid."""
    emissions, tags, crf = inputs()
    loss = Adaptive()
    with torch.no_grad():
        loss.theta.fill_(0.7)
    parts = loss(emissions, tags, LENGTHS, crf)
    parts.total.backward()
    alpha = 1 / (1 + math.exp(-0.7))
    assert loss.theta.grad.item() == pytest.approx(alpha * (1 - alpha) * (parts.cross_entropy - parts.crf).item(), rel=1e-4)


@pytest.mark.parametrize("theta", [-50.0, 50.0])
def test_alpha_stays_inside_its_bounds(theta: float) -> None:
    loss = make_loss({"kind": "adaptive", "bounds": [0.1, 0.8]})
    with torch.no_grad():
        loss.theta.fill_(theta)
    assert 0.1 - 1e-6 <= loss.alpha.item() <= 0.8 + 1e-6
