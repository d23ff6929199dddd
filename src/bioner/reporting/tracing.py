"""From a cell of a table back to its runs: which rows it is made of, and whether every file behind it is still the one that was used."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bioner.errors import BionerError
from bioner.evaluation.columns import POSTPROCESSED
from bioner.reporting.cells import mean, percent
from bioner.reporting.collected import CLEAN, STRICT_F1, Cell, FoldSeed, Scores, System, read_runs, read_scores
from bioner.storage import read_json

MODELS = ("model", "first", "second", "reference")
"""Columns of tables that name a model; a row of two models has two of them."""

_STRICT = {name: STRICT_F1._replace(metric=name) for name in ("precision", "recall", "f1")}
_ATTACKED = {"f1_attacked", "precision", "recall"}
_RUN_OF = {"f1_first": "first", "f1_second": "second", "f1_reference": "reference"}

_SOURCES = {
    "table1": "scores.csv (readings of accuracy and exact match), documents.csv (intervals)",
    "table1_definitions": "scores.csv, documents.csv (pooled)",
    "robustness": "scores.csv, success.csv, documents.csv (intervals)",
    "robustness_groups": "scores.csv, success.csv",
    "comparisons": "documents.csv and types.csv (paired randomization over documents)",
    "ablations": "documents.csv and types.csv (paired randomization over documents)",
    "errors": "errors.csv",
    "recall": "groups.csv",
    "leakage": "scores.csv, documents.csv (intervals)",
    "postprocessing": "scores.csv and documents.csv, condition postprocessed",
    "linking": "results/linked/<run>/",
    "transfer": "results/transferred/<run>/",
}
"""What tables are made of besides means of strict scores, which are computed again."""


class TracedRow(NamedTuple):
    """A row of a table, its line in the CSV file, and what its cells by column say."""

    line: int
    cells: Mapping[str, str]


class TracedCell(NamedTuple):
    """A cell: its printed value, the systems whose runs it is made of, and how.

    `value_by_run` has, for a mean of scores that can be told, the value in [0, 1] in each run, and `again` that mean, printed as the
    table prints it.
    """

    value: str
    systems: Sequence[System]
    source: str
    condition: str
    value_by_run: Mapping[tuple[System, FoldSeed], float]
    again: str | None


class Sources(NamedTuple):
    """What an experiment's tables are made of, read once: scores, the facts of each run, and datasets by the titles that tables print."""

    scores: Scores
    runs: Mapping[System, Sequence[Mapping[str, str]]]
    names: Mapping[str, str]

    @classmethod
    def beside(cls, table: Path) -> Sources:
        """Those of `results/<experiment>/tables/<name>.csv`. Raises BionerError where collected rows are missing or malformed."""
        folder = Path(os.path.abspath(table)).parent.parent  # links stay as they are
        collected, results = folder / "collected", folder.parent
        reports = (read_json(path) for path in sorted(results.glob("quality/*.json")))
        names = {str(report["title"]): str(report["dataset"]) for report in reports}
        return cls(read_scores(collected / "scores.csv"), read_runs(collected / "runs.csv"), names)

    def runs_of(self, system: System) -> list[FoldSeed]:
        """Folds and seeds of a system's collected runs, sorted."""
        return sorted((int(row["fold"]), int(row["seed"])) for row in self.runs.get(system, []))


def find_row(table: Path, wanted: Mapping[str, str], line: int | None = None) -> TracedRow:
    """The one row of a table that has the wanted cells, or that stands on a line of its CSV file (the head is line 1).

    Raises:
        BionerError: no such file, column or row, or more than one row.
    """
    rows = list(_rows(table))
    if not rows:
        raise BionerError(f"{table}: expected rows, found none; is it a table of results/<experiment>/tables?")
    if unknown := sorted(set(wanted) - set(rows[0].cells)):
        raise BionerError(f"{table}:1: expected a column {unknown[0]!r}, found {', '.join(rows[0].cells)}")
    found = [
        row for row in rows if (line is None or row.line == line) and all(row.cells[column] == value for column, value in wanted.items())
    ]
    if len(found) == 1:
        return found[0]
    asked = ", ".join([*(f"{column}={value}" for column, value in wanted.items()), *([f"line {line}"] if line else [])]) or "anything"
    if not found:
        raise BionerError(f"{table}: expected one row with {asked}, found none; see its values with: head {table}")
    apart = [column for column in rows[0].cells if len({row.cells[column] for row in found}) > 1]
    raise BionerError(
        f"{table}: expected one row with {asked}, found {len(found)} (lines {found[0].line} to {found[-1].line}); "
        f"add one of {', '.join(apart[:6])}, or --line"
    )


