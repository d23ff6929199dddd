"""The audit of the published table, against a search over the rounding cells that knows no interval arithmetic."""

import csv
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.errors import BionerError
from bioner.reporting.published import (
    FIGURES,
    FLAGS,
    PUBLISHED_TABLE,
    PublishedRow,
    audit_row,
    f1_interval,
    read_published,
    rounding_interval,
)

SHARED = Path(__file__).parents[4] / "shared" / "published" / "table1.csv"


def flagged(row, start):
    return any(flag.startswith(start) for flag in audit_row(row))


def cell_points(printed, steps=201):
    """Real values that print as this figure, edges included, on a grid."""
    decimals = len(printed.split(".")[1]) if "." in printed else 0
    half = 0.5 * 10.0**-decimals
    return np.linspace(float(printed) - half, float(printed) + half, steps)


def f1_reachable(row):
    p, r = np.meshgrid(cell_points(row.precision), cell_points(row.recall))
    f = 2 * p * r / (p + r)
    target = cell_points(row.f1)
    return bool(((f >= target[0] - 1e-9) & (f <= target[-1] + 1e-9)).any())


def test_nineteen_rows_hold_the_printed_strings():
    with open(PUBLISHED_TABLE, encoding="utf-8", newline="") as handle:
        printed = list(csv.DictReader(handle))
    rows = read_published()
    assert len(rows) == 19
    assert [{name: getattr(row, name) for name in printed[0]} for row in rows] == printed


def test_table_is_the_one_that_was_handed_over():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is absent")
    assert PUBLISHED_TABLE.read_bytes() == SHARED.read_bytes()


def test_f1_flags_agree_with_a_search_over_the_rounding_cells():
    complete = [row for row in read_published() if row.precision and row.recall and row.f1]
    assert len(complete) == 15
    assert [flagged(row, "F1 ") for row in complete] == [not f1_reachable(row) for row in complete]
    assert sum(flagged(row, "F1 ") for row in complete) == 8


def test_exact_match_above_recall_in_seven_rows():
    rows = [row for row in read_published() if row.recall and row.exact_match_rate]
    above = [bool(cell_points(row.exact_match_rate)[0] > cell_points(row.recall)[-1]) for row in rows]
    assert [flagged(row, "exact match ") for row in rows] == above
    assert sum(above) == 7


def test_accuracy_is_neither_jaccard_nor_exact_recall_in_the_proposed_rows():
    proposed = [row for row in read_published() if row.system == "Proposed System"]
    assert len(proposed) == 3
    for row in proposed:
        share = cell_points(row.f1) / 100
        jaccard = 100 * share / (2 - share)
        assert not (jaccard.min() <= float(row.entity_level_accuracy) <= jaccard.max())
        assert sum(flag.startswith("accuracy ") for flag in audit_row(row)) == 2


def test_jaccard_from_precision_and_recall_where_no_f1_is_printed():
    row = next(row for row in read_published() if row.model == "CRF")
    p, r = float(row.precision) / 100, float(row.recall) / 100
    expected = 100 / (1 / p + 1 / r - 1)
    (flag,) = [flag for flag in audit_row(row) if "TP/(TP+FP+FN)" in flag]
    found = re.search(r" at ([\d.]+) to ([\d.]+)", flag)
    assert found
    assert float(found[1]) <= expected <= float(found[2])


def test_every_flag_ends_with_its_condition():
    """A mean over folds or types owes nothing to 2PR/(P+R) or F/(2-F): no flag may say so without its condition."""
    flags = [flag for row in read_published() for flag in audit_row(row)]
    assert flags and all(flag.endswith("from one count (no averaging over folds or types)") for flag in flags)
    assert not any("; " in flag for flag in flags)


def test_a_mean_over_folds_can_be_flagged_though_nothing_is_wrong():
    folds = [(0.9, 0.1), (0.1, 0.9)]
    p, r, f1 = (sum(values) / 2 for values in zip(*((p, r, 2 * p * r / (p + r)) for p, r in folds), strict=True))
    row = replace(EMPTY, precision=f"{100 * p:.2f}", recall=f"{100 * r:.2f}", f1=f"{100 * f1:.2f}")
    (flag,) = audit_row(row)
    assert "if all come from one count" in flag


def test_every_flag_is_of_a_known_kind():
    assert all(any(flag.startswith(start) for start in FLAGS) for row in read_published() for flag in audit_row(row))


EMPTY = PublishedRow(*[""] * 10)


@given(
    st.floats(0.05, 1),
    st.floats(0.05, 1),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0, 1, 2]),
)
def test_honestly_rounded_figures_are_never_flagged(p, r, p_decimals, r_decimals, f_decimals):
    """Oracle: any true P and R, printed by rounding, with F1, accuracy and exact match as the named readings define them."""
    f1 = 2 * p * r / (p + r)
    printed = {
        "precision": f"{100 * p:.{p_decimals}f}",
        "recall": f"{100 * r:.{r_decimals}f}",
        "f1": f"{100 * f1:.{f_decimals}f}",
        "exact_match_rate": f"{100 * r:.{f_decimals}f}",
    }
    flags = audit_row(replace(EMPTY, **printed, entity_level_accuracy=f"{100 * f1 / (2 - f1):.{r_decimals}f}"))
    assert not [flag for flag in flags if "exact recall" not in flag]
    flags = audit_row(replace(EMPTY, **printed, entity_level_accuracy=printed["recall"]))
    assert not [flag for flag in flags if "TP/(TP+FP+FN)" not in flag]


@given(st.integers(100, 10000), st.integers(100, 10000))
def test_f1_interval_holds_exactly_the_corner_values(p, r):
    p_printed, r_printed = f"{p // 100}.{p % 100:02}", f"{r // 100}.{r % 100:02}"
    low, high = f1_interval(rounding_interval(p_printed), rounding_interval(r_printed))
    ps, rs = np.meshgrid(np.minimum(cell_points(p_printed, 5), 100), np.minimum(cell_points(r_printed, 5), 100))
    f = 2 * ps * rs / (ps + rs)
    assert float(low) == pytest.approx(f.min(), abs=1e-9)
    assert float(high) == pytest.approx(f.max(), abs=1e-9)


def test_an_integer_stands_for_half_a_point_to_both_sides():
    assert rounding_interval("94") == (Fraction(187, 2), Fraction(189, 2))
    assert rounding_interval("0.0")[0] == 0


@pytest.mark.parametrize("figure", ["ninety", "-1", "101", "9e1", "1/2", "90.", "nan"])
@pytest.mark.parametrize("column", FIGURES[:1])
def test_a_figure_that_is_no_percentage_is_refused_by_line(tmp_path, figure, column):
    lines = PUBLISHED_TABLE.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("89.2", figure)
    path = tmp_path / "table1.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(BionerError, match=rf"table1.csv:3: expected {column}"):
        read_published(path)


def test_missing_table_and_other_columns_are_refused(tmp_path):
    with pytest.raises(BionerError, match="found none"):
        read_published(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BionerError, match=r"other.csv:1: expected the columns"):
        read_published(tmp_path / "other.csv")
