"""The CRF against enumeration of every tag sequence, and against pytorch-crf."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
import torchcrf

from bioner.tagging.crf import CRF, pad_sequences

TAGS = 4
LENGTHS = [5, 1, 3]


def make(seed: int, scale: float = 1.0) -> tuple[CRF, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    crf = CRF(TAGS)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    lengths = torch.tensor(LENGTHS)
    return crf, scale * torch.randn(sum(LENGTHS), TAGS), torch.randint(TAGS, (sum(LENGTHS),)), lengths


def path_score(crf: CRF, emissions: torch.Tensor, path: tuple[int, ...]) -> torch.Tensor:
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    for index, tag in enumerate(path):
        score = score + emissions[index, tag]
        if index:
            score = score + crf.transitions[path[index - 1], tag]
    return score


def enumerate_scores(crf: CRF, emissions: torch.Tensor) -> dict[tuple[int, ...], torch.Tensor]:
    return {path: path_score(crf, emissions, path) for path in product(range(TAGS), repeat=len(emissions))}


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_negative_log_likelihood_and_gradients_equal_enumeration(seed: int, scale: float) -> None:
    crf, emissions, tags, lengths = make(seed, scale)
    emissions.requires_grad_()
    ours = crf.negative_log_likelihood(emissions, tags, lengths)
    gradients = torch.autograd.grad(ours.sum(), [emissions, *crf.parameters()])
    exact = CRF(TAGS).double()
    exact.load_state_dict(crf.state_dict())
    doubled = emissions.detach().double().requires_grad_()
    losses = []
    for part, gold in zip(doubled.split(LENGTHS), tags.split(LENGTHS), strict=True):
        scores = enumerate_scores(exact, part)
        losses.append(torch.logsumexp(torch.stack(list(scores.values())), 0) - scores[tuple(gold.tolist())])
    expected = torch.stack(losses)
    torch.testing.assert_close(ours.double(), expected, atol=1e-4, rtol=1e-5)
    for mine, theirs in zip(gradients, torch.autograd.grad(expected.sum(), [doubled, *exact.parameters()]), strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_likelihood_and_viterbi_equal_pytorch_crf(seed: int) -> None:
    crf, emissions, tags, lengths = make(seed)
    reference = torchcrf.CRF(TAGS, batch_first=True)
    reference.load_state_dict(crf.state_dict())
    padded, mask = pad_sequences(emissions, lengths)
    gold, _ = pad_sequences(tags, lengths)
    expected = -reference(padded, gold, mask=mask, reduction="none")
    torch.testing.assert_close(crf.negative_log_likelihood(emissions, tags, lengths), expected, atol=1e-4, rtol=1e-4)
    paths = [crf.viterbi(part.numpy()) for part in emissions.split(LENGTHS)]
    assert paths == reference.decode(padded, mask=mask)


@pytest.mark.parametrize("seed", range(3))
def test_marginals_equal_enumeration(seed: int) -> None:
    crf, emissions, _, lengths = make(seed)
    marginals = crf.marginals(emissions, lengths).split(LENGTHS)
    for part, found in zip(emissions.split(LENGTHS), marginals, strict=True):
        scores = enumerate_scores(crf, part)
        weights = torch.softmax(torch.stack(list(scores.values())), 0)
        expected = torch.zeros_like(part)
        for path, weight in zip(scores, weights, strict=True):
            for index, tag in enumerate(path):
                expected[index, tag] += weight.detach()
        torch.testing.assert_close(found.float(), expected, atol=1e-5, rtol=1e-4)


def test_padding_does_not_matter() -> None:
    crf, emissions, tags, lengths = make(0)
    together = crf.negative_log_likelihood(emissions, tags, lengths)
    apart = torch.cat(
        [
            crf.negative_log_likelihood(part, gold, torch.tensor([len(part)]))
            for part, gold in zip(emissions.split(LENGTHS), tags.split(LENGTHS), strict=True)
        ]
    )
    torch.testing.assert_close(together, apart)


def test_a_long_sequence_stays_finite() -> None:
    torch.manual_seed(1)
    crf = CRF(TAGS)
    emissions = 30 * torch.randn(2000, TAGS)
    loss = crf.negative_log_likelihood(emissions, torch.randint(TAGS, (2000,)), torch.tensor([2000]))
    assert torch.isfinite(loss).all() and loss.item() > 0
    sums = crf.marginals(emissions, torch.tensor([2000])).sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums), atol=1e-9, rtol=0)
    reference = torchcrf.CRF(TAGS, batch_first=True).double()
    reference.load_state_dict(crf.state_dict())
    assert [crf.viterbi(emissions.numpy().astype(np.float32))] == reference.decode(emissions.double()[None])
