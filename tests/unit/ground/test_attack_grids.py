"""Attacks of several strengths, and what the configuration says of attacks."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.checks.attacks import ATTACK_KEYS
from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.evaluation.attacks import TEXT_ATTACKS
from bioner.evaluation.grids import grid_name
from bioner.experiments import Run
from bioner.schema import SCHEMA

ROOT = Path(__file__).resolve().parents[3]
RUN = Run("demo_i2b2", "kfold5", "plain", 0, 1)


@cache
def whole() -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return value


def config(attacks: dict[str, Any], chosen: list[str]) -> dict[str, Any]:
    value = copy.deepcopy(whole())
    value["attacks"] |= copy.deepcopy(attacks)
    value["experiments"]["demo"]["attacks"] = chosen
    return value


def test_a_grid_is_one_attack_for_each_strength() -> None:
    attacks = {
        "steps": {"kind": "pgd", "epsilons": [0.005, 0.1], "steps": 3, "step_share": 0.5},
        "often": {"kind": "typos", "rates": [0.1, 1]},
        "few": {"kind": "search", "budgets": [1, 4], "queries": 20},
    }
    plan = load_plan(config(attacks, ["steps", "typos", "often", "few"]), ROOT)
    pgd = {"kind": "pgd", "steps": 3}
    expected = {
        "steps_0p005": pgd | {"epsilon": 0.005, "step_size": 0.0025},
        "steps_0p1": pgd | {"epsilon": 0.1, "step_size": 0.05},
        "few_1": {"kind": "search", "edits": 1, "queries": 20},
        "few_4": {"kind": "search", "edits": 4, "queries": 20},
    }
    assert plan.white_box_attacks(RUN) == expected
    assert plan.text_attacks(RUN) == ["often_0p1", "often_1", "typos"]
    assert plan.config["attacks"]["often_0p1"] == {"kind": "typos", "rate": 0.1}
    assert list(describe(plan, "demo")["attacks"]) == ["steps_0p005", "steps_0p1", "typos", "often_0p1", "often_1", "few_1", "few_4"]
    assert not {"steps", "often", "few"} & plan.config["attacks"].keys()
    assert list(load_plan(config(attacks, ["steps_0p1"]), ROOT).white_box_attacks(RUN)) == ["steps_0p1"]


@pytest.mark.parametrize(("value", "name"), [(0.02, "a_0p02"), (1e-05, "a_0p00001"), (3, "a_3"), (0.5, "a_0p5"), (2.0, "a_2")])
def test_a_strength_is_part_of_the_name(value: float, name: str) -> None:
    assert grid_name("a", value) == name


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "both": ({"kind": "fgsm", "epsilon": 0.1, "epsilons": [0.1]}, "attacks.new.epsilon: expected one of epsilons and epsilon, got both"),
    "grids": ({"kind": "typos", "rates": [0.1], "budgets": [1]}, "attacks.new.rates: expected one of budgets and rates, got both"),
    "steps": (
        {"kind": "pgd", "epsilon": 0.1, "steps": 2, "step_size": 0.1, "step_share": 0.5},
        "attacks.new.step_share: expected one of step_size and step_share, got both",
    ),
    "another's grid": ({"kind": "typos", "epsilons": [0.1]}, "attacks.new_0p1.epsilon: expected only edits, minimum_length, rate, seed"),
    "no model": ({"kind": "context"}, "attacks.new: expected encoder or adaptation for kind context, one of them"),
    "two models": (
        {"kind": "context", "encoder": "minilm", "adaptation": "minilm_text"},
        "expected encoder or adaptation for kind context",
    ),
    "encoder": ({"kind": "context", "encoder": "minilmm"}, "attacks.new.encoder: unknown name 'minilmm', did you mean 'minilm'?"),
    "adaptation": ({"kind": "context", "adaptation": "text"}, "attacks.new.adaptation: unknown name 'text'"),
    "letters": (
        {"kind": "typos", "minimum_length": 1},
        "attacks.new: attack typos: expected a whole number, at least 2 for minimum_length",
    ),
    "words": ({"kind": "boundary_insertion", "words": ["a b"]}, "attacks.new: attack boundary_insertion: expected a list of words"),
    "edits": ({"kind": "search", "edits": 0}, "attacks.new: attack search: expected a whole number, at least 1 for edits, got 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    entry, message = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        load_plan(config({"new": entry}, []), ROOT)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["clean", "postprocessed", "worst_case"])
def test_an_attack_has_no_name_of_another_condition(name: str) -> None:
    with pytest.raises(ConfigError, match=f"attacks.{name}: '{name}' is the name of no attack at all"):
        load_plan(config({name: {"kind": "typos"}}, []), ROOT)


def test_a_grid_makes_no_name_twice() -> None:
    attacks = {"typos_0p1": {"kind": "typos"}, "new": {"kind": "typos", "rates": [0.1, 0.10]}, "typed": {"kind": "typos", "rates": [0.1]}}
    with pytest.raises(ConfigError, match="has non-unique elements"):
        load_plan(config(attacks, []), ROOT)
    attacks = {"new_0p1": {"kind": "typos"}, "new": {"kind": "typos", "rates": [0.1]}}
    with pytest.raises(ConfigError, match=r"attacks\.new_0p1: expected a name that rates of attacks\.new does not make"):
        load_plan(config(attacks, []), ROOT)


def test_the_schema_knows_every_kind_and_setting() -> None:
    known = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["properties"]["attacks"]["additionalProperties"]["properties"]
    assert set(known["kind"]["enum"]) == set(ATTACK_KEYS) >= set(TEXT_ATTACKS)
    grids = {"epsilons", "rates", "budgets", "step_share"}
    assert set(known) == {"kind"} | grids | {key for keys in ATTACK_KEYS.values() for key in keys}


def test_attacks_take_the_files_that_they_draw_on() -> None:
    attacks = {
        "words": {"kind": "context", "adaptation": "minilm_text"},
        "others": {"kind": "context", "encoder": "minilm"},
        "names": {"kind": "entities_seen"},
    }
    plan = load_plan(config(attacks, []), ROOT)
    parts = [f"results/folds/{RUN.fold_path}/{part}.jsonl" for part in ("train", "validation")]
    assert {name: plan.attack_names(name, RUN.fold_path) for name in ("typos", "names", "words")} == {
        "typos": [],
        "names": parts,
        "words": parts,
    }
    model = {name: plan.attack_model(name, "demo_i2b2", "kfold5", "0") for name in ("typos", "words", "others")}
    assert model == {
        "typos": [],
        "words": ["results/adapted/demo_i2b2/kfold5/minilm_text/fold0/encoder.json"],
        "others": ["results/encoders/minilm/encoder.json"],
    }
