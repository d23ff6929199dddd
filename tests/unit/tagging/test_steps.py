"""Gradients of a training step against the same losses written out, and their sums over micro-batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from bioner.errors import BionerError
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate
from bioner.tagging.gradient_checkpointing import checkpoint_layers
from bioner.tagging.losses import CRFLoss, LossParts
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.steps import symmetric_divergence
from bioner.tagging.tagger import Tagger, freeze

from .attacked import KINDS, adversary, assert_equal_gradients, gradients, setup, step, watched

NONE = Adversary()


def loss_at(tagger: Tagger, batch: Batch, embeddings: Tensor) -> Tensor:
    return functional.cross_entropy(tagger.emissions(embeddings, batch), batch.tags)


def gradient_at(tagger: Tagger, batch: Batch, embeddings: Tensor) -> Tensor:
    leaf = embeddings.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_at(tagger, batch, leaf), leaf)
    return gradient * batch.free[:, :, None]


def unit(gradient: Tensor) -> Tensor:
    return gradient / gradient.flatten(1).norm(dim=1)[:, None, None]


def in_ball(delta: Tensor, epsilon: float) -> Tensor:
    return torch.renorm(delta.flatten(1), 2, 0, epsilon).reshape(delta.shape)


ORACLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "fgsm": lambda delta, gradient: 0.1 * gradient.sign(),
    "fgm": lambda delta, gradient: 0.7 * unit(gradient),
    "pgd": lambda delta, gradient: (delta + 0.06 * gradient.sign()).clamp(-0.1, 0.1),
    "pgd_l2": lambda delta, gradient: in_ball(delta + 0.4 * unit(gradient), 0.7),
}


@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
@pytest.mark.parametrize("kind", ORACLES)
def test_gradients_are_those_of_clean_plus_adversarial_loss(encoder_folder: Path, kind: str, frozen: bool) -> None:
    tagger, batch = setup(encoder_folder)
    if frozen:
        freeze(tagger.network, 0)
    parts = step(tagger, batch, adversary(kind))
    ours = gradients(tagger)
    tagger.zero_grad()
    clean = tagger.embed(batch.pieces).detach()
    delta = torch.zeros_like(clean)
    for _ in range(adversary(kind).steps):
        delta = ORACLES[kind](delta, gradient_at(tagger, batch, clean + delta))
    losses = loss_at(tagger, batch, tagger.embed(batch.pieces)), loss_at(tagger, batch, tagger.embed(batch.pieces) + delta)
    (losses[0] + losses[1]).backward()
    assert_equal_gradients(ours, gradients(tagger))
    assert (parts["loss"], parts["adversarial"]) == pytest.approx([loss.item() for loss in losses], rel=1e-5)


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_freelb_averages_the_gradients_of_its_steps(encoder_folder: Path, start: float) -> None:
    """Algorithm 1 of Zhu et al. 2020, from where the first pass was."""
    tagger, batch = setup(encoder_folder)
    with watched(tagger) as passes:
        parts = step(tagger, batch, adversary("freelb", start=start))
    ours = gradients(tagger)
    tagger.zero_grad()
    clean = tagger.embed(batch.pieces).detach()
    delta = passes[0] - clean
    assert (delta.flatten(1).norm(dim=1) <= start + 1e-6).all() and (delta != 0).any() == (start > 0)
    losses = []
    for _ in range(3):
        losses.append(loss_at(tagger, batch, tagger.embed(batch.pieces) + delta))
        (losses[-1] / 3).backward()
        delta = in_ball(delta + 0.5 * unit(gradient_at(tagger, batch, clean + delta)), 0.7)
    assert_equal_gradients(ours, gradients(tagger))
    assert parts["loss"] == pytest.approx(losses[0].item(), rel=1e-5)
    assert parts["adversarial"] == pytest.approx(sum(loss.item() for loss in losses) / 3, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_smart_adds_the_divergence_between_clean_and_perturbed(encoder_folder: Path, steps: int) -> None:
    """Oracle: torch's kl_div both ways, at the perturbations that the ascent from the first one gives."""
    tagger, batch = setup(encoder_folder)
    with watched(tagger) as passes:
        parts = step(tagger, batch, adversary("smart", steps=steps))
    ours = gradients(tagger)
    tagger.zero_grad()
    clean = tagger.embed(batch.pieces).detach()

    def divergence(delta: Tensor, *, fixed: bool = False) -> Tensor:
        start = clean if fixed else tagger.embed(batch.pieces)
        first, second = (tagger.emissions(embeddings, batch).log_softmax(1) for embeddings in (start, start + delta))
        first = first.detach() if fixed else first
        both = [functional.kl_div(p, q, reduction="batchmean", log_target=True) for p, q in ((first, second), (second, first))]
        return both[0] + both[1]

    delta = passes[1] - clean
    assert 0 < delta.abs().max() <= 0.1 and (delta[~batch.free] == 0).all()
    for _ in range(steps):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(divergence(delta, fixed=True), delta)
        gradient = gradient * batch.free[:, :, None]
        delta = (delta.detach() + 0.1 * gradient / gradient.abs().amax(2, keepdim=True).clamp_min(1e-38)).clamp(-0.1, 0.1)
    torch.testing.assert_close(passes[-1] - clean, delta, atol=1e-4, rtol=1e-3)
    smoothness = divergence(passes[-1] - clean)
    clean_loss = loss_at(tagger, batch, tagger.embed(batch.pieces))
    (clean_loss + 2.0 * smoothness).backward()
    assert_equal_gradients(ours, gradients(tagger))
    assert (parts["loss"], parts["adversarial"]) == pytest.approx((clean_loss.item(), smoothness.item()), rel=1e-4)


