"""Variants in the configuration: off by default, declared where names come from outside of the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.planning import Plan

CONFIG = Path(__file__).parents[3] / "config.yaml"
TRANSLATED = {"forward": "there", "backward": "back"}


def plan(base: Path, *, augmentation: list[str] | None = None, lexicon: str | None = None, **preparation: Any) -> Plan:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["preparation"] |= preparation
    config["encoders"] |= {name: {"sources": [{"folder": name}]} for name in ("there", "back")}
    if augmentation is not None:
        config["models"]["plain"]["augmentation"] = augmentation
    if lexicon is not None:
        for experiment in config["experiments"].values():
            experiment["lexicon"] = lexicon
    return load_plan(config, base)


def test_only_noise_and_synonyms_are_made_by_default(tmp_path: Path) -> None:
    made = plan(tmp_path)
    chosen = made.config["preparation"]
    assert made.document_variants == ["noise"] and made.lexicon_files == [] and made.translators("noise") == []
    assert made.composition == {"normalize": chosen["normalize"], "synonyms": chosen["synonyms"]}
    assert chosen["noise"] == {"rate": 0.05, "seed": 1}


def test_each_kind_reaches_its_rule(tmp_path: Path) -> None:
    for translator in ("there", "back"):
        (tmp_path / translator).mkdir()
    (tmp_path / "own.tsv").write_text("C1\tx\n")
    within = plan(tmp_path, noise=None, shuffling={"rate": 0.2}, back_translation=TRANSLATED)
    assert within.document_variants == ["shuffling", "back_translation"] and "shuffling" not in within.composition
    assert within.translators("back_translation") == ["there", "back"]
    across = plan(tmp_path, shuffling={"within": "training"}, lexicons={"own": {"tsv": "own.tsv"}})
    assert across.document_variants == ["noise"] and across.lexicon_files == ["own.tsv"]
    assert across.composition["shuffling"] == {"rate": 0.3, "seed": 1, "within": "training"}
    assert across.composition["lexicons"] == {"own": {"tsv": "own.tsv"}}


def test_external_names_must_be_declared_and_are_told_in_every_row(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("C1\tx\n")
    lexicons = {"own": {"tsv": "own.tsv"}}
    with pytest.raises(ConfigError, match=r"lexicon: model 'plain' is trained on names from outside"):
        plan(tmp_path, augmentation=["external_synonyms"], lexicons=lexicons)
    declared = plan(tmp_path, augmentation=["external_synonyms"], lexicons=lexicons, lexicon="external")
    assert "plain trained on names of the external lexicons own" in describe(declared, "demo")["notes"]
    silent = describe(plan(tmp_path, lexicons=lexicons), "demo")["notes"]
    assert not any("external" in note for note in silent)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"augmentation": ["shuffling"]}, "models.plain.augmentation: expected variants that are made, got shuffling"),
        ({"augmentation": ["noise"], "noise": None}, "got noise; set preparation.noise"),
        ({"augmentation": ["external_synonyms"], "lexicon": "external"}, "set preparation.lexicons"),
        ({"back_translation": {"forward": "there", "backward": "bakc"}}, "did you mean 'back'"),
        ({"back_translation": {"forward": "there"}}, "'backward' is a required property"),
        ({"lexicons": {"own": {"tsv": "nowhere.tsv"}}}, "preparation.lexicons.own.tsv: expected a file, found none at nowhere.tsv"),
        ({"lexicons": {"own": {"csv": "x"}}}, "unknown key 'csv'"),
        ({"lexicons": {"own": {}}}, "preparation.lexicons.own"),
        ({"shuffling": {"within": "test"}}, "preparation.shuffling.within"),
        ({"noise": {"rate": 2}}, "preparation.noise.rate"),
    ],
)
def test_what_cannot_be_made_is_told_before_anything_runs(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        plan(tmp_path, **settings)
