"""Perturbations: norms, projections and random starts as the papers have them, and attacks at test time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bioner.entities import Document, Mention
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch
from bioner.tagging.decoding import embed, predict, predict_under
from bioner.tagging.tagger import Tagger, load_tokenizer, make_encoder
from bioner.tagging.white_box import Precision, losses_and_gradient, white_boxes

from .attacked import KINDS, TAGS, TEXTS, LinearTagger, adversary, linear_batch, linear_gradient, setup, step

NORMS = {"fgsm": "linf", "fgm": "l2", "pgd": "linf", "pgd_l2": "l2", "freelb": "l2", "smart": "linf"}
SCALES = st.sampled_from([1e-36, 1e-25, 1e-10, 1.0, 1e10, 1e25, 1e36])
SEEDS = st.integers(0, 10_000)


def random(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def random_mask(seed: int, *shape: int) -> Tensor:
    """At least one True in each row."""
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[:, 1] = True
    return mask


def sizes(delta: Tensor, norm: str) -> Tensor:
    """Size of each example's perturbation, in float64."""
    flat = delta.double().flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.square().sum(1).sqrt()


@given(kind=st.sampled_from(list(KINDS)), seed=SEEDS, scale=SCALES, steps=st.integers(1, 4))
def test_a_perturbation_is_inside_its_ball_and_only_where_it_may_be(kind: str, seed: int, scale: float, steps: int) -> None:
    attack = adversary(kind)
    free = random_mask(seed, 3, 5)
    delta = torch.zeros(3, 5, 4)
    for number in range(steps):
        delta = attack.move(delta, random(seed + number, 3, 5, 4, scale=scale), free)
        assert delta.isfinite().all()
        assert (sizes(delta, NORMS[kind]) <= attack.epsilon * (1 + 1e-6)).all()
        assert (delta[~free] == 0).all()


@given(kind=st.sampled_from(["fgsm", "fgm"]), seed=SEEDS, scale=SCALES)
def test_one_step_of_fgsm_and_fgm_is_the_best_of_the_ball(kind: str, seed: int, scale: float) -> None:
    """A linear loss grows most by epsilon times the dual norm of its gradient; no other point of the ball does better."""
    attack, free = adversary(kind), random_mask(seed, 2, 4)
    gradient = random(seed, 2, 4, 3)
    delta = attack.perturb(gradient * scale, free, lambda delta: gradient)
    usable = (gradient * free[:, :, None]).double()
    gained = (usable * delta).flatten(1).sum(1)
    dual = usable.abs().flatten(1).sum(1) if kind == "fgsm" else usable.flatten(1).norm(dim=1)
    torch.testing.assert_close(gained, attack.epsilon * dual, atol=0, rtol=1e-5)
    torch.testing.assert_close(sizes(delta, NORMS[kind]), torch.full((2,), attack.epsilon, dtype=torch.float64), atol=0, rtol=1e-5)
    other = random(seed + 1, 2, 4, 3).double()
    other *= (attack.epsilon / sizes(other, NORMS[kind]))[:, None, None]
    assert ((usable * other).flatten(1).sum(1) <= gained * (1 + 1e-5)).all()


@given(kind=st.sampled_from(["pgd", "pgd_l2", "freelb"]), seed=SEEDS)
def test_steps_are_projected_to_the_nearest_point_of_the_ball(kind: str, seed: int) -> None:
    """Oracles: numpy's clip, torch's renorm."""
    attack, free = adversary(kind), torch.ones(2, 4, dtype=torch.bool)
    before, gradient = random(seed, 2, 4, 3, scale=0.3), random(seed + 1, 2, 4, 3)
    found = attack.move(before, gradient, free)
    if NORMS[kind] == "linf":
        moved = before.numpy() + attack.step_size * np.sign(gradient.numpy())
        expected = torch.from_numpy(np.clip(moved, -attack.epsilon, attack.epsilon))
    else:
        moved_flat = (before + attack.step_size * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]).flatten(1)
        expected = torch.renorm(moved_flat, 2, 0, attack.epsilon).reshape(before.shape)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@given(seed=SEEDS)
