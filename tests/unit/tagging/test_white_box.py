"""White-box attacks at test time: their losses, strengths and norms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from bioner.documents import read_documents, write_documents
from bioner.evaluation.strict import strict_scores
from bioner.storage import read_json
from bioner.tagging.batches import Batch
from bioner.tagging.losses import CRFLoss, CrossEntropy
from bioner.tagging.predicting import predict_run
from bioner.tagging.tagger import Tagger
from bioner.tagging.white_box import Norms, losses_and_gradient, white_boxes, window_losses

from .attacked import setup
from .toys import RECIPES, documents, lay_encoder, lay_fold, train

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "linf": ({"kind": "fgsm"}, {"kind": "pgd", "steps": 3}),
    "l2": ({"kind": "fgm"}, {"kind": "pgd", "steps": 3, "norm": "l2"}),
}
"""The one-step attack and PGD in the same norm."""


@pytest.fixture(params=[False, True], ids=["cross_entropy", "crf"])
def tagger_and_batch(request: pytest.FixtureRequest, encoder_folder: Path) -> tuple[Tagger, Batch]:
    tagger, batch = setup(encoder_folder, crf=request.param)
    return tagger.eval(), batch


def losses_under(tagger: Tagger, batch: Batch, **attack: Any) -> Tensor:
    (perturb,) = white_boxes([attack])
    return window_losses(tagger, batch, perturb(tagger, batch))


def test_losses_of_windows_are_those_of_the_head(tagger_and_batch: tuple[Tagger, Batch]) -> None:
    tagger, batch = tagger_and_batch
    embeddings = tagger.embed(batch.pieces).detach()
    objective = CrossEntropy() if tagger.crf is None else CRFLoss()
    leaf = embeddings.clone().requires_grad_()
    whole = objective(tagger.emissions(leaf, batch), batch.tags, batch.lengths, tagger.crf).total * len(batch.tags)
    losses, gradient = losses_and_gradient(tagger, batch, embeddings, torch.enable_grad)
    assert losses.shape == (2,)
    torch.testing.assert_close(losses.sum().float(), whole.detach().float())
    torch.testing.assert_close(gradient, torch.autograd.grad(whole, leaf)[0])
    torch.testing.assert_close(window_losses(tagger, batch, embeddings), losses)


@pytest.mark.parametrize("norm", PAIRS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scale=st.sampled_from([1e-3, 0.02, 0.3, 3.0]), share=st.sampled_from([0.2, 0.5, 1.0]), seed=st.integers(0, 1000))
def test_pgd_is_never_weaker_than_one_step_of_its_norm(
    tagger_and_batch: tuple[Tagger, Batch], norm: str, scale: float, share: float, seed: int
) -> None:
    tagger, batch = tagger_and_batch
    torch.manual_seed(seed)
    for parameter in tagger.network.classifier.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    epsilon = scale if norm == "linf" else scale * 10
    one, many = PAIRS[norm]
    clean = window_losses(tagger, batch, tagger.embed(batch.pieces))
    weak = losses_under(tagger, batch, **one, epsilon=epsilon)
    strong = losses_under(tagger, batch, **many, epsilon=epsilon, step_size=share * epsilon)
    assert (strong >= weak).all() and (strong >= clean).all()


def test_pgd_is_stronger_than_one_step_where_the_loss_bends(tagger_and_batch: tuple[Tagger, Batch]) -> None:
    tagger, batch = tagger_and_batch
    gained = []
    for epsilon in (0.1, 0.3, 1.0):
        weak = losses_under(tagger, batch, kind="fgsm", epsilon=epsilon)
        gained.append(losses_under(tagger, batch, kind="pgd", epsilon=epsilon, steps=8, step_size=epsilon / 4) - weak)
    assert torch.stack(gained).max() > 1e-3


@pytest.mark.parametrize("norm", PAIRS)
def test_pgd_stays_in_its_ball_and_off_padding_and_special_tokens(tagger_and_batch: tuple[Tagger, Batch], norm: str) -> None:
    tagger, batch = tagger_and_batch
    (perturb,) = white_boxes([PAIRS[norm][1] | {"epsilon": 0.4, "step_size": 0.3}])
    delta = perturb(tagger, batch) - tagger.embed(batch.pieces)
    sizes = delta.abs().amax((1, 2)) if norm == "linf" else delta.flatten(1).norm(dim=1)
    assert (sizes <= 0.4 + 1e-5).all() and (sizes > 0.3).all()
    assert (delta[~batch.free] == 0).all()


def test_norms_are_of_each_piece(tagger_and_batch: tuple[Tagger, Batch]) -> None:
    tagger, batch = tagger_and_batch
    norms = [Norms(), Norms()]
    for perturb in white_boxes([{"kind": "fgsm", "epsilon": 0.2}, {"kind": "fgm", "epsilon": 0.7}], norms=norms):
        perturb(tagger, batch)
    clean = tagger.embed(batch.pieces).detach()
    fgsm, fgm = (found.told() for found in norms)
    lengths = [float(clean[row, place].square().sum().sqrt()) for row, place in batch.free.nonzero().tolist()]
    for told in (fgsm, fgm):
        assert told["pieces"] == len(lengths) == int(batch.free.sum())
        assert told["embedding"] == pytest.approx(sum(lengths) / len(lengths), rel=1e-5)
    size = 0.2 * clean.shape[2] ** 0.5
    assert fgsm["perturbation"] == pytest.approx(size, rel=1e-4) and fgsm["largest"] == pytest.approx(size, rel=1e-4)
    assert fgsm["relative"] == pytest.approx(sum(size / length for length in lengths) / len(lengths), rel=1e-4)
    assert fgm["perturbation"] < 0.7 and fgm["largest"] <= 0.7
    assert Norms().told() == {"pieces": 0, "embedding": 0.0, "perturbation": 0.0, "relative": 0.0, "largest": 0.0}


EPSILONS = (0.001, 0.02, 0.05, 0.1, 0.5, 2.0)
NOISE = 0.05


@pytest.fixture(scope="module", params=["plain", "adaptive"])
def predictions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Iterator[Path]:
    """Of a trained toy tagger, under FGSM and PGD of every epsilon; the test documents are beside them."""
    folder = tmp_path_factory.mktemp(request.param)
    run = train(folder, lay_encoder(folder / "encoder", bert), lay_fold(folder / "fold"), RECIPES[request.param])
    write_documents(folder / "test.jsonl", documents("t", 24))
    attacks: dict[str, dict[str, Any]] = {f"fgsm_{epsilon}": {"kind": "fgsm", "epsilon": epsilon} for epsilon in EPSILONS}
    attacks |= {f"pgd_{epsilon}": {"kind": "pgd", "epsilon": epsilon, "steps": 3, "step_size": epsilon / 2} for epsilon in EPSILONS}
    predict_run(run=run, test=folder / "test.jsonl", attacks=attacks, attacked={}, threads=1, output=folder / "p")
    yield folder


def test_f1_falls_in_epsilon_and_pgd_lies_below_fgsm_within_noise(predictions: Path) -> None:
    gold = list(read_documents(predictions / "test.jsonl"))

    def f1(name: str) -> float:
        return strict_scores(gold, list(read_documents(predictions / "p" / f"{name}.jsonl"))).micro_f1

    clean = f1("clean")
    curves = {kind: [clean, *(f1(f"{kind}_{epsilon}") for epsilon in EPSILONS)] for kind in ("fgsm", "pgd")}
    for curve in curves.values():
        assert all(later <= earlier + NOISE for earlier, later in pairwise(curve)), curves
        assert curve[1] > clean - NOISE and curve[-1] < clean / 2, curves
    assert all(strong <= weak + NOISE for strong, weak in zip(curves["pgd"], curves["fgsm"], strict=True)), curves


def test_norms_are_told_with_the_predictions(predictions: Path) -> None:
    norms = read_json(predictions / "p" / "predictions.json")["norms"]
    assert set(norms) == {f"{kind}_{epsilon}" for kind in ("fgsm", "pgd") for epsilon in EPSILONS}
    for epsilon in EPSILONS:
        told = norms[f"fgsm_{epsilon}"]
        assert told["largest"] == pytest.approx(epsilon * 32**0.5, rel=1e-3) and told["perturbation"] <= told["largest"] * (1 + 1e-6)
        assert norms[f"pgd_{epsilon}"]["largest"] <= told["largest"] * (1 + 1e-6)
        assert told["embedding"] == norms["fgsm_0.001"]["embedding"] > 0
