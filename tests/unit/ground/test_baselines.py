"""The published baselines have their entries in the configuration, and experiments their corpora."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.errors import ConfigError
from bioner.planning import Plan
from bioner.reporting.published import read_published
from bioner.storage import write_json

ROOT = Path(__file__).resolve().parents[3]
NOT_REPRODUCED = {"SAPBERT (unsupervised)", "ADAPTER (PubMedBERT+SAPBERT)", "GPT-4 (Five-Shot)", "BioNER-LLaMA2"}
"""Models of the published table that are no taggers, or have no weights to begin with."""


def config(**changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return value | changes


def plan_of(name: str, base: Path = ROOT) -> Plan:
    return load_plan(config(run=[name]), base)


def test_every_published_tagger_is_a_model_of_table_1() -> None:
    chosen = config()
    reproduced = {chosen["models"][model].get("reproduces") for model in chosen["experiments"]["table1"]["models"]} - {None}
    assert {row.model for row in read_published()} - reproduced == NOT_REPRODUCED
    assert {"bluebert", "bioelectra"} <= set(chosen["experiments"]["table1"]["models"])  # of the papers' text
    assert {"biolinkbert", "bioclinical_modernbert"} <= chosen["models"].keys()


def test_table_1_is_ten_folds_of_three_corpora() -> None:
    plan = plan_of("table1")
    (experiment,) = plan.experiments
    assert experiment.datasets == ["medmentions_st21pv", "bc5cdr", "i2b2_2010"] and experiment.missing == "row"
    assert experiment.protocol == "kfold10" and experiment.folds == list(range(10))
    fgsm = plan.recipe("biobert_fgsm")
    assert fgsm["adversary"]["kind"] == "fgsm" and fgsm["augmentation"] and fgsm["training"]["frozen_layers"] is None
    ablation = plan.recipe("biobert_augmented")
    assert {key for key in fgsm if fgsm[key] != ablation[key]} == {"model", "adversary"}


def test_the_eight_corpora_of_each_paper() -> None:
    adabiobert = {"bc4chemd", "linnaeus", "ncbi_disease", "bc5cdr", "jnlpba", "anatem", "bionlp13ge", "species800"}
    bioalbert = {"ncbi_disease", "bc5cdr_disease", "bc5cdr_chem", "bc4chemd", "bc2gm", "jnlpba", "linnaeus", "species800"}
    experiments = config()["experiments"]
    for name, corpora in (("adabiobert_8", adabiobert), ("bioalbert_8", bioalbert)):
        assert set(experiments[name]["datasets"]) == corpora and experiments[name]["protocol"] == "official"


def test_adabiobert_as_released() -> None:
    recipe = plan_of("adabiobert_8").recipe("adabiobert_published")
    assert recipe["head"] == "crf" and recipe["loss"]["crf_reduction"] == "sequences" and recipe["loss"]["bounds"] == [0, 1]
    assert recipe["word_vectors"]["size"] == 200 and recipe["alignment"] == "all" and recipe["window"] == 64
    training = recipe["training"]
    rates = (training["learning_rate"], training["head_learning_rate"], training["loss_learning_rate"])
    assert rates == (2e-5, 1e-4, 0.01) and recipe["word_vectors"]["learning_rate"] == 2 * rates[0]
    assert (training["frozen_layers"], training["weight_decay"], training["clip"], training["dropout"]) == (6, 1e-4, 1.0, 0.3)
    assert (training["epochs"], training["select_by"]) == (20, "macro_f1")
    ours = plan_of("adabiobert_8").recipe("adabiobert")
    assert ours["loss"]["crf_reduction"] == "words" and ours["loss"]["bounds"] == [0.05, 0.95]


def test_alignments_in_both_schemes() -> None:
    plan = plan_of("alignment")
    recipes = [plan.recipe(model) for model in config()["experiments"]["alignment"]["models"]]
    assert {(recipe["alignment"], recipe["tags"]) for recipe in recipes} == {
        (alignment, tags) for alignment in ("first", "last", "mean", "all") for tags in ("iob2", "iobes")
    }
    varied = {"model", "alignment", "tags"}
    assert all(recipe[key] == recipes[0][key] for recipe in recipes for key in recipe if key not in varied)


def test_open_full_has_every_corpus_that_is_open() -> None:
    chosen = config()
    opened = {name for name, entry in chosen["datasets"].items() if entry["source"] == "download"} - {
        "jnlpba_iob2"
    }  # of jnlpba's documents
    assert set(chosen["experiments"]["open_full"]["datasets"]) == opened and len(chosen["experiments"]["open_full"]["seeds"]) >= 3


def test_encoders_come_from_commits_or_folders() -> None:
    for name, entry in config()["encoders"].items():
        for source in entry["sources"]:
            if "hub" in source:
                assert re.fullmatch(r"[\w.-]+/[\w.-]+", source["hub"]), name
                assert source["revision"] is None or re.fullmatch("[0-9a-f]{40}", source["revision"]), name


def test_an_encoder_that_its_user_must_make_is_asked_for_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"experiments\.bioalbert_8\.models: model 'bioalbert' needs encoder 'bioalbert', found no folder data/"
    ):
        plan_of("bioalbert_8", tmp_path)
    (tmp_path / "data" / "bioalbert").mkdir(parents=True)
    assert plan_of("bioalbert_8", tmp_path).experiments
    (tmp_path / "data" / "bioalbert").rmdir()
    write_json(tmp_path / "results" / "encoders" / "bioalbert" / "encoder.json", {})  # fetched before
    assert plan_of("bioalbert_8", tmp_path).experiments
