"""The published Table 1, read exactly as printed, and an audit of each row by its own figures.

The audit knows nothing but the printed figures. A printed figure x with d decimals stands for
every real number in [x - 10^-d / 2, x + 10^-d / 2]; arithmetic is exact (fractions), so that a
flag means "no rounding explains this" and never "this machine rounds differently". Averages are
another matter: a mean over folds or types need satisfy neither F1 = 2PR / (P + R) nor
Jaccard = F / (2 - F), and the printed figures do not tell whether they are means. So every flag ends
with its condition.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bioner.errors import BionerError

PUBLISHED_TABLE = Path(__file__).with_name("published") / "table1.csv"
COLUMNS = ("system", "reference", "dataset", "model", "precision", "recall", "f1", "entity_level_accuracy", "exact_match_rate", "note")
FIGURES = ("precision", "recall", "f1", "entity_level_accuracy", "exact_match_rate")

FLAGS = {
    "F1 ": "F1 that precision and recall of one count do not allow",
    "exact match ": "exact match above recall",
    "accuracy ": "accuracy that a named reading (TP/(TP+FP+FN), exact recall) of one count rules out",
}
"""How the sentences of an audit begin, and what they are about."""

ONE_COUNT = "from one count (no averaging over folds or types)"
"""The condition under which a flag is a contradiction."""

Interval = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of the published table; every field is the printed string, empty where nothing is printed."""

    system: str
    reference: str
    dataset: str
    model: str
    precision: str
    recall: str
    f1: str
    entity_level_accuracy: str
    exact_match_rate: str
    note: str


def read_published(path: str | Path = PUBLISHED_TABLE) -> list[PublishedRow]:
    """The published rows in their printed order.

    Raises BionerError naming file and line for a missing file, other columns than expected, or
    a figure that is not a percentage.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise BionerError(
                    f"{path}:1: expected the columns {','.join(COLUMNS)}, found {reader.fieldnames}; restore the published table"
                )
            rows = []
            for values in reader:
                if None in values or None in values.values():
                    raise BionerError(
                        f"{path}:{reader.line_num}: expected {len(COLUMNS)} cells, found another number; restore the published table"
                    )
                for column in FIGURES:
                    _check_figure(values[column], column, f"{path}:{reader.line_num}")
                rows.append(PublishedRow(**values))
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected the published table, found none; give its path by --published") from error
    return rows


def _check_figure(printed: str, column: str, place: str) -> None:
    if not printed:
        return
    whole, point, decimals = printed.partition(".")
    if not (whole.isdecimal() and (decimals.isdecimal() or not point) and Fraction(printed) <= 100):
        raise BionerError(f"{place}: expected {column} as a percentage or an empty cell, found {printed!r}; restore the published table")


def rounding_interval(printed: str) -> Interval:
    """All values in [0, 100] that a printed percentage may stand for: half a unit of its last digit to both sides."""
    decimals = len(printed.partition(".")[2])
    half = Fraction(1, 2 * 10**decimals)
    value = Fraction(printed)
    return max(value - half, Fraction(0)), min(value + half, Fraction(100))


def f1_interval(precision: Interval, recall: Interval) -> Interval:
    """All values of F1 = 2PR / (P + R) in percent; F1 never falls when P or R rises, so the corners bound it."""
    low, high = (2 * p * r / (p + r) if p + r else Fraction(0) for p, r in zip(precision, recall, strict=True))
    return low, high


def jaccard_interval(f1: Interval) -> Interval:
    """All values of TP / (TP + FP + FN) = F / (2 - F), in percent (F in percent: 100 F / (200 - F))."""
    low, high = (100 * f / (200 - f) for f in f1)
    return low, high


def audit_row(row: PublishedRow) -> list[str]:
    """Short sentences, one for each contradiction between a row's printed figures; none when they agree."""
    return [flag for flag in (_audit_f1(row), _audit_exact_match(row), _audit_jaccard(row), _audit_exact_recall(row)) if flag]


def _apart(left: Interval, right: Interval) -> bool:
    return left[1] < right[0] or right[1] < left[0]


def _range(interval: Interval) -> str:
    return f"{float(interval[0]):.2f} to {float(interval[1]):.2f}"


def _audit_f1(row: PublishedRow) -> str:
    if not (row.precision and row.recall and row.f1):
        return ""
    allowed = f1_interval(rounding_interval(row.precision), rounding_interval(row.recall))
    if not _apart(allowed, rounding_interval(row.f1)):
        return ""
    figures = f"P {row.precision} and R {row.recall}"
    return f"F1 {row.f1} is not the harmonic mean of {figures}, which allow {_range(allowed)}, if all come {ONE_COUNT}"


def _audit_exact_match(row: PublishedRow) -> str:
    if not (row.recall and row.exact_match_rate):
        return ""
    if rounding_interval(row.exact_match_rate)[0] <= rounding_interval(row.recall)[1]:
        return ""
    return (
        f"exact match {row.exact_match_rate} is above recall {row.recall}: impossible if both are typed exact spans over gold {ONE_COUNT}"
    )


def _audit_jaccard(row: PublishedRow) -> str:
    if not row.entity_level_accuracy:
        return ""
    if row.f1:
        allowed, source = jaccard_interval(rounding_interval(row.f1)), f"F1 {row.f1}"
    elif row.precision and row.recall:
        f1 = f1_interval(rounding_interval(row.precision), rounding_interval(row.recall))
        allowed, source = jaccard_interval(f1), f"P {row.precision} and R {row.recall}"
    else:
        return ""
    if not _apart(allowed, rounding_interval(row.entity_level_accuracy)):
        return ""
    return f"accuracy {row.entity_level_accuracy} is not TP/(TP+FP+FN), which {source} put at {_range(allowed)}, if all come {ONE_COUNT}"


def _audit_exact_recall(row: PublishedRow) -> str:
    if not (row.recall and row.entity_level_accuracy):
        return ""
    if not _apart(rounding_interval(row.recall), rounding_interval(row.entity_level_accuracy)):
        return ""
    return f"accuracy {row.entity_level_accuracy} is not exact recall, which is {row.recall}, if both come {ONE_COUNT}"
