"""Tables from the collected rows, recounted by hand from the same files."""

import csv
import json
import re
import shutil
import statistics
from pathlib import Path

import pytest

from bioner.commands import table1 as command
from bioner.errors import BionerError, ConfigError
from bioner.reporting.companions import ERROR_COLUMNS, RECALL_COLUMNS
from bioner.reporting.leakage import LEAKAGE_COLUMNS
from bioner.reporting.linking import LINKING_COLUMNS
from bioner.reporting.postprocessing import POSTPROCESSING_COLUMNS
from bioner.reporting.published import PUBLISHED_TABLE, read_published
from bioner.reporting.robustness_tables import GROUP_COLUMNS, ROBUSTNESS_COLUMNS
from bioner.reporting.settings import read_settings
from bioner.reporting.table1 import published_counterpart
from bioner.reporting.transfers import TRANSFER_COLUMNS

COLUMNS = (
    "source,system,reference,dataset,model,precision,recall,f1,entity_level_accuracy,exact_match_rate,readings,"
    "f1_low,f1_high,folds,seeds,protocol,scale,difference,audit,note"
)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def run(collected, settings, folder):
    command.main(["--collected", str(collected), "--settings", json.dumps(settings), "--output-folder", str(folder)])
    return rows_of(folder / "table1.csv")


def recount(collected, dataset, model, attack="clean"):
    """Mean over runs of strict micro F1, precision and recall, from documents.csv and not from scores.csv."""
    sums = {}
    for row in rows_of(collected / "documents.csv"):
        if (row["dataset"], row["model"], row["attack"]) == (dataset, model, attack):
            total = sums.setdefault((row["fold"], row["seed"]), [0, 0, 0])
            for place, name in enumerate(("gold", "predicted", "correct")):
                total[place] += int(row[name])
    means = [
        statistics.fmean(values)
        for values in zip(*((2 * c / (g + p), c / p, c / g, c / (g + p - c)) for g, p, c in sums.values()), strict=True)
    ]
    return [100 * value for value in means]


def test_columns_are_exactly_the_contract(made_tables):
    assert (made_tables / "table1.csv").read_text(encoding="utf-8").splitlines()[0] == COLUMNS
    headers = {
        name: (made_tables / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0] for name in ("table1_definitions", "robustness")
    }
    assert headers == {
        "table1_definitions": "dataset,model,definition,average,type,metric,value,sd,low,high,pooled,folds,seeds",
        "robustness": "dataset,model,attack,f1_clean,f1_attacked,relative_drop,success,partial,edits,queries,edits_per_success,"
        "queries_per_success,precision,recall,f1_low,f1_high,folds,seeds,note",
    }


def test_published_rows_come_first_with_the_printed_strings(made_tables):
    rows = rows_of(made_tables / "table1.csv")
    assert [row["source"] for row in rows] == ["published"] * 19 + ["reproduced"] * 12
    for printed, row in zip(rows_of(PUBLISHED_TABLE), rows[:19], strict=True):
        assert {name: row[name] for name in printed} == printed
        assert row["scale"] == row["f1_low"] == row["difference"] == row["readings"] == ""
    audits = [row["audit"] for row in rows[:19]]
    assert sum("is not the harmonic mean" in audit for audit in audits) == 8
    assert sum("is above recall" in audit for audit in audits) == 7


def test_reproduced_cells_are_the_mean_of_the_runs(collected, settings, made_tables):
    rows = rows_of(made_tables / "table1.csv")[19:]
    titles = {entry["title"]: name for name, entry in settings["datasets"].items()}
    assert [(titles[row["dataset"]], row["model"]) for row in rows] == [(d, m) for d in settings["datasets"] for m in settings["models"]]
    for row in rows:
        f1, precision, recall, jaccard = recount(collected, titles[row["dataset"]], row["model"])
        assert float(row["f1"]) == pytest.approx(f1, abs=0.0051)
        assert float(row["precision"]) == pytest.approx(precision, abs=0.0051)
        assert float(row["recall"]) == pytest.approx(recall, abs=0.0051)
        assert float(row["entity_level_accuracy"]) == pytest.approx(jaccard, abs=0.0051)
        assert row["exact_match_rate"] == row["recall"]
        assert float(row["f1_low"]) < f1 < float(row["f1_high"])
        assert (row["folds"], row["seeds"], row["protocol"]) == ("2", "1", "kfold5")


