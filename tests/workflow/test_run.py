"""The toy experiment end to end: what it makes, and that a second run from scratch makes the same bytes."""

from __future__ import annotations

import csv
from pathlib import Path

from bioner.console import COMMANDS
from bioner.storage import sha256_file

from .conftest import Project

RUN = "demo_bc5cdr/kfold3/plain/fold0/seed1"


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
    for name in ("table1.md", "table1.tex", "table1.html", "table1_definitions.csv", "robustness.csv"):
        assert (results / "toy/tables" / name).stat().st_size > 0
    for name in ("run.json", "history.csv", "model.safetensors", "config.json", "tokenizer.json"):
        assert (results / "runs" / RUN / name).stat().st_size > 0
    for name in ("clean.jsonl", "typos.jsonl", "fgsm.jsonl", "predictions.json"):
        assert (results / "predictions" / RUN / name).stat().st_size > 0
    page = (results / "toy/report/index.html").read_text(encoding="utf-8")
    assert "demo, synthetic corpora" in page
    assert "<script src" not in page and "<link" not in page
    for figure in ("fig1", "robustness", "learning_curves", "alpha", "dataflow", "confusion_demo_bc5cdr"):
        assert (results / "toy/figures" / f"{figure}.svg").stat().st_size > 0
    assert [path.name for path in (results / "corpora").iterdir()] == ["demo_bc5cdr.jsonl"]


def test_each_rule_has_its_command_log_and_benchmark(finished: Project) -> None:
    results = finished.folder / "results"
    ran = {path.name for path in (results / "benchmarks").iterdir()}
    commands = {path.stem for path in (finished.folder / "src/bioner/commands").glob("*.py")} - {"__init__"}
    assert ran == commands - {"download", "agreement", "metrics", *COMMANDS}
    for rule in ran:
        assert any((results / "logs" / rule).rglob("*.log")), rule
        assert any((results / "benchmarks" / rule).rglob("*.tsv")), rule


def test_the_data_flow_diagram_shows_the_actual_rules(finished: Project) -> None:
    dot = (finished.folder / "results/toy/rulegraph.dot").read_text()
    svg = (finished.folder / "results/toy/figures/dataflow.svg").read_text()
    for rule in ("generate", "harmonize", "compose", "audit", "train", "predict", "score", "collect", "table1"):
        assert f'{rule}[label = "{rule}"]' in dot
        assert rule in svg


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
    told = {"results/toy/collected/runs.csv", "results/toy/report/index.html"} | {name for name in first if name.endswith("/run.json")}
    assert {name for name in differing if not name.endswith(".snakemake_timestamp")} <= told
