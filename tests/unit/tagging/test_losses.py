from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from bioner.tagging.crf import CRF
from bioner.tagging.losses import LossParts, balanced_weights, make_loss

LENGTHS = torch.tensor([3, 2])
MIXTURES = ({"kind": "fixed", "alpha": 0.25}, {"kind": "adaptive"}, {"kind": "uncertainty"})


def inputs() -> tuple[Tensor, Tensor, CRF]:
    torch.manual_seed(3)
    return torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1]), CRF(3)


def compute(settings: dict[str, Any], frequencies: Tensor | None = None) -> LossParts:
    emissions, tags, crf = inputs()
    parts: LossParts = make_loss(settings, frequencies)(emissions, tags, LENGTHS, crf)
    return parts


def values(parts: LossParts) -> tuple[float, float, float, float]:
    """Total, cross-entropy, CRF and alpha of a mixture."""
    assert parts.cross_entropy is not None and parts.crf is not None and parts.alpha is not None
    return parts.total.item(), parts.cross_entropy.item(), parts.crf.item(), parts.alpha.item()


def test_cross_entropy_is_the_mean_over_words() -> None:
    emissions, tags, _ = inputs()
    expected = -sum(float(torch.log_softmax(row, 0)[tag]) for row, tag in zip(emissions, tags, strict=True)) / 5
    assert compute({"kind": "cross_entropy"}).total.item() == pytest.approx(expected, abs=1e-6)


def test_smoothing_moves_a_share_of_the_target_to_all_tags() -> None:
    emissions, tags, _ = inputs()
    expected = 0.0
    for row, tag in zip(emissions, tags, strict=True):
        logs = torch.log_softmax(row, 0)
        target = [0.9 * (index == int(tag)) + 0.1 / 3 for index in range(3)]
        expected -= sum(share * value for share, value in zip(target, logs.tolist(), strict=True)) / 5
    assert compute({"kind": "cross_entropy", "smoothing": 0.1}).total.item() == pytest.approx(expected, abs=1e-6)


def test_balanced_weights_are_inverse_frequencies_of_mean_one() -> None:
    words = [0] * 70 + [1] * 20 + [2] * 10
    weights = balanced_weights(torch.tensor([Counter(words)[tag] for tag in range(4)]))
    assert sum(weights[word].item() for word in words) / 100 == pytest.approx(1)
    assert [weights[tag].item() * words.count(tag) for tag in range(3)] == pytest.approx([100 / 3] * 3, rel=1e-6)
    assert weights[3] == weights[2]  # of a tag that is never seen


def test_weighted_cross_entropy_is_still_divided_by_words() -> None:
    emissions, tags, _ = inputs()
    frequencies = torch.tensor([70, 20, 10])
    weights = balanced_weights(frequencies)
    expected = -sum(float(weights[tag] * torch.log_softmax(row, 0)[tag]) for row, tag in zip(emissions, tags, strict=True)) / 5
    settings = {"kind": "cross_entropy", "class_weights": "balanced"}
    assert compute(settings, frequencies).total.item() == pytest.approx(expected, abs=1e-6)
    assert compute(settings | {"class_weights": "none"}, frequencies).total == compute({"kind": "cross_entropy"}).total


def test_weights_are_no_part_of_a_checkpoint() -> None:
    assert not make_loss({"kind": "cross_entropy", "class_weights": "balanced"}, torch.tensor([1, 1])).state_dict()


@pytest.mark.parametrize(("reduction", "divisor"), [("words", 5), ("sequences", 2)])
def test_crf_is_divided_by_words_or_sequences(reduction: str, divisor: int) -> None:
    emissions, tags, crf = inputs()
    expected = crf.negative_log_likelihood(emissions, tags, LENGTHS).sum().item() / divisor
    assert compute({"kind": "crf", "crf_reduction": reduction}).total.item() == pytest.approx(expected)


