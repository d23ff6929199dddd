"""Tables beside Table 1, recounted from the collected rows that they are made of."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from bioner.commands import table1 as command
from bioner.errors import BionerError
from bioner.evaluation.errors import ERROR_KINDS
from bioner.reporting.attack_curves import attack_curves, draw_attack_curves, weaker_ones
from bioner.reporting.collected import STRICT_F1, Cell, Scores, read_documents_counts, read_scores
from bioner.reporting.comparisons import ablated_pairs, printed_p
from bioner.reporting.error_figures import KINDS, draw_error_kinds, draw_recall
from bioner.reporting.formats import PAGE_ROWS, Table, latex
from bioner.reporting.intervals import Intervals
from bioner.reporting.robustness_tables import _cost, _type_f1
from bioner.reporting.settings import read_settings
from bioner.reporting.tallies import Success, read_tallies

MODELS = ("plain", "fgsm", "pgd", "adaptive")


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def names(demo_settings):
    return {entry["title"]: name for name, entry in demo_settings["datasets"].items()}


def counts_of(collected: Path, dataset: str, model: str, attack: str) -> dict[str, dict[str, list[int]]]:
    """By fold, by document: gold, predicted, correct."""
    found: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for row in rows_of(collected / "documents.csv"):
        if (row["dataset"], row["model"], row["attack"]) == (dataset, model, attack):
            found[row["fold"]][row["document"]] = [int(row[name]) for name in ("gold", "predicted", "correct")]
    return found


def micro(folds) -> float:
    sums = [np.sum(list(documents.values()), axis=0) for documents in folds.values()]
    return statistics.fmean(2 * c / (g + p) for g, p, c in sums)


def test_every_pair_under_every_condition(made_tables, names):
    rows = rows_of(made_tables / "comparisons.csv")
    pairs = [(first, second) for i, first in enumerate(MODELS) for second in MODELS[i + 1 :]]
    conditions = [("clean", "micro"), ("clean", "macro"), ("fgsm", "micro"), ("typos", "micro")]
    assert [(row["attack"], row["average"], row["first"], row["second"]) for row in rows if names[row["dataset"]] == "demo_bc5cdr"] == [
        (*condition, *pair) for condition in conditions for pair in pairs
    ]
    assert {(row["tests"], row["folds"], row["seeds"]) for row in rows} == {("24", "2", "1")}


def test_difference_and_p_value_of_a_pair(collected, made_tables, names):
    """A slow randomization of its own, other draws: the p-values agree within what such draws differ by."""
    row = next(
        row
        for row in rows_of(made_tables / "comparisons.csv")
        if (names[row["dataset"]], row["attack"], row["first"], row["second"]) == ("demo_bc5cdr", "typos", "plain", "fgsm")
    )
    models = [counts_of(collected, "demo_bc5cdr", model, "typos") for model in ("plain", "fgsm")]
    observed = micro(models[1]) - micro(models[0])
    assert float(row["difference"]) == pytest.approx(100 * observed, abs=0.0051)
    assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    assert [float(row["f1_first"]), float(row["f1_second"])] == pytest.approx([100 * micro(model) for model in models], abs=0.0051)
    h = 2 * math.asin(math.sqrt(micro(models[1]))) - 2 * math.asin(math.sqrt(micro(models[0])))
    assert float(row["cohen_h"]) == pytest.approx(h, abs=0.00051)
    generator, extreme = np.random.default_rng(123), 0
    for _ in range(400):
        swapped = [{fold: dict(documents) for fold, documents in model.items()} for model in models]
        for fold, documents in models[0].items():
            for document in documents:
                if generator.random() < 0.5:
                    swapped[0][fold][document], swapped[1][fold][document] = models[1][fold][document], models[0][fold][document]
        extreme += abs(micro(swapped[1]) - micro(swapped[0])) >= abs(observed) - 1e-12
    p = extreme / 400
    assert float(row["p"]) == pytest.approx(p, abs=0.01 + 4 * math.sqrt(max(p, 0.01) * (1 - p) / 400))


def test_corrected_p_values_are_of_the_family_of_a_dataset(made_tables):
    families = defaultdict(list)
    for row in rows_of(made_tables / "comparisons.csv"):
        families[row["dataset"]].append((float(row["p"]), float(row["p_holm"])))
    for family in families.values():
        p, adjusted = zip(*sorted(family), strict=True)
        assert adjusted[0] == pytest.approx(min(1, len(p) * p[0]), abs=0.002)
        assert list(adjusted) == sorted(adjusted) and adjusted[-1] >= p[-1]


def test_ablations_are_pairs_that_differ_in_one_part(made_tables, settings):
    assert list(ablated_pairs(read_settings(settings))) == [
        ("adversary", "plain", "fgsm"),
        ("adversary", "plain", "pgd"),
        ("loss", "plain", "adaptive"),
    ]
    pairs = {(r["dataset"], r["attack"], r["average"], r["first"], r["second"]): r for r in rows_of(made_tables / "comparisons.csv")}
    rows = rows_of(made_tables / "ablations.csv")
    assert len(rows) == 3 * 3 * 4
    for row in rows:
        pair = pairs[row["dataset"], row["attack"], row["average"], row["reference"], row["model"]]
        for column in ("difference", "low", "high", "p", "p_holm", "cohen_h"):
            assert row[column] == pair[column]
        assert (row["reference_setting"] != row["setting"]) and row["f1"] == pair["f1_second"]


def test_the_first_model_of_a_recipe_is_the_reference(collected, settings, tmp_path):
    """Whatever its adversary; a model whose recipe is another one has none."""
    order = ["fgsm", "plain"]
    settings["models"] = {name: settings["models"][name] for name in order}
    settings["datasets"] = {"demo_bc5cdr": settings["datasets"]["demo_bc5cdr"]}
    command.main(["--collected", str(collected), "--settings", json.dumps(settings), "--output-folder", str(tmp_path)])
    ablations = rows_of(tmp_path / "ablations.csv")
    assert {(row["reference"], row["model"], row["setting"]) for row in ablations} == {("fgsm", "plain", "none")}
    settings["models"]["plain"]["parts"] = {"adversary": "none", "loss": "other", "rest": "other"}
    command.main(["--collected", str(collected), "--settings", json.dumps(settings), "--output-folder", str(tmp_path)])
    assert rows_of(tmp_path / "ablations.csv") == []
    assert len(rows_of(tmp_path / "comparisons.csv")) == 4


def test_types_that_do_not_add_up_are_refused(collected, settings, tmp_path):
    for path in collected.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / "types.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "types.csv").write_text("\n".join([lines[0], *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(BionerError, match=r"demo_medmentions, kfold5, plain, fold 0, seed 1: expected the counts of types.csv"):
        command.main(["--collected", str(tmp_path), "--settings", json.dumps(settings), "--output-folder", str(tmp_path / "out")])


def test_success_is_the_mean_of_the_runs(collected, made_tables, names):
    runs = defaultdict(list)
    for row in rows_of(collected / "success.csv"):
        if not row["type"]:
            runs[row["dataset"], row["model"], row["attack"]].append(
                [int(row[name]) for name in ("right", "broken", "partial", "edits", "documents")]
            )
    rows = rows_of(made_tables / "robustness.csv")
    for row in rows:
        found = runs[names[row["dataset"]], row["model"], row["attack"]]
        assert float(row["success"]) == pytest.approx(100 * statistics.fmean(b / r for r, b, *_ in found), abs=0.0051)
        assert float(row["partial"]) == pytest.approx(100 * statistics.fmean(p / b for _, b, p, *_ in found), abs=0.0051)
        if row["attack"] == "typos":
            assert float(row["edits"]) == pytest.approx(statistics.fmean(e / d for *_, e, d in found), abs=0.0051)
            assert float(row["edits_per_success"]) == pytest.approx(statistics.fmean(e / b for _, b, _, e, _ in found), abs=0.0051)
        else:
            assert row["edits"] == row["edits_per_success"] == row["queries"] == ""
    by_model = defaultdict(list)
    for row in rows:
        by_model[row["dataset"], row["model"]].append(row)
    for own in by_model.values():
        *attacks, worst = own
        assert worst["attack"] == "worst_case"
        lowest = min(attacks, key=lambda row: float(row["f1_attacked"]))
        assert (worst["f1_attacked"], worst["f1_low"]) == (lowest["f1_attacked"], lowest["f1_low"])
        assert worst["note"] == f"lowest F1: {lowest['attack']}; success of any attack"


def test_attacks_of_other_experiments_and_postprocessing_are_left_out(collected, settings, tmp_path):
    """Of a run that several experiments share: no row, no test, and no union of attacks that would count them."""
    for path in collected.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name in ("scores.csv", "documents.csv"):
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        extra = [line.replace(",fgsm,", ",postprocessed,", 1) for line in lines if ",1,fgsm," in line and ",fgsm,0,1" not in line]
        assert extra
        (tmp_path / name).write_text("\n".join([*lines, *extra]) + "\n", encoding="utf-8")
    settings["datasets"] = {"demo_bc5cdr": settings["datasets"]["demo_bc5cdr"]}
    settings["models"] = {name: settings["models"][name] for name in ("plain", "adaptive")}
    for attacks, tests, worst in ((["typos", "fgsm"], "4", True), (["typos"], "3", False)):
        settings["attacks"] = {name: {"kind": name} for name in attacks}
        command.main(["--collected", str(tmp_path), "--settings", json.dumps(settings), "--output-folder", str(tmp_path / "out")])
        rows = rows_of(tmp_path / "out" / "robustness.csv")
        assert {row["attack"] for row in rows} == {*attacks, *["worst_case"] * worst}
        assert {row["tests"] for row in rows_of(tmp_path / "out" / "comparisons.csv")} == {tests}
        groups = {row["attack"] for row in rows_of(tmp_path / "out" / "robustness_groups.csv")}
        assert groups == {*attacks, *["worst_case"] * worst}


def test_of_a_single_attack_no_worst_case_is_told(collected, settings, tmp_path):
    for path in collected.glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        (tmp_path / path.name).write_text("\n".join(line for line in lines if ",fgsm," not in line) + "\n", encoding="utf-8")
    settings["attacks"] = {"typos": {"kind": "typos"}}
    settings["models"] = {name: settings["models"][name] for name in ("plain", "adaptive")}
    command.main(["--collected", str(tmp_path), "--settings", json.dumps(settings), "--output-folder", str(tmp_path / "out")])
    for table in ("robustness", "robustness_groups"):
        assert {row["attack"] for row in rows_of(tmp_path / "out" / f"{table}.csv")} == {"typos"}, table


def test_robustness_by_type_and_novelty(collected, made_tables, names):
    sums = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for row in rows_of(collected / "success.csv"):
        for group, value in (("type", row["type"]), ("novelty", row["novelty"])):
            if row["type"]:
                total = sums[row["dataset"], row["model"], row["attack"], group, value][row["fold"]]
                for place, name in enumerate(("right", "broken", "partial")):
                    total[place] += int(row[name])
    rows = rows_of(made_tables / "robustness_groups.csv")
    assert len(rows) == len(sums)
    for row in rows:
        found = sums[names[row["dataset"]], row["model"], row["attack"], row["group"], row["value"]].values()
        assert int(row["right"]) == sum(right for right, _, _ in found)
        shares = [broken / right for right, broken, _ in found if right]
        assert row["success"] == (f"{100 * statistics.fmean(shares):.2f}" if shares else "")
        assert bool(row["f1_clean"]) == (row["group"] == "type")


def test_errors_and_recall(collected, made_tables, names):
    counts = defaultdict(lambda: defaultdict(int))
    for row in rows_of(collected / "errors.csv"):
        if row["attack"] == "clean" and row["gold_type"]:
            counts[row["dataset"], row["model"], row["fold"]][row["error"]] += int(row["count"])
    rows = rows_of(made_tables / "errors.csv")
    assert [row["error"] for row in rows[: len(ERROR_KINDS)]] == list(ERROR_KINDS)
    for row in rows:
        folds = [counts[names[row["dataset"]], row["model"], fold] for fold in "01"]
        assert int(row["gold"]) == sum(fold[row["error"]] for fold in folds)
        share = statistics.fmean(fold[row["error"]] / sum(fold.values()) for fold in folds)
        assert float(row["gold_share"]) == pytest.approx(100 * share, abs=0.0051)
    recall = rows_of(made_tables / "recall.csv")
    table1 = {(row["dataset"], row["model"]): row["recall"] for row in rows_of(made_tables / "table1.csv") if row["source"] == "reproduced"}
    whole = [row for row in recall if (row["group"], row["value"]) == ("frequency", "0")]  # here every mention is one
    assert {(row["dataset"], row["model"]): row["recall"] for row in whole} == table1


def test_pooled_scores_count_all_folds_at_once(collected, made_tables, names):
    rows = rows_of(made_tables / "table1_definitions.csv")
    for row in rows:
        if (row["definition"], row["average"], row["metric"]) == ("strict", "micro", "f1"):
            folds = counts_of(collected, names[row["dataset"]], row["model"], "clean")
            gold, predicted, correct = np.sum([values for documents in folds.values() for values in documents.values()], axis=0)
            assert float(row["pooled"]) == pytest.approx(100 * 2 * correct / (gold + predicted), abs=0.0051)
    assert {row["pooled"] for row in rows if row["definition"] in ("token_accuracy", "document_exact_match")} == {""}
    assert all(row["pooled"] for row in rows if row["definition"] == "strict" and row["average"] in ("micro", "type"))


def test_intervals_of_micro_and_macro(made_tables):
    rows = rows_of(made_tables / "table1_definitions.csv")
    table1 = {(row["dataset"], row["model"]): row for row in rows_of(made_tables / "table1.csv") if row["source"] == "reproduced"}
    bounded = [row for row in rows if row["low"]]
    assert {(row["definition"], row["average"], row["metric"]) for row in bounded} == {
        *(("strict", "micro", metric) for metric in ("precision", "recall", "f1")),
        ("strict", "macro", "f1"),
    }
    for row in bounded:
        assert float(row["low"]) < float(row["value"]) < float(row["high"])
        if (row["average"], row["metric"]) == ("micro", "f1"):
            assert (row["low"], row["high"]) == tuple(table1[row["dataset"], row["model"]][name] for name in ("f1_low", "f1_high"))


def test_a_macro_score_that_the_types_do_not_give_is_refused(collected, settings, tmp_path):
    for path in collected.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "scores.csv").read_text(encoding="utf-8")
    assert ",clean,strict,macro,,f1," in text
    (tmp_path / "scores.csv").write_text(re.sub(r"(,clean,strict,macro,,f1,)[0-9.]+", r"\g<1>0.99", text), encoding="utf-8")
    with pytest.raises(BionerError, match=r"expected types.csv to give the macro F1 of scores.csv, 0.990000"):
        command.main(["--collected", str(tmp_path), "--settings", json.dumps(settings), "--output-folder", str(tmp_path / "out")])


def test_definitions_side_by_side(made_tables):
    lines = (made_tables / "table1_definitions.md").read_text(encoding="utf-8").splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["Corpus", "Definition", "Average", "Metric", *MODELS, "Folds", "Seeds"]
    rows = {
        (r["dataset"], r["definition"], r["average"], r["metric"], r["model"]): r for r in rows_of(made_tables / "table1_definitions.csv")
    }
    for line in lines[4:]:
        dataset, definition, average, metric, *values, _, _ = [cell.strip() for cell in line.split("|")[1:-1]]
        for model, value in zip(MODELS, values, strict=True):
            row = rows[dataset, definition, average, metric, model]
            assert value == f"{row['value']} ± {row['sd']}"


@pytest.mark.parametrize(("p", "printed"), [(1.0, "1.0000"), (0.03456, "0.0346"), (0.0001, "0.0001"), (0.00001234, "1e-05")])
def test_p_values_are_never_printed_as_zero(p, printed):
    assert printed_p(p) == printed


@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS])
def test_long_tables_have_several_pages(count):
    text = latex(Table("long", "Caption", ["a"], [{"a": f"row{i}x"} for i in range(count)]))
    pages = max(1, math.ceil(count / PAGE_ROWS))
    assert text.count(r"\toprule") == text.count(r"\begin{minipage}") == text.count(r"\end{minipage}") == pages
    assert text.count(r"\clearpage") == text.count("continued") == pages - 1
    assert re.findall(r"row\d+x", text) == [f"row{i}x" for i in range(count)]


def test_runs_without_an_edit_count_in_the_mean():
    totals = {(0, 1): Success(right=5, broken=1, documents=10), (1, 1): Success(right=5, broken=1, edits=20, documents=10)}
    assert _cost(totals, "edits", "documents") == {(0, 1): 0.0, (1, 1): 2.0}
    assert _cost(totals, "queries", "documents") == {}


def test_a_fold_without_gold_of_a_type_says_nothing_of_an_attack_on_it(settings):
    chosen, system = read_settings(settings), ("demo_bc5cdr", "kfold5", "plain")
    clean = {("f1", (0, 1)): 0.8, ("gold", (0, 1)): 5.0, ("gold", (1, 1)): 0.0}
    attacked = clean | {("f1", (1, 1)): 0.0}
    values = {}
    for condition, found in (("clean", clean), ("typos", attacked)):
        cells = values.setdefault((system, condition), {})
        for (metric, run), value in found.items():
            cells.setdefault(Cell("strict", "type", "Disease", metric), {})[run] = value
    assert _type_f1(chosen, Scores(values), system, "typos", "Disease") == {
        "f1_clean": "80.00", "f1_attacked": "80.00", "relative_drop": "0.00"
    }  # fmt: skip


GRID = {
    "pgd_0p02": {"kind": "pgd", "epsilon": 0.02, "steps": 3, "step_size": 0.01},
    "pgd_0p01": {"kind": "pgd", "epsilon": 0.01, "steps": 3, "step_size": 0.005},
    "pgd_long": {"kind": "pgd", "epsilon": 0.02, "steps": 9, "step_size": 0.005},
    "typos": {"kind": "typos", "rate": 0.3, "seed": 1},
    "search_5": {"kind": "search", "edits": 5},
    "search_2": {"kind": "search", "edits": 2},
    "swap": {"kind": "entities_seen"},
}


def test_a_curve_is_of_the_setting_that_differs():
    grid = {f"typos_{edits}": {"kind": "typos", "rate": 1.0, "edits": edits, "seed": 1} for edits in (1, 2, 4)}
    assert [(curve.key, list(curve.attacks.values())) for curve in attack_curves(grid)] == [("edits", list(grid))]
    assert weaker_ones(grid) == {"typos_1", "typos_2"}


def test_attacks_of_several_strengths_are_curves():
    curves = attack_curves(GRID)
    assert [(curve.title, curve.key, dict(curve.attacks)) for curve in curves] == [
        ("pgd", "epsilon", {0.01: "pgd_0p01", 0.02: "pgd_0p02"}),
        ("search", "edits", {2.0: "search_2", 5.0: "search_5"}),
    ]
    assert weaker_ones(GRID) == {"pgd_0p01", "search_2"}
    assert attack_curves({}) == attack_curves({"typos": GRID["typos"]}) == []


def test_curves_begin_at_the_clean_score(collected, settings):
    settings["attacks"] = {"typos": {"kind": "noise", "rate": 0.1}, "fgsm": {"kind": "noise", "rate": 0.4}}
    scores = read_scores(collected / "scores.csv")
    chosen, systems = read_settings(settings), [system for system in scores.systems() if system[0] == "demo_bc5cdr"]
    figure = draw_attack_curves(scores, Intervals(scores, read_documents_counts(collected / "documents.csv")), systems, chosen)
    (axis,) = figure.axes
    for system, container in zip(systems, axis.containers, strict=True):
        line = container.lines[0]
        expected = [statistics.fmean(scores.by_run(system, STRICT_F1, attack).values()) for attack in ("clean", "typos", "fgsm")]
        assert list(line.get_xdata()) == [0.0, 0.1, 0.4]
        assert list(line.get_ydata()) == pytest.approx([100 * value for value in expected])
    settings["attacks"] = {}
    assert draw_attack_curves(scores, Intervals(scores, {}), systems, read_settings(settings)) is None


def test_bars_of_error_kinds_add_up(collected, settings, made_tables, names):
    tallies = read_tallies(collected)
    systems = [("demo_bc5cdr", "kfold5", model) for model in MODELS]
    figure = draw_error_kinds(tallies.errors, systems, read_settings(settings))
    (axis,) = figure.axes
    table = {(names[row["dataset"]], row["model"], row["error"]): row for row in rows_of(made_tables / "errors.csv")}
    for kind, bars in zip(KINDS, axis.containers, strict=True):
        column = "predicted_share" if kind == "spurious" else "gold_share"
        assert [bar.get_width() for bar in bars] == pytest.approx(
            [float(table["demo_bc5cdr", model, kind][column]) for model in MODELS], abs=0.0051
        )
        if kind == "spurious":
            assert all(bar.get_x() + bar.get_width() == pytest.approx(0) for bar in bars)
    assert draw_error_kinds({}, systems, read_settings(settings)) is None
    assert draw_recall({}, systems, read_settings(settings)) is None


def test_marks_of_recall_are_those_of_the_table(collected, settings, made_tables, names):
    tallies = read_tallies(collected)
    systems = [("demo_bc5cdr", "kfold5", model) for model in MODELS]
    figure = draw_recall(tallies.groups, systems, read_settings(settings))
    rows = [row for row in rows_of(made_tables / "recall.csv") if row["recall"]]
    table = {(names[row["dataset"]], row["model"], row["group"], row["value"]): float(row["recall"]) for row in rows}
    for axis, (group, values) in zip(
        figure.axes, (("length", ("1", "2", "5+")), ("frequency", ("0",)), ("novelty", ("seen", "unseen"))), strict=True
    ):
        for model, container in zip(MODELS, axis.containers, strict=True):
            expected = [table["demo_bc5cdr", model, group, value] for value in values]
            assert list(container.lines[0].get_ydata()) == pytest.approx(expected, abs=0.0051)
