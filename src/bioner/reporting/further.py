"""Any table of an experiment as the report shows it: sortable, numbers to the right, intervals as bars."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bioner.errors import BionerError
from bioner.reporting.headings import ABLATION_HEADINGS, ATTACKED_HEADINGS, HEADINGS
from bioner.reporting.linking import LINKING_HEADINGS
from bioner.reporting.postprocessing import POSTPROCESSING_HEADINGS
from bioner.reporting.transfers import TRANSFER_HEADINGS

CENTRES = ("difference", "value")
LARGE = 2000
"""Rows above which a table is left to its files."""

TABLES = {
    "robustness": (
        "Robustness under attack",
        "Strict micro scores in percent on clean and attacked test sets; the relative drop is (clean − attacked) / clean. Success is the "
        "share of mentions right in clean text that are not under the attack; partial, of these, those overlapped with the right type.",
    ),
    "robustness_groups": (
        "Robustness by type and novelty",
        "The same by entity type, and by whether training has a mention’s name (seen), its concept only (synonym), or neither (unseen).",
    ),
    "comparisons": (
        "Comparisons between models",
        "Difference in points of F1 with its 95 % interval by paired bootstrap over documents within folds; p: two-sided, by paired "
        "approximate randomization over documents; p (Holm): corrected for all tests on a corpus; Cohen’s h of the two F1.",
    ),
    "ablations": ("Ablations", "What the adversary and the loss are worth: the same statistics, between models that differ in that alone."),
    "leakage": ("Leakage", "The same models under each protocol; the difference is to the experiment’s own one."),
    "postprocessing": ("Post-processing", "Strict micro scores of the clean predictions before and after post-processing, in percent."),
    "transfer": (
        "Cross-corpus transfer",
        "Models of one corpus tested on another one; which of its types stands for which is in the configuration.",
    ),
    "linking": ("Linking", "Mentions linked to concepts; a name with several concepts is ambiguous, one with none unknown."),
    "errors": (
        "Kinds of error",
        "What became of each mention of the clean test sets: numbers over all folds and seeds, shares of gold and of predicted mentions "
        "in percent. A kind leads to its documents in the error browser, of one seed.",
    ),
    "recall": (
        "Recall by group",
        "Strict recall in percent by length in words, by how often training has the name, and by novelty.",
    ),
}
"""Tables by the name of their file, in the order of the report: title, and what stands above."""

TITLES: Mapping[str, Mapping[str, str]] = {
    "robustness": ATTACKED_HEADINGS,
    "ablations": ABLATION_HEADINGS,
    "postprocessing": HEADINGS | POSTPROCESSING_HEADINGS,
    "linking": HEADINGS | LINKING_HEADINGS,
    "transfer": HEADINGS | TRANSFER_HEADINGS,
}
"""Titles of the columns of those tables whose files have other ones than HEADINGS."""

OPTIONAL = ("postprocessing", "transfer", "linking")
"""Those that not every experiment has: one that an earlier configuration left behind is not shown."""


class Column(NamedTuple):
    """A column of the report's table; `longest` is the length of its longest value.

    Values of one with `low` and `high` (names of columns) are drawn as intervals too.
    """

    name: str
    heading: str
    number: bool
    longest: int
    low: str = ""
    high: str = ""
    scale: tuple[float, float] = (0, 100)


def read_table(path: str | Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV file. Raises BionerError naming file and line for a missing file or a torn row."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    cells = len(reader.fieldnames or ())
                    raise BionerError(f"{path}:{reader.line_num}: expected {cells} cells, found another number; make it again")
                rows.append(row)
            return list(reader.fieldnames or ()), rows
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected a table, found no file; run the rule that makes it") from error


def read_further(folder: Path, optional: Collection[str] = OPTIONAL) -> list[dict[str, Any]]:
    """The tables of a folder beside Table 1, those with rows: name, title, text, columns, rows, and `left` if they are too many.

    Of the optional tables those named are shown. A table of leakage with one protocol says nothing that Table 1 does not, and is left out.
    """
    found = []
    for name, (title, text) in TABLES.items():
        path = folder / f"{name}.csv"
        if not path.is_file() or (name in OPTIONAL and name not in optional):
            continue
        columns, rows = read_table(path)
        if not rows or (name == "leakage" and len({row.get("protocol") for row in rows}) == 1):
            continue
        left = len(rows) if len(rows) > LARGE else 0
        shown = {"columns": shown_columns(columns, rows, TITLES.get(name, HEADINGS)), "rows": [] if left else rows, "left": left}
        found.append({"name": name, "title": title, "text": text} | shown)
    return found


def shown_columns(columns: Sequence[str], rows: Sequence[Mapping[str, str]], headings: Mapping[str, str] = HEADINGS) -> list[Column]:
    """Columns as the report shows them: the ends of an interval become a bar beside their centre, empty columns are left out."""
    intervals = _intervals(columns)
    ends = {end for pair in intervals.values() for end in pair}
    shown = []
    for name in columns:
        values = [row[name] for row in rows if row[name]]
        if values and name not in ends:
            low, high = intervals.get(name, ("", ""))
            scale = scale_of([row[end] for row in rows for end in (low, high)]) if low else (0.0, 100.0)
            heading = headings.get(name, _prettified(name))
            shown.append(Column(name, heading, all(map(_is_number, values)), max(map(len, values)), low, high, scale))
    return shown


def scale_of(bounds: Sequence[str]) -> tuple[float, float]:
    """Between which values all bounds lie: multiples of ten, or of one where they are close together."""
    values = [float(bound) for bound in bounds if bound]
    if not values:
        return 0, 100
    step = 10 if max(values) - min(values) > 5 else 1
    low, high = step * math.floor(min(values) / step), step * math.ceil(max(values) / step)
    return low, max(high, low + step)


def _intervals(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """By the column of a centre those of its interval's ends, named `low` and `high` alone or after it."""
    found = {}
    for low in columns:
        stem, end = low.removesuffix("low"), low[-3:]
        if end == "low" and f"{stem}high" in columns:
            centres = (stem[:-1], f"{stem}attacked", *CENTRES)
            if centre := next((name for name in centres if name in columns), ""):
                found[centre] = (low, f"{stem}high")
    return found


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _prettified(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