def test_demo_rows_say_so_and_show_no_difference(made_tables):
    rows = rows_of(made_tables / "table1.csv")[19:]
    assert {row["difference"] for row in rows} == {""}
    assert all(row["note"].startswith("demo, synthetic corpora") and row["scale"] == "demo" for row in rows)


def test_rows_say_what_recall_could_be_at_most(collected, settings, tmp_path):
    copied = tmp_path / "collected"
    shutil.copytree(collected, copied)
    dataset = next(iter(settings["datasets"]))
    reached = {"plain": ("0.96999", "0.98"), "adaptive": ("1.0", "1.0")}
    with open(copied / "scores.csv", "a", encoding="utf-8") as handle:
        for model, values in reached.items():
            for fold, value in enumerate(values):
                handle.write(f"{dataset},kfold5,{model},{fold},1,clean,model_ceiling,micro,,recall,{value}\n")
    rows = run(copied, settings, tmp_path / "made")[19:]
    told = {row["model"]: row["note"] for row in rows if row["dataset"] == settings["datasets"][dataset]["title"]}
    assert told["plain"].endswith("; recall at most 97.49")  # 97.4995, never told as more than it is
    assert all("at most" not in told[model] for model in told if model != "plain")


def test_difference_of_a_full_row_and_a_missing_corpus(collected, full_settings, tmp_path):
    rows = run(collected, full_settings, tmp_path)[19:]
    differing = {(row["dataset"], row["model"]): row["difference"] for row in rows if row["difference"]}
    assert set(differing) == {("MedMentions ST21pv (demo)", "fgsm"), ("BC5CDR (demo)", "fgsm")}
    row = next(row for row in rows if row["model"] == "fgsm" and row["dataset"].startswith("BC5CDR"))
    assert float(row["difference"]) == pytest.approx(float(row["f1"]) - 92.3)
    assert row["difference"][0] in "+-"
    compared = {row["note"].rpartition("; difference to ")[2] for row in rows if row["difference"]}
    assert compared == {f"Proposed System: Fine-Tuned BioBERT + FGSM, {f1}" for f1 in ("90.6", "92.3")}
    assert not any("difference to" in row["note"] for row in rows if not row["difference"])
    (missing,) = [row for row in rows if row["note"].startswith("not provided: ")]
    assert missing["dataset"] == "i2b2 2010 (demo)" and missing["f1"] == ""


def test_robustness_drop_is_relative_to_clean(collected, settings, made_tables):
    rows = [row for row in rows_of(made_tables / "robustness.csv") if row["attack"] != "worst_case"]
    assert len(rows) == 24
    titles = {entry["title"]: name for name, entry in settings["datasets"].items()}
    for row in rows:
        clean = recount(collected, titles[row["dataset"]], row["model"])[0]
        attacked = recount(collected, titles[row["dataset"]], row["model"], row["attack"])[0]
        assert float(row["relative_drop"]) == pytest.approx(100 * (clean - attacked) / clean, abs=0.0051)
        assert float(row["f1_low"]) <= attacked <= float(row["f1_high"])


def test_robustness_headings_say_what_is_of_the_attacked_set(made_tables):
    expected = ["P attacked", "R attacked", "F1 attacked low", "F1 attacked high"]
    text = {kind: (made_tables / f"robustness.{kind}").read_text(encoding="utf-8") for kind in ("md", "tex", "html")}
    heads = {
        "md": [cell.strip() for cell in text["md"].splitlines()[2].split("|")],
        "tex": [cell.strip(" \\") for cell in text["tex"].split("\\toprule\n")[1].splitlines()[0].split("&")],
        "html": re.findall(r"<th[^>]*>([^<]*)</th>", text["html"]),
    }
    for cells in heads.values():
        start = cells.index("P attacked")
        assert {"F1 clean", "F1 attacked", "Relative drop", "Success"} <= set(cells)
        assert cells[start : start + len(expected)] == expected
    assert "F1 low" in (made_tables / "table1.md").read_text(encoding="utf-8")


def test_definitions_hold_no_counts_and_no_undefined_values(made_tables):
    rows = rows_of(made_tables / "table1_definitions.csv")
    assert {row["metric"] for row in rows} == {"precision", "recall", "f1", "accuracy"}
    assert "token_macro_f1" not in {row["definition"] for row in rows}
    assert {row["sd"] for row in rows if row["definition"] == "token_accuracy"} == {"0.00"}
    assert {row["value"] for row in rows if row["definition"] == "token_accuracy"} == {"90.00"}


