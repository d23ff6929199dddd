"""The metrics that DVC shows are the figures of Table 1."""

import csv
import json

import pytest

from bioner.commands import metrics, table1
from bioner.errors import BionerError
from bioner.reporting.collected import Cell, Scores
from bioner.reporting.metrics import headline_metrics
from bioner.reporting.settings import read_settings


def written(tmp_path, collected, *settings):
    for entry in settings:
        (tmp_path / "results" / entry["experiment"]).mkdir(parents=True)
        (tmp_path / "results" / entry["experiment"] / "collected").symlink_to(collected)
    output = tmp_path / "metrics.json"
    metrics.main(["--settings", json.dumps(settings), "--results", str(tmp_path / "results"), "--output", str(output)])
    return json.loads(output.read_text(encoding="utf-8"))


def test_each_experiment_has_the_figures_of_its_table(collected, settings, tmp_path):
    one, two = settings | {"experiment": "one"}, settings | {"experiment": "two", "models": {"plain": {}}}
    found = written(tmp_path, collected, one, two)
    assert list(found) == ["one", "two"] and all(models.keys() == {"plain"} for models in found["two"].values())
    table1.main(["--collected", str(collected), "--settings", json.dumps(one), "--output-folder", str(tmp_path)])
    with open(tmp_path / "table1.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["source"] == "reproduced"]
    names = {entry.get("title", name): name for name, entry in one["datasets"].items()}
    printed = {(names[row["dataset"]], row["model"]): {key: float(row[key]) for key in ("precision", "recall", "f1")} for row in rows}
    assert printed == {(dataset, model): value for dataset, models in found["one"].items() for model, value in models.items()}
    assert len(printed) == 12


def test_a_missing_dataset_has_no_metrics_and_missing_scores_are_an_error(collected, settings, tmp_path):
    settings["datasets"]["absent"] = {"missing": "not provided"}
    assert "absent" not in written(tmp_path, collected, settings)[settings["experiment"]]
    settings["models"]["unknown"] = {}
    with pytest.raises(BionerError, match="unknown: expected collected rows"):
        written(tmp_path / "again", collected, settings)


def test_an_undefined_figure_is_left_out():
    system = ("d", "official", "m")
    values = {Cell("strict", "micro", "", "recall"): {(0, 1): 0.0}, Cell("strict", "micro", "", "f1"): {(0, 1): 0.0, (0, 2): 0.25}}
    settings = read_settings({"experiment": "e", "scale": "open", "datasets": {"d": {}}, "models": {"m": {}}})
    assert headline_metrics(settings=settings, scores=Scores({(system, "clean"): values})) == {"d": {"m": {"recall": 0.0, "f1": 12.5}}}
