"""Curves in DVCLive and TensorBoard: only when asked for, and no part of what is trained."""

from __future__ import annotations

import builtins
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file
from bioner.tagging.monitors import make_monitor

from .toys import RECIPES, TRAINING, interrupt, lay_encoder, lay_fold, train

SHORT = RECIPES["adaptive"] | {"training": TRAINING | {"epochs": 2}}


def points(path: Path) -> dict[int, float]:
    with open(path, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    return {int(row["step"]): float(row[path.stem]) for row in rows}


def test_dvclive_gets_each_step_and_each_validation_and_changes_nothing(
    tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dvclive")
    encoder, fold = lay_encoder(tmp_path / "encoder", bert), lay_fold(tmp_path / "fold")
    plain = train(tmp_path, encoder, fold, SHORT, "plain")
    monkeypatch.setenv("BIONER_MONITOR", "dvclive")
    with monkeypatch.context() as patch:
        interrupt(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, encoder, fold, SHORT)
    run = train(tmp_path, encoder, fold, SHORT)  # resumed
    history = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
    ends = [int(row[1]) for row in history[1:]]
    metrics = run / "dvclive" / "plots" / "metrics"
    assert sorted(points(metrics / "loss.tsv")) == sorted(points(metrics / "alpha.tsv")) == list(range(1, ends[-1] + 1))
    assert list(points(metrics / "validation_f1.tsv")) == ends
    mean = sum(list(points(metrics / "loss.tsv").values())[: ends[0]]) / ends[0]
    assert mean == pytest.approx(float(history[1][2]))
    assert read_json(run / "dvclive" / "metrics.json")["validation_f1"] == pytest.approx(float(history[-1][history[0].index("f1")]))
    assert sha256_file(run / "model.safetensors") == sha256_file(plain / "model.safetensors")
    assert not (plain / "dvclive").exists() and not (tmp_path / "dvc.yaml").exists()


def test_a_new_training_forgets_the_curves_of_an_older_one(tmp_path: Path) -> None:
    pytest.importorskip("dvclive")
    for step in (0, 5, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BIONER_MONITOR", "dvclive")
            monitor = make_monitor(tmp_path, step=step)
        assert monitor is not None
        monitor.tell(step + 1, {"loss": 0.5})
        monitor.close()
        expected = [1, 6] if step else [1]
        assert list(points(tmp_path / "dvclive" / "plots" / "metrics" / "loss.tsv")) == expected


def test_tensorboard_gets_each_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("BIONER_MONITOR", "tensorboard")
    for start in (0, 0, 2):
        monitor = make_monitor(tmp_path, step=start)
        assert monitor is not None
        for step in range(start + 1, 4):
            monitor.tell(step, {"loss": step / 2})
        monitor.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 1.0), (3, 1.5)]


@pytest.mark.parametrize("kind", ["dvclive", "tensorboard"])
def test_a_package_that_is_missing_is_one_line(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if "tensorboard" in name or "dvclive" in name:
            raise ModuleNotFoundError(f"No module named {kind!r}", name=kind)
        return original(name, *rest)

    monkeypatch.setenv("BIONER_MONITOR", kind)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BionerError, match=rf"^BIONER_MONITOR: expected the package {kind}, found none; install it \(pip install {kind}\)"):
        make_monitor(tmp_path, step=0)


def test_an_unknown_monitor_is_refused_and_none_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIONER_MONITOR", raising=False)
    assert make_monitor(tmp_path, step=0) is None
    monkeypatch.setenv("BIONER_MONITOR", "wandb")
    with pytest.raises(BionerError, match="expected one of dvclive, tensorboard, or nothing, got 'wandb'"):
        make_monitor(tmp_path, step=0)


def test_neither_package_is_imported_unless_asked_for() -> None:
    code = "import sys, json, bioner.tagging.training; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert "torch" in modules and not {"dvclive", "tensorboard", "torch.utils.tensorboard"} & set(modules)