def test_same_input_gives_the_same_bytes(collected, settings, made_tables, tmp_path):
    run(collected, settings, tmp_path)
    files = sorted(path.name for path in made_tables.iterdir())
    tables = ("table1", "table1_definitions", "robustness", "robustness_groups", "comparisons", "ablations", "errors", "recall")
    assert set(files) == {f"{name}.{kind}" for name in tables for kind in ("csv", "md", "tex", "html")}
    for name in files:
        assert (made_tables / name).read_bytes() == (tmp_path / name).read_bytes()


def test_counts_that_contradict_the_scores_are_refused(collected, settings, tmp_path):
    broken = tmp_path / "collected"
    broken.mkdir()
    for path in collected.glob("*.csv"):
        (broken / path.name).write_bytes(path.read_bytes())
    lines = (broken / "documents.csv").read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[-2] = str(int(cells[-2]) + 5)
    (broken / "documents.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(BionerError, match=r"expected documents.csv to give the F1 of scores.csv"):
        run(broken, settings, tmp_path / "tables")


def test_absent_runs_and_unknown_readings_are_refused(collected, settings, tmp_path):
    settings["models"]["biobert"] = {"title": "BioBERT"}
    with pytest.raises(BionerError, match="demo_medmentions, biobert: expected collected rows"):
        run(collected, settings, tmp_path)
    del settings["models"]["biobert"]
    settings["readings"]["exact_match_rate"] = "exact"
    with pytest.raises(ConfigError, match="expected a scored definition"):
        run(collected, settings, tmp_path)


def test_published_name_must_exist_and_be_unique(collected, full_settings, tmp_path):
    full_settings["models"]["plain"]["reproduces"] = "BioBERT"
    with pytest.raises(ConfigError, match=r"found those of Sharma et al., Košprdić et al."):
        run(collected, full_settings, tmp_path)
    full_settings["models"]["plain"]["system"] = "Sharma et al."
    chosen = read_settings(full_settings)
    counterpart = published_counterpart(chosen.datasets["demo_bc5cdr"], chosen.models["plain"], read_published())
    assert counterpart is not None and counterpart.f1 == "89.9"
    full_settings["models"]["plain"]["reproduces"] = "BioBart"
    with pytest.raises(ConfigError, match="models, plain, reproduces"):
        run(collected, full_settings, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "tiny"}, "scale: expected one of demo, open, full"),
        ({"datasets": {"a": {"groups": {"X": "plants"}}}}, "datasets, a, groups, X: expected one of"),
        ({"models": {"a": {"encodr": "x"}}}, "models, a: expected keys among"),
        ({"readings": {"f1": "strict"}}, "readings: expected one of"),
        ({"datasets": {"a": {"title": "X"}, "b": {"title": "Y"}, "c": {"title": "X"}}}, "datasets: .* found 'X' for a, c;"),
        ({"datasets": {"a": {"title": "b"}, "b": {}}}, "datasets: .* found 'b' for a, b;"),
    ],
)
def test_settings_name_the_key_that_is_wrong(settings, change, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(settings | change)


def test_settings_without_a_required_key(settings):
    del settings["scale"]
    with pytest.raises(ConfigError, match="expected the key 'scale'"):
        read_settings(settings)


@pytest.mark.parametrize(
    ("line", "message"),
    [("a,b", r"scores.csv:2: expected 11 cells, found 2"), ("d,p,m,0,1,clean,strict,micro,,f1,high", r"scores.csv:2: expected a number")],
)
def test_torn_rows_are_refused_by_line(collected, settings, tmp_path, line, message):
    header = (collected / "scores.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "scores.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(BionerError, match=message):
        run(tmp_path, settings, tmp_path / "tables")


def test_every_column_of_the_tables_is_documented():
    """In the order of the files, after `dataset` and `model` where the text says that tables begin so."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = {row[0].strip("` ").removesuffix(".csv"): row[1] for line in text.splitlines() if len(row := line.strip("| ").split(" | ")) == 2}
    whole = {"transfer": TRANSFER_COLUMNS, "linking": LINKING_COLUMNS}
    begun = {
        "robustness": ROBUSTNESS_COLUMNS,
        "robustness_groups": GROUP_COLUMNS,
        "errors": ERROR_COLUMNS,
        "recall": RECALL_COLUMNS,
        "leakage": LEAKAGE_COLUMNS,
        "postprocessing": POSTPROCESSING_COLUMNS,
    }
    for name, columns in (whole | {name: columns[2:] for name, columns in begun.items()}).items():
        told = re.findall(r"`([a-z0-9_]+)`", re.sub(r"\([^)]*\)", "", rows[name]))
        assert tuple(told) == columns, name
