"""Each loss in a whole training: learned, told in the history, the same bytes twice, also after a stop."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from bioner.storage import read_json, sha256_file

from .toys import RECIPE, interrupt, lay_encoder, lay_fold, train

LOSSES: dict[str, dict[str, Any]] = {
    "balanced": {"kind": "cross_entropy", "class_weights": "balanced", "smoothing": 0.1},
    "crf": {"kind": "crf", "crf_reduction": "words"},
    "fixed": {"kind": "fixed", "alpha": 0.75, "class_weights": "balanced", "smoothing": 0.0, "crf_reduction": "words"},
    "uncertainty": {"kind": "uncertainty", "class_weights": "none", "smoothing": 0.0, "crf_reduction": "words"},
    "published": {"kind": "adaptive", "class_weights": "none", "smoothing": 0.0, "crf_reduction": "sequences", "bounds": [0, 1]},
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_learned_and_told(tmp_path: Path, bert: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, fold = lay_encoder(tmp_path / "encoder", bert), lay_fold(tmp_path / "fold")
    recipe = RECIPE | {"head": "linear" if name == "balanced" else "crf", "loss": LOSSES[name]}
    run = train(tmp_path, encoder, fold, recipe)
    assert read_json(run / "run.json")["validation_f1"] > 0.9
    with open(run / "history.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    told = {part for part in ("cross_entropy", "crf", "alpha") if all(row[part] for row in rows)}
    assert told == {"balanced": {"cross_entropy"}, "crf": {"crf"}}.get(name, {"cross_entropy", "crf", "alpha"})
    if "alpha" in told:
        alphas = [float(row["alpha"]) for row in rows]
        assert {"fixed": set(alphas) == {0.75}, "published": alphas == sorted(alphas), "uncertainty": len(set(alphas)) > 1}[name]
    with monkeypatch.context() as patch:
        interrupt(patch, int(rows[0]["step"]) + 1)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, encoder, fold, recipe, "stopped")
    train(tmp_path, encoder, fold, recipe, "stopped")
    for file in ("model.safetensors", "history.csv"):
        assert sha256_file(run / file) == sha256_file(tmp_path / "stopped" / file), file
