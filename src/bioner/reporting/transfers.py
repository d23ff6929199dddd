"""The table of cross-corpus transfer: models of one corpus on another one, beside models that were trained on that."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.evaluation.ratios import Counts
from bioner.evaluation.statistics import cell, folds_of
from bioner.reporting.cells import Row, percent
from bioner.reporting.collected import CLEAN, DOCUMENT_COLUMNS, Cell, FoldSeed, Scores, csv_rows
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.storage import read_json

TRANSFER_COLUMNS = (
    *("dataset", "target", "model", "types", "f1_source", "precision", "recall", "f1", "f1_low", "f1_high"),
    *("f1_target", "difference", "documents", "left_out", "folds", "seeds", "note"),
)
TRANSFER_HEADINGS = {
    "dataset": "Trained on",
    "target": "Tested on",
    "types": "Types",
    "f1_source": "F1 on its own corpus",
    "f1_target": "F1 of a model of that corpus",
    "documents": "Documents",
    "left_out": "Left out",
}

Rows = Mapping[tuple[str, str, str], list[dict[str, str]]]
"""Rows of documents.csv by dataset, target and model."""


def transfer_rows(
    *,
    settings: ReportSettings,
    scores: Scores,
    paths: Iterable[str | Path],
    transfers: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
) -> list[Row]:
    """Strict micro scores on another corpus over the types that the transfer maps, in percent; means over folds and seeds.

    `f1_source` is the same model's F1 on its own test part, `f1_target` that of the model of the same name that was trained on the
    other corpus, where the experiment has it (all of its test part); both over the mapped types. `difference` = f1 - f1_target.

    Args:
        scores: of the experiment's own runs.
        paths: scores.csv of single transfers, with documents.csv and left_out.json beside them, below a folder of the target's name.
        transfers: entries of the configuration: from, to, types.
        titles: of the targets.

    Raises:
        BionerError: a file is missing or malformed; a transfer has no files.
    """
    rows, left_out = _read(paths)
    table: list[Row] = []
    for entry in transfers:
        source, target, types = entry["from"], entry["to"], entry["types"]
        if settings.datasets[source].missing is not None:
            continue
        for model in settings.models:
            found = rows.get((source, target, model))
            if not found:
                raise BionerError(f"{source} to {target}, {model}: expected rows of a transfer, found none; run the rule score_transfer")
            own = (settings.protocol, model)
            inside = _f1(scores, (target, *own), set(types.values())) if target in settings.datasets else None
            row = {
                "dataset": settings.datasets[source].title,
                "target": titles[target],
                "model": model,
                "types": ", ".join(f"{ours} → {theirs}" if ours != theirs else ours for ours, theirs in sorted(types.items())),
                "f1_source": percent(_f1(scores, (source, *own), set(types))),
                **_cells(found, inside),
                "left_out": f"{sum(left_out[source, target, model]) / len({line['seed'] for line in found}):g}",
                "note": DEMO_NOTE if settings.demo else "",
            }
            table.append({column: row[column] for column in TRANSFER_COLUMNS})
    return table


def _read(paths: Iterable[str | Path]) -> tuple[Rows, dict[tuple[str, str, str], list[int]]]:
    rows: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    left_out: dict[tuple[str, str, str], list[int]] = {}
    for folder in (Path(path).parent for path in paths):
        key = None
        for _, cells in csv_rows(folder / "documents.csv", DOCUMENT_COLUMNS):
            row = dict(zip(DOCUMENT_COLUMNS, cells, strict=True))
            key = (row["dataset"], folder.name, row["model"])
            rows.setdefault(key, []).append(row)
        if key is not None:
            left_out.setdefault(key, []).append(len(read_json(folder / "left_out.json")["left_out"]))
    return rows, left_out


def _cells(rows: Sequence[Mapping[str, str]], inside: float | None) -> dict[str, str]:
    result = cell(folds_of(rows))
    f1 = result.f1.mean
    seeds = {row["seed"] for row in rows}
    return {
        "precision": percent(result.precision.mean),
        "recall": percent(result.recall.mean),
        "f1": percent(f1),
        "f1_low": percent(result.f1.low),
        "f1_high": percent(result.f1.high),
        "f1_target": percent(inside),
        "difference": f"{100 * (f1 - inside):+.2f}" if f1 is not None and inside is not None else "",
        "documents": str(len(rows) // len(seeds)),
        "folds": str(result.folds),
        "seeds": str(len(seeds)),
    }


def _f1(scores: Scores, system: tuple[str, str, str], types: set[str]) -> float | None:
    """Mean over folds and seeds of the strict micro F1 over some types on clean text; None where there is nothing to score."""
    totals: dict[FoldSeed, dict[str, float]] = {}
    for kind in types:
        for count in ("gold", "predicted", "correct"):
            for run, value in scores.by_run(system, Cell("strict", "type", kind, count), CLEAN).items():
                total = totals.setdefault(run, dict.fromkeys(("gold", "predicted", "correct"), 0.0))
                total[count] += value
    values = [Counts(int(total["gold"]), int(total["predicted"]), total["correct"]).f1() for total in totals.values()]
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None
