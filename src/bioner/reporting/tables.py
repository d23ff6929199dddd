"""The files of Table 1 and its companions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bioner.evaluation.statistics import METRICS
from bioner.reporting.cells import Row, select_systems
from bioner.reporting.collected import CLEAN, Cell, Counts, Scores, System
from bioner.reporting.companions import (
    DEFINITION_COLUMNS,
    ERROR_COLUMNS,
    RECALL_COLUMNS,
    Bounds,
    definition_columns,
    definition_rows,
    definitions_beside,
    error_rows,
    recall_rows,
)
from bioner.reporting.comparisons import ABLATION_COLUMNS, COMPARISON_COLUMNS, ablation_rows, comparison_rows
from bioner.reporting.formats import Table, write_table
from bioner.reporting.headings import ABLATION_HEADINGS, ATTACKED_HEADINGS, HEADINGS, NUMBERS
from bioner.reporting.intervals import Intervals
from bioner.reporting.paired import compare_models, macro_interval
from bioner.reporting.published import PublishedRow
from bioner.reporting.robustness_tables import GROUP_COLUMNS, ROBUSTNESS_COLUMNS, group_rows, robustness_rows
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.reporting.table1 import TABLE1_COLUMNS, table1_rows
from bioner.reporting.tallies import Tallies
from bioner.storage import write_rows

_INTERVAL = "low and high: 95 % interval by bootstrap over documents within folds; all figures in percent"
_TESTS = (
    "Difference in points of F1 with its 95 % interval by paired bootstrap over documents within folds; p: two-sided, by paired "
    "approximate randomization over documents; p (Holm): corrected for all tests on a corpus; Cohen's h of the two F1"
)
_SUCCESS = (
    "Success: mentions that were right in clean text and are not under the attack; partial: of these, the ones still overlapped with "
    "the right type; worst_case: any of the attacks"
)


def write_tables(
    folder: str | Path,
    *,
    settings: ReportSettings,
    published: Sequence[PublishedRow],
    scores: Scores,
    counts: Counts,
    tallies: Tallies,
    intervals: Intervals,
) -> None:
    """Write every table but leakage, each as csv, md, tex and html, into a folder.

    table1, table1_definitions (its csv alone has a row for every model, type and definition; the others the averages, models side by
    side), robustness, robustness_groups, comparisons, ablations, errors and recall.
    """
    folder = Path(folder)
    systems = select_systems(settings, scores.systems())
    rows = table1_rows(settings=settings, published=published, scores=scores, intervals=intervals)
    said = f"published rows as printed, reproduced rows beside them. F1 {_INTERVAL}."
    _write(folder, settings, "table1", said, TABLE1_COLUMNS, rows, remarks=("readings", "audit", "note"))
    _write_definitions(folder, settings, scores, lambda system, cell: _bounds(system, cell, scores, counts, tallies, intervals))
    rows = robustness_rows(settings=settings, scores=scores, intervals=intervals, successes=tallies.successes)
    said = f"strict micro F1 on clean and attacked test sets. F1 attacked {_INTERVAL}. {_SUCCESS}."
    _write(folder, settings, "robustness", said, ROBUSTNESS_COLUMNS, rows, headings=ATTACKED_HEADINGS, remarks=("note",))
    rows = group_rows(settings=settings, scores=scores, successes=tallies.successes)
    said = f"strict F1 under attack by type, and success by type and by novelty in training; in percent. {_SUCCESS}."
    _write(folder, settings, "robustness_groups", said, GROUP_COLUMNS, rows, numbers=NUMBERS - {"value"})
    compared = compare_models(settings=settings, scores=scores, counts=counts, types=tallies.types)
    rows = comparison_rows(settings=settings, compared=compared)
    _write(folder, settings, "comparisons", f"every pair of models, strict F1 in percent. {_TESTS}.", COMPARISON_COLUMNS, rows)
    rows = ablation_rows(settings=settings, compared=compared)
    said = f"models that differ in their adversary, or in their loss with its head, and in nothing else; strict F1 in percent. {_TESTS}."
    _write(folder, settings, "ablations", said, ABLATION_COLUMNS, rows, headings=ABLATION_HEADINGS)
    rows = error_rows(settings=settings, systems=systems, errors=tallies.errors)
    said = (
        "what became of each gold and predicted mention of the clean test sets; counts of all runs, shares as means over folds and seeds."
    )
    _write(folder, settings, "errors", said, ERROR_COLUMNS, rows)
    rows = recall_rows(settings=settings, systems=systems, groups=tallies.groups)
    said = (
        "exact recall in percent by length in words, by frequency (mentions of the name and type in training) and by novelty: seen, "
        "synonym (its concept is in training) or unseen. Counts of all runs."
    )
    _write(folder, settings, "recall", said, RECALL_COLUMNS, rows, numbers=NUMBERS - {"value"})


def _bounds(
    system: System, cell: Cell, scores: Scores, counts: Counts, tallies: Tallies, intervals: Intervals
) -> tuple[float, float] | None:
    """Intervals of strict micro precision, recall and F1, and of strict macro F1."""
    if (cell.definition, cell.average) == ("strict", "micro"):
        estimate = {name: getattr(intervals.estimates(system, CLEAN), name) for name in METRICS}[cell.metric]
        return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)
    if cell == Cell("strict", "macro", "", "f1"):
        return macro_interval(scores=scores, counts=counts, types=tallies.types, system=system)
    return None


def _write_definitions(folder: Path, settings: ReportSettings, scores: Scores, bounds: Bounds) -> None:
    columns = definition_columns(settings)
    said = "the same predictions under every definition of the metric, in percent: mean ± standard deviation over folds and seeds."
    rows = definitions_beside(settings=settings, scores=scores)
    headings = HEADINGS | {model: model for model in settings.models}
    _write(folder, settings, "table1_definitions", said, columns, rows, headings=headings, numbers=NUMBERS | settings.models.keys())
    write_rows(folder / "table1_definitions.csv", DEFINITION_COLUMNS, definition_rows(settings=settings, scores=scores, bounds=bounds))


def _write(
    folder: Path,
    settings: ReportSettings,
    name: str,
    said: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    headings: Mapping[str, str] = HEADINGS,
    numbers: frozenset[str] = NUMBERS,
    remarks: Sequence[str] = (),
) -> None:
    mark = f" ({DEMO_NOTE})" if settings.demo else ""
    write_table(folder, Table(name, f"{settings.title}{mark}: {said}", columns, rows, headings, numbers, remarks))
