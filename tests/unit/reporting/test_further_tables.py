"""The tables of post-processing, linking and transfer, recomputed from invented rows."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from bioner.commands.tabulate import main as tabulate_main
from bioner.errors import BionerError
from bioner.evaluation.columns import DOCUMENTS, KEYS, LINKS, SCORES
from bioner.storage import write_json, write_rows

RUN = {"protocol": "official", "fold": "0"}
COUNTS = ("gold", "predicted", "correct")
SETTINGS = {
    "experiment": "x",
    "title": "X & co",
    "scale": "open",
    "protocol": "official",
    "datasets": {"ours": {"title": "Ours", "closed": False}, "theirs": {"title": "Theirs", "closed": False}},
    "models": {"plain": {"title": "Plain", "parts": {}}},
}


def f1(gold: float, predicted: float, correct: float) -> float:
    return 2 * correct / (gold + predicted)


def run_rows(dataset: str, seed: int, condition: str, counts: list[tuple[int, int, int]]) -> tuple[list[dict], list[dict]]:
    """Scores and documents of one run: all mentions are of type Disease, but for one Chemical that was found and counts in micro alone."""
    keys = {**RUN, "dataset": dataset, "model": "plain", "seed": str(seed), "attack": condition}
    totals = [sum(document[i] for document in counts) for i in range(3)]
    gold, predicted, correct = totals
    micro = {"precision": correct / predicted, "recall": correct / gold, "f1": f1(*totals)} | dict(zip(COUNTS, totals, strict=True))
    disease = dict(zip(COUNTS, (total - 1 for total in totals), strict=True))
    cells = [("micro", "", name, value) for name, value in micro.items()] + [
        ("type", "Disease", name, value) for name, value in disease.items()
    ]
    strict = {**keys, "definition": "strict"}
    scores = [strict | {"average": average, "type": kind, "metric": name, "value": value} for average, kind, name, value in cells]
    documents = [{**keys, "document": f"d{i}", **dict(zip(COUNTS, document, strict=True))} for i, document in enumerate(counts)]
    return scores, documents


def drawn(seed: str, kept: float, number: int = 20) -> list[tuple[int, int, int]]:
    draw = random.Random(seed)
    golds = random.Random("gold")
    counts = []
    for _ in range(number):
        gold = golds.randint(1, 9)
        correct = sum(draw.random() < kept for _ in range(gold))
        counts.append((gold, correct + draw.randint(0, 2), correct))
    return counts


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    scores, documents = [], []
    for dataset in ("ours", "theirs"):
        for seed in (1, 2):
            for condition, kept in (("clean", 0.6), ("postprocessed", 0.8)):
                found = run_rows(dataset, seed, condition, drawn(f"{dataset}{seed}{condition}", kept))
                scores, documents = scores + found[0], documents + found[1]
    write_rows(tmp_path / "collected" / "scores.csv", SCORES, scores)
    write_rows(tmp_path / "collected" / "documents.csv", DOCUMENTS, documents)
    return tmp_path


def tabulate(folder: Path, table: str, further: dict, paths: list[Path] | None = None) -> list[dict[str, str]]:
    tabulate_main(
        [
            *("--table", table, "--collected", str(folder / "collected"), "--rows", *map(str, paths or [])),
            *("--settings", json.dumps(SETTINGS), "--further", json.dumps(further), "--output-folder", str(folder / "tables")),
        ]
    )
    assert all((folder / "tables" / f"{table}.{suffix}").stat().st_size > 0 for suffix in ("md", "tex", "html"))
    assert r"\bottomrule" in (folder / "tables" / f"{table}.tex").read_text()
    with open(folder / "tables" / f"{table}.csv", newline="") as handle:
        return list(csv.DictReader(handle))


def test_postprocessing_before_and_after(collected: Path) -> None:
    rows = tabulate(collected, "postprocessing", {"boundaries": ["brackets"], "overlaps": "longest"})
    told = [(row["dataset"], row["model"], row["folds"], row["seeds"]) for row in rows]
    assert told == [(title, "plain", "1", "2") for title in ("Ours", "Theirs")]
    for row, dataset in zip(rows, ("ours", "theirs"), strict=True):
        means = {}
        for condition in ("clean", "postprocessed"):
            runs = [drawn(f"{dataset}{seed}{condition}", 0.6 if condition == "clean" else 0.8) for seed in (1, 2)]
            means[condition] = sum(f1(*[sum(document[i] for document in run) for i in range(3)]) for run in runs) / 2
        assert row["f1_before"] == f"{100 * means['clean']:.2f}" and row["f1_after"] == f"{100 * means['postprocessed']:.2f}"
        assert row["difference"] == f"{100 * (means['postprocessed'] - means['clean']):+.2f}"
        assert 0 < float(row["low"]) < float(row["difference"]) < float(row["high"])
        assert float(row["p"]) < 0.01
    assert "boundaries: brackets; overlaps: longest" in (collected / "tables" / "postprocessing.md").read_text()


def link_table(folder: Path, dataset: str, seed: int, right: int) -> Path:
    keys = {**RUN, "dataset": dataset, "model": "plain", "seed": str(seed)}
    counts = {"number": 10, "with_concepts": 9, "mapped": 8, "given": 5, "ambiguous": 1, "unknown": 3, "uncoded": 2}
    rows = []
    for mentions in ("gold", "clean"):
        for level in ("term", "icd10cm"):
            correct = 4 if mentions == "gold" else right
            ratios = {"precision": correct / 5, "recall": correct / 8, "f1": f1(8, 5, correct)}
            rows.append({**keys, "mentions": mentions, "level": level, **counts, "right": correct, **ratios})
    path = folder / dataset / f"{seed}.csv"
    write_rows(path, (*KEYS, *LINKS), rows)
    return path


def test_linking_has_one_row_for_gold_and_means_over_seeds(collected: Path) -> None:
    paths = [link_table(collected, dataset, seed, right) for dataset in ("theirs", "ours") for seed, right in ((1, 2), (2, 3))]
    rows = tabulate(collected, "linking", {"ontology": "An Ontology", "missing": None}, paths)
    told = [(row["dataset"], row["mentions"], row["model"], row["level"], row["right"], row["precision"], row["seeds"]) for row in rows]
    assert told[:4] == [
        ("Ours", "gold", "", "term", "4", "80.00", ""),
        ("Ours", "gold", "", "icd10cm", "4", "80.00", ""),
        ("Ours", "clean", "plain", "term", "2", "50.00", "2"),
        ("Ours", "clean", "plain", "icd10cm", "2", "50.00", "2"),
    ]
    assert len(rows) == 8 and rows[2]["f1"] == f"{100 * (f1(8, 5, 2) + f1(8, 5, 3)) / 2:.2f}" and rows[2]["mapped"] == "8"


def test_without_an_ontology_the_table_says_what_to_get(collected: Path) -> None:
    missing = "put a/b.tsv below the mirror"
    rows = tabulate(collected, "linking", {"ontology": "An Ontology", "missing": missing})
    assert [(row["dataset"], row["note"], row["f1"]) for row in rows] == [(name, missing, "") for name in ("Ours", "Theirs")]


def transfer_files(folder: Path, seed: int) -> Path:
    place = folder / f"seed{seed}" / "theirs"
    scores, documents = run_rows("ours", seed, "clean", drawn(f"transfer{seed}", 0.4, 10))
    write_rows(place / "scores.csv", SCORES, scores)
    write_rows(place / "documents.csv", DOCUMENTS, documents)
    write_json(place / "left_out.json", {"documents": 13, "left_out": ["p", "q", "r"], "types": {}})
    return place / "scores.csv"


TRANSFER = {"transfers": [{"from": "ours", "to": "theirs", "types": {"Disease": "Disease"}}], "titles": {"theirs": "Theirs"}}


def test_transfer_beside_a_model_of_the_other_corpus(collected: Path) -> None:
    (row,) = tabulate(collected, "transfer", TRANSFER, [transfer_files(collected, seed) for seed in (1, 2)])

    def mean(name: str, kept: float, number: int, less: int) -> float:
        runs = [drawn(name.format(seed), kept, number) for seed in (1, 2)]
        return 100 * sum(f1(*[sum(document[i] for document in run) - less for i in range(3)]) for run in runs) / 2

    assert row["f1"] == f"{mean('transfer{}', 0.4, 10, 0):.2f}"
    assert row["f1_source"] == f"{mean('ours{}clean', 0.6, 20, 1):.2f}" and row["f1_target"] == f"{mean('theirs{}clean', 0.6, 20, 1):.2f}"
    assert float(row["difference"]) == pytest.approx(float(row["f1"]) - float(row["f1_target"]), abs=0.011)
    assert float(row["f1_low"]) < float(row["f1"]) < float(row["f1_high"])
    assert (row["dataset"], row["target"], row["types"]) == ("Ours", "Theirs", "Disease")
    assert (row["documents"], row["left_out"], row["folds"], row["seeds"]) == ("10", "3", "1", "2")


def test_a_transfer_without_files_is_named(collected: Path) -> None:
    with pytest.raises(BionerError, match="ours to theirs, plain: expected rows of a transfer, found none; run the rule score_transfer"):
        tabulate(collected, "transfer", TRANSFER)


def test_documents_left_out_are_added_over_folds_as_documents_are(collected: Path) -> None:
    paths = [transfer_files(collected / f"fold{fold}", 1) for fold in (0, 1)]
    text = (paths[1].parent / "documents.csv").read_text(encoding="utf-8").splitlines()
    place = text[0].split(",").index("fold")
    lines = [",".join("1" if number == place else cell for number, cell in enumerate(line.split(","))) for line in text[1:]]
    (paths[1].parent / "documents.csv").write_text("\n".join([text[0], *lines]) + "\n", encoding="utf-8")
    (row,) = tabulate(collected, "transfer", TRANSFER, paths)
    assert (row["documents"], row["left_out"], row["folds"], row["seeds"]) == ("20", "6", "2", "1")
