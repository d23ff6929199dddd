"""The configuration: defaults, mistakes by name, and the runs it stands for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.experiments import Run
from bioner.preparation.leaks import CHECKS
from bioner.reporting.settings import read_settings
from bioner.schema import SCHEMA, fill_defaults, iter_keys, read_numbers

ROOT = Path(__file__).resolve().parents[3]


def config() -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return value


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in change.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def test_the_demo_is_the_default_and_has_24_runs() -> None:
    plan = load_plan(config(), ROOT)
    (experiment,) = plan.experiments
    assert experiment.name == "demo"
    assert len(experiment.runs) == 24
    assert experiment.runs[0] == Run("demo_medmentions", "kfold5", "plain", 0, 1)
    assert experiment.runs[0].path == "demo_medmentions/kfold5/plain/fold0/seed1"
    assert set(plan.text_attacks(experiment.runs[0])) == {"typos", "ocr", "entities_unseen"}
    assert set(plan.white_box_attacks(experiment.runs[0])) == {"fgsm"}


def test_experiments_that_share_runs_share_their_attacks() -> None:
    change = {
        "run": ["demo", "more"],
        "experiments": {"more": {"title": "x", "scale": "demo", "datasets": ["demo_i2b2"], "models": ["plain"]}},
    }
    value = merged(config(), change)
    value["experiments"]["more"] |= {"protocol": "kfold", "folds": {"k": 5, "run": [1]}, "attacks": []}
    plan = load_plan(value, ROOT)
    assert plan.experiment("more").runs == [Run("demo_i2b2", "kfold5", "plain", 1, 1)]
    assert set(plan.text_attacks(plan.experiment("more").runs[0])) == {"typos", "ocr", "entities_unseen"}


def test_a_recipe_is_whole_and_holds_no_titles() -> None:
    recipe = load_plan(merged(config(), {"models": {"plain": {"title": "T", "training": {"epochs": 2}}}}), ROOT).recipe("plain")
    assert recipe["training"]["epochs"] == 2 and recipe["training"]["threads"] == 1
    parts = {"encoder", "tags", "alignment", "word_vectors", "head", "loss", "adversary", "augmentation", "window", "overlap", "training"}
    parts |= {"adaptation", "constrained", "searched"}
    assert set(recipe) == {"model"} | parts
    assert recipe["loss"] == {"kind": "cross_entropy", "smoothing": 0, "class_weights": "none"}
    assert recipe["adversary"] == {"kind": "none"}


ENTRY = {"title": "x", "scale": "demo", "datasets": ["demo_i2b2"], "models": ["plain"]}
PROVIDED = {"title": "x", "format": "i2b2", "source": "provided", "licence": "x"}
FEATURES = {"encoder": None, "head": "feature_crf"}
MISTAKES = {
    "unknown key": ({"trainin": {}}, "config: unknown key 'trainin', did you mean 'training'?"),
    "nested key": ({"models": {"plain": {"training": {"lr": 1}}}}, "models.plain.training: unknown key 'lr'"),
    "head": ({"models": {"plain": {"head": "softmax"}}}, "models.plain.head: 'softmax' is not one of ['linear', 'crf', 'feature_crf']"),
    "idle crf": ({"models": {"plain": {"head": "crf"}}}, "model 'plain' has a crf head that its loss cross_entropy never trains"),
    "encoder": ({"models": {"plain": {"encoder": "minilmm"}}}, "unknown name 'minilmm', did you mean 'minilm'?"),
    "attack": ({"experiments": {"demo": {"attacks": ["tpyos"]}}}, "experiments.demo.attacks: unknown name 'tpyos', did you mean 'typos'?"),
    "dataset": ({"experiments": {"demo": {"datasets": ["bc5"]}}}, "experiments.demo.datasets: unknown name 'bc5'"),
    "folds": ({"experiments": {"demo": {"folds": {"k": 2}}}}, "experiments.demo.folds.k: expected at least 3"),
    "fold": ({"experiments": {"demo": {"folds": {"run": [5]}}}}, "experiments.demo.folds.run: expected folds from 0 to 4, got 5"),
    "no ids": ({"datasets": {"demo_i2b2": {"document_ids": False}}}, "experiments.demo.datasets: 'demo_i2b2' has no document ids"),
    "shell": ({"datasets": {"a; touch x": {}}}, "datasets"),
    "step size": ({"models": {"pgd": {"adversary": {"step_size": None}}}}, "models.pgd.adversary"),
    "epsilon": ({"attacks": {"new": {"kind": "fgsm"}}}, "attacks.new: expected epsilon for kind fgsm, found none"),
    "stray": ({"attacks": {"typos": {"epsilon": 1}}}, "attacks.typos.epsilon: expected only edits, minimum_length, rate, seed"),
    "bounds": ({"models": {"adaptive": {"loss": {"bounds": [0.9, 0.1]}}}}, "models.adaptive.loss.bounds: expected [low, high]"),
    "idle alpha": ({"models": {"adaptive": {"loss": {"alpha": 0.5}}}}, "models.adaptive.loss.alpha: expected only bounds, class_weights"),
    "idle smoothing": (
        {"models": {"plain": {"head": "crf", "loss": {"kind": "crf", "smoothing": 0.1}}}},
        "models.plain.loss.smoothing: expected only crf_reduction for kind crf",
    ),
    "no alpha": ({"models": {"plain": {"head": "crf", "loss": {"kind": "fixed"}}}}, "models.plain.loss: expected alpha for kind fixed"),
    "alpha of one": ({"models": {"plain": {"loss": {"kind": "fixed", "alpha": 1}}}}, "models.plain.loss.alpha: 1 is greater than"),
    "uncertain of nothing": ({"models": {"plain": {"loss": "uncertainty"}}}, "model 'plain' has loss uncertainty on a linear head"),
    "features of nothing": ({"models": {"plain": {"feature_crf": {}}}}, "models.plain.feature_crf: expected only with head feature_crf"),
    "no encoder": ({"models": {"plain": {"encoder": None}}}, "models.plain.encoder: expected the name of an encoder for head linear"),
    "encoder of features": ({"models": {"plain": {"head": "feature_crf"}}}, "models.plain.encoder: expected null for head feature_crf"),
    "loss of features": (
        {"models": {"features": FEATURES | {"loss": "crf"}}},
        "models.features.loss: expected nothing for head feature_crf, which has no use for it; remove it",
    ),
    "adversary of features": (
        {"models": {"features": FEATURES | {"adversary": {"kind": "fgsm", "epsilon": 1}}}},
        "models.features.adversary: expected nothing for head feature_crf",
    ),
    "training of features": (
        {"models": {"features": FEATURES | {"training": {"epochs": 3}}}},
        "models.features.training: expected nothing for head feature_crf",
    ),
    "attack on features": (
        {"models": {"features": dict(FEATURES)}, "experiments": {"demo": {"models": ["features"]}}},
        "experiments.demo.attacks: 'fgsm' is made on word embeddings, which model 'features' has none of",
    ),
    "overlap": ({"models": {"plain": {"overlap": 64}}}, "models.plain.overlap: expected less than half of the window, 64, got 64"),
    "ambiguous": ({"run": ["open"], "models": {"plain": {"reproduces": "BioBERT"}}}, "expected one published row for BioBERT on BC5CDR"),
    "unpublished": ({"models": {"plain": {"reproduces": "BERT++"}}}, "expected null or the model of a published row"),
    "clean": ({"attacks": {"clean": {"kind": "fgsm", "epsilon": 0.1}}}, "attacks.clean: 'clean' is the name of no attack"),
    "reserved": (
        {"experiments": {"runs": ENTRY}},
        "experiments.runs",
    ),
    "no folder": (
        {"datasets": {"new": PROVIDED}},
        "datasets.new: expected folder",
    ),
    "loss": ({"models": {"plain": {"loss": "adaptve"}}}, "models.plain.loss: expected one of cross_entropy, crf, uncertainty, adaptive,"),
    "idle norm": ({"models": {"fgsm": {"adversary": {"norm": "l2"}}}}, "models.fgsm.adversary.norm: expected only epsilon for kind fgsm"),
    "stray norm": (
        {"models": {"freelb": {"adversary": {"norm": "l2"}}}},
        "models.freelb.adversary.norm: expected only epsilon, start, step_size, steps for kind freelb",
    ),
    "far start": (
        {"models": {"freelb": {"adversary": {"start": 1.5}}}},
        "models.freelb.adversary.start: expected at most epsilon, 1.0, got 1.5",
    ),
    "no start": (
        {"models": {"smart": {"adversary": {"start": 0}}}},
        "models.smart.adversary.start: expected more than 0 (the divergence has no gradient where it begins) "
        "and at most epsilon, 0.01, got 0",
    ),
    "weight": (
        {"models": {"new": {"encoder": "minilm", "adversary": {"kind": "smart", "epsilon": 1, "steps": 1, "step_size": 1, "start": 1}}}},
        "models.new.adversary: expected weight for kind smart, found none",
    ),
    "mapping for a name": (
        {"models": {"plain": {"adaptation": {"encoder": "minilm"}}}},
        "models.plain.adaptation: expected ",
    ),
    "mapping for words": (
        {"experiments": {"leakage": {"training_words": {"n": 5}}}},
        "experiments.leakage.training_words: expected one of all, equal",
    ),
    "no words": ({"experiments": {"leakage": {"training_words": 0}}}, "experiments.leakage.training_words: expected one of all, equal"),
    "key of YAML": ({"training": {True: 1, "x": 2}}, "training: unknown key 'True'"),
    "no attack": ({"attacks": {"new": {"kind": "freelb", "epsilon": 1}}}, "attacks.new.kind: 'freelb' is not one of"),
    "infinite": ({"training": {"learning_rate": "inf"}}, "training.learning_rate: 'inf' is not of type 'number'"),
    "bracket": ({"training": {"epochs": "[1"}}, "training.epochs: '[1' is not of type 'integer'"),
    "no fold": ({"experiments": {"demo": {"folds": {"run": []}}}}, "experiments.demo.folds.run"),
    "fold twice": ({"experiments": {"demo": {"folds": {"run": [0, 0]}}}}, "experiments.demo.folds.run"),
    "adversary": ({"models": {"fgsm": {"adversary": {"kind": "fgsm"}}}}, "models.fgsm.adversary: 'epsilon' is a required property"),
}


def test_a_recipe_of_a_feature_crf_holds_nothing_of_encoders() -> None:
    change = {"models": {"features": dict(FEATURES)}, "experiments": {"demo": {"models": ["plain", "features"], "attacks": ["typos"]}}}
    plan = load_plan(merged(config(), change), ROOT)
    assert plan.recipe("features") == {
        "model": "features", "encoder": None, "head": "feature_crf", "feature_crf": {"c1": 0.1, "c2": 0.1, "iterations": 100},
        "tags": "iob2", "augmentation": [], "training": {"threads": 1},
    }  # fmt: skip
    run = next(run for run in plan.experiment("demo").runs if run.model == "features")
    assert plan.encoders_of(run) == [] and plan.text_attacks(run) == ["typos"] and describe(plan, "demo")["models"]["features"]


def test_losses_are_completed_in_recipes() -> None:
    loss = {"kind": "adaptive", "crf_reduction": "sequences"}
    plan = load_plan(merged(config(), {"models": {"adaptive": {"loss": loss}, "plain": {"head": "crf", "loss": "crf"}}}), ROOT)
    both = {"smoothing": 0, "class_weights": "none"}
    assert plan.recipe("adaptive")["loss"] == {"kind": "adaptive", "bounds": [0.05, 0.95], "crf_reduction": "sequences"} | both
    assert plan.recipe("plain")["loss"] == {"kind": "crf", "crf_reduction": "words"}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    change, message = MISTAKES[name]
    value = merged(config(), change)
    if name == "adversary":
        value["models"]["fgsm"]["adversary"] = {"kind": "fgsm"}
    with pytest.raises(ConfigError) as caught:
        load_plan(value, ROOT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dataset_that_is_not_provided_is_an_error_or_a_row(tmp_path: Path) -> None:
    change: dict[str, Any] = {"experiments": {"demo": {"datasets": ["demo_i2b2", "i2b2_2010"]}}}
    with pytest.raises(ConfigError, match=r"experiments\.demo\.datasets: 'i2b2_2010' is not provided: .*missing to row"):
        load_plan(merged(config(), change), tmp_path)
    change["experiments"]["demo"]["missing"] = "row"
    plan = load_plan(merged(config(), change), tmp_path)
    assert {run.dataset for run in plan.experiments[0].runs} == {"demo_i2b2"}
    assert "put its files under data/i2b2_2010" in describe(plan, "demo")["datasets"]["i2b2_2010"]["missing"]
    (tmp_path / "data/i2b2_2010").mkdir(parents=True)
    plan = load_plan(merged(config(), change), tmp_path)
    assert {run.dataset for run in plan.experiments[0].runs} == {"demo_i2b2", "i2b2_2010"}


def test_numbers_inside_config_arguments_arrive_as_numbers() -> None:
    """Snakemake gives strings for numbers inside a mapping of --config."""
    value = merged(
        config(), {"models": {"plain": {"training": {"learning_rate": "2e-4", "epochs": "3"}}}, "attacks": {"fgsm": {"epsilon": "0.02"}}}
    )
    value["experiments"]["demo"]["folds"]["run"] = ["0", "1"]
    plan = load_plan(value, ROOT)
    assert plan.recipe("plain")["training"]["learning_rate"] == 2e-4
    assert plan.recipe("plain")["training"]["epochs"] == 3
    assert plan.experiments[0].folds == [0, 1]
    assert read_numbers("many", {"type": "integer"}) == "many"
    assert read_numbers("null", {"type": ["integer", "null"]}) is None
    folds = read_numbers([5.0, "2"], {"type": "array", "items": {"type": "integer"}})
    assert [repr(fold) for fold in folds] == ["5", "2"]


def test_a_system_tells_published_rows_apart() -> None:
    plain = {"reproduces": "BioBERT", "system": "Sharma et al."}
    plan = load_plan(merged(config(), {"run": ["open"], "models": {"plain": plain}}), ROOT)
    described = describe(plan, "open")["models"]["plain"]
    assert described == plain | {"title": None, "encoder": "minilm", "adaptation": None, "parts": described["parts"]}


def test_allowed_leaks_are_told_in_the_rows() -> None:
    change = {"datasets": {"demo_i2b2": {"allowed_leaks": {"shared_documents": 1}}}}
    described = describe(load_plan(merged(config(), change), ROOT), "demo")
    assert described["protocol_notes"] == {"kfold5": []} and not any(described["dataset_notes"]["kfold5"].values())
    change |= {"experiments": {"demo": {"protocol": "official", "compare": ["kfold"]}}}
    settings = read_settings(describe(load_plan(merged(config(), change), ROOT), "demo"))
    assert settings.notes("demo_i2b2", "official") == ("leak audit of demo_i2b2: 1 shared_documents allowed",)
    assert settings.notes("demo_bc5cdr", "official") == settings.notes("demo_i2b2", "kfold5") == ()
    with pytest.raises(ConfigError, match=r"datasets\.demo_i2b2\.allowed_leaks: 'shared_document' is not one of"):
        load_plan(merged(config(), {"datasets": {"demo_i2b2": {"allowed_leaks": {"shared_document": 1}}}}), ROOT)


def test_the_checks_that_may_be_allowed_are_those_of_the_audit() -> None:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    known = schema["properties"]["datasets"]["additionalProperties"]["properties"]["allowed_leaks"]["propertyNames"]["enum"]
    assert known == list(CHECKS)


def test_what_an_official_split_leaves_out_is_told_in_the_rows() -> None:
    change = {"run": ["open"], "datasets": {"bc5cdr": {"deduplicate": "shared"}, "demo_i2b2": {"deduplicate": "shared"}}}
    plan = load_plan(merged(config(), change), ROOT)
    told = describe(plan, "open")["dataset_notes"]["official"]
    left_out = [note for notes in told.values() for note in notes if "left out" in note]
    assert left_out == ["official split of bc5cdr: left out of training and validation is what a later part has too"]
    plan = load_plan(merged(config(), change | {"run": ["demo"]}), ROOT)
    assert not any(describe(plan, "demo")["dataset_notes"]["kfold5"].values())  # folds keep what is alike together
    with pytest.raises(ConfigError, match=r"datasets\.bc5cdr\.deduplicate"):
        load_plan(merged(config(), {"datasets": {"bc5cdr": {"deduplicate": "yes"}}}), ROOT)


def test_passes_of_a_training_step() -> None:
    plan = load_plan(merged(config(), {"models": {"pgd": {"adversary": {"steps": 5}}}}), ROOT)
    assert [plan.passes(model) for model in ("plain", "adaptive", "fgsm", "pgd")] == [1, 1, 2, 6]
    assert [plan.passes(model) for model in ("fgm", "freelb", "smart")] == [2, 3, 3]


def test_what_is_not_selected_is_told() -> None:
    with pytest.raises(ConfigError, match=r"experiment 'open' is not selected; add --config 'run=\[open\]'"):
        load_plan(config(), ROOT).experiment("open")


def test_every_key_of_the_schema_is_described_and_typed() -> None:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    for name, part in iter_keys(schema):
        if name.split(".")[-1] in ("properties",) or part.get("type") == "object":
            continue
        assert "$ref" in part or ({"type", "enum", "anyOf"} & part.keys() and part.get("description")), name


def test_defaults_satisfy_the_schema() -> None:
    value: dict[str, Any] = {}
    fill_defaults(value, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    assert value["run"] == ["demo"] and value["preparation"]["noise"]["rate"] == 0.05


def test_an_experiment_compares_protocols_at_equal_training_words() -> None:
    plan = load_plan(merged(config(), {"run": ["leakage"]}), ROOT)
    experiment = plan.experiment("leakage")
    protocols = ["kfold5_equal", "official_equal", "kfold5_sentence_equal", "augment_first5_equal"]
    assert [run.protocol for run in experiment.runs] == protocols
    assert plan.equal_to("bc5cdr", "kfold5_equal") == ["augment_first5", "kfold5", "kfold5_sentence", "official"]
    assert plan.equal_to("bc5cdr", "kfold5") == []
    described = describe(plan, "leakage")
    assert (described["protocol"], described["compare"], described["notes"]) == (protocols[0], protocols[1:], [])
    assert plan.selection("leakage")["compare"] == {protocol: [0] for protocol in protocols[1:]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"unsafe_protocol": False},
            r"experiments\.leakage\.compare: kfold_sentence is unsafe, sentences of one document .*unsafe_protocol",
        ),
        ({"unsafe_protocol": False, "protocol": "augment_first"}, r"experiments\.leakage\.protocol: augment_first is unsafe"),
        ({"protocol": "official"}, r"experiments\.leakage\.compare: expected protocols other than the experiment's own, got official"),
        ({"training_words": "few"}, r"experiments\.leakage\.training_words"),
        ({"protocol": "random"}, r"experiments\.leakage\.protocol: 'random' is not one of"),
        ({"models": ["varied"]}, r"experiments\.leakage\.models: 'varied' is trained on variants, which unsafe protocols have none of"),
        ({"datasets": ["unmarked"], "compare": []}, r"experiments\.leakage\.datasets: 'unmarked' has no document ids"),
    ],
)
def test_unsafe_protocols_must_be_declared(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        own = {"varied": {"encoder": "minilm", "augmentation": ["noise"]}}
        unmarked = {"title": "U", "format": "conll", "source": "provided", "licence": "", "folder": ".", "groups": {}}
        more = {"models": own, "datasets": {"unmarked": unmarked}}
        load_plan(merged(config(), {"run": ["leakage"], "experiments": {"leakage": change}} | more), ROOT)


def test_variants_must_be_made_to_be_divided() -> None:
    with pytest.raises(ConfigError, match=r"experiments\.leakage: augment_first divides documents and their variants, but none are made"):
        load_plan(merged(config(), {"run": ["leakage"], "preparation": {"noise": None}}), ROOT)


def test_experiments_cannot_make_the_same_runs_equal_to_different_parts() -> None:
    other = copy.deepcopy(config()["experiments"]["leakage"]) | {"compare": ["official"]}
    with pytest.raises(ConfigError, match=r"equal training words on bc5cdr .* leakage: augment_first5, .*; other: kfold5, official"):
        load_plan(merged(config(), {"run": ["leakage", "other"], "experiments": {"other": other}}), ROOT)


def test_declared_protocols_are_in_every_row() -> None:
    change = {"protocol": "kfold_sentence", "compare": [], "train_on_validation": True, "training_words": 900}
    plan = load_plan(merged(config(), {"run": ["leakage"], "experiments": {"leakage": change}}), ROOT)
    described = describe(plan, "leakage")
    assert described["protocol"] == "kfold5_sentence_trainval_900words"
    assert described["protocol_notes"]["kfold5_sentence_trainval_900words"] == [
        "unsafe protocol: sentences of one document are in training and test",
        "validation part trained on (train_on_validation)",
    ]


HUGE = 10**400
NUMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "nan": ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: expected a finite number, found nan; correct it"),
    "infinity": ({"training": {"clip": float("inf")}}, "training.clip: expected a finite number, found inf"),
    "minus infinity": ({"datasets": {"bc5cdr": {"counts": {"train": {"documents": float("-inf")}}}}}, "train.documents: expected a finite"),
    "nan in a list": ({"attacks": {"fgsm_grid": {"epsilons": [0.1, float("nan")]}}}, "attacks.fgsm_grid.epsilons.1: expected a finite"),
    "whole": ({"training": {"epochs": HUGE}}, "training.epochs: expected a number below 2^63, found a larger one; correct it"),
    "negative": ({"preparation": {"split_seed": -HUGE}}, "preparation.split_seed: expected a number below 2^63, found a larger one"),
    "as text": (
        {"training": {"learning_rate": str(HUGE)}},
        "training.learning_rate: expected a number below 2^63, found a larger one",
    ),
    "as a float": ({"training": {"epochs": 1e300}}, "training.epochs: expected a number below 2^63, found a larger one"),
    "in a space": (
        {"searches": {"plain_rates": {"space": {"training.epochs": {"low": 1, "high": HUGE}}}}},
        "searches.plain_rates.space.training.epochs.high: expected a number below 2^63",
    ),
    "as endless text": ({"training": {"epochs": "9" * 5000}}, "training.epochs: '999"),
    "infinite text": ({"training": {"learning_rate": "1e999"}}, "training.learning_rate: '1e999' is not of type 'number'"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_no_machine_counts_with_are_one_clear_line(name: str) -> None:
    change, message = NUMBERS[name]
    with pytest.raises(ConfigError) as caught:
        load_plan(merged(config(), change), ROOT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_large_numbers_that_machines_count_with_are_let_through() -> None:
    value = merged(config(), {"preparation": {"split_seed": 2**63 - 1}, "training": {"weight_decay": "1e30"}})
    assert load_plan(value, ROOT).recipe("plain")["training"]["weight_decay"] == 1e30
