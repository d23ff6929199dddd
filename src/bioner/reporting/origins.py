"""Where an experiment came from: code, versions, machines, recipes and digests of its runs, and the time that its rules took."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.provenance import value_digest
from bioner.storage import read_json

MEBIBYTE = "max_rss"


def read_origins(results: str | Path, selection: Mapping[str, Any]) -> dict[str, Any]:
    """What the run.json files of an experiment's own runs say, each different value once.

    Returns:
        `facts`: lines of name and value; `recipes`: for each model its recipes as (digest, JSON); `encoders`: name, file, digest;
        `data`: dataset and fold, file, digest.

    Raises:
        BionerError: a run.json is missing or lacks a part.
    """
    runs = {run: _run(Path(results) / "runs" / run / "run.json") for run in selected(selection)}
    versions = {f"version of {name}": value for run in runs.values() for name, value in run["versions"].items()}
    facts = [
        ("code", _each(_revision(run.get("code")) for run in runs.values())),
        ("platform", _each(run.get("platform") for run in runs.values())),
        ("device of trainings", _each(run.get("device") for run in runs.values())),
        ("precision of trainings", _each(run.get("precision") for run in runs.values())),
        ("threads of a training", _each(run.get("threads") for run in runs.values())),
        *((name, _each(run["versions"].get(name.removeprefix("version of ")) for run in runs.values())) for name in sorted(versions)),
    ]
    encoders = {
        (run["encoder"]["encoder"], name, digest) for run in runs.values() if run.get("encoder") for name, digest in _files(run["encoder"])
    }
    data = {(run.rsplit("/", 1)[0], name, digest) for run, facts in runs.items() for name, digest in (facts.get("data") or {}).items()}
    return {
        "facts": [(name, value) for name, value in facts if value],
        "recipes": _recipes(runs.values()),
        "encoders": sorted(encoders),
        "data": sorted({(_fold(run), name, digest) for run, name, digest in data}),
    }


def selected(selection: Mapping[str, Any]) -> list[str]:
    """Paths of an experiment's runs under its own protocol, <dataset>/<protocol>/<model>/fold<k>/seed<s>."""
    parts = product(selection["datasets"], selection["models"], selection["folds"], selection["seeds"])
    return [f"{dataset}/{selection['protocol']}/{model}/fold{fold}/seed{seed}" for dataset, model, fold, seed in parts]


def read_times(results: str | Path, experiment: str, datasets: Sequence[str]) -> list[dict[str, str]]:
    """For each rule, as Snakemake measured its jobs when they were last run: jobs, wall minutes, processor minutes, most memory (MiB).

    Jobs of the experiment and of its datasets are counted, those of other experiments with the same datasets included.
    """
    lines = []
    for folder in sorted(path for path in (Path(results) / "benchmarks").glob("*") if path.is_dir()):
        files = [path for path in sorted(folder.rglob("*.tsv")) if _belongs(path.relative_to(folder), experiment, datasets)]
        found = [row for path in files for row in _measured(path)]
        if found:
            line = {"rule": folder.name, "jobs": str(len(found)), "wall": _minutes(found, "s"), "processor": _minutes(found, "cpu_time")}
            lines.append(line | {"memory": f"{max((_number(row, MEBIBYTE) for row in found), default=0):,.0f}"})
    return lines


def _belongs(path: Path, experiment: str, datasets: Sequence[str]) -> bool:
    first = path.parts[0].removesuffix(".tsv")
    return first == experiment or first in datasets


def _measured(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def _number(row: Mapping[str, str], column: str) -> float:
    """A measured value; Snakemake writes `NA` or `-` for what it could not measure."""
    try:
        return float(row.get(column, ""))
    except ValueError:
        return 0.0


def _minutes(rows: Sequence[Mapping[str, str]], column: str) -> str:
    return f"{sum(_number(row, column) for row in rows) / 60:.1f}"


def _run(path: Path) -> dict[str, Any]:
    run = read_json(path)
    if not isinstance(run, dict) or not isinstance(run.get("versions"), dict) or not isinstance(run.get("recipe"), dict):
        raise BionerError(f"{path}:1: expected an object with recipe and versions, found something else; run train again")
    return run


def _each(values: Iterable[Any]) -> str:
    return ", ".join(sorted({str(value) for value in values if value not in (None, "")}))


def _revision(code: Any) -> str:
    if not isinstance(code, Mapping) or not code.get("revision"):
        return "no revision known"
    return f"{code['revision']}{' (edited)' if code.get('edited') else ''}"


def _files(encoder: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(digest)) for name, digest in (encoder.get("files") or {}).items()]


def _recipes(runs: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        recipe = run["recipe"]
        found.setdefault(str(recipe.get("model")), {})[value_digest(recipe)] = json.dumps(
            recipe, indent=1, sort_keys=True, ensure_ascii=False
        )
    return {model: sorted(recipes.items()) for model, recipes in found.items()}


def _fold(run: str) -> str:
    dataset, protocol, _, fold = run.split("/")
    return f"{dataset}/{protocol}/{fold}"
