"""Which models of the configuration are an ablation of which, told from their recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.reporting.comparisons import ablated_pairs
from bioner.reporting.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]


def described(experiment: str, searches: dict[str, Any] | None = None, **models: dict[str, Any]) -> dict[str, Any]:
    value = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    value["run"] = [experiment]
    value["searches"] |= searches or {}
    value["models"] |= models
    value["experiments"][experiment]["models"] += list(models)
    return describe(load_plan(value, ROOT), experiment)


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("open", [("adversary", "plain", "fgsm"), ("adversary", "plain", "pgd"), ("loss", "plain", "adaptive")]),
        ("ablation", [("adversary", "quality_crf", "quality_fgsm"), ("loss", "quality_plain", "quality_crf")]),
        (
            "table1",
            [
                ("adversary", "biobert_augmented", "biobert_fgsm"),
                ("adversary", "biobert_augmented", "biobert_pgd"),
                ("loss", "biobert", "adabiobert"),
            ],
        ),
        ("alignment", []),
    ],
)
def test_pairs_that_differ_in_one_part(experiment, expected):
    assert list(ablated_pairs(read_settings(described(experiment)))) == expected


def test_every_loss_is_compared_with_the_first():
    pairs = list(ablated_pairs(read_settings(described("losses"))))
    assert {(part, reference) for part, reference, _ in pairs} == {("loss", "plain")}
    assert len(pairs) == 7


def test_a_model_of_other_training_is_no_ablation():
    other = {"encoder": "minilm", "adversary": {"kind": "fgsm", "epsilon": 0.01}, "training": {"epochs": 7}}
    renamed = {"encoder": "minilm", "adversary": {"kind": "fgsm", "epsilon": 0.01}, "title": "another title", "reproduces": None}
    models = described("open", other=other, renamed=renamed)["models"]
    assert models["other"]["parts"]["rest"] != models["plain"]["parts"]["rest"]
    assert models["renamed"]["parts"] == models["fgsm"]["parts"]


def test_values_of_a_search_are_a_difference_of_their_own():
    """What a search finds is not in the recipe of the configuration, but in the one that is trained."""
    other = {"encoder": "minilm", "adversary": {"kind": "fgsm", "epsilon": 0.5}}
    models = described("open", other=other, searched=other | {"values_from": "plain_rates"})
    assert models["models"]["searched"]["parts"]["rest"] != models["models"]["other"]["parts"]["rest"]
    pairs = list(ablated_pairs(read_settings(models)))
    assert ("adversary", "plain", "other") in pairs and not any("searched" in pair for pair in pairs)


def test_settings_that_a_search_finds_are_told_as_such():
    def search(model: str, space: dict[str, Any]) -> dict[str, Any]:
        return {"model": model, "dataset": "demo_i2b2", "protocol": "kfold5", "trials": 2, "space": space}

    searches = {
        "strength": search("fgsm", {"adversary.epsilon": {"low": 0.001, "high": 0.1}}),
        "kinds": search("fgsm", {"adversary": {"choices": ["none", {"kind": "fgsm", "epsilon": 0.1}]}}),
        "losses": search("adaptive", {"loss": {"choices": ["crf", "adaptive"]}}),
    }
    fgsm = {"encoder": "minilm", "adversary": {"kind": "fgsm", "epsilon": 0.01}}
    crf = {"encoder": "minilm", "head": "crf", "loss": "crf"}
    models = described(
        "open",
        searches,
        strong=fgsm | {"values_from": "strength"},
        any_kind=fgsm | {"values_from": "kinds"},
        any_loss=crf | {"values_from": "losses"},
        rates=fgsm | {"values_from": "plain_rates"},
    )["models"]
    assert models["strong"]["parts"]["adversary"] == "fgsm (epsilon from search strength)"
    assert models["any_kind"]["parts"]["adversary"] == "from search kinds"
    assert models["any_loss"]["parts"]["loss"] == "crf: from search losses"
    assert models["rates"]["parts"]["adversary"] == models["fgsm"]["parts"]["adversary"]


def test_settings_in_words():
    models = described("open")["models"]
    assert models["plain"]["parts"]["adversary"] == "none"
    assert models["pgd"]["parts"]["adversary"] == "pgd (epsilon 0.01, step_size 0.005, steps 3)"
    assert models["plain"]["parts"]["loss"] == "linear: cross_entropy"
    assert models["adaptive"]["parts"]["loss"] == "crf: adaptive (bounds [0.05, 0.95], crf_reduction words)"
