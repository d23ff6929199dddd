"""An experiment's table as the README shows it: the reproduced rows, clean and attacked, or what attacks do, with hardware and time."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bioner.errors import BionerError
from bioner.evaluation.columns import WORST_CASE
from bioner.reporting.collected import CLEAN, Counts, read_documents_counts, read_runs
from bioner.reporting.formats import Row, Table, markdown

ROBUSTNESS = "robustness"


def showcase(folder: Path, *, seconds: float, machine: str, table: str | None = None) -> str:
    """Markdown of an experiment's reproduced rows and of what they cost; of one that compares protocols, its table of leakage.

    Args:
        folder: results/<experiment>, finished.
        table: `robustness` for a row an attack, with intervals and success, in place of a row a model.
        seconds: wall time of the whole run, from the raw files to the report.
        machine: cores and memory, in words; the device of the trainings is added from their records.

    Raises:
        BionerError: a table is missing, or holds no reproduced row.
    """
    rows = [row for row in _read(folder / "tables" / "table1.csv") if row["source"] == "reproduced" and row["f1"]]
    if not rows:
        raise BionerError(f"{folder / 'tables' / 'table1.csv'}: expected reproduced rows, found none; run the experiment first")
    leakage = _read(folder / "tables" / "leakage.csv") if (folder / "tables" / "leakage.csv").is_file() else []
    if table == ROBUSTNESS:
        shown = _attacks(_read(folder / "tables" / "robustness.csv"))
    else:
        shown = _protocols(leakage) if len({row["protocol"] for row in leakage}) > 1 else _models(folder, rows)
    caption, _, body = markdown(replace(shown, caption=_caption(folder, rows, seconds, machine))).partition("\n\n")
    return f"{body}\n{caption}\n"


def _models(folder: Path, rows: Sequence[Row]) -> Table:
    """The reproduced rows, clean and attacked."""
    robustness = [row for row in _read(folder / "tables" / "robustness.csv") if row["attack"] != WORST_CASE]
    attacked = {(row["dataset"], row["model"], row["attack"]): row["f1_attacked"] for row in robustness}
    attacks = list(dict.fromkeys(attack for _, _, attack in attacked))
    compared = any(row["difference"] for row in rows)
    headings = {"dataset": "Corpus", "model": "Model", "precision": "P", "recall": "R", "f1": "F1", "interval": "95 % interval"}
    headings |= {f"under_{attack}": f"F1 under {attack}" for attack in attacks} | ({"difference": "Difference"} if compared else {})
    printed = [
        {name: row.get(name, "") for name in headings}
        | {"interval": f"{row['f1_low']}–{row['f1_high']}"}
        | {f"under_{attack}": attacked.get((row["dataset"], row["model"], attack), "") for attack in attacks}
        for row in rows
    ]
    return Table("showcase", "", list(headings), printed, headings, frozenset(headings) - {"dataset", "model"})


def _attacks(rows: Sequence[Row]) -> Table:
    """Each model under each attack."""
    headings = {"dataset": "Corpus", "attack": "Attack", "model": "Model", "f1_clean": "F1 clean", "f1_attacked": "F1 attacked"}
    headings |= {"interval": "95 % interval", "relative_drop": "Relative drop", "success": "Success", "partial": "Partial"}
    printed = [{name: row.get(name, "") for name in headings} | {"interval": f"{row['f1_low']}–{row['f1_high']}"} for row in rows]
    datasets, attacks = ({row[name]: None for row in rows} for name in ("dataset", "attack"))
    places = {pair: place for place, pair in enumerate((dataset, attack) for dataset in datasets for attack in attacks)}
    printed.sort(key=lambda row: places[row["dataset"], row["attack"]])
    return Table("showcase", "", list(headings), printed, headings, frozenset(headings) - {"dataset", "attack", "model"})


def _protocols(rows: Sequence[Row]) -> Table:
    """One model under each protocol, and what the leak audit found there."""
    headings = {"dataset": "Corpus", "model": "Model", "protocol": "Protocol", "training_words": "Training words", "f1": "F1"}
    headings |= {"interval": "95 % interval", "difference": "Difference", "leaks": "Leak audit"}
    printed = [{name: row.get(name, "") for name in headings} | {"interval": f"{row['f1_low']}–{row['f1_high']}"} for row in rows]
    return Table("showcase", "", list(headings), printed, headings, frozenset({"training_words", "f1", "interval", "difference"}))


def insert(text: str, experiment: str, block: str, path: Path) -> str:
    """The text with the block between `<!-- <experiment>-table -->` and `<!-- /<experiment>-table -->`."""
    opening, closing = f"<!-- {experiment}-table -->", f"<!-- /{experiment}-table -->"
    before, found, rest = text.partition(opening)
    _, ended, after = rest.partition(closing)
    if not found or not ended:
        raise BionerError(
            f"{path}: expected the lines {opening} and {closing}, found {text.count(opening) + text.count(closing)}; add them"
        )
    return f"{before}{opening}\n\n{block}\n{closing}{after}"


def _caption(folder: Path, rows: Sequence[Row], seconds: float, machine: str) -> str:
    runs = [run for found in read_runs(folder / "collected" / "runs.csv").values() for run in found]
    devices = sorted({f"{run['device']}, {run['precision']}" for run in runs})
    folds, seeds = rows[0]["folds"], sorted({run["seed"] for run in runs})
    counts = read_documents_counts(folder / "collected" / "documents.csv")
    gold, compared = _gold(counts), {system[1] for system, _ in counts}
    protocols = f"protocol {rows[0]['protocol']}" if len(compared) == 1 else f"{len(compared)} protocols"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{len(runs)} runs, {protocols}, {folds} fold{'s' * (folds != '1')} a cell, seed {', '.join(seeds)}; "
        f"gold mentions in the test sets: {', '.join(f'{name} {count:,}' for name, count in gold.items())}. "
        f"{minutes} min {rest:02d} s from the raw files to the report on {machine}; {'; '.join(devices)}."
    )


def _gold(counts: Counts) -> dict[str, int]:
    """Gold mentions of each dataset's clean test sets, all folds of one model and seed together; by protocol where there are several."""
    several = len({system[1] for system, _ in counts}) > 1
    gold: dict[str, int] = {}
    for (system, attack), runs in counts.items():
        name = f"{system[0]} under {system[1]}" if several else system[0]
        if attack == CLEAN and name not in gold:
            seed = min(seed for _, seed in runs)
            gold[name] = sum(entry[1] for (_, other), entries in runs.items() if other == seed for entry in entries)
    return gold


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected a finished table, found none; run the experiment first") from error
