"""What predictions.json tells, as rows of scores."""

from __future__ import annotations

import pytest
from sklearn.metrics import accuracy_score, f1_score

from bioner.errors import BionerError
from bioner.evaluation.conventions import CONVENTIONS
from bioner.evaluation.prediction_rows import prediction_rows

TOLD = {
    "attacks": {"clean": "0"},
    "ceiling": {"gold": 8, "found": 6},
    "lost": {"boundary inside a unit": 1, "changed by normalization": 1},
    "invalid_tags": {
        "documents": 2,
        "units": 50,
        "invalid": 5,
        "gold": 8,
        "conventions": {name: {"predicted": 10 - number, "correct": 4} for number, name in enumerate(CONVENTIONS)},
    },
    "unit_tags": {"O": [6, 6, 5], "B-Gene": [3, 4, 2], "I-Gene": [1, 0, 0]},
}


def test_rows():
    rows = prediction_rows(TOLD, "predictions.json")
    assert {(row["average"], row["type"]) for row in rows} == {("micro", ""), ("macro", ""), ("weighted", "")}
    values = {(row["definition"], row["metric"]): row["value"] for row in rows}
    assert len(values) == len(rows) == 5 + 1 + 6 * len(CONVENTIONS) + 6
    assert values["model_ceiling", "recall"] == 0.75
    assert values["model_ceiling", "lost_changed_by_normalization"] == values["model_ceiling", "lost_boundary_inside_a_unit"] == 0.125
    assert values["invalid_tags", "share"] == 0.1
    assert (values["tags_begin", "precision"], values["tags_begin", "recall"]) == (0.4, 0.5)
    assert values["tags_repair", "precision"] == pytest.approx(4 / 6)
    gold = ["O"] * 6 + ["B-Gene"] * 3 + ["I-Gene"]
    predicted = ["O"] * 5 + ["B-Gene"] * 2 + ["O", "B-Gene", "B-Gene"]
    assert values["unit_accuracy", "accuracy"] == accuracy_score(gold, predicted)
    assert values["unit_macro_f1", "f1"] == pytest.approx(f1_score(gold, predicted, average="macro"))
    assert values["unit_weighted_f1", "f1"] == pytest.approx(f1_score(gold, predicted, average="weighted"))


def test_predictions_that_tell_nothing_have_no_rows():
    assert prediction_rows({"attacks": {}}, "x") == []
    found = prediction_rows({**TOLD, "invalid_tags": None, "unit_tags": None}, "x")
    assert {row["definition"] for row in found} == {"model_ceiling"}


@pytest.mark.parametrize(
    "broken",
    [{"ceiling": 3}, {"lost": None}, {"invalid_tags": {"units": 3}}, {"unit_tags": {"O": [1]}}, {"ceiling": {"gold": "many", "found": 1}}],
)
def test_what_is_not_as_promised_is_refused(broken):
    with pytest.raises(BionerError, match=r"p\.json:1: expected ceiling, lost, invalid_tags and unit_tags"):
        prediction_rows(TOLD | broken, "p.json")
