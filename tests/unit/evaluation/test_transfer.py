"""Predictions on another corpus: types mapped, training documents left out, scores those of the rest."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bioner.commands.score_transfer import main as score_main
from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.transfer import map_types, only_types, shared_documents
from bioner.preparation.normalize import normalize, normalize_text
from bioner.storage import read_json, sha256_file, write_json

KEYS = {"dataset": "ours", "protocol": "official", "model": "plain", "fold": 0, "seed": 1, "target": "theirs"}


def document(name: str, text: str, *mentions: tuple[int, int, str]) -> Document:
    return Document(name, text, tuple(Mention(str(i), ((a, b),), kind) for i, (a, b, kind) in enumerate(mentions)))


def test_types_are_mapped_and_others_left_out() -> None:
    predicted = document("a", "zorbin fever of mice", (0, 6, "Drug"), (0, 12, "Disease"), (0, 12, "Finding"), (16, 20, "Species"))
    mapped = map_types(predicted, {"Disease": "Illness", "Finding": "Illness", "Species": "Animal"})
    assert [(m.spans, m.type) for m in mapped.mentions] == [(((0, 12),), "Illness"), (((16, 20),), "Animal")]
    assert [m.type for m in only_types(predicted, ["Drug", "Species"]).mentions] == ["Drug", "Species"]


def test_shared_documents_are_found_by_id_or_text() -> None:
    training = [document("1", "One text."), document("2", "Two\u2010fold TEXT")]
    test = [document("1", "another"), document("x", "two-fold  text!"), document("y", "two-folds text")]
    assert shared_documents(training, test) == {"1", "x"}


def test_documents_that_normalization_changed_are_found_by_text_too() -> None:
    test = document("x", "Zorbin vs. placebo: 10 \u00b5g/m\u00b2 of quxin.")
    steps = ["unicode", "shorthand"]
    trained = replace(normalize(test, steps), id="train-17")
    assert shared_documents([trained], [test]) == set()
    assert shared_documents([trained], [test], lambda text: normalize_text(text, steps)[0]) == {"x"}
    assert shared_documents([replace(test, id="raw")], [test], lambda text: normalize_text(text, steps)[0]) == {"x"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    gold = [
        document("a", "zorbin fever of mice", (0, 12, "Illness"), (16, 20, "Animal")),
        document("b", "old rust", (4, 8, "Illness")),
        document("e", "healthy mice", (8, 12, "Animal")),
        document("c", "seen before", (0, 4, "Illness")),
        document("d", "rust vs. frost", (0, 4, "Illness")),
    ]
    found = document("a", gold[0].text, (0, 12, "Disease"), (16, 20, "Disease"))
    predicted = [found, *(document(other.id, other.text) for other in gold[1:])]
    write_documents(tmp_path / "test.jsonl", gold)
    write_documents(tmp_path / "train.jsonl", [document("z", "nothing"), document("d2", "rust versus frost")])
    write_documents(tmp_path / "validation.jsonl", [document("c2", "Seen before.")])
    write_documents(tmp_path / "clean.jsonl", predicted)
    write_json(tmp_path / "composition.json", {"normalize": ["unicode", "shorthand"]})
    write_json(tmp_path / "predictions.json", {"attacks": {"clean": sha256_file(tmp_path / "clean.jsonl")}})
    return tmp_path


def score(files: Path, types: dict[str, str]) -> None:
    score_main(
        [
            *("--gold", str(files / "test.jsonl"), "--training", str(files / "train.jsonl"), str(files / "validation.jsonl")),
            *("--predictions", str(files / "predictions.json"), "--types", json.dumps(types), "--keys", json.dumps(KEYS)),
            *("--composition", str(files / "composition.json"), "--output-folder", str(files / "out")),
        ]
    )


def test_only_mapped_types_of_unseen_documents_count(files: Path) -> None:
    score(files, {"Disease": "Illness"})
    with open(files / "out" / "scores.csv", newline="") as handle:
        rows = {(row["definition"], row["average"], row["metric"]): row for row in csv.DictReader(handle)}
    values = {metric: float(rows["strict", "micro", metric]["value"]) for metric in ("gold", "predicted", "correct", "f1")}
    assert values == {"gold": 2, "predicted": 2, "correct": 1, "f1": 0.5}
    assert rows["strict", "micro", "f1"]["dataset"] == "ours" and rows["strict", "micro", "f1"]["attack"] == "clean"
    with open(files / "out" / "documents.csv", newline="") as handle:
        assert [(row["document"], row["gold"], row["predicted"], row["correct"]) for row in csv.DictReader(handle)] == [
            ("a", "1", "2", "1"),
            ("b", "1", "0", "0"),
            ("e", "0", "0", "0"),
        ]
    assert read_json(files / "out" / "left_out.json") == {"documents": 5, "left_out": ["c", "d"], "types": {"Disease": "Illness"}}


def test_types_that_gold_does_not_have_are_refused(files: Path) -> None:
    with pytest.raises(BionerError, match=r"test.jsonl: expected mentions of Ilness to score, found none; correct the types"):
        score(files, {"Disease": "Ilness"})


def test_changed_predictions_are_refused(files: Path) -> None:
    write_documents(files / "clean.jsonl", [])
    with pytest.raises(BionerError, match="expected sha256"):
        score(files, {"Disease": "Illness"})
