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


def described(experiment: str, **models: dict[str, Any]) -> dict[str, Any]:
    value = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    value["run"] = [experiment]
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


def test_settings_in_words():
    models = described("open")["models"]
    assert models["plain"]["parts"]["adversary"] == "none"
    assert models["pgd"]["parts"]["adversary"] == "pgd (epsilon 0.01, step_size 0.005, steps 3)"
    assert models["plain"]["parts"]["loss"] == "linear: cross_entropy"
    assert models["adaptive"]["parts"]["loss"] == "crf: adaptive (bounds [0.05, 0.95], crf_reduction words)"
