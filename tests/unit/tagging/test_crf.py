"""The CRF against enumeration of every tag sequence, and against pytorch-crf."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
import torchcrf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bioner import tags
from bioner.tagging import forward_backward
from bioner.tagging.crf import CRF, Constraints, constrained_path
from bioner.tagging.forward_backward import Chains, sum_paths
from bioner.tags import TagSet

TAGS = 4
LENGTHS = [5, 1, 3]


def make(seed: int, scale: float = 1.0) -> tuple[CRF, Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    crf = CRF(TAGS)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    lengths = torch.tensor(LENGTHS)
    return crf, scale * torch.randn(sum(LENGTHS), TAGS), torch.randint(TAGS, (sum(LENGTHS),)), lengths


def path_score(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> Tensor:
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    for index, tag in enumerate(path):
        score = score + emissions[index, tag]
        if index:
            score = score + crf.transitions[path[index - 1], tag]
    return score


def enumerate_scores(crf: CRF, emissions: Tensor) -> dict[tuple[int, ...], Tensor]:
    return {path: path_score(crf, emissions, path) for path in product(range(emissions.shape[1]), repeat=len(emissions))}


def compare_with_enumeration(crf: CRF, emissions: Tensor, gold: Tensor, lengths: list[int]) -> None:
    """Losses and all gradients, with another weight for each sequence."""
    emissions = emissions.detach().requires_grad_()
    weights = torch.linspace(0.5, 2, len(lengths), dtype=torch.float64)
    ours = crf.negative_log_likelihood(emissions, gold, torch.tensor(lengths))
    gradients = torch.autograd.grad((ours * weights).sum(), [emissions, *crf.parameters()])
    exact = CRF(emissions.shape[1]).double()
    exact.load_state_dict(crf.state_dict())
    doubled = emissions.detach().double().requires_grad_()
    losses = []
    for part, path in zip(doubled.split(lengths), gold.split(lengths), strict=True):
        scores = enumerate_scores(exact, part)
        losses.append(torch.logsumexp(torch.stack(list(scores.values())), 0) - scores[tuple(path.tolist())])
    expected = torch.stack(losses)
    torch.testing.assert_close(ours.double(), expected, atol=1e-4, rtol=1e-6)
    theirs = torch.autograd.grad((expected * weights).sum(), [doubled, *exact.parameters()], materialize_grads=True)
    for mine, other in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(mine.double(), other, atol=1e-5, rtol=0)


def pad(values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Values [N, ...] as [B, W, ...], which pytorch-crf takes, and the mask [B, W]."""
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    padded = values.new_zeros((*mask.shape, *values.shape[1:]))
    padded[mask] = values
    return padded, mask


def compare_with_pytorch_crf(crf: CRF, emissions: Tensor, gold: Tensor, lengths: Tensor) -> None:
    """Losses and all gradients, those of pytorch-crf in float64."""
    emissions = emissions.detach().requires_grad_()
    reference = torchcrf.CRF(emissions.shape[1], batch_first=True).double()
    reference.load_state_dict(crf.state_dict())
    doubled = emissions.detach().double().requires_grad_()
    padded, mask = pad(doubled, lengths)
    expected = -reference(padded, pad(gold, lengths)[0], mask=mask, reduction="none")
    ours = crf.negative_log_likelihood(emissions, gold, lengths)
    torch.testing.assert_close(ours.double(), expected, atol=1e-3, rtol=1e-6)
    names = [name for name, _ in crf.named_parameters()]
    theirs = torch.autograd.grad(expected.sum(), [doubled, *(reference.get_parameter(name) for name in names)])
    for mine, other in zip(torch.autograd.grad(ours.sum(), [emissions, *crf.parameters()]), theirs, strict=True):
        torch.testing.assert_close(mine.double(), other, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0, 50.0, 150.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_negative_log_likelihood_and_gradients_equal_enumeration(seed: int, scale: float) -> None:
    crf, emissions, gold, _ = make(seed, scale)
    compare_with_enumeration(crf, emissions, gold, LENGTHS)


EXTREME = st.sampled_from([-10000.0, -400.0, -50.0, -1.0, 0.0, 0.3, 50.0, 300.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_extreme_scores_equal_enumeration(lengths: list[int], data: st.DataObject) -> None:
    """Whichever scores are extreme, single ones or all: also where no path is without a forbidden transition."""
    words, count = sum(lengths), 3

    def draw(*shape: int) -> Tensor:
        size = int(np.prod(shape))
        return torch.tensor(data.draw(st.lists(EXTREME, min_size=size, max_size=size))).reshape(shape)

    crf = CRF(count)
    with torch.no_grad():
        crf.transitions.copy_(draw(count, count))
        crf.start_transitions.copy_(draw(count))
        crf.end_transitions.copy_(draw(count))
    gold = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=words, max_size=words)))
    compare_with_enumeration(crf, draw(words, count), gold, lengths)


