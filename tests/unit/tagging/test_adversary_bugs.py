"""Fourteen bugs of public code for adversarial training, a test for each: it fails on the bug that it names."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import collate
from bioner.tagging.crf import CRF
from bioner.tagging.gradient_checkpointing import checkpoint_layers
from bioner.tagging.losses import LossParts
from bioner.tagging.tagger import freeze

from .attacked import (
    KINDS,
    TEXTS,
    LinearTagger,
    adversary,
    assert_equal_gradients,
    batch_of,
    gradients,
    linear_batch,
    linear_gradient,
    perturbation,
    setup,
    step,
    watched,
)
from .families import FAMILIES, save_family

GRADIENT_KINDS = ("fgsm", "fgm", "pgd", "pgd_l2", "freelb")


@pytest.mark.parametrize("kind", KINDS)
def test_1_occurrences_of_a_word_are_perturbed_apart(bert: Path, kind: str) -> None:
    """Bug: the shared embedding matrix is perturbed, so that all occurrences of a piece move together, in all examples."""
    tagger, batch = setup(bert)
    delta = perturbation(tagger, batch, adversary(kind))
    pieces = batch.pieces[batch.free]
    moved = delta[batch.free]
    repeated = [piece for piece in pieces.unique().tolist() if (pieces == piece).sum() > 1]
    assert len(repeated) >= 4
    spread = torch.stack([(moved[pieces == piece].amax(0) - moved[pieces == piece].amin(0)).max() for piece in repeated])
    assert spread.max() > 0.1 * delta.abs().max()
    assert kind in ("fgsm", "pgd") or (spread > 0.01 * delta.abs().max()).all()  # the signs of two gradients may agree


@pytest.mark.parametrize("kind", KINDS)
def test_2_an_example_is_perturbed_as_if_it_were_alone(bert: Path, kind: str) -> None:
    """Bug: the norm is taken over the whole batch or matrix, so that the size depends on batch and length."""
    tagger, batch = setup(bert)
    together = perturbation(tagger, batch, adversary(kind))
    for row, window in enumerate(batch.windows):
        alone = perturbation(tagger, collate([window], 0, (1, 1)), adversary(kind))[0]
        torch.testing.assert_close(together[row, : len(alone)], alone, atol=2e-5, rtol=1e-3)
        if kind in ("fgm", "pgd_l2", "freelb"):
            assert alone.norm().item() == pytest.approx(0.7, rel=1e-4)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: save_family(family, tmp_path_factory.mktemp("encoders") / family) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_3_word_embeddings_of_each_family_are_perturbed_and_nothing_else(families: dict[str, Path], family: str) -> None:
    """Bug: a parameter name that matches nothing makes the attack a no-op in silence; `embeddings.` also hits positions and LayerNorm."""
    tagger, batch = setup(families[family])
    embeddings = tagger.embed(batch.pieces).detach()
    size = embeddings[batch.free].square().mean().sqrt().item()
    assert embeddings.shape[2] == (16 if family in ("albert", "electra") else 32)
    before = {name: value.clone() for name, value in tagger.state_dict().items()}
    with watched(tagger) as passes:
        parts = step(tagger, batch, Adversary.of({"kind": "fgsm", "epsilon": size}))
    assert parts["adversarial"] > parts["loss"] + 1e-3
    assert torch.equal(passes[0], embeddings)
    torch.testing.assert_close(
        (passes[1] - embeddings)[batch.free].abs(), torch.full_like(embeddings[batch.free], size), atol=1e-6, rtol=1e-4
    )
    assert all(torch.equal(before[name], value) for name, value in tagger.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_4_frozen_embeddings_are_attacked_all_the_same(encoder_folder: Path, kind: str) -> None:
    """Bug: attacks on the embedding matrix do nothing once it is frozen."""
    tagger, batch = setup(encoder_folder)
    free = perturbation(tagger, batch, adversary(kind))
    tagger.zero_grad()
    freeze(tagger.network, 0)
    torch.testing.assert_close(perturbation(tagger, batch, adversary(kind)), free, atol=1e-6, rtol=1e-5)
    assert free[batch.free].abs().max() > 0.05
    assert all(parameter.grad is None for parameter in tagger.network.base_model.embeddings.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_5_parameters_without_gradients_are_no_obstacle(bert: Path, kind: str) -> None:
    """Bug: `param.grad` is None for a pooler that nothing uses, and a loop over all parameters ends there."""
    tagger, batch = setup(bert)
    tagger.network.base_model.pooler = nn.Linear(32, 32)
    tagger.network.base_model.encoder.layer[0].requires_grad_(False)
    step(tagger, batch, adversary(kind))
    without = {name for name, parameter in tagger.named_parameters() if parameter.grad is None}
    assert without == {name for name, _ in tagger.named_parameters() if ".pooler." in name or ".layer.0." in name}


@pytest.mark.parametrize("kind", KINDS)
def test_6_gradients_of_earlier_micro_batches_are_neither_used_nor_lost(bert: Path, kind: str) -> None:
    """Bug: the perturbation is made from `param.grad`, which holds earlier micro-batches; or inner steps clear it."""
    tagger, batch = setup(bert)
    delta = perturbation(tagger, batch, adversary(kind))
    alone = gradients(tagger)
    earlier = {}
    for number, (name, parameter) in enumerate(tagger.named_parameters()):
        if name in alone:
            earlier[name] = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
            parameter.grad = earlier[name].clone()
    assert torch.equal(perturbation(tagger, batch, adversary(kind)), delta)
    assert_equal_gradients(gradients(tagger), {name: value + earlier[name] for name, value in alone.items()}, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_7_weights_are_the_same_tensors_with_the_same_values_in_each_pass(bert: Path, kind: str) -> None:
    """Bug: weights are perturbed and restored: an optimizer or an average of weights in between sees the perturbed ones, and
    `param.data = backup` gives them another storage."""
    tagger, batch = setup(bert)
    before = {name: (value.data_ptr(), value._version, value.clone()) for name, value in tagger.state_dict(keep_vars=True).items()}
    seen = []

    def compare(*_: Any) -> None:
        for name, value in tagger.state_dict(keep_vars=True).items():
            pointer, version, content = before[name]
            assert (value.data_ptr(), value._version) == (pointer, version) and torch.equal(value, content), name
        seen.append(True)

    tagger.network.base_model.register_forward_pre_hook(compare)
    tagger.network.classifier.register_forward_hook(compare)
    tagger.network.classifier.weight.register_hook(compare)
    step(tagger, batch, adversary(kind))
    compare()
    assert len(seen) >= 6


@pytest.mark.parametrize("kind", KINDS)
def test_8_an_overflow_of_float16_reaches_the_scaler_and_not_the_perturbation(bert: Path, kind: str) -> None:
    """Bugs: a check with isnan alone misses inf, g / ||g|| is nan then; a mask by multiplication makes nan of inf * 0;
    and passes of one step under different scales."""
    tagger, batch = setup(bert)
    half: dict[str, Any] = {"precision": lambda: torch.autocast("cpu", torch.float16)}
    parts = step(tagger, batch, adversary(kind), **half)
    plain = gradients(tagger)
    tagger.zero_grad()
    delta = perturbation(tagger, batch, adversary(kind), scale=256.0, **half)
    scaled = {name: value / 256.0 for name, value in gradients(tagger).items()}
    together = [torch.cat([value.flatten() for value in found.values()]) for found in (plain, scaled)]
    assert torch.nn.functional.cosine_similarity(*together, 0) > 0.99
    assert together[1].norm().item() == pytest.approx(together[0].norm().item(), rel=0.02)
    assert delta[batch.free].abs().max() > 0.05
    tagger.zero_grad()
    with watched(tagger) as passes:
        overflown = step(tagger, batch, adversary(kind), scale=2.0**40, **half)
    assert all(embeddings.isfinite().all() for embeddings in passes)
    assert all(math.isfinite(value) for value in overflown.values())
    assert overflown["loss"] == pytest.approx(parts["loss"], rel=1e-3)
    assert any(not value.isfinite().all() for value in gradients(tagger).values())


@pytest.mark.parametrize("kind", KINDS)
def test_9_losses_are_means_so_that_a_batch_taken_twice_changes_nothing(bert: Path, kind: str) -> None:
    """Bug: with replicas the adversarial loss is a vector or a sum where the clean one is a mean, and gradients are added once more."""
    tagger, batch = setup(bert)
    parts = step(tagger, batch, adversary(kind))
    once = gradients(tagger)
    tagger.zero_grad()
    twice = step(tagger, collate([*batch.windows, *batch.windows], 0, (1, 1)), adversary(kind))
    assert twice == pytest.approx(parts, rel=1e-4)
    assert_equal_gradients(gradients(tagger), once, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_10_padding_and_special_tokens_are_untouched_in_each_pass(encoder_folder: Path, kind: str) -> None:
    """Bug: [PAD], [CLS] and [SEP] are perturbed, and eat the budget of the norm."""
    tagger, batch = setup(encoder_folder)
    assert (~batch.mask).any() and (batch.mask & ~batch.free).sum() == 4
    clean = tagger.embed(batch.pieces).detach()
    with watched(tagger) as passes:
        step(tagger, batch, adversary(kind))
    assert all(torch.equal(embeddings[~batch.free], clean[~batch.free]) for embeddings in passes)
    moved = passes[-1] - clean
    if kind in ("fgm", "pgd_l2", "freelb"):
        torch.testing.assert_close(moved[batch.free].norm(), torch.tensor(2 * 0.7**2).sqrt(), atol=1e-3, rtol=0)
    else:
        assert moved[batch.free].abs().max().item() == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("kind", KINDS)
def test_11_passes_of_a_step_share_their_dropout(bert: Path, kind: str, recompute: bool) -> None:
    """Bug: other masks in each pass, so that the gradient mixes in their noise. With epsilon near 0 all passes agree."""
    tagger, batch = setup(bert, dropout=True)
    if recompute:
        checkpoint_layers(tagger.network)
    tiny = adversary(kind, epsilon=1e-8) if kind in ("fgsm", "fgm") else adversary(kind, epsilon=1e-8, step_size=1e-8)
    if kind in ("freelb", "smart"):
        tiny = adversary(kind, epsilon=1e-8, step_size=1e-8, start=1e-8)
    parts = step(tagger, batch, tiny, seed=5)
    assert parts["adversarial"] == pytest.approx(0.0 if kind == "smart" else parts["loss"], abs=1e-5)
    found = gradients(tagger)
    tagger.zero_grad()
    assert step(tagger, batch, Adversary(), seed=5)["loss"] == parts["loss"]
    factor = 1 if kind in ("freelb", "smart") else 2
    assert_equal_gradients(found, {name: factor * value for name, value in gradients(tagger).items()}, atol=1e-5)
    assert step(tagger, batch, Adversary(), seed=6)["loss"] != pytest.approx(parts["loss"], abs=1e-5)


def test_12_fgsm_is_the_sign_and_fgm_the_l2_norm() -> None:
    """Bug: FGM's L2 step is called FGSM; or the sign with epsilon 1, in place of a share of an embedding's coordinates."""
    tagger, batch = LinearTagger(), linear_batch()
    clean = tagger.embed(batch.pieces).detach()
    gradient = linear_gradient(tagger, batch, clean).float()
    step(tagger, batch, Adversary.of({"kind": "fgsm", "epsilon": 0.01}))
    torch.testing.assert_close(tagger.passes[-1] - clean, 0.01 * gradient.sign(), atol=1e-6, rtol=0)
    step(tagger, batch, Adversary.of({"kind": "fgm", "epsilon": 0.01}))
    expected = 0.01 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    torch.testing.assert_close(tagger.passes[-1] - clean, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_13_checkpointing_with_frozen_embeddings_keeps_all_gradients(encoder_folder: Path, kind: str) -> None:
    """Bug: a checkpointed layer whose input needs no gradient gives its own weights none."""
    found = []
    for recompute in (False, True):
        tagger, batch = setup(encoder_folder, dropout=True)
        freeze(tagger.network, 0)
        if recompute:
            checkpoint_layers(tagger.network)
        delta = perturbation(tagger, batch, Adversary() if kind == "none" else adversary(kind), seed=3)
        found.append((gradients(tagger), delta))
    trained = {name for name, parameter in tagger.named_parameters() if parameter.requires_grad}
    assert trained == set(found[1][0]) and len(trained) > 4
    assert_equal_gradients(found[1][0], found[0][0], atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-6, rtol=1e-4)


def per_word(emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF) -> LossParts:
    return LossParts(crf.negative_log_likelihood(emissions, tags, lengths).sum() / len(tags))


def summed(emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF) -> LossParts:
    return LossParts(crf.negative_log_likelihood(emissions, tags, lengths).sum())


def by_length(emissions: Tensor, tags: Tensor, lengths: Tensor, crf: CRF) -> LossParts:
    return LossParts((crf.negative_log_likelihood(emissions, tags, lengths) * lengths**3).mean())


@pytest.mark.parametrize("objective", [summed, by_length])
@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_14_long_sentences_do_not_dominate_where_the_crf_loss_is_a_sum(bert: Path, kind: str, objective: Callable[..., LossParts]) -> None:
    """Bug: with a sum over a sequence, long sentences take the whole perturbation of a batch."""
    tagger, _ = setup(bert, crf=True)
    batch = batch_of(tagger, bert, ["severe pain", f"{TEXTS[1]} and {TEXTS[0]}"])
    assert batch.lengths.max() >= 6 * batch.lengths.min()
    expected = perturbation(tagger, batch, adversary(kind), objective=per_word)
    torch.testing.assert_close(perturbation(tagger, batch, adversary(kind), objective=objective), expected, atol=1e-4, rtol=1e-2)
    lengths = expected.flatten(1).norm(dim=1)
    if kind in ("fgm", "pgd_l2", "freelb"):
        torch.testing.assert_close(lengths, torch.full((2,), 0.7), atol=1e-4, rtol=0)
