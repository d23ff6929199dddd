"""Estimates: what multiplies them, and that nothing unknown counts as nothing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from bioner.config import load_plan
from bioner.costs.estimate import Estimator, Passes, Unknown
from bioner.costs.sizes import Corpus, Size
from bioner.costs.summary import summarize
from bioner.experiments import Run
from bioner.planning import Plan
from bioner.shapes import Shape
from bioner.speeds import Measurement, Setting, Speed

ROOT = Path(__file__).resolve().parents[3]
MINILM = Shape("bert", 6, 384, 1536, 12, 30522, 512)
BASE: dict[str, Any] = yaml.load((ROOT / "config.yaml").read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
EXPERIMENT = {"title": "Mine", "scale": "open", "datasets": ["bc5cdr"], "models": ["plain"], "protocol": "official"}
CORPUS = Corpus({"train": Size(10, 1000, 80), "validation": Size(5, 500, 40), "test": Size(5, 500, 40)}, types=2)


def planned(**changes: Any) -> Plan:
    config = copy.deepcopy(BASE)
    models = changes.pop("models", {})
    config["models"] |= models
    config["experiments"] |= {"mine": EXPERIMENT | ({"models": list(models)} if models else {}) | changes}
    return load_plan(config | {"run": ["mine"]}, ROOT)


def estimator(plan: Plan, *, size: Corpus | None = CORPUS, start: float = 0.0) -> Estimator:
    """One piece a word; training at 100 pieces a second, validation at 1,000, predictions at 500, gradients at 200."""
    settings = {Setting.of(MINILM, 128, plan.recipe(model)["training"]) for model in ("plain", "quality_plain")}
    speeds = dict.fromkeys(settings, Speed(100.0, 1000.0, 500.0, 200.0))
    measurement = Measurement("a device", False, start, speeds, {MINILM.key: MINILM}, {"minilm": 1.0})
    sizes = dict.fromkeys(plan.config["datasets"], size)
    return Estimator(plan, sizes, {"minilm": MINILM}, measurement)


def run(model: str = "plain", protocol: str = "official") -> Run:
    return Run("bc5cdr", protocol, model, 0, 1)


QUICK = {"epochs": 3, "minimum_steps": 0}


def test_a_training_is_all_its_epochs_of_passes_and_validations() -> None:
    models = {
        "once": {"encoder": "minilm", "training": QUICK},
        "thrice": {"encoder": "minilm", "training": QUICK, "adversary": {"kind": "pgd", "epsilon": 0.01, "steps": 2, "step_size": 0.01}},
        "varied": {"encoder": "minilm", "training": QUICK, "augmentation": ["noise", "synonyms"]},
    }
    found = estimator(planned(models=models), start=2.0)
    # 100 words and 2 special tokens a document: 1,020 pieces of training, 510 of validation
    assert found.training(run("once")) == pytest.approx(2 + 3 * (1020 / 100 + 510 / 1000))
    assert found.training(run("thrice")) == pytest.approx(2 + 3 * (3 * 1020 / 100 + 510 / 1000))
    assert found.training(run("varied")) == pytest.approx(2 + 3 * (3 * 1020 / 100 + 510 / 1000))
    assert found.training(run("once"), epochs=1) == pytest.approx(2 + 1020 / 100 + 510 / 1000)


def test_a_minimum_of_steps_makes_more_epochs() -> None:
    models = {"small": {"encoder": "minilm", "training": {"epochs": 1, "minimum_steps": 40, "batch_pieces": 512}}}
    # 1,020 pieces in batches of 512, a tenth of them padding, are 3 steps: 14 epochs for 40
    assert estimator(planned(models=models)).training(run("small")) == pytest.approx(14 * (1020 / 100 + 510 / 1000))


def test_attacks_multiply_predictions() -> None:
    found = estimator(planned(attacks=["typos", "ocr", "fgsm", "pgd"]))
    # clean, two texts and two perturbed ones; a gradient they share and PGD's two more; losses of PGD's two points
    assert found.prediction(run()) == pytest.approx(510 * (5 / 500 + 3 / 200 + 2 / 1000))
    assert estimator(planned()).prediction(run()) == pytest.approx(510 / 500)


def test_a_search_may_ask_all_its_queries() -> None:
    assert Passes.of({"search": {"kind": "search", "queries": 60}}) == Passes(predictions=1, losses=60)
    assert Passes.of({}) == Passes()


@pytest.mark.parametrize("kinds", [("fgsm",), ("fgsm", "fgm"), ("pgd",), ("fgsm", "pgd"), ("pgd", "pgd")])
def test_passes_of_white_box_attacks_are_those_that_the_attacks_make(kinds: tuple[str, ...]) -> None:
    """Counted in the attacks themselves, on a tagger that does nothing but count."""
    from bioner.tagging.batches import Batch
    from bioner.tagging.white_box import white_boxes

    class Counting:
        crf = None

        def __init__(self) -> None:
            self.gradients = self.losses = 0

        def embed(self, pieces: torch.Tensor) -> torch.Tensor:
            return torch.ones(*pieces.shape, 4)

        def emissions(self, embeddings: torch.Tensor, batch: Batch) -> torch.Tensor:
            self.gradients += embeddings.requires_grad
            self.losses += not embeddings.requires_grad
            return embeddings.flatten(0, 1)[batch.heads] * torch.arange(1.0, 5.0)

    one, ids = torch.ones(1, 3, dtype=torch.bool), torch.zeros(3, dtype=torch.int64)
    batch = Batch(torch.zeros(1, 3, dtype=torch.int64), one, one, torch.arange(3), None, ids, ids, torch.tensor([3]), ())
    settings = [{"kind": kind, "epsilon": 0.1, **({"steps": 3, "step_size": 0.05} if kind == "pgd" else {})} for kind in kinds]
    tagger: Any = Counting()
    for attack in white_boxes(settings):
        attack(tagger, batch)
    passes = Passes.of({str(number): entry for number, entry in enumerate(settings)})
    assert (tagger.gradients, tagger.losses, len(kinds)) == (passes.gradients, passes.losses, passes.predictions)


def test_folds_and_seeds_multiply() -> None:
    plan = planned(protocol="kfold", folds={"k": 5, "run": None}, seeds=[1, 2])
    found = estimator(plan)
    value = summarize(plan, found)
    assert value["runs"] == 10
    assert value["device_hours"]["train"] == pytest.approx(10 * found.training(run(protocol="kfold5")) / 3600)
    assert value["rows"][0]["training_hours"] == pytest.approx(value["device_hours"]["train"])
    assert value["disk_bytes"]["models"] == pytest.approx(10 * (4 * MINILM.parameters + 1_000_000))


def test_runs_that_experiments_share_are_counted_once() -> None:
    config = copy.deepcopy(BASE)
    config["experiments"] |= {"mine": dict(EXPERIMENT), "again": dict(EXPERIMENT)}
    plan = load_plan(config | {"run": ["mine", "again"]}, ROOT)
    value = summarize(plan, estimator(plan))
    assert value["runs"] == 1 and [row["runs"] for row in value["rows"]] == [1, 1]
    assert value["device_hours"]["train"] == pytest.approx(value["rows"][0]["training_hours"])


def test_adaptations_trials_and_transfers_cost_too() -> None:
    plan = planned(
        models={
            "adapted": {"encoder": "minilm", "adaptation": "minilm_text"},
            "searched": {"encoder": "minilm", "values_from": "plain_rates"},
        },
        datasets=["bc5cdr", "ncbi_disease"],
        transfer=[{"from": "bc5cdr", "to": "ncbi_disease", "types": {"Disease": "Disease"}}],
    )
    value = summarize(plan, estimator(plan))
    assert value["jobs"]["adapt"] == 2 and value["jobs"]["trial"] == 16 and value["jobs"]["transfer"] == 2
    hours = value["device_hours"]
    assert hours["trial"] == pytest.approx(16 * estimator(plan).training(run(), plan.recipe("plain")) / 3600)
    assert hours["transfer"] == pytest.approx(2 * 510 / 500 / 3600)
    assert hours["adapt"] > 2 * 10 * 1000 / 100 / 3600  # ten epochs of two training parts, and what scores the vocabulary
    assert hours["total"] == pytest.approx(sum(value for rule, value in hours.items() if rule != "total"))


def test_a_corpus_of_unknown_size_is_named_and_not_counted_as_nothing() -> None:
    plan = planned()
    found = estimator(plan, size=None)
    with pytest.raises(Unknown, match="the size of bc5cdr"):
        found.training(run())
    value = summarize(plan, found)
    assert value["unknown"] == {"the size of bc5cdr": 2}
    assert value["corpora"]["bc5cdr"]["source"] == "unknown" and value["rows"][0]["not_counted"] == 1


def test_an_encoder_of_unknown_shape_is_named() -> None:
    plan = planned()
    found = estimator(plan)
    value = summarize(plan, Estimator(plan, found.sizes, {}, found.measurement))
    assert value["unknown"] == {"the shape of encoder minilm": 2}


def test_a_feature_crf_counts_for_the_processor() -> None:
    plan = planned(models={"feature_crf": BASE["models"]["feature_crf"]})
    value = summarize(plan, estimator(plan))
    assert value["device_hours"] == {"total": 0} and value["processor_hours"]["feature_crf"] > 0