@given(seed=st.integers(0, 1000), size=st.sampled_from([1e-3, 1.0, 30.0]))
def test_the_divergence_is_symmetric_and_that_of_torch(seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(7, 5, generator=generator, dtype=torch.float64) * size for _ in range(2))
    p, q = (torch.distributions.Categorical(logits=logits) for logits in (first, second))
    expected = (torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)).mean().float()
    torch.testing.assert_close(symmetric_divergence(first, second), expected, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(symmetric_divergence(second, first), expected, atol=1e-6, rtol=1e-3)
    assert symmetric_divergence(first, first) == 0


@pytest.mark.parametrize(
    ("kind", "forward", "weights"),
    [("none", 1, 1), ("fgsm", 2, 2), ("fgm", 2, 2), ("pgd", 4, 2), ("freelb", 3, 3), ("smart", 3, 1)],
)
def test_passes_of_a_step(bert: Path, kind: str, forward: int, weights: int) -> None:
    """Inner steps of PGD and SMART give no gradients of weights; embedding matrices, as large as they are, get theirs once."""
    tagger, batch = setup(bert)
    counts: Counter[str] = Counter()
    inner = tagger.network.base_model.encoder.layer[0].output.dense.weight
    inner.register_hook(lambda _: counts.update(["weights"]))
    tagger.network.get_input_embeddings().weight.register_hook(lambda _: counts.update(["embeddings"]))
    with watched(tagger) as passes:
        step(tagger, batch, NONE if kind == "none" else adversary(kind))
    assert (len(passes), counts["weights"], counts["embeddings"]) == (forward, weights, 1)


def one_by_one(batch: Batch) -> list[Batch]:
    """Each window as a batch of its own, padded to its own length."""
    return [collate([window], 0, (1, 1)) for window in batch.windows]


@pytest.mark.parametrize("head", ["linear", "crf"])
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_micro_batches_add_up_to_the_whole_batch(encoder_folder: Path, kind: str, head: str) -> None:
    tagger, batch = setup(encoder_folder, crf=head == "crf")
    attack = NONE if kind == "none" else adversary(kind)
    changes: dict[str, Any] = {"objective": CRFLoss()} if head == "crf" else {}
    whole = step(tagger, batch, attack, **changes)
    expected = gradients(tagger)
    tagger.zero_grad()
    sums: Counter[str] = Counter()
    for part in one_by_one(batch):
        share = len(part.tags) / len(batch.tags)
        for name, value in step(tagger, part, attack, share=share, **changes).items():
            sums[name] += share * value
    assert_equal_gradients(gradients(tagger), expected, atol=2e-6)
    assert dict(sums) == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_share_and_scale_are_factors_of_the_gradients_and_not_of_the_parts(encoder_folder: Path, kind: str) -> None:
    tagger, batch = setup(encoder_folder)
    attack = NONE if kind == "none" else adversary(kind)
    plain = step(tagger, batch, attack)
    expected = {name: value * 0.25 * 1024 for name, value in gradients(tagger).items()}
    tagger.zero_grad()
    assert step(tagger, batch, attack, share=0.25, scale=1024.0) == pytest.approx(plain, rel=1e-6)
    assert_equal_gradients(gradients(tagger), expected, atol=1e-3)


@pytest.mark.parametrize("processor", [False, True], ids=["stock", "processor"])
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_bfloat16_gives_nearly_the_gradients_of_float32(encoder_folder: Path, kind: str, processor: bool) -> None:
    tagger, batch = setup(encoder_folder)
    attack = NONE if kind == "none" else adversary(kind)
    parts = step(tagger, batch, attack)
    exact = torch.cat([value.flatten() for value in gradients(tagger).values()])
    tagger.zero_grad()
    if processor:
        prepare_for_processor(tagger.network, "bf16")
    rounded = step(tagger, batch, attack, precision=lambda: torch.autocast("cpu", torch.bfloat16))
    found = torch.cat([value.flatten() for value in gradients(tagger).values()])
    assert found.dtype == torch.float32 and found.isfinite().all()
    assert functional.cosine_similarity(found, exact, 0) > 0.98
    assert rounded["loss"] == pytest.approx(parts["loss"], rel=0.02)


def spoilt(emissions: Tensor, tags: Tensor, lengths: Tensor, crf: Any) -> LossParts:
    return LossParts(emissions.sum() * torch.nan)


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_a_loss_that_is_not_finite_names_the_documents_unless_a_scaler_looks(bert: Path, kind: str) -> None:
    tagger, batch = setup(bert)
    attack = NONE if kind == "none" else adversary(kind)
    with pytest.raises(BionerError, match=r"expected a finite loss, got nan on documents 0, 1; lower"):
        step(tagger, batch, attack, objective=spoilt)
    tagger.zero_grad()
    step(tagger, batch, attack, objective=spoilt, scale=2.0)
    assert any(not value.isfinite().all() for value in gradients(tagger).values())


def test_an_adversarial_loss_that_is_not_finite_is_called_so(bert: Path) -> None:
    tagger, batch = setup(bert)
    calls = iter(range(9))

    def second(emissions: Tensor, tags: Tensor, lengths: Tensor, crf: Any) -> LossParts:
        return LossParts(functional.cross_entropy(emissions, tags) * (torch.inf if next(calls) else 1.0))

    with pytest.raises(BionerError, match=r"expected a finite adversarial loss, got inf on documents 0, 1"):
        step(tagger, batch, adversary("fgsm"), objective=second)


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_frozen_layers_and_checkpointing_together(encoder_folder: Path, kind: str) -> None:
    """Half of the layers frozen, dropout on, hidden states computed again in the backward pass: the gradients stay what they are."""
    found = []
    for recompute in (False, True):
        tagger, batch = setup(encoder_folder, dropout=True)
        if hasattr(tagger.network.base_model.encoder, "layer"):
            freeze(tagger.network, 1)
        if recompute:
            checkpoint_layers(tagger.network)
        step(tagger, batch, NONE if kind == "none" else adversary(kind), seed=3)
        found.append(gradients(tagger))
    assert found[0] and all((value != 0).any() for name, value in found[0].items() if "key.bias" not in name)
    assert_equal_gradients(found[1], found[0], atol=1e-7, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
@pytest.mark.parametrize("kind", KINDS)
def test_a_card_gives_the_gradients_of_the_processor(encoder_folder: Path, kind: str) -> None:
    """Random starts differ between devices: none here, but the least that SMART needs."""
    change = {"freelb": {"start": 0.0}, "smart": {"start": 1e-2}}.get(kind, {})
    losses = []
    for device in ("cpu", "cuda"):
        tagger, batch = setup(encoder_folder)
        parts = step(tagger.to(device), batch.to(torch.device(device)), adversary(kind, **change))
        assert all(value.isfinite().all() for value in gradients(tagger).values())
        losses.append(parts)
    assert losses[1]["loss"] == pytest.approx(losses[0]["loss"], rel=1e-4)
    assert losses[1]["adversarial"] == pytest.approx(losses[0]["adversarial"], rel=0.3 if kind == "smart" else 1e-3)
