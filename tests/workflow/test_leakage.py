"""The leakage experiment in the real workflow, on a toy corpus: four protocols, equal training words, one table."""

from __future__ import annotations

import csv
import json

import pytest
import yaml

from .conftest import Project
from .test_trace import trace_all, trace_rows

EXPERIMENT = {
    "title": "Toy leakage",
    "scale": "demo",
    "datasets": ["demo_bc5cdr"],
    "models": ["plain"],
    "protocol": "kfold",
    "folds": {"k": 3, "run": [0]},
    "compare": ["official", "kfold_sentence", "augment_first"],
    "unsafe_protocol": True,
    "training_words": "equal",
}


@pytest.mark.slow
def test_four_protocols_at_equal_training_words(fresh: Project) -> None:
    toy = yaml.safe_load((fresh.folder / "toy.yaml").read_text())
    toy |= {"run": ["leaks"], "experiments": {"leaks": EXPERIMENT}}
    (fresh.folder / "toy.yaml").write_text(yaml.safe_dump(toy))
    fresh.run("results/leaks/tables/leakage.csv")
    with open(fresh.folder / "results/leaks/tables/leakage.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    protocols = ["kfold3_equal", "official_equal", "kfold3_sentence_equal", "augment_first3_equal"]
    assert [row["protocol"] for row in rows] == protocols
    assert [row["unsafe"] for row in rows] == ["no", "no", "yes", "yes"]
    words = [int(row["training_words"]) for row in rows]
    splits = fresh.folder / "results/splits/demo_bc5cdr"
    limit = min(count for path in splits.glob("*.json") for count in json.loads(path.read_text())["training_words"])
    assert all(0.7 * limit < count <= limit for count in words) and max(words) == limit
    assert "shared documents" in rows[2]["leaks"] and "variant in evaluation" in rows[3]["leaks"]
    assert all(("unsafe protocol: " in row["note"]) == (row["unsafe"] == "yes") for row in rows)
    fresh.run("results/leaks/tables/table1.csv")
    assert trace_all(fresh.folder / "results/leaks/tables/leakage.csv") == 4
    assert "corpus" in trace_rows(fresh.folder / "results/leaks/tables/leakage.csv")
    assert fresh.planned("results/leaks/tables/leakage.csv") == {}
