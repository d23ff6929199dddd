"""The collected rows of an experiment, indexed for tables and figures.

`Scores` answers "which value has this cell in each run", a run being a (fold, seed) of one
dataset, protocol and model; `Counts` does so for the documents behind a cell.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bioner.errors import BionerError
from bioner.evaluation import columns

CLEAN = columns.CLEAN
RUN_COLUMNS = ("dataset", "protocol", "model", "fold", "seed")
SCORE_COLUMNS = (*RUN_COLUMNS, "attack", "definition", "average", "type", "metric", "value")
DOCUMENT_COLUMNS = (*RUN_COLUMNS, "attack", "document", "gold", "predicted", "correct")
CONFUSION_COLUMNS = (*RUN_COLUMNS, "attack", "gold_type", "predicted_type", "count")
HISTORY_COLUMNS = (*RUN_COLUMNS, "epoch", "step", "alpha", "f1")
RUNS_COLUMNS = (*RUN_COLUMNS, "seconds", "epochs", "device", "precision", "threads")
COUNTS = ("gold", "predicted", "correct")

FoldSeed = tuple[int, int]
System = tuple[str, str, str]
"""Dataset, protocol, model."""


class Cell(NamedTuple):
    """A definition of the metric: `type` is empty unless `average` is "type"."""

    definition: str
    average: str
    type: str
    metric: str


STRICT_F1 = Cell("strict", "micro", "", "f1")


class Scores:
    """Values in [0, 1] (counts: integers) by system, attack, cell and run.

    Of attacked test sets and post-processed predictions only the strict cells of `micro` and `type` are kept: nothing here prints another.
    """

    def __init__(self, values: Mapping[tuple[System, str], Mapping[Cell, Mapping[FoldSeed, float]]]) -> None:
        self._values = values

    def systems(self) -> list[System]:
        """Every dataset, protocol and model scored, sorted."""
        return sorted({system for system, _ in self._values})

    def attacks(self, system: System) -> list[str]:
        """Attacks that a system was scored under, sorted; clean and post-processed predictions are no attack."""
        return sorted(attack for other, attack in self._values if other == system and attack not in (CLEAN, columns.POSTPROCESSED))

    def cells(self, system: System, attack: str = CLEAN) -> list[Cell]:
        """Every cell that a system was scored by, sorted."""
        return sorted(self._values.get((system, attack), {}))

    def by_run(self, system: System, cell: Cell, attack: str = CLEAN) -> Mapping[FoldSeed, float]:
        """A cell's value in each run, by (fold, seed); empty where it was never scored. Undefined values are left out."""
        return self._values.get((system, attack), {}).get(cell, {})


def read_scores(path: str | Path) -> Scores:
    """Collected scores.csv; an empty or NaN value is undefined and left out.

    Raises BionerError naming file and line for missing columns or a value that is not a number.
    """
    values: dict[tuple[System, str], dict[Cell, dict[FoldSeed, float]]] = defaultdict(lambda: defaultdict(dict))
    for place, row in csv_rows(path, SCORE_COLUMNS):
        dataset, protocol, model, fold, seed, attack, definition, average, entity_type, metric, value = row
        if attack != CLEAN and (definition != "strict" or average not in ("micro", "type")):
            continue
        cells = values[(dataset, protocol, model), attack]
        number = to_number(value, place) if value else math.nan
        if not math.isnan(number):
            cells[Cell(definition, average, entity_type, metric)][to_integer(fold, place), to_integer(seed, place)] = number
    return Scores(values)


Counts = Mapping[tuple[System, str], Mapping[FoldSeed, Sequence[tuple[str, int, int, int]]]]
"""By system and attack, by run: document id, gold, predicted and correct mentions (strict), sorted by id."""


