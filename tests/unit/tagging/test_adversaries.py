"""Perturbations, and the bugs of public code: each test fails on the bug it names."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from bioner.entities import Document, Mention
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate
from bioner.tagging.decoding import embed, predict, predict_under
from bioner.tagging.losses import CrossEntropy
from bioner.tagging.steps import accumulate_gradients
from bioner.tagging.tagger import Tagger, load_tokenizer, make_encoder, new_tagger
from bioner.tagging.white_box import Precision, loss_gradient, white_boxes
from bioner.tags import TagSet

TAGS = TagSet.of(["Disease"])
TEXTS = ["severe pain in patients", "the drug caused colitis in the patients with severe pain"]


def setup(folder: Path, *, dropout: bool = False) -> tuple[Tagger, Batch]:
    torch.manual_seed(0)
    tagger = new_tagger(folder, TAGS, crf=False)
    tagger.train(dropout)
    encoder = make_encoder(load_tokenizer(folder), TAGS, {"window": 32, "overlap": 4, "model": "toy"}, tagger.network.config)
    documents = [Document(str(number), text, (Mention("1", ((0, 6),), "Disease"),)) for number, text in enumerate(TEXTS)]
    windows = [window for item in encoder.encode(documents) for window in item.windows]
    return tagger, collate(windows, encoder.tokenizer.pad_token_id, (len(encoder.prefix), len(encoder.suffix)))


def gradients(tagger: Tagger) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in tagger.named_parameters() if parameter.grad is not None}


def step(tagger: Tagger, batch: Batch, adversary: Adversary, seed: int = 0) -> dict[str, float]:
    return accumulate_gradients(tagger, CrossEntropy(), adversary, batch, seed, nullcontext)


FGSM = Adversary.of({"kind": "fgsm", "epsilon": 0.1})
PGD = Adversary.of({"kind": "pgd", "epsilon": 0.1, "steps": 3, "step_size": 0.06})


@pytest.mark.parametrize("adversary", [FGSM, PGD], ids=["fgsm", "pgd"])
def test_padding_and_special_tokens_are_untouched(adversary: Adversary) -> None:
    free = torch.tensor([[False, True, True, False], [False, True, False, False]])
    gradient = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    delta = adversary.perturb(gradient, free, lambda delta: gradient)
    assert (delta[~free] == 0).all()
    assert (delta[free] != 0).all()


def test_fgsm_is_epsilon_times_the_sign() -> None:
    free = torch.ones(1, 2, dtype=torch.bool)
    gradient = torch.tensor([[[3.0, -0.1], [0.0, 1e-9]]])
    delta = FGSM.perturb(gradient, free, lambda delta: gradient)
    torch.testing.assert_close(delta, torch.tensor([[[0.1, -0.1], [0.0, 0.1]]]))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pgd_stays_inside_its_ball_and_uses_it(norm: str) -> None:
    adversary = Adversary.of({"kind": "pgd", "epsilon": 0.5, "steps": 5, "step_size": 0.3, "norm": norm})
    free = torch.ones(3, 4, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    delta = adversary.perturb(torch.randn(3, 4, 8, generator=generator), free, torch.ones_like)
    sizes = delta.abs().amax((1, 2)) if norm == "linf" else delta.flatten(1).norm(dim=1)
    torch.testing.assert_close(sizes, torch.full((3,), 0.5))


def test_an_example_is_perturbed_alone_in_the_l2_norm() -> None:
    """Bug: the norm over the whole batch makes a perturbation depend on its neighbours."""
    adversary = Adversary.of({"kind": "pgd", "epsilon": 1.0, "steps": 1, "step_size": 1.0, "norm": "l2"})
    gradient = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2))
    gradient[1] *= 1000
    free = torch.ones(2, 3, dtype=torch.bool)
    both = adversary.perturb(gradient, free, lambda delta: gradient)
    alone = adversary.perturb(gradient[:1], free[:1], lambda delta: gradient[:1])
    torch.testing.assert_close(both[:1], alone)


@pytest.mark.parametrize("adversary", [FGSM, PGD], ids=["fgsm", "pgd"])
def test_the_adversarial_loss_is_larger_and_weights_are_not_moved(encoder_folder: Path, adversary: Adversary) -> None:
    """Bugs: a parameter name that matches nothing makes the attack a no-op; weights are perturbed and not restored."""
    tagger, batch = setup(encoder_folder)
    before = {name: value.clone() for name, value in tagger.state_dict().items()}
    parts = step(tagger, batch, adversary)
    assert parts["adversarial"] > parts["loss"] + 1e-4
    assert all(torch.equal(before[name], value) for name, value in tagger.state_dict().items())


def test_pgd_is_at_least_as_strong_as_fgsm(bert: Path) -> None:
    tagger, batch = setup(bert)
    weak, strong = (step(tagger, batch, adversary)["adversarial"] for adversary in (FGSM, PGD))
    assert strong >= weak - 1e-3


def test_frozen_embeddings_are_attacked_all_the_same(encoder_folder: Path) -> None:
    """Bug: attacks on the embedding matrix do nothing once it is frozen."""
    tagger, batch = setup(encoder_folder)
    tagger.network.get_input_embeddings().requires_grad_(False)
    parts = step(tagger, batch, FGSM)
    assert parts["adversarial"] > parts["loss"] + 1e-4
    assert tagger.network.get_input_embeddings().weight.grad is None


def test_gradients_are_those_of_clean_plus_adversarial_loss(bert: Path) -> None:
    """Bug: inner steps of PGD leave gradients in the parameters. Oracle: both losses written out."""
    tagger, batch = setup(bert)
    step(tagger, batch, PGD)
    ours = gradients(tagger)
    tagger.zero_grad()

    def loss(embeddings: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(tagger.emissions(embeddings, batch), batch.tags)

    clean = tagger.embed(batch.pieces).detach()
    delta = torch.zeros_like(clean)
    for _ in range(3):
        leaf = (clean + delta).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf), leaf)
        delta = (delta + 0.06 * gradient.sign() * batch.free[:, :, None]).clamp(-0.1, 0.1)
    (loss(tagger.embed(batch.pieces)) + loss(tagger.embed(batch.pieces) + delta)).backward()
    expected = gradients(tagger)
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=1e-4)


def test_passes_of_a_step_share_their_dropout(bert: Path) -> None:
    """Bug: other masks in each pass, so that the gradient mixes in noise. With epsilon near 0 both losses agree."""
    tagger, batch = setup(bert, dropout=True)
    tiny = Adversary.of({"kind": "fgsm", "epsilon": 1e-8})
    parts = step(tagger, batch, tiny, seed=5)
    assert parts["adversarial"] == pytest.approx(parts["loss"], abs=1e-5)
    other = step(tagger, batch, tiny, seed=6)
    assert other["loss"] != pytest.approx(parts["loss"], abs=1e-5)


def test_white_box_attacks_share_the_first_gradient_and_nothing_else(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger, batch = setup(encoder_folder)
    _, other = setup(encoder_folder)
    settings = [{"kind": "fgsm", "epsilon": 0.1}, {"kind": "pgd", "epsilon": 0.1, "steps": 3, "step_size": 0.05}]
    counted: list[Batch] = []

    def count(tagger: Tagger, batch: Batch, embeddings: torch.Tensor, precision: Precision) -> torch.Tensor:
        counted.append(batch)
        return loss_gradient(tagger, batch, embeddings, precision)

    monkeypatch.setattr("bioner.tagging.white_box.loss_gradient", count)
    together = white_boxes(settings)
    found = [[attack(tagger, part) for attack in together] for part in (batch, other)]
    assert counted == [batch] * 3 + [other] * 3
    for index, setting in enumerate(settings):
        (alone,) = white_boxes([setting])
        assert torch.equal(found[0][index], alone(tagger, batch)) and torch.equal(found[1][index], alone(tagger, other))
    assert not torch.equal(found[0][0], found[0][1])


def test_documents_are_predicted_alike_together_and_alone(encoder_folder: Path) -> None:
    tagger, _ = setup(encoder_folder)
    encoder = make_encoder(load_tokenizer(encoder_folder), TAGS, {"window": 12, "overlap": 4, "model": "toy"}, tagger.network.config)
    documents = [Document(str(number), text, (Mention("1", ((0, 6),), "Disease"),)) for number, text in enumerate(TEXTS)]
    (attack,) = white_boxes([{"kind": "fgsm", "epsilon": 0.5}])
    together = predict_under(tagger, encoder, documents, [embed, attack], budget=24)
    assert together == [predict(tagger, encoder, documents, perturb=perturb, budget=24) for perturb in (embed, attack)]
    assert together[0] != together[1]
