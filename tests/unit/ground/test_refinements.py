"""Adaptations and searches in the configuration: mistakes by name, what they plan, and that no value is chosen on test documents."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.checks.sharing import shared_documents
from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.experiments import Run
from bioner.planning import Plan

ROOT = Path(__file__).resolve().parents[3]
RATE = {"low": 1e-5, "high": 1e-3, "log": True}
SEARCH = {"model": "plain", "dataset": "demo_bc5cdr", "protocol": "kfold5", "trials": 5, "space": {"training.learning_rate": RATE}}
BASE: dict[str, Any] = {
    "adaptations": {"more": {"encoder": "minilm"}},
    "searches": {"rates": SEARCH},
    "models": {"refined": {"encoder": "minilm", "adaptation": "more", "values_from": "rates"}},
    "experiments": {"demo": {"models": ["plain", "refined"], "datasets": ["demo_bc5cdr"], "folds": {"k": 5, "run": [0]}, "attacks": []}},
}


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in change.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else copy.deepcopy(value)
    return result


def plan(change: dict[str, Any] | None = None) -> Plan:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return load_plan(merged(merged(config, BASE), change or {}), ROOT)


RUN = Run("demo_bc5cdr", "kfold5", "refined", 0, 1)


def test_an_adapted_run_starts_from_its_folds_encoder_and_its_text_is_audited() -> None:
    made = plan()
    assert made.encoders_of(RUN) == ["results/adapted/demo_bc5cdr/kfold5/more/fold0/encoder.json"]
    assert made.audit_of(RUN) == "results/audit/demo_bc5cdr/kfold5/fold0.more.json"
    plain = Run("demo_bc5cdr", "kfold5", "plain", 0, 1)
    assert made.encoders_of(plain) == ["results/encoders/minilm/encoder.json"]
    assert made.audit_of(plain) == "results/audit/demo_bc5cdr/kfold5/fold0.json"
    adaptation = made.recipe("refined")["adaptation"]
    assert (adaptation["name"], adaptation["mask"], adaptation["text"]) == ("more", 0.15, "training")
    assert made.recipe("plain")["adaptation"] is None
    assert describe(made, "demo")["models"]["refined"]["encoder"] == "minilm adapted on the training part"


def test_reporting_reads_a_folds_audit_and_those_of_adapted_encoders() -> None:
    folder = "results/audit/demo_bc5cdr/kfold5"
    assert plan().audits("demo") == [f"{folder}/fold0.json", f"{folder}/fold0.more.json"]
    made = describe(plan(), "demo")["models"]
    assert (made["plain"]["adaptation"], made["refined"]["adaptation"]) == (None, "more")


CHANGES: dict[str, dict[str, Any]] = {
    "precision of predicting": {"prediction": {"precision": "auto"}},
    "no values of a search": {"models": {"refined": {"values_from": None}}},
    "range of a search": {"searches": {"rates": {"space": {"training.learning_rate": {"high": 2e-3}}}}},
    "trials of a search": {"searches": {"rates": {"trials": 7}}},
    "revision of an encoder": {
        "encoders": {"minilm": {"sources": [{"hub": "sentence-transformers/all-MiniLM-L6-v2", "revision": "0" * 40}]}}
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_digest_of_the_configuration_says_all_that_changes_results(name: str) -> None:
    change = CHANGES[name]
    assert plan(change).provenance("demo") != plan().provenance("demo")


def test_the_digest_of_the_configuration_says_what_a_search_trains() -> None:
    """`fgsm` is no model of the experiment, but the values of one are found with it."""
    searched = {"searches": {"rates": {"model": "fgsm"}}}
    longer = {"models": {"fgsm": {"training": {"epochs": 3}}}}
    assert plan(searched | longer).provenance("demo") != plan(searched).provenance("demo")
    assert plan(longer).provenance("demo") == plan().provenance("demo")


def test_the_digest_of_the_configuration_leaves_other_experiments_out() -> None:
    assert plan({"experiments": {"open": {"title": "another"}}}).provenance("demo") == plan().provenance("demo")
    for unused in (BIOBERT, MASK, {"ontologies": {"disease_ontology": {"title": "another"}}}, {"datasets": {"demo_i2b2": {"seed": 9}}}):
        assert plan(unused).provenance("demo") == plan().provenance("demo")


BIOBERT = {"encoders": {"biobert": {"sources": [{"hub": "dmis-lab/biobert-v1.1", "revision": "0" * 40}]}}}
MASK = {"adaptations": {"minilm_text": {"mask": 0.3}}}
GUESS = {"attacks": {"guess": {"kind": "context", "adaptation": "words"}}, "experiments": {"demo": {"attacks": ["guess"]}}}
USED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "encoder of back-translation": ({"preparation": {"back_translation": {"forward": "minilm", "backward": "biobert"}}}, BIOBERT),
    "adaptation of an attack": ({"experiments": {"demo": {"attacks": ["context"]}}}, MASK),
    "encoder of an attack's adaptation": (GUESS | {"adaptations": {"words": {"encoder": "biobert"}}}, BIOBERT),
    "text of an attack's adaptation": (
        GUESS | {"adaptations": {"words": {"encoder": "minilm", "text": ["demo_i2b2"]}}},
        {"datasets": {"demo_i2b2": {"seed": 9}}},
    ),
    "text of a model's adaptation": (
        {"adaptations": {"more": {"text": ["ncbi_disease"]}}},
        {"datasets": {"ncbi_disease": {"filters": {"empty": True}}}},
    ),
    "ontology": (
        {"experiments": {"demo": {"linking": "disease_ontology"}}},
        {"ontologies": {"disease_ontology": {"title": "another"}}},
    ),
    "target of a transfer": (
        {"experiments": {"demo": {"transfer": [{"from": "demo_bc5cdr", "to": "demo_i2b2", "types": {"Disease": "problem"}}]}}},
        {"datasets": {"demo_i2b2": {"seed": 9}}},
    ),
    "dataset of a search": ({"searches": {"rates": {"dataset": "demo_i2b2"}}}, {"datasets": {"demo_i2b2": {"seed": 9}}}),
    "encoder of a search": ({"searches": {"rates": {"model": "fgsm"}}, "models": {"fgsm": {"encoder": "biobert"}}}, BIOBERT),
}


@pytest.mark.parametrize("name", USED)
def test_the_digest_of_the_configuration_says_what_is_used_of_other_sections(name: str) -> None:
    using, change = USED[name]
    assert plan(merged(using, change)).provenance("demo") != plan(using).provenance("demo")


def test_what_a_search_trains_is_named_beside_the_runs_that_use_it() -> None:
    searching = plan()
    entry = searching.config["searches"]["rates"]
    assert searching.searched_runs == [Run(entry["dataset"], entry["protocol"], entry["model"], entry["fold"], entry["training_seed"])]


def test_a_transfer_knows_all_that_its_model_has_seen() -> None:
    fold = [f"results/folds/demo_bc5cdr/kfold5/fold0/{part}.jsonl" for part in ("train", "validation")]
    assert plan().trained_on(RUN) == plan().trained_on(replace(RUN, model="plain")) == fold
    made = plan({"adaptations": {"more": {"text": ["ncbi_disease"]}}})
    assert made.trained_on(RUN) == [*fold, "results/folds/ncbi_disease/official/fold0/train.jsonl"]


def test_text_of_other_datasets_is_that_of_their_official_training_parts() -> None:
    made = plan({"adaptations": {"more": {"text": ["ncbi_disease", "demo_bc5cdr"]}}})
    own = "results/folds/demo_bc5cdr/kfold5/fold0/train.jsonl"
    assert made.adaptation_text("more", "demo_bc5cdr", "demo_bc5cdr/kfold5/fold0") == [
        own, "results/folds/ncbi_disease/official/fold0/train.jsonl"
    ]  # fmt: skip
    assert plan().adaptation_text("more", "demo_bc5cdr", "demo_bc5cdr/kfold5/fold0") == [own]
    assert (
        describe(made, "demo")["models"]["refined"]["encoder"]
        == "minilm adapted on the training part and those of ncbi_disease, demo_bc5cdr"
    )


def test_a_validation_part_that_is_trained_on_is_not_held_out() -> None:
    assert plan().held_out("kfold5", "x/kfold5/fold0") == ["results/folds/x/kfold5/fold0/validation.jsonl"]
    assert plan().held_out("kfold5_trainval", "x/kfold5_trainval/fold0") == []


def test_trials_wait_for_the_generations_before_theirs() -> None:
    made = plan({"searches": {"rates": {"parallel": 3, "trials": 8}}})
    assert [len(made.trials("rates", trial)) for trial in range(8)] == [0, 0, 0, 3, 3, 3, 6, 6]
    assert made.trials("rates", 3) == [f"results/searches/rates/trial{number}.json" for number in range(3)]
    assert len(made.trials("rates")) == 8
    assert made.search_run("rates") == Run("demo_bc5cdr", "kfold5", "plain", 0, 1)
    assert made.best("refined") == ["results/searches/rates/best.json"] and made.best("plain") == []
    assert made.search_recipe("rates") == made.recipe("plain") and made.recipe("plain")["searched"] is None
    assert "trials" not in made.search("rates")  # more can be added without making the others anew


def test_kinds_of_values_are_those_of_the_models_keys() -> None:
    space = {
        "training.epochs": {"low": 1, "high": 4},
        "training.warmup": {"low": 0, "high": 1},
        "training.dropout": {"low": 0, "high": 1},
        "window": {"choices": [64, 128]},
        "adversary": {"choices": ["none", {"kind": "fgsm", "epsilon": 0.1}]},
    }
    found = plan({"searches": {"rates": SEARCH | {"space": space}}}).search("rates")["space"]
    kinds = {key: entry["kind"] for key, entry in found.items() if key in space}
    assert kinds == {
        "training.epochs": "int", "training.warmup": "float", "training.dropout": "float", "window": "choice", "adversary": "choice"
    }  # fmt: skip
    assert found["adversary"]["choices"] == [{"kind": "none"}, {"kind": "fgsm", "epsilon": 0.1}]


def test_choices_of_losses_are_whole() -> None:
    losses = ["crf", {"kind": "fixed", "alpha": 0.3}]
    searches = {"rates": SEARCH | {"model": "adaptive", "space": {"loss": {"choices": losses}}}}
    made = plan({"searches": searches, "models": {"refined": {"head": "crf", "loss": "crf"}}})
    choices = made.search("rates")["space"]["loss"]["choices"]
    assert [choice["kind"] for choice in choices] == ["crf", "fixed"] and choices[1]["alpha"] == 0.3
    alone = plan({"models": {"alone": {"encoder": "minilm", "head": "crf", "loss": losses[1]}}}).recipe("alone")
    assert choices[1] == alone["loss"]


def test_choices_of_word_vectors_have_what_a_models_own_have_by_default() -> None:
    choices = plan(space("word_vectors", choices=[None, {"size": 50}])).search("rates")["space"]["word_vectors"]["choices"]
    alone = plan({"models": {"alone": {"encoder": "minilm", "word_vectors": {"size": 50}}}}).recipe("alone")
    assert choices == [None, alone["word_vectors"]] and alone["word_vectors"]["file"] is None


def space(key: str, **entry: Any) -> dict[str, Any]:
    return {"searches": {"rates": {"space": {key: entry}}}}


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "adaptation": ({"models": {"refined": {"adaptation": "mroe"}}}, "models.refined.adaptation: unknown name 'mroe', did you mean 'more'?"),
    "encoder": (
        {"adaptations": {"more": {"encoder": "biobert"}}},
        "models.refined.adaptation: expected an adaptation of the model's own encoder, minilm, 'more' is one of biobert",
    ),
    "no encoder": ({"adaptations": {"more": {"encoder": "x"}}}, "adaptations.more.encoder: unknown name 'x'"),
    "text": ({"adaptations": {"more": {"text": ["bc5"]}}}, "adaptations.more.text: unknown name 'bc5', did you mean 'bc5cdr'?"),
    "agreement": ({"adaptations": {"more": {"text": ["i2b2_2010"]}}}, "adaptations.more.text: 'i2b2_2010' is under an agreement"),
    "mask": ({"adaptations": {"more": {"mask": 1.0}}}, "adaptations.more.mask"),
    "key": ({"adaptations": {"more": {"masks": 0.2}}}, "adaptations.more: unknown key 'masks', did you mean 'mask'?"),
    "search": ({"models": {"refined": {"values_from": "rate"}}}, "models.refined.values_from: unknown name 'rate', did you mean 'rates'?"),
    "model": ({"searches": {"rates": {"model": "plian"}}}, "searches.rates.model: unknown name 'plian', did you mean 'plain'?"),
    "dataset": ({"searches": {"rates": {"dataset": "bc5"}}}, "searches.rates.dataset: unknown name 'bc5'"),
    "chain": ({"searches": {"other": SEARCH | {"model": "refined"}}}, "searches.other.model: expected a model with values of its own"),
    "validation": ({"searches": {"rates": {"protocol": "kfold5_trainval"}}}, "searches.rates.protocol: expected official or kfold<k>"),
    "unsafe": ({"searches": {"rates": {"protocol": "kfold5_sentence"}}}, "searches.rates.protocol: expected official or kfold<k>"),
    "protocol": ({"searches": {"rates": {"protocol": "folds"}}}, "searches.rates.protocol: expected protocol official, kfold<k>"),
    "two folds": ({"searches": {"rates": {"protocol": "kfold2"}}}, "searches.rates.protocol: expected at least 3 folds, got 2"),
    "fold": ({"searches": {"rates": {"fold": 5}}}, "searches.rates.fold: expected a fold from 0 to 4 of kfold5, got 5"),
    "no ids": ({"searches": {"rates": {"dataset": "anatem"}}}, "searches.rates.dataset: 'anatem' has no document ids"),
    "unknown value": (space("training.lr", **RATE), "searches.rates.space.training.lr: expected a key of models.<name> by dotted name"),
    "fixed": (
        space("encoder", choices=["minilm", "biobert"]),
        "searches.rates.space.encoder: expected a key that changes the training alone",
    ),
    "threads": (
        space("training.threads", low=1, high=2),
        "searches.rates.space.training.threads: expected a key that changes the training",
    ),
    "refused": (
        space("training.epochs", low=0, high=2),
        "searches.rates.space.training.epochs: training.epochs: 0 is less than the minimum",
    ),
    "half": (space("training.epochs", low=1, high=2.5), "searches.rates.space.training.epochs: expected whole numbers, got low 1"),
    "order": (
        space("training.clip", low=2, high=1),
        "searches.rates.space.training.clip: expected choices, or low and high with low < high",
    ),
    "logarithm": (space("training.warmup", low=0, high=1, log=True), "low above 0 for log: true"),
    "both": (space("window", low=64, high=128, choices=[64, 128]), "searches.rates.space.window: expected choices alone, or low and high"),
    "neither": (space("window"), "searches.rates.space.window: expected choices, or low and high"),
    "no number": (space("training.precision", low=0, high=1), "searches.rates.space.training.precision: expected choices"),
    "cross": (
        space("overlap", low=8, high=100),
        "searches.rates.space.overlap: models.plain.overlap: expected less than half of the window",
    ),
    "idle": (space("adversary.epsilon", low=0.1, high=1), "searches.rates.space.adversary.epsilon: adversary"),
    "all of training": (
        space("training", choices=[{"epochs": 1}, {"epochs": 2}]),
        "searches.rates.space.training: expected its keys, each by dotted name, such as training.learning_rate",
    ),
    "kind": (space("loss.kind", choices=["cross_entropy", "crf"]), "searches.rates.space.loss.kind: expected choices of whole mappings"),
    "fit": (
        space("loss", choices=["cross_entropy", "crf"]),
        "searches.rates.space.loss: trials.models: model 'plain' has loss crf on a linear",
    ),
    "no size": (
        space("word_vectors", choices=[None, {"epochs": 3}]),
        "searches.rates.space.word_vectors: word_vectors: 'size' is a required property",
    ),
    "file without a digest": (
        space("word_vectors", choices=[None, {"size": 50, "file": "vectors.bin"}]),
        "searches.rates.space.word_vectors: models.plain.word_vectors: expected file and sha256 together, found one; add the other",
    ),
    "other folds": (
        {"experiments": {"demo": {"folds": {"run": [0, 1]}}}},
        "experiments.demo: model 'refined' has values that the search 'rates' chose on fold 0 of demo_bc5cdr under kfold5, "
        "whose documents can be test documents of fold 1 under kfold5",
    ),
    "search under agreement": (
        {"searches": {"rates": {"dataset": "i2b2_2010", "protocol": "official"}}},
        "searches.rates.dataset: 'i2b2_2010' is under an agreement",
    ),
    "encoder of a search": ({"models": {"plain": {"encoder": "minilmm"}}}, "unknown name 'minilmm', did you mean 'minilm'?"),
    "variants of a search": (
        {"models": {"plain": {"augmentation": ["shuffling"]}}, "experiments": {"demo": {"models": ["fgsm"]}}},
        "models.plain.augmentation: expected variants that are made, got shuffling",
    ),
    "values of another model": (
        {
            "searches": {"rates": {"space": {"window": {"choices": [64, 128]}}}},
            "models": {"refined": {"overlap": 40}},
        },
        "models.refined.values_from: searches.rates.space.window: models.refined.overlap: expected less than half of the window, 32",
    ),
    "transfer": (
        {
            "searches": {"rates": {"dataset": "demo_i2b2"}},
            "experiments": {
                "demo": {"folds": {"run": [1]}, "transfer": [{"from": "demo_bc5cdr", "to": "demo_i2b2", "types": {"Disease": "problem"}}]}
            },
        },
        "experiments.demo: model 'refined' has values that the search 'rates' chose on fold 0 of demo_i2b2 under kfold5",
    ),
    "other division": ({"experiments": {"demo": {"protocol": "official"}}}, "can be test documents of fold 0 under official"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    change, message = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        plan(change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_from_another_dataset_serve_all_folds() -> None:
    folds = {"experiments": {"demo": {"folds": {"run": [0, 1]}}}}
    made = plan(folds | {"searches": {"rates": {"dataset": "demo_i2b2"}}})
    assert {run.fold for run in made.experiments[0].runs} == {0, 1}
    assert made.search_run("rates").dataset == "demo_i2b2"


def test_values_serve_a_fold_with_its_validation_part_trained_on() -> None:
    made = plan({"experiments": {"demo": {"train_on_validation": True}}})
    assert made.experiments[0].protocol == "kfold5_trainval"


def searched_on(dataset: str, tested: str, **searched: Any) -> dict[str, Any]:
    """A model with values of a search on one dataset, tested under the official split of another one."""
    demo = {"datasets": [tested], "protocol": "official", "folds": {"k": 10, "run": None}}
    return {"searches": {"rates": {"dataset": dataset, "protocol": "official"} | searched}, "experiments": {"demo": demo}}


NAMES = {
    "lists of documents": ("medmentions_full", "medmentions_st21pv", "both have medmentions/full/data/corpus_pubtator_pmids_trng.txt"),
    "said so": ("bc5cdr_chem", "bc5cdr", "'bc5cdr_chem' has documents of 'bc5cdr' (documents_of)"),
    "said so by the other": ("bc5cdr", "bc5cdr_disease", "'bc5cdr_disease' has documents of 'bc5cdr' (documents_of)"),
    "of a third one": ("bc5cdr_chem", "bc5cdr_disease", "both have documents of 'bc5cdr' (documents_of)"),
    "in another format": ("jnlpba_iob2", "jnlpba", "'jnlpba_iob2' has documents of 'jnlpba' (documents_of)"),
}


@pytest.mark.parametrize("name", NAMES)
def test_values_are_not_chosen_on_test_documents_under_another_name(name: str) -> None:
    searched, tested, why = NAMES[name]
    with pytest.raises(ConfigError) as caught:
        plan(searched_on(searched, tested))
    assert str(caught.value) == (
        f"experiments.demo: model 'refined' has values that the search 'rates' chose on {searched}, whose documents can be test documents "
        f"of {tested} under official: {why}; search on a corpus that shares none"
    )


def test_a_transfer_is_no_test_on_documents_of_the_search_under_another_name() -> None:
    transfer = [{"from": "ncbi_disease", "to": "bc5cdr", "types": {"Disease": "Disease"}}]
    change = searched_on("bc5cdr_chem", "ncbi_disease")
    plan(change)
    change["experiments"]["demo"]["transfer"] = transfer
    with pytest.raises(ConfigError, match=r"chose on bc5cdr_chem, whose documents can be test documents of bc5cdr under official"):
        plan(change)


FILE = {"path": "a/x.txt", "url": "https://host/x", "sha256": ["1" * 64]}
SAME: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "digest": ({"files": [FILE]}, {"files": [FILE | {"path": "b/y.txt", "url": "https://other/y"}]}, "both have a/x.txt"),
    "blob": (
        {"files": [{"path": "a/x.txt", "url": "u", "git_blob": "2" * 40}]},
        {"files": [{"path": "b/y.txt", "url": "v", "git_blob": "2" * 40}]},
        "both have a/x.txt",
    ),
    "address": ({"files": [FILE]}, {"files": [FILE | {"sha256": ["3" * 64]}]}, "both have a/x.txt"),
    "folder": ({"folder": "mine"}, {"folder": "./mine/"}, "both have mine"),
    "folder in it": ({"folder": "mine"}, {"folder": "mine/part"}, "both have mine/part"),
    "folder above it": ({"folder": "mine/part"}, {"folder": "mine"}, "both have mine/part"),
    "path": ({"folder": "mine", "paths": {"train": "a.jsonl"}}, {"paths": ["mine"]}, "both have mine/a.jsonl"),
    "pattern": ({"folder": "mine", "glob": "*.jsonl"}, {"folder": "mine", "paths": "a.jsonl"}, "both have mine/a.jsonl"),
    "list": ({"folder": "mine", "files": [{"path": "a.jsonl", "url": "u"}]}, {"folder": "mine", "paths": "a.jsonl"}, "mine/a.jsonl"),
    "results": ({"paths": "results/corpora/second.jsonl"}, {"files": [FILE]}, "both have results/corpora/second.jsonl"),
    "several": ({"folder": "other", "documents_of": ["bc5cdr", "second"]}, {"folder": "mine"}, "'first' has documents of 'second'"),
    "in a circle": (
        {"folder": "other", "documents_of": ["first", "second"]},
        {"folder": "mine", "documents_of": ["first"]},
        "'first' has documents of 'second'",
    ),
}
OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "files": ({"files": [FILE]}, {"files": [FILE | {"url": "https://host/y", "sha256": ["3" * 64]}]}),
    "folders": ({"folder": "mine"}, {"folder": "mines"}),
    "paths": ({"folder": "mine", "paths": "a.jsonl"}, {"folder": "mine", "glob": "b*"}),
    "working folder": ({"paths": "mine/a.jsonl"}, {"paths": "mine/b.jsonl"}),
    "addresses that nobody uses": (
        {"folder": "mine", "files": [{"path": "a.jsonl", "url": "u"}]},
        {"folder": "other", "files": [{"path": "c.jsonl", "url": "u"}]},
    ),
    "documents of the same kind": ({"folder": "mine"}, {"folder": "other", "documents_of": ["bc5cdr"]}),
}


def two_names(first: dict[str, Any], second: dict[str, Any], base: Path) -> Plan:
    (base / "mine/part").mkdir(parents=True)
    (base / "other").mkdir()
    (base / "mines").mkdir()
    (base / "results/corpora").mkdir(parents=True)
    for name in ("mine/a.jsonl", "mine/b.jsonl", "other/c.jsonl", "results/corpora/second.jsonl"):
        (base / name).touch()
    kinds = [entry | {"source": "download" if "url" in str(entry) and "folder" not in entry else "provided"} for entry in (first, second)]
    known = {"title": "T", "format": "jsonl", "licence": "x"}
    datasets = {"datasets": {name: known | entry for name, entry in zip(("first", "second"), kinds, strict=True)}}
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return load_plan(merged(merged(merged(config, BASE), searched_on("first", "second")), datasets), base)


@pytest.mark.parametrize("name", SAME)
def test_documents_are_the_same_where_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("BIONER_MIRROR", "files")
    first, second, why = SAME[name]
    with pytest.raises(ConfigError, match="chose on first, whose documents can be test documents of second") as caught:
        two_names(first, second, tmp_path)
    assert why in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_documents_are_others_where_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("BIONER_MIRROR", "files")
    assert two_names(*OTHERS[name], tmp_path).experiments[0].runs


def test_a_pattern_without_files_names_no_folder(tmp_path: Path) -> None:
    """As in a clone that has what a search found and none of its corpus."""
    datasets = {name: {"source": "provided", "files": [], "glob": f"{name}/*.jsonl"} for name in ("first", "second")}
    assert shared_documents(datasets, "first", "second", tmp_path) is None


def test_documents_are_of_datasets_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"datasets\.bc5cdr_chem\.documents_of: unknown name 'bc5cd', did you mean 'bc5cdr'"):
        plan({"datasets": {"bc5cdr_chem": {"documents_of": ["bc5cd"]}}})
