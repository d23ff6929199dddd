"""docs/metrics.md: the worked example computed again, no definition without its line, every reading selectable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.entities import Document, Mention
from bioner.evaluation.conventions import CONVENTIONS
from bioner.evaluation.prediction_rows import prediction_rows
from bioner.evaluation.scoring import score_documents
from bioner.preparation.sentences import sentence_spans

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
TEXTS = dict(re.findall(r"^> (\w): `(.+)`$", PAGE, re.MULTILINE))
PLACES = {"precision": 1, "recall": 2, "f1": 3, "accuracy": 4}


def table(first: str) -> list[list[str]]:
    """The cells of the table whose header begins with a name, header and rule left out."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def side(column: int) -> list[Document]:
    start = PAGE.index("| | gold | predicted | |")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE[start:].split("\n\n")[0].splitlines()[2:]]
    documents = []
    for name, text in TEXTS.items():
        mentions = []
        for row in rows:
            if row[0] == name and row[column]:
                surface, kind = row[column].removesuffix(" (nested)").split(", ")
                at = text.index(surface)
                assert text.count(surface) == 1
                mentions.append(Mention(str(len(mentions)), ((at, at + len(surface)),), kind))
        documents.append(Document(name, text, tuple(mentions)))
    return documents


@pytest.fixture(scope="module")
def scored() -> dict[tuple[str, str, str], Any]:
    rows = score_documents(side(1), side(2), sentence_spans).rows()
    return {(row["definition"], row["average"], row["metric"]): row["value"] for row in rows if row["average"] != "type"}


def test_the_example_has_six_gold_mentions() -> None:
    assert sum(len(document.mentions) for document in side(1)) == 6


def test_the_worked_example(scored: dict[tuple[str, str, str], Any]) -> None:
    for cells in table("definition"):
        for metric, place in PLACES.items():
            printed, value = cells[place], scored.get((cells[0], "micro", metric))
            assert bool(printed) == (value is not None), (cells[0], metric)
            if printed:
                above, below = map(float, printed.split("/"))
                assert value == pytest.approx(above / below), (cells[0], metric)
        for average, place in (("macro", 5), ("weighted", 6)):
            printed, value = cells[place], scored.get((cells[0], average, "f1"))
            assert bool(printed) == (value is not None), (cells[0], average)
            assert not printed or printed == f"{100 * value:.2f}", (cells[0], average)


def test_every_definition_has_its_line_and_its_words(scored: dict[tuple[str, str, str], Any]) -> None:
    described = [cells[0] for cells in table("definition")]
    assert set(described) == {definition for definition, _, _ in scored}
    assert len(described) == len(set(described))
    for definition in described:
        assert f"**{definition}**" in PAGE, definition
    assert {cells[0] for cells in table("convention")} == set(CONVENTIONS)


def test_what_predict_tells_has_its_words() -> None:
    counts = {"units": 2, "invalid": 1, "gold": 1, "conventions": {"<convention>": {"predicted": 1, "correct": 1}}}
    told = {"ceiling": {"gold": 1, "found": 1}, "lost": {}, "invalid_tags": counts, "unit_tags": {"O": [2, 2, 2]}}
    for definition in {row["definition"] for row in prediction_rows(told, "x")}:
        assert f"**{definition}**" in PAGE, definition


@pytest.mark.parametrize(("column", "number"), [("entity_level_accuracy", 6), ("exact_match_rate", 5)])
def test_readings_are_those_of_the_configuration(scored: dict[tuple[str, str, str], Any], column: str, number: int) -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))

    def find(value: Any) -> Any:
        if isinstance(value, dict):
            return value["readings"] if "readings" in value else next((found for item in value.values() if (found := find(item))), None)
        return None

    choices = find(schema)["properties"][column]
    rows = table(column)
    names = [cells[0].removesuffix(" (default)") for cells in rows]
    assert names == choices["enum"] and len(names) == number
    assert [cells[0] for cells in rows if cells[0].endswith("(default)")] == [f"{choices['default']} (default)"]
    for name, cells in zip(names, rows, strict=True):
        definition, _, metric = name.partition(".")
        assert cells[2] == f"{100 * scored[definition, 'micro', metric or 'accuracy']:.2f}", name