def test_smart_scales_each_piece_by_its_largest_coordinate(seed: int) -> None:
    attack, free = adversary("smart", epsilon=1.0, step_size=0.25), torch.ones(2, 4, dtype=torch.bool)
    gradient = random(seed, 2, 4, 3)
    moved = attack.move(torch.zeros(2, 4, 3), gradient, free)
    torch.testing.assert_close(moved.abs().amax(2), torch.full((2, 4), 0.25))
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(moved, gradient, 2), torch.ones(2, 4))


@given(kind=st.sampled_from(list(KINDS)), seed=SEEDS, power=st.integers(-40, 40), scales=st.tuples(SCALES, SCALES))
def test_a_perturbation_depends_on_neither_scale_nor_company_nor_padding(
    kind: str, seed: int, power: int, scales: tuple[float, float]
) -> None:
    attack, free, delta = adversary(kind), random_mask(seed, 2, 4), random(seed + 1, 2, 4, 3, scale=0.05)
    gradient = random(seed, 2, 4, 3)
    both = attack.move(delta, gradient * torch.tensor(scales)[:, None, None], free)
    assert torch.equal(attack.move(delta, gradient * 2.0**power, free), attack.move(delta, gradient, free))
    for row in range(2):
        alone = attack.move(delta[row : row + 1], gradient[row : row + 1], free[row : row + 1])
        torch.testing.assert_close(both[row : row + 1], alone, atol=1e-7, rtol=1e-5)
    longer, mask = torch.nn.functional.pad(gradient, (0, 0, 0, 3), value=7.0), torch.nn.functional.pad(free, (0, 3))
    padded = attack.move(torch.nn.functional.pad(delta, (0, 0, 0, 3)), longer, mask)
    torch.testing.assert_close(padded[:, :4], attack.move(delta, gradient, free), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_of_zeros_moves_nothing(kind: str) -> None:
    delta = adversary(kind).move(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    assert (delta == 0).all()


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("kind", KINDS)
def test_an_example_without_a_finite_gradient_stays_where_it_is(kind: str, bad: float) -> None:
    free, gradient, delta = torch.ones(2, 3, dtype=torch.bool), random(1, 2, 3, 4), random(2, 2, 3, 4, scale=0.01)
    broken = gradient.clone()
    broken[0, 1, 2] = bad
    found, expected = adversary(kind).move(delta, broken, free), adversary(kind).move(delta, gradient, free)
    assert torch.equal(found[0], delta[0]) and torch.equal(found[1], expected[1])
    free[0, 1] = False
    assert not torch.equal(adversary(kind).move(delta, broken, free)[0], delta[0])


def width(embeddings: Tensor, batch: Any) -> Tensor:
    """Coordinates that may be perturbed, of each example."""
    return batch.free.sum(1) * embeddings.shape[2]


@given(seed=SEEDS)
def test_freelb_begins_uniformly_inside_the_ball(seed: int) -> None:
    """Zhu et al. 2020: U(-start, start) / sqrt(N), N the coordinates that may be perturbed."""
    batch, embeddings = linear_batch(), torch.zeros(2, 6, 200)
    delta = adversary("freelb").begin(embeddings, batch, seed)
    assert (delta[~batch.free] == 0).all()
    bound = 0.3 / width(embeddings, batch).sqrt()
    largest = delta.abs().amax((1, 2))
    assert (largest <= bound).all() and (largest > 0.9 * bound).all()
    assert (sizes(delta, "l2") <= 0.3).all()
    torch.testing.assert_close(sizes(delta, "l2").float(), torch.full((2,), 0.3 / 3**0.5), atol=0.02, rtol=0)
    assert (adversary("freelb", start=0.0).begin(embeddings, batch, seed) == 0).all()


@given(seed=SEEDS)
def test_smart_begins_at_normal_noise_inside_the_cube(seed: int) -> None:
    batch, embeddings = linear_batch(), torch.zeros(2, 6, 400)
    delta = adversary("smart", start=0.05).begin(embeddings, batch, seed)
    assert (delta[~batch.free] == 0).all() and (delta.abs() <= 0.1).all() and (delta.abs() == 0.1).any()
    clipped = 0.9545 - 4 * 0.0540 + 4 * 0.0455  # variance of a standard normal variable that is clipped at two deviations
    assert delta[batch.free].std().item() == pytest.approx(0.05 * clipped**0.5, abs=0.004)
    assert abs(delta[batch.free].mean().item()) < 0.006


@pytest.mark.parametrize("kind", ["freelb", "smart"])
def test_a_start_is_that_of_the_seed_and_the_example(kind: str) -> None:
    batch, embeddings = linear_batch(), torch.zeros(2, 6, 5)
    delta = adversary(kind).begin(embeddings, batch, 5)
    assert torch.equal(delta, adversary(kind).begin(embeddings, batch, 5))
    assert not torch.equal(delta, adversary(kind).begin(embeddings, batch, 6))
    assert not torch.equal(delta[0, 1:3], delta[1, 1:3])
    batch.windows, batch.free = batch.windows[1:], batch.free[1:, :4]
    assert torch.equal(adversary(kind).begin(embeddings[1:, :4], batch, 5), delta[1:, :4])


def test_a_start_leaves_the_state_of_dropout_alone() -> None:
    before = torch.random.get_rng_state()
    adversary("freelb").begin(torch.zeros(2, 6, 5), linear_batch(), 5)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", ["fgsm", "fgm", "pgd", "pgd_l2"])
def test_perturbations_of_a_linear_model_are_those_of_the_closed_form(kind: str) -> None:
    tagger, batch = LinearTagger(), linear_batch()
    attack = adversary(kind)
    clean = tagger.embed(batch.pieces).detach()
    expected = torch.zeros_like(clean, dtype=torch.float64)
    for _ in range(attack.steps):
        gradient = linear_gradient(tagger, batch, clean + expected.float())
        if attack.norm == "linf":
            expected = (expected + attack.step_size * gradient.sign()).clamp(-attack.epsilon, attack.epsilon)
        else:
            expected = expected + attack.step_size * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
            expected = torch.renorm(expected.flatten(1), 2, 0, attack.epsilon).reshape(clean.shape)
    step(tagger, batch, attack)
    assert len(tagger.passes) == 1 + attack.steps
    torch.testing.assert_close(tagger.passes[-1] - clean, expected.float(), atol=1e-5, rtol=1e-4)


def test_fgsm_is_epsilon_times_the_sign() -> None:
    free = torch.ones(1, 2, dtype=torch.bool)
    gradient = torch.tensor([[[3.0, -0.1], [0.0, 1e-9]]])
    delta = adversary("fgsm").perturb(gradient, free, lambda delta: gradient)
    torch.testing.assert_close(delta, torch.tensor([[[0.1, -0.1], [0.0, 0.1]]]))


def test_white_box_attacks_share_the_first_gradient_and_nothing_else(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger, batch = setup(encoder_folder)
    _, other = setup(encoder_folder)
    settings: list[dict[str, Any]] = [KINDS["fgsm"], KINDS["fgm"], KINDS["pgd"] | {"step_size": 0.05}]
    counted: list[Batch] = []

    def count(tagger: Tagger, batch: Batch, embeddings: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
        counted.append(batch)
        return losses_and_gradient(tagger, batch, embeddings, precision)

    monkeypatch.setattr("bioner.tagging.white_box.losses_and_gradient", count)
    together = white_boxes(settings)
    found = [[attack(tagger, part) for attack in together] for part in (batch, other)]
    assert counted == [batch] * 3 + [other] * 3
    for index, setting in enumerate(settings):
        (alone,) = white_boxes([setting])
        assert torch.equal(found[0][index], alone(tagger, batch)) and torch.equal(found[1][index], alone(tagger, other))
    assert not torch.equal(found[0][0], found[0][1]) and not torch.equal(found[0][0], found[0][2])


def test_documents_are_predicted_alike_together_and_alone(encoder_folder: Path) -> None:
    tagger, _ = setup(encoder_folder)
    encoder = make_encoder(load_tokenizer(encoder_folder), TAGS, {"window": 12, "overlap": 4, "model": "toy"}, tagger.network.config)
    documents = [Document(str(number), text, (Mention("1", ((0, 6),), "Disease"),)) for number, text in enumerate(TEXTS)]
    (attack,) = white_boxes([{"kind": "fgsm", "epsilon": 0.5}])
    together = predict_under(tagger, encoder, documents, [embed, attack], budget=24)
    assert together == [predict(tagger, encoder, documents, perturb=perturb, budget=24) for perturb in (embed, attack)]
    assert together[0] != together[1]


def test_the_adversary_of_each_kind_has_its_norm() -> None:
    assert {kind: Adversary.of(settings).norm for kind, settings in KINDS.items()} == NORMS
    assert Adversary.of({"kind": "none"}).kind == "none"
