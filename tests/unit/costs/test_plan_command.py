"""The command `bioner plan`, with a saved measurement and with finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bioner.commands.plan import main, read_config
from bioner.config import load_plan
from bioner.console import COMMANDS
from bioner.costs.present import hours, size
from bioner.errors import BionerError
from bioner.shapes import Shape, config_file, parse_shape
from bioner.speeds import Measurement, Setting, Speed
from bioner.storage import write_json

ROOT = Path(__file__).resolve().parents[3]
MINILM = Shape("bert", 6, 384, 1536, 12, 30522, 512)
BASE = Shape()


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    training = {"batch_pieces": 512, "frozen_layers": 0, "precision": "auto", "threads": 1}
    speeds = {Setting.of(shape, 128, training): Speed(1000.0, 3000.0, 2000.0, 1000.0) for shape in (MINILM, BASE)}
    Measurement("a device", False, 4.0, speeds, {shape.key: shape for shape in (MINILM, BASE)}).save(tmp_path / "measured.json")
    return tmp_path / "measured.json"


def plan(tmp_path: Path, measured: Path, *arguments: str) -> dict[str, Any]:
    shape = f"minilm={json.dumps(MINILM.told())}"
    given = ["--config", str(ROOT / "config.yaml"), "--measured", str(measured), "--results", str(tmp_path), "--shape", shape]
    main([*given, "--json", str(tmp_path / "plan.json"), *arguments])
    value: dict[str, Any] = json.loads((tmp_path / "plan.json").read_text())
    return value


def test_the_plan_of_table_1_names_what_is_missing_and_unknown(
    tmp_path: Path, measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    value = plan(tmp_path, measured, "--run", "table1")
    assert value["runs"] == 13 * 2 * 10 and list(value["absent"]["table1"]) == ["i2b2_2010"] and value["unknown"] == {}
    assert "not provided" in capsys.readouterr().out
    value = plan(tmp_path, measured, "--run", "table1", "--provided")
    assert value["runs"] == 13 * 3 * 10 and value["unknown"] == {"the size of i2b2_2010": 260}
    assert "not known, and hence not counted: the size of i2b2_2010" in capsys.readouterr().out
    more = plan(tmp_path, measured, "--run", "table1", "--provided", "--words", "i2b2_2010=400000")
    assert more["unknown"] == {} and more["device_hours"]["total"] > value["device_hours"]["total"]
    fgsm, plain = (next(row for row in more["rows"] if row["model"] == model) for model in ("biobert_fgsm", "biobert_augmented"))
    assert 1.8 < fgsm["training_hours"] / plain["training_hours"] < 2.0


def test_estimates_are_held_against_finished_runs(
    tmp_path: Path, measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "runs/demo_bc5cdr/kfold5/plain/fold0/seed1/run.json", {"seconds": 20.0, "epochs": 5})
    value = plan(tmp_path, measured, "--run", "demo", "--compare")
    (row,) = value["compared"]
    assert (row["model"], row["runs"], row["seconds"]) == ("plain", 1, 20.0)
    assert row["ratio"] == pytest.approx(row["estimated"] / 20) and row["bound"] >= row["ratio"]
    assert "| demo_bc5cdr (kfold5) | plain | 1 |" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["bc5cdr", "bc5cdr=", "bc5cdr=0", "bc5cdr=many", "no_such=5"])
def test_words_in_another_form_are_refused(words: str, tmp_path: Path, measured: Path) -> None:
    with pytest.raises(BionerError, match="--words: expected"):
        plan(tmp_path, measured, "--words", words)


@pytest.mark.parametrize("value", ['{"layers": "12"}', '{"hidden": 0}', '{"depth": 3}', "[1]"])
def test_shapes_in_another_form_are_refused(value: str) -> None:
    with pytest.raises(BionerError, match="--shape: expected NAME="):
        parse_shape(f"minilm={value}")


def test_a_page_that_is_not_there_is_told_before_anything_is_measured(tmp_path: Path, measured: Path) -> None:
    with pytest.raises(BionerError, match="--file: expected a Markdown file"):
        main(["--config", str(ROOT / "config.yaml"), "--measured", str(measured), "--file", str(tmp_path / "none.md")])


def test_an_encoder_of_a_package_inside_one_that_is_not_there_has_no_file(tmp_path: Path) -> None:
    assert config_file("x", {"sources": [{"package": "no_such_package.inside"}]}, tmp_path) is None


def test_a_search_that_is_not_there_is_refused(tmp_path: Path, measured: Path) -> None:
    with pytest.raises(BionerError, match="--search: expected one of plain_rates, got 'other'"):
        plan(tmp_path, measured, "--search", "other")


def test_a_search_is_planned_beside_the_experiments(tmp_path: Path, measured: Path) -> None:
    assert plan(tmp_path, measured, "--run", "demo", "--search", "plain_rates")["jobs"]["trial"] == 16


def test_overlays_merge_mappings_and_replace_lists(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("run: [demo]\ntraining: {epochs: 5, threads: 1}\n")
    (tmp_path / "b.yaml").write_text("run: [open]\ntraining: {epochs: 2}\n")
    assert read_config(tmp_path / "a.yaml", [tmp_path / "b.yaml"]) == {"run": ["open"], "training": {"epochs": 2, "threads": 1}}


@pytest.mark.parametrize("content", [None, "[1]", "a: ["])
def test_a_file_that_is_no_configuration_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(BionerError, match=r"mine\.yaml.*expected a"):
        read_config(tmp_path / "mine.yaml", [])


@pytest.mark.parametrize(
    ("value", "told"),
    [(b"1" * 5000, "found: a number that is too long"), (b"2026-13-01", "month must be"), (b"caf\xe9", "'utf-8' codec")],
)
def test_values_that_cannot_be_read_are_told_in_one_line(value: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"run: [demo]\nmirror: " + value + b"\n")
    with pytest.raises(BionerError) as caught:
        read_config(ROOT / "config.yaml", [tmp_path / "mine.yaml"])
    assert told in str(caught.value) and str(caught.value).startswith(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_every_shape_of_the_config_is_of_an_encoder_that_plan_accepts() -> None:
    config = read_config(ROOT / "config.yaml", [])
    load_plan(config, ROOT)
    shapes = {name: Shape(**entry["shape"]) for name, entry in config["encoders"].items() if "shape" in entry}
    assert shapes["biobert"].parameters == 107_719_680 and 80e6 < shapes["bioelectra"].parameters < 120e6
    assert 11e6 < shapes["albert"].parameters < 12e6 and 130e6 < shapes["bioclinical_modernbert"].parameters < 160e6


@pytest.mark.parametrize(("value", "text"), [(0, "0 s"), (30 / 3600, "30 s"), (0.5, "30 min"), (1.25, "1.2 h"), (12345.6, "12,345.6 h")])
def test_hours_for_people(value: float, text: str) -> None:
    assert hours(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.2e9, "2.2 GB"), (145e9, "145 GB"), (3e12, "3.0 TB")]
)
def test_sizes_for_people(value: float, text: str) -> None:
    assert size(value) == text


def test_the_program_has_the_command() -> None:
    assert "plan" in COMMANDS
