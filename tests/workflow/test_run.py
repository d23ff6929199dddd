"""The toy experiment end to end: what it makes, and that a second run from scratch makes the same bytes."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from bioner.console import COMMANDS
from bioner.documents import read_documents
from bioner.storage import sha256_file

from .conftest import ROOT, Project

RUN = "demo_bc5cdr/kfold3/plain/fold0/seed1"
LINKING, TRANSFER = {"link"}, {"transfer", "score_transfer"}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_every_promised_file_is_made(finished: Project) -> None:
    results = finished.folder / "results"
    table = rows(results / "toy/tables/table1.csv")
    assert [row["source"] for row in table].count("published") == 19
    reproduced = [row for row in table if row["source"] == "reproduced"]
    assert [row["model"] for row in reproduced] == ["plain", "adaptive"]
    assert all(row["scale"] == "demo" and row["difference"] == "" and "demo, synthetic" in row["note"] for row in reproduced)
    tables = ("table1", "table1_definitions", "robustness", "robustness_groups", "comparisons", "ablations", "errors", "recall", "leakage")
    for name in (f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex", "html")):
        assert (results / "toy/tables" / name).stat().st_size > 0
    for name in ("run.json", "history.csv", "model.safetensors", "config.json", "tokenizer.json"):
        assert (results / "runs" / RUN / name).stat().st_size > 0
    for name in ("clean.jsonl", "typos.jsonl", "fgsm.jsonl", "predictions.json"):
        assert (results / "predictions" / RUN / name).stat().st_size > 0
    page = (results / "toy/report/index.html").read_text(encoding="utf-8")
    assert "demo, synthetic corpora" in page
    assert page.count("<script src") == 1 and '<script src="data/vega.js"' in page and "<link" not in page
    assert (results / "toy/report/errors.html").is_file() and (results / "toy/report/data/demo_bc5cdr/fold0/clean.text0.js").is_file()
    for figure in ("fig1", "robustness", "error_kinds", "recall", "learning_curves", "alpha", "dataflow", "confusion_demo_bc5cdr"):
        assert (results / "toy/figures" / f"{figure}.svg").stat().st_size > 0
    assert [path.name for path in (results / "corpora").iterdir()] == ["demo_bc5cdr.jsonl"]


@pytest.mark.parametrize("model", ["plain", "adaptive"])
def test_the_table_says_what_seqeval_says_of_the_predictions(finished: Project, model: str) -> None:
    results = finished.folder / "results"
    gold = results / "folds/demo_bc5cdr/kfold3/fold0/test.jsonl"
    predicted = results / f"predictions/demo_bc5cdr/kfold3/{model}/fold0/seed1/clean.jsonl"
    oracle = ROOT / "tests/oracles/rescore.py"
    done = subprocess.run([sys.executable, "-W", "ignore", oracle, gold, predicted], check=True, capture_output=True, text=True)
    (row,) = (row for row in rows(results / "toy/tables/table1.csv") if row["source"] == "reproduced" and row["model"] == model)
    precision = row["precision"] or "0.00"  # undefined where nothing was predicted
    mentions = sum(len(document.mentions) for document in read_documents(gold))
    assert done.stdout.split() == ["gold", f"{mentions:,}", "P", precision, "R", row["recall"], "F1", row["f1"]]


def test_each_rule_has_its_command_log_and_benchmark(finished: Project) -> None:
    results = finished.folder / "results"
    ran = {path.name for path in (results / "benchmarks").iterdir()}
    commands = {path.stem for path in (finished.folder / "src/bioner/commands").glob("*.py")} - {"__init__"}
    assert ran == commands - {"download", "agreement", "metrics", "adapt", "trial", "search", *LINKING, *TRANSFER, *COMMANDS}
    for rule in ran:
        assert any((results / "logs" / rule).rglob("*.log")), rule
        assert any((results / "benchmarks" / rule).rglob("*.tsv")), rule


def test_the_data_flow_diagram_shows_the_actual_rules(finished: Project) -> None:
    dot = (finished.folder / "results/toy/rulegraph.dot").read_text()
    svg = (finished.folder / "results/toy/figures/dataflow.svg").read_text()
    for rule in ("generate", "harmonize", "compose", "audit", "train", "predict", "score", "collect", "table1"):
        assert f'{rule}[label = "{rule}"]' in dot
        assert rule in svg


@pytest.mark.slow
def test_two_runs_from_scratch_give_the_same_bytes(finished: Project, fresh: Project) -> None:
    fresh.run()
    first, second = (
        {
            path.relative_to(project.folder).as_posix(): sha256_file(path)
            for path in sorted((project.folder / "results").rglob("*"))
            if path.is_file()
        }
        for project in (finished, fresh)
    )
    timed = ("results/logs/", "results/benchmarks/")
    differing = {name for name in first.keys() | second.keys() if not name.startswith(timed) and first.get(name) != second.get(name)}
    # these tell when and how fast, and nothing else may differ
    told = {"results/toy/collected/runs.csv", "results/toy/report/index.html"}
    told |= {name for name in first if name.endswith("/run.json") or ("/checkpoint-" in name and name.endswith("/digests.json"))}
    assert {name for name in differing if not name.endswith(".snakemake_timestamp")} <= told
