"""The files of Table 1 and its companions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bioner.reporting.collected import Scores
from bioner.reporting.companions import DEFINITION_COLUMNS, ROBUSTNESS_COLUMNS, definition_rows, robustness_rows
from bioner.reporting.formats import Table, write_table
from bioner.reporting.headings import ATTACKED_HEADINGS, HEADINGS, NUMBERS
from bioner.reporting.intervals import Intervals
from bioner.reporting.published import PublishedRow
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.reporting.table1 import TABLE1_COLUMNS, table1_rows
from bioner.storage import write_rows


def write_tables(
    folder: str | Path, *, settings: ReportSettings, published: Sequence[PublishedRow], scores: Scores, intervals: Intervals
) -> None:
    """Write table1 and robustness as csv, md, tex and html, and table1_definitions.csv, into a folder."""
    rows = table1_rows(settings=settings, published=published, scores=scores, intervals=intervals)
    folder = Path(folder)
    mark = f" ({DEMO_NOTE})" if settings.demo else ""
    stated = "low and high: 95 % interval by bootstrap over documents within folds; all figures in percent"
    caption = f"{settings.title}: published rows as printed, reproduced rows beside them{mark}. F1 {stated}."
    write_table(folder, Table("table1", caption, TABLE1_COLUMNS, rows, HEADINGS, NUMBERS, ("readings", "audit", "note")))
    write_rows(folder / "table1_definitions.csv", DEFINITION_COLUMNS, definition_rows(settings=settings, scores=scores))
    attacked = robustness_rows(settings=settings, scores=scores, intervals=intervals)
    caption = f"{settings.title}: strict micro F1 on clean and attacked test sets{mark}. F1 attacked {stated}."
    write_table(folder, Table("robustness", caption, ROBUSTNESS_COLUMNS, attacked, ATTACKED_HEADINGS, NUMBERS))
