"""The table of corpora, from quality reports made by the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioner.commands import catalogue as command
from bioner.commands import harmonize, inspect
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.errors import BionerError

LINES = {
    "a.tsv": "Gout\tB-Disease\nis\tO\n\nbad\tO\n\n",
    "b.tsv": "gout\tB-Disease\nand\tO\nfever\tB-Disease\n\nbad\tO\n\n",
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A corpus of two parts; what is expected of its test part is not what it has."""
    files = []
    for name, text in LINES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        files.append(manifest_entry(tmp_path, name, "train" if name == "a.tsv" else "test", "text"))
    write_manifest(tmp_path / "manifest.json", "toy", "none", files)
    settings = {"format": "conll", "source": "provided", "licence": "none", "title": "Toy", "agreement": ""}
    counts = {"train": {"documents": 2, "mentions": 1, "types": {"Disease": 1}}, "test": {"mentions": 3}}
    told = ["--dataset", "toy", "--settings", json.dumps(settings | {"counts": counts})]
    paths = {name: str(tmp_path / f"{name}") for name in ("toy.jsonl", "harmonized.json", "quality.json", "quality.html")}
    raw = ["--raw", str(tmp_path / "manifest.json")]
    harmonize.main([*told, *raw, "--output", paths["toy.jsonl"], "--quality", paths["harmonized.json"]])
    made = ["--corpus", paths["toy.jsonl"], "--harmonized", paths["harmonized.json"]]
    inspect.main([*told, *made, "--quality", paths["quality.json"], "--page", paths["quality.html"]])
    return tmp_path / "quality.json"


def test_each_part_has_its_counts_beside_those_expected(report: Path, tmp_path: Path) -> None:
    page = tmp_path / "corpora.md"
    page.write_text("before\n<!-- corpora-table -->\n<!-- /corpora-table -->\nafter\n", encoding="utf-8")
    command.main([str(report), "--file", str(page)])
    text = page.read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    train, test, whole = cells[2:]
    assert train == ["`toy`", "train", "2", "2", "1", "Disease 1", "equal (3 of 3)", "", "1 / 1", ""]
    assert test == ["`toy`", "test", "2", "2", "2", "Disease 2", "expected mentions 3", "", "2 / 2", "50.0 %"]
    assert whole == ["`toy`", "all", "4", "4", "3", "Disease 3", "", "3 of 3", "3 / 3", ""]
    command.main([str(report), "--file", str(page)])
    assert page.read_text(encoding="utf-8") == text


def test_another_file_is_refused_and_the_page_stays(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"counts": {"all": {}}}')
    (tmp_path / "page.md").write_text("<!-- corpora-table --><!-- /corpora-table -->")
    with pytest.raises(BionerError, match=r"x\.json: expected a quality report, found none"):
        command.main([str(tmp_path / "x.json"), "--file", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text() == "<!-- corpora-table --><!-- /corpora-table -->"