def read_documents_counts(path: str | Path) -> Counts:
    """Collected documents.csv. Raises BionerError naming file and line for malformed rows."""
    counts: dict[tuple[System, str], dict[FoldSeed, list[tuple[str, int, int, int]]]] = defaultdict(lambda: defaultdict(list))
    for place, row in csv_rows(path, DOCUMENT_COLUMNS):
        dataset, protocol, model, fold, seed, attack, document, gold, predicted, correct = row
        run = (to_integer(fold, place), to_integer(seed, place))
        entry = (document, to_integer(gold, place), to_integer(predicted, place), to_integer(correct, place))
        counts[(dataset, protocol, model), attack][run].append(entry)
    return {key: {run: sorted(entries) for run, entries in sorted(runs.items())} for key, runs in sorted(counts.items())}


Confusion = Mapping[System, Mapping[tuple[str, str], int]]
"""By system: (gold type, predicted type) to its count over all runs; spurious mentions have no gold type, missed ones no predicted type."""


def read_confusion(path: str | Path) -> Confusion:
    """Collected confusion.csv of the clean test sets. Raises BionerError naming file and line for malformed rows."""
    counts: dict[System, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for place, row in csv_rows(path, CONFUSION_COLUMNS):
        dataset, protocol, model, _, _, attack, gold, predicted, count = row
        if attack == CLEAN:
            counts[dataset, protocol, model][gold, predicted] += to_integer(count, place)
    return counts


class Epoch(NamedTuple):
    """A line of a training history: validation F1 in [0, 1] and alpha in (0, 1), None where not applicable."""

    epoch: float
    step: float
    f1: float | None
    alpha: float | None


History = Mapping[System, Mapping[FoldSeed, Sequence[Epoch]]]


def read_history(path: str | Path) -> History:
    """Collected history.csv, each run's lines in the order of its steps. Raises BionerError naming file and line for malformed rows."""
    history: dict[System, dict[FoldSeed, list[Epoch]]] = defaultdict(lambda: defaultdict(list))
    for place, row in csv_rows(path, HISTORY_COLUMNS):
        dataset, protocol, model, fold, seed, epoch, step, alpha, f1 = row
        measured = (to_number(value, place) if value else None for value in (f1, alpha))
        line = Epoch(to_number(epoch, place), to_number(step, place), *measured)
        history[dataset, protocol, model][to_integer(fold, place), to_integer(seed, place)].append(line)
    return {
        system: {run: sorted(lines, key=lambda line: line.step) for run, lines in sorted(runs.items())} for system, runs in history.items()
    }


def read_runs(path: str | Path) -> dict[System, list[dict[str, str]]]:
    """Collected runs.csv: the facts of each run of a system, as printed, by column. Raises BionerError naming file and line."""
    runs: dict[System, list[dict[str, str]]] = defaultdict(list)
    for _, row in csv_rows(path, RUNS_COLUMNS):
        dataset, protocol, model = row[:3]
        runs[dataset, protocol, model].append(dict(zip(RUNS_COLUMNS, row, strict=True)))
    return runs


def csv_rows(path: str | Path, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The named columns of each row of a CSV file, with FILE:LINE; other columns are passed over."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.reader(handle)
            header = next(reader, [])
            absent = [column for column in names if column not in header]
            if absent:
                raise BionerError(
                    f"{path}:1: expected the columns {','.join(names)}, found no {', '.join(absent)}; run the rule collect again"
                )
            places = [header.index(column) for column in names]
            for row in reader:
                if len(row) != len(header):
                    raise BionerError(
                        f"{path}:{reader.line_num}: expected {len(header)} cells, found {len(row)}; run the rule collect again"
                    )
                yield f"{path}:{reader.line_num}", [row[place] for place in places]
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected collected rows, found no file; run the rule collect") from error


def to_number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BionerError(f"{place}: expected a number, found {text!r}; run the rule collect again") from error


def to_integer(text: str, place: str) -> int:
    number = to_number(text, place)
    if not number.is_integer():
        raise BionerError(f"{place}: expected a whole number, found {text!r}; run the rule collect again")
    return int(number)