def trace_cell(table: Path, row: TracedRow, column: str, sources: Sources) -> TracedCell:
    """Which runs a cell is made of, and the mean that it shows computed again from their scores.

    Args:
        table: `results/<experiment>/tables/<name>.csv`.
        row: of `find_row`.
        column: of the table.
        sources: what the experiment's tables are made of.

    Raises:
        BionerError: no such column; the row is a published one or about no run.
    """
    if column not in row.cells:
        raise BionerError(f"{table}:1: expected a column {column!r}, found {', '.join(row.cells)}")
    cells = row.cells
    if cells.get("source") == "published":
        raise BionerError(
            f"{table}:{row.line}: a published row: {cells['system']}, reference {cells['reference']}, as printed there; "
            "it has no runs (src/bioner/reporting/published/table1.csv)"
        )
    scores = sources.scores
    systems = _systems(table, row, column, sources)
    condition, cell = _definition(table.stem, cells, column)
    values = {(system, run): value for system in systems for run, value in scores.by_run(system, cell, condition).items()} if cell else {}
    again = percent(mean(scores.by_run(systems[0], cell, condition))) if cell and len(systems) == 1 and values else None
    source = f"mean over runs of {_words(cell)}, {condition}" if again is not None and cell else _SOURCES.get(table.stem, "collected rows")
    return TracedCell(cells[column], systems, source, condition, values if again is not None else {}, again)


def _rows(table: Path) -> Iterator[TracedRow]:
    try:
        with open(table, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            for cells in reader:
                yield TracedRow(reader.line_num, cells)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BionerError(f"{table}: expected a table, found none; make it with: snakemake --cores all") from error


def _systems(table: Path, row: TracedRow, column: str, sources: Sources) -> list[System]:
    cells = row.cells
    # in table1 `reference` is a paper; the F1 of an ablation is its second model's
    one = "model" if table.stem == "table1" or (table.stem == "ablations" and column == "f1") else _RUN_OF.get(column)
    models = [one] if one else [name for name in MODELS if name in cells]
    dataset = _dataset(table, row, sources)
    # a row without a model is about gold mentions, which every run on the dataset is given
    wanted = {cells[name] for name in models} - {""} or {system[2] for system in sources.runs}
    found = [system for system in sources.runs if system[0] == dataset and system[2] in wanted]
    protocols = sorted({protocol for _, protocol, _ in found})
    own = cells.get("protocol") or (protocols[0] if len(protocols) == 1 else _own_protocol(table, cells))
    systems = sorted(system for system in found if system[1] == own)
    if not systems:
        raise BionerError(
            f"{table}:{row.line}: expected collected runs of {', '.join(sorted(wanted)) or 'a model'} on {dataset or 'a dataset'}"
            f"{f' under {own}' if own else ''}, found none; run the rule collect again"
        )
    return systems


def _dataset(table: Path, row: TracedRow, sources: Sources) -> str:
    """The name of a row's dataset, which tables print by its title."""
    title, known = row.cells.get("dataset", ""), sorted({system[0] for system in sources.runs})
    if title in sources.names or title in known or not title:
        return sources.names.get(title, title)
    if len(known) == 1:
        return known[0]
    reports = " ".join(f"results/quality/{dataset}.json" for dataset in known)
    raise BionerError(
        f"{table}:{row.line}: expected the quality report of {title}, which has its name, found none; run snakemake {reports}"
    )


def _own_protocol(table: Path, cells: Mapping[str, str]) -> str | None:
    """The protocol that table1.csv beside a table prints for the same dataset: the experiment's own."""
    beside = table.with_name("table1.csv")
    rows = _rows(beside) if beside.is_file() else iter(())
    return next((row.cells["protocol"] for row in rows if row.cells["protocol"] and row.cells["dataset"] == cells.get("dataset")), None)


def _definition(name: str, cells: Mapping[str, str], column: str) -> tuple[str, Cell | None]:
    """The condition of a cell, and which score its mean is; None where it is no mean of one score."""
    condition = cells.get("attack") or (POSTPROCESSED if cells.get("mentions") == POSTPROCESSED else CLEAN)
    if name == "table1_definitions":
        return CLEAN, Cell(*(cells[part] for part in ("definition", "average", "type", "metric"))) if column == "value" else None
    if name in ("table1", "leakage"):
        return CLEAN, _STRICT.get(column)
    if name == "robustness":
        if column == "f1_clean":
            return CLEAN, STRICT_F1
        condition = cells["note"].removeprefix("lowest F1: ").split(";")[0] if condition == "worst_case" else condition
        return condition, _STRICT[column.removesuffix("_attacked")] if column in _ATTACKED else None
    if name in ("comparisons", "ablations"):
        return condition, STRICT_F1._replace(average=cells["average"]) if column in _RUN_OF or column == "f1" else None
    if name == "postprocessing":
        metric, _, when = column.partition("_")
        return (CLEAN if when != "after" else POSTPROCESSED), _STRICT.get(metric) if when in ("before", "after") else None
    return condition, None


def _words(cell: Cell) -> str:
    return " ".join(part for part in (cell.definition, cell.average, cell.type, cell.metric) if part)
