"""The rows of an experiment's runs, brought together."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.evaluation.columns import CONFUSION, DOCUMENTS, HISTORY, KEYS, RUN_FACTS, RUNS, SCORES, run_keys
from bioner.storage import atomic_text, read_json, write_rows

_TABLES = {"scores.csv": SCORES, "documents.csv": DOCUMENTS, "confusion.csv": CONFUSION}


def collect(runs_file: str | Path, output_folder: str | Path) -> None:
    """Concatenate the tables of all runs of an experiment, in the order of the runs file.

    Writes scores.csv, documents.csv, confusion.csv, history.csv and runs.csv. Facts that a run.json
    lacks, and columns that a history.csv lacks, become empty cells.

    Args:
        runs_file: JSON list of objects with dataset, protocol, model, fold, seed, `scores` (folder
            written by score) and `run` (folder written by train).

    Raises:
        BionerError: a file is missing or has other columns, or the runs file is not as described.
    """
    runs = _read_runs(runs_file)
    output = Path(output_folder)
    for name, columns in _TABLES.items():
        with atomic_text(output / name) as handle:
            handle.write(",".join(columns) + "\n")
            for run in runs:
                handle.writelines(_body(Path(run["scores"]) / name, columns))
    write_rows(output / "history.csv", HISTORY, (row for run in runs for row in _history(run)))
    write_rows(output / "runs.csv", RUNS, (_facts(run) for run in runs))


def _read_runs(path: str | Path) -> list[dict[str, Any]]:
    runs = read_json(path)
    if not isinstance(runs, list) or not runs:
        raise BionerError(f"{path}:1: expected a list of at least one run, got {runs!r:.60}; correct the rule that writes it")
    for number, run in enumerate(runs, 1):
        run_keys(run, f"{path}: run {number}")
        for key in ("scores", "run"):
            if not isinstance(run.get(key), str):
                raise BionerError(
                    f"{path}: run {number}: expected the folder '{key}', got {run.get(key)!r:.60}; correct the rule that writes it"
                )
    return runs


def _body(path: Path, columns: Sequence[str]) -> Iterator[str]:
    """The lines of a table after its header, each ended by a newline."""
    try:
        with open(path, encoding="utf-8", newline="\n") as handle:
            header = handle.readline().rstrip("\r\n")
            if header != ",".join(columns):
                raise BionerError(f"{path}:1: expected columns {','.join(columns)}, got {header!r:.120}; run score again")
            for line in handle:
                yield line if line.endswith("\n") else line + "\n"
    except FileNotFoundError as error:
        raise _missing(path, "score") from error


def _history(run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    path = Path(run["run"]) / "history.csv"
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            unknown = sorted(set(reader.fieldnames or ()) - set(HISTORY))
            if unknown:
                raise BionerError(f"{path}:1: expected columns among {', '.join(HISTORY)}, got {', '.join(unknown)}; run train again")
            for row in reader:
                yield {column: row.get(column) for column in HISTORY} | run_keys(run, str(path))
    except FileNotFoundError as error:
        raise _missing(path, "train") from error


def _facts(run: Mapping[str, Any]) -> dict[str, Any]:
    path = Path(run["run"]) / "run.json"
    if not path.is_file():
        raise _missing(path, "train")
    facts = read_json(path)
    if not isinstance(facts, dict):
        raise BionerError(f"{path}:1: expected an object, got {facts!r:.60}; run train again")
    return {**{key: run[key] for key in KEYS}, "run": run["run"], **{key: facts.get(key) for key in RUN_FACTS}}


def _missing(path: Path, rule: str) -> BionerError:
    return BionerError(f"{path}: expected a file, found none; run the rule {rule}")