@pytest.mark.parametrize("settings", MIXTURES, ids=str)
def test_mixtures_have_the_parts_of_their_own_settings(settings: dict[str, Any]) -> None:
    chosen = {"smoothing": 0.2, "class_weights": "balanced", "crf_reduction": "sequences"}
    frequencies = torch.tensor([6, 3, 1])
    _, cross_entropy, crf, _ = values(compute(settings | chosen, frequencies))
    assert cross_entropy == compute({"kind": "cross_entropy"} | chosen, frequencies).total.item()
    assert crf == compute({"kind": "crf", "crf_reduction": "sequences"}).total.item()


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9])
def test_fixed_mixes_by_its_alpha_and_learns_none(alpha: float) -> None:
    total, cross_entropy, crf, told = values(compute({"kind": "fixed", "alpha": alpha}))
    assert told == pytest.approx(alpha) and total == pytest.approx(alpha * cross_entropy + (1 - alpha) * crf)
    assert not list(make_loss({"kind": "fixed", "alpha": alpha}).parameters())


def test_adaptive_mixes_both_parts_and_starts_in_the_middle() -> None:
    total, cross_entropy, crf, alpha = values(compute({"kind": "adaptive"}))
    assert alpha == pytest.approx(0.5) and total == pytest.approx(0.5 * cross_entropy + 0.5 * crf)


def test_theta_follows_the_equation() -> None:
    """dL/dtheta = alpha (1 - alpha) (CE - CRF) for the plain sigmoid."""
    emissions, tags, crf = inputs()
    loss = make_loss({"kind": "adaptive"})
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


def test_uncertainty_follows_the_equation() -> None:
    emissions, tags, crf = inputs()
    loss = make_loss({"kind": "uncertainty"})
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor([0.5, -1.0]))
    parts = loss(emissions, tags, LENGTHS, crf)
    total, first, second, alpha = values(parts)
    assert total == pytest.approx(math.exp(-0.5) * first + 0.5 + math.exp(1) * second - 1)
    assert alpha == pytest.approx(math.exp(-0.5) / (math.exp(-0.5) + math.exp(1)))
    parts.total.backward()
    assert loss.log_variances.grad.tolist() == pytest.approx([1 - math.exp(-0.5) * first, 1 - math.exp(1) * second], rel=1e-5)


def learn(settings: dict[str, Any], steps: int = 400) -> list[float]:
    """Alpha after each step of learning to tag 8 sequences of 20 noisy words, the tags of which depend on the one before."""
    torch.manual_seed(0)
    tags = torch.randint(3, (8, 20))
    tags[:, 1::2] = (tags[:, ::2] + 1) % 3
    tags = tags.flatten()
    words = torch.nn.functional.one_hot(tags, 3) + 1.5 * torch.randn(160, 3)
    head, crf, loss = torch.nn.Linear(3, 3), CRF(3), make_loss(settings)
    groups = [{"params": [*head.parameters(), *crf.parameters()]}, {"params": list(loss.parameters())}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.0)
    trajectory = []
    for _ in range(steps):
        parts = loss(head(words), tags, torch.full((8,), 20), crf)
        optimizer.zero_grad()
        parts.total.backward()
        optimizer.step()
        trajectory.append(parts.alpha.item())
    return trajectory


def test_the_published_loss_drives_alpha_to_one_and_ours_does_not() -> None:
    """On one problem with one optimizer; only the reduction of the CRF differs.

    Here the CRF knows more than cross-entropy, so that alpha goes its way, as far as the bounds let it; uncertainty has no such pull.
    """
    published = learn({"kind": "adaptive", "crf_reduction": "sequences"})
    assert published == sorted(published) and published[-1] > 0.9
    bounded = learn({"kind": "adaptive", "bounds": [0.3, 0.7]})
    assert max(bounded) < 0.51 and 0.3 < bounded[-1] < 0.4
    assert max(learn({"kind": "adaptive", "crf_reduction": "sequences", "bounds": [0.3, 0.7]})) > 0.65
    weighed = learn({"kind": "uncertainty"})
    assert weighed[-1] == pytest.approx(weighed[200], abs=0.01) and 0.4 < weighed[-1] < 0.5
