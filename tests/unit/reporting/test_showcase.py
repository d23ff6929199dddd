"""The README's table: the figures of the experiment's own tables, between their marks and nowhere else."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bioner.commands import showcase as command
from bioner.commands import table1
from bioner.errors import BionerError


@pytest.fixture
def finished(tmp_path: Path, collected: Path, settings: dict[str, Any]) -> Path:
    folder = tmp_path / "results" / "demo"
    table1.main(["--collected", str(collected), "--settings", json.dumps(settings), "--output-folder", str(folder / "tables")])
    (folder / "collected").symlink_to(collected)
    return tmp_path


def show(folder: Path, text: str, *options: str) -> str:
    (folder / "page.md").write_text(text, encoding="utf-8")
    where = ["--results", str(folder / "results"), "--file", str(folder / "page.md")]
    command.main(["--experiment", "demo", "--seconds", "125.4", *where, *options])
    return (folder / "page.md").read_text(encoding="utf-8")


def test_each_row_has_the_figures_of_the_tables(finished: Path) -> None:
    text = show(finished, "before\n<!-- demo-table -->\nstale\n<!-- /demo-table -->\nafter\n")
    before, _, rest = text.partition("<!-- demo-table -->")
    block, _, after = rest.partition("<!-- /demo-table -->")
    assert (before, after) == ("before\n", "\nafter\n") and "stale" not in block
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line.startswith("|")]
    assert cells[0] == ["Corpus", "Model", "P", "R", "F1", "95 % interval", "F1 under fgsm", "F1 under typos"]
    with open(finished / "results/demo/tables/table1.csv", encoding="utf-8") as handle:
        expected = [row for row in csv.DictReader(handle) if row["source"] == "reproduced"]
    assert len(expected) == 12
    assert [row[:6] for row in cells[2:]] == [
        [row["dataset"], row["model"], row["precision"], row["recall"], row["f1"], f"{row['f1_low']}–{row['f1_high']}"] for row in expected
    ]
    with open(finished / "results/demo/tables/robustness.csv", encoding="utf-8") as handle:
        attacked = {(row["dataset"], row["model"], row["attack"]): row["f1_attacked"] for row in csv.DictReader(handle)}
    assert all(row[6:] == [attacked[row[0], row[1], "fgsm"], attacked[row[0], row[1], "typos"]] for row in cells[2:])


def test_a_row_an_attack_has_the_figures_of_the_table_of_robustness(finished: Path) -> None:
    text = show(finished, "<!-- demo-table --><!-- /demo-table -->", "--table", "robustness")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert cells[0][:6] == ["Corpus", "Attack", "Model", "F1 clean", "F1 attacked", "95 % interval"]
    with open(finished / "results/demo/tables/robustness.csv", encoding="utf-8") as handle:
        expected = {
            (row["dataset"], row["attack"], row["model"], row["f1_clean"], row["f1_attacked"], f"{row['f1_low']}–{row['f1_high']}",
             row["relative_drop"], row["success"], row["partial"])
            for row in csv.DictReader(handle)
        }  # fmt: skip
    assert len(expected) == 36 and {tuple(row) for row in cells[2:]} == expected and len(cells) == 38
    blocks = [tuple(row[:2]) for row in cells[2:]]
    assert len({block for number, block in enumerate(blocks) if number == 0 or blocks[number - 1] != block}) == 9, (
        "models of one attack stand together"
    )
    assert "24 runs, protocol kfold5" in text


def test_the_cost_and_the_gold_are_told(finished: Path, collected: Path) -> None:
    text = show(finished, "<!-- demo-table --><!-- /demo-table -->")
    with open(collected / "documents.csv", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["attack"] == "clean" and row["model"] == "adaptive"]
    for dataset in {row["dataset"] for row in rows}:
        gold = sum(int(row["gold"]) for row in rows if row["dataset"] == dataset)
        assert f"{dataset} {gold:,}" in text
    assert "24 runs, protocol kfold5, 2 folds a cell, seed 1" in text and "2 min 05 s" in text and "cpu, fp32" in text


def test_a_second_time_changes_nothing(finished: Path) -> None:
    once = show(finished, "<!-- demo-table -->\n<!-- /demo-table -->\n")
    assert show(finished, once) == once


def test_an_experiment_that_compares_protocols_shows_its_table_of_leakage(finished: Path) -> None:
    columns = ["dataset", "model", "protocol", "training_words", "f1", "f1_low", "f1_high", "difference", "leaks", "note"]
    rows = [
        ["Toy", "plain", "kfold5_equal", "1000", "80.00", "79.00", "81.00", "", "none", ""],
        ["Toy", "plain", "kfold5_sentence_equal", "990", "85.00", "84.00", "86.00", "+5.00", "shared documents: 7", "unsafe"],
    ]
    with open(finished / "results/demo/tables/leakage.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])
    text = show(finished, "<!-- demo-table --><!-- /demo-table -->")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert cells[0] == ["Corpus", "Model", "Protocol", "Training words", "F1", "95 % interval", "Difference", "Leak audit"]
    assert cells[3] == ["Toy", "plain", "kfold5_sentence_equal", "990", "85.00", "84.00–86.00", "+5.00", "shared documents: 7"]
    with open(finished / "results/demo/tables/leakage.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, rows[0]])
    assert "95 % interval | F1 under fgsm" in show(finished, "<!-- demo-table --><!-- /demo-table -->")


def test_what_is_missing_is_named_and_the_page_stays(finished: Path) -> None:
    with pytest.raises(BionerError, match=r"page\.md: expected the lines <!-- demo-table -->"):
        show(finished, "no marks")
    assert (finished / "page.md").read_text() == "no marks"
    (finished / "results/demo/tables/robustness.csv").unlink()
    with pytest.raises(BionerError, match=r"robustness\.csv: expected a finished table"):
        show(finished, "<!-- demo-table --><!-- /demo-table -->")
