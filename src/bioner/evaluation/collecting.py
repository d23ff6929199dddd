"""The rows of an experiment's runs, brought together."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.evaluation.columns import HISTORY, KEYS, RUN_FACTS, RUN_TABLES, RUNS, run_keys
from bioner.storage import atomic_text, read_json, write_rows


def collect(runs: Sequence[Mapping[str, Any]], output_folder: str | Path) -> None:
    """Concatenate the tables of an experiment's runs, in the order given.

    Writes the files of `RUN_TABLES`, history.csv and runs.csv. Facts that a run.json
    lacks, and columns that a history.csv lacks, become empty cells.

    Args:
        runs: as `selected_runs` returns them.

    Raises:
        BionerError: a file is missing or has other columns.
    """
    output = Path(output_folder)
    for name, columns in RUN_TABLES.items():
        with atomic_text(output / name) as handle:
            handle.write(",".join(columns) + "\n")
            for run in runs:
                handle.writelines(_body(Path(run["scores"]) / name, columns))
    write_rows(output / "history.csv", HISTORY, (row for run in runs for row in _history(run)))
    write_rows(output / "runs.csv", RUNS, (_facts(run) for run in runs))


def selected_runs(selection: Any, scores: str | Path, runs: str | Path) -> list[dict[str, Any]]:
    """Runs of an experiment's selection: every dataset with every model, fold and seed, in this order.

    Args:
        selection: datasets, models, folds and seeds (lists), and protocol; `compare`: the folds of further protocols.
        scores: folder of all scores, results/scores.
        runs: folder of all runs, results/runs.

    Raises:
        BionerError: the selection is not as described. Without datasets (none was provided) there are no runs.
    """
    parts = ("datasets", "models", "folds", "seeds")
    lists = isinstance(selection, Mapping) and all(isinstance(selection.get(part), list) for part in parts)
    if not lists or not isinstance(selection.get("protocol"), str) or not all(selection[part] for part in parts[1:]):
        raise BionerError(
            f"settings: expected protocol, {', '.join(parts)}, none but datasets empty, got {selection!r:.120}; correct the experiment"
        )
    found = []
    for protocol, folds in {selection["protocol"]: selection["folds"], **selection.get("compare", {})}.items():
        for dataset, model, fold, seed in product(selection["datasets"], selection["models"], folds, selection["seeds"]):
            path = Path(dataset, protocol, model, f"fold{fold}", f"seed{seed}")
            keys = dict(zip(KEYS, (dataset, protocol, model, fold, seed), strict=True))
            found.append(keys | {"scores": str(Path(scores, path)), "run": str(Path(runs, path))})
    return found


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