@pytest.mark.parametrize("forbidden", [False, True])
@pytest.mark.parametrize("spread", [1.0, 50.0, 140.0, 600.0])
def test_long_ragged_batches_equal_pytorch_crf(spread: float, forbidden: bool) -> None:
    torch.manual_seed(2)
    crf, lengths = CRF(5), torch.tensor([512, 1, 2, 511, 37, 1, 300])
    emissions = spread * (2 * torch.rand(int(lengths.sum()), 5) - 1)
    if forbidden:
        with torch.no_grad():
            crf.start_transitions[[2, 4]] = -10000.0
            crf.transitions[[0, 0, 1, 3], [2, 4, 4, 2]] = -10000.0
    compare_with_pytorch_crf(crf, emissions, torch.randint(5, (len(emissions),)), lengths)


def test_many_tags_equal_pytorch_crf() -> None:
    torch.manual_seed(3)
    crf, lengths = CRF(43), torch.tensor([40, 7, 40])
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=2)
    compare_with_pytorch_crf(crf, 4 * torch.randn(87, 43), torch.randint(43, (87,)), lengths)


@pytest.mark.parametrize("safe", [forward_backward.SAFE, 0.0])
@pytest.mark.parametrize("lengths", [[1], [1, 1], [3, 1, 2]])
def test_gradients_pass_gradcheck(lengths: list[int], safe: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of scaled probabilities and, with no room for them, of logarithms."""
    monkeypatch.setattr(forward_backward, "SAFE", safe)
    torch.manual_seed(4)
    crf, gold = CRF(3).double(), torch.randint(3, (sum(lengths),))
    emissions = torch.randn(sum(lengths), 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in crf.named_parameters()]

    def loss(scores: Tensor, *parameters: Tensor) -> Tensor:
        call = (scores, gold, torch.tensor(lengths))
        result: Tensor = torch.func.functional_call(
            Likelihood(crf), {f"crf.{name}": value for name, value in zip(names, parameters, strict=True)}, call
        )
        return result

    assert torch.autograd.gradcheck(loss, (emissions, *crf.parameters()))


class Likelihood(torch.nn.Module):
    def __init__(self, crf: CRF) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, emissions: Tensor, gold: Tensor, lengths: Tensor) -> Tensor:
        return self.crf.negative_log_likelihood(emissions, gold, lengths)


@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_probabilities_and_logarithms_give_the_same(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    lengths = torch.tensor([200, 3, 1, 90])
    start, end, emissions = (spread * torch.randn(*shape, dtype=torch.float64) for shape in ((6,), (6,), (294, 6)))
    given_scores = (emissions, start, end, torch.randn(6, 6, dtype=torch.float64), Chains.of(lengths))
    scaled = sum_paths(*given_scores)
    monkeypatch.setattr(forward_backward, "SAFE", 0.0)
    exact = sum_paths(*given_scores)
    assert scaled.scaled and not exact.scaled
    torch.testing.assert_close(scaled.log_partition, exact.log_partition, rtol=1e-12, atol=0)
    torch.testing.assert_close(scaled.marginals, exact.marginals, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("switch", "penalty"), [(60.0, 80.0), (100.0, 100.0), (149.0, 2.0), (151.0, 2.0), (900.0, 10.0), (1500.0, 100.0)])
def test_what_is_rare_but_forced_is_not_lost(switch: float, penalty: float) -> None:
    """The first words speak against the tag that all others want, and to change it costs more: at the edge of what scaled probabilities
    hold, and far beyond it."""
    crf = CRF(2)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.zero_()
        crf.transitions[0, 1] = crf.transitions[1, 0] = -switch
    first = int(switch / penalty) - 1
    emissions = torch.zeros(3 * first + 60, 2)
    emissions[:first, 1] = emissions[first:, 0] = -penalty
    compare_with_pytorch_crf(crf, emissions, torch.randint(2, (len(emissions),)), torch.tensor([len(emissions)]))


def test_scores_that_are_no_numbers_give_a_loss_that_is_none() -> None:
    crf, emissions, gold, lengths = make(0)
    emissions[2, 1] = float("nan")
    loss = crf.negative_log_likelihood(emissions, gold, lengths)
    assert loss.isnan().tolist() == [True, False, False]


@pytest.mark.parametrize("seed", range(3))
def test_likelihood_and_viterbi_equal_pytorch_crf(seed: int) -> None:
    crf, emissions, gold, lengths = make(seed)
    compare_with_pytorch_crf(crf, emissions, gold, lengths)
    reference = torchcrf.CRF(TAGS, batch_first=True)
    reference.load_state_dict(crf.state_dict())
    padded, mask = pad(emissions, lengths)
    paths = [crf.viterbi(part.numpy()) for part in emissions.split(LENGTHS)]
    assert paths == reference.decode(padded, mask=mask)


@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize("seed", range(3))
def test_marginals_equal_enumeration(seed: int, scale: float) -> None:
    crf, emissions, _, lengths = make(seed, scale)
    marginals = crf.marginals(emissions, lengths).split(LENGTHS)
    crf.double()
    for part, found in zip(emissions.double().split(LENGTHS), marginals, strict=True):
        scores = enumerate_scores(crf, part)
        weights = torch.softmax(torch.stack(list(scores.values())), 0)
        expected = torch.zeros_like(part)
        for path, weight in zip(scores, weights, strict=True):
            for index, tag in enumerate(path):
                expected[index, tag] += weight.detach()
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_padding_does_not_matter() -> None:
    crf, emissions, gold, lengths = make(0)
    together = crf.negative_log_likelihood(emissions, gold, lengths)
    apart = torch.cat(
        [
            crf.negative_log_likelihood(part, path, torch.tensor([len(part)]))
            for part, path in zip(emissions.split(LENGTHS), gold.split(LENGTHS), strict=True)
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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
@pytest.mark.parametrize("spread", [1.0, 400.0])
def test_a_card_gives_what_the_processor_gives(spread: float) -> None:
    torch.manual_seed(6)
    crf, lengths = CRF(5), torch.tensor([200, 1, 31])
    emissions, gold = spread * torch.randn(232, 5), torch.randint(5, (232,))
    found = []
    for device in ("cpu", "cuda"):
        crf.to(device).zero_grad()
        leaf = emissions.to(device).requires_grad_()
        loss = crf.negative_log_likelihood(leaf, gold.to(device), lengths.to(device))
        loss.sum().backward()
        gradients = [parameter.grad.cpu() for parameter in crf.parameters() if parameter.grad is not None]
        assert leaf.grad is not None
        found.append([loss.detach().cpu(), leaf.grad.cpu(), crf.marginals(leaf.detach(), lengths).cpu(), *gradients])
    assert len(found[0]) == 6
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


TAG_SETS = [TagSet.of(["A"]), TagSet.of(["A", "B"]), TagSet.of(["A"], "iobes")]


def best_allowed(emissions: Tensor, crf: CRF, tag_set: TagSet) -> tuple[float, list[int]]:
    """The best score of an allowed path and, in the order of ids, the first path that has it."""

    def allowed(path: tuple[int, ...]) -> bool:
        around = [None, *path, None]
        return all(tag_set.allowed(before, tag) for before, tag in pairwise(around))

    scores = {path: float(score) for path, score in enumerate_scores(crf, emissions).items() if allowed(path)}
    best = max(scores.values())
    return best, list(next(path for path, score in scores.items() if score == best))


@pytest.mark.parametrize("tag_set", TAG_SETS, ids=str)
@pytest.mark.parametrize("seed", range(8))
@torch.no_grad()
def test_constrained_paths_equal_enumeration_of_the_allowed_ones(seed: int, tag_set: TagSet) -> None:
    torch.manual_seed(seed)
    count = len(tag_set.names)
    crf, plain = CRF(count).double(), CRF(count).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    for parameter in plain.parameters():
        parameter.zero_()
    constraints = Constraints.of(tag_set)
    for length in (1, 2, 5):
        emissions = 2 * torch.randn(length, count, dtype=torch.float64)
        assert crf.viterbi(emissions.numpy(), constraints) == best_allowed(emissions, crf, tag_set)[1]
        logged = torch.log_softmax(emissions, 1)  # the same path from scores as from their logarithms of probabilities
        assert constrained_path(emissions.numpy(), constraints) == best_allowed(logged, plain, tag_set)[1]


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_constraints_repair_what_plain_decoding_breaks(scheme: str) -> None:
    tag_set = TagSet.of(["A", "B"], scheme)
    constraints = Constraints.of(tag_set)
    assert constraints.start[0] and constraints.end[0] and constraints.transitions[0, 0]
    assert constraints.end.all() == (scheme == "iob2")
    random = np.random.default_rng(0)
    broken = 0
    for _ in range(50):
        emissions = random.normal(size=(12, len(tag_set.names))).astype(np.float32)
        found = constrained_path(emissions, constraints)
        mentions = tags.decode(found, [(index, index + 1) for index in range(12)], tag_set)
        spelled = np.zeros(12, dtype=int)
        for units, _, kind in mentions:
            spelled[units.start : units.stop] = tag_set.spell(kind, len(units))
        assert spelled.tolist() == found  # well-formed tags are those that their mentions spell
        broken += found != emissions.argmax(1).tolist()
    assert broken > 25


def test_lower_ids_win_ties() -> None:
    constraints = Constraints.of(TagSet.of(["A"]))
    assert constrained_path(np.zeros((4, 3), dtype=np.float32), constraints) == [0, 0, 0, 0]
