"""A toy task that small encoders learn in seconds: recipe, documents, and the fold that the command trains on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.storage import write_json
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.runs import train_run
from bioner.tagging.training import Step, Training

TRAINING: dict[str, Any] = {
    "learning_rate": 0.005, "head_learning_rate": 0.01, "loss_learning_rate": 0.01, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0,
    "batch_pieces": 128, "accumulation": 1, "gradient_checkpointing": False, "epochs": 6, "minimum_steps": 0, "patience": 6,
    "select_by": "micro_f1", "dropout": None, "attention_dropout": 0.0, "frozen_layers": None, "precision": "fp32", "threads": 1,
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "model": "toy", "encoder": "toy", "tags": "iob2", "alignment": "first", "word_vectors": None, "constrained": False, "head": "linear",
    "loss": {"kind": "cross_entropy"}, "adversary": {"kind": "none"}, "augmentation": [], "window": 32, "overlap": 8, "training": TRAINING,
}  # fmt: skip
RECIPES = {
    "plain": RECIPE,
    "fgsm": RECIPE | {"adversary": {"kind": "fgsm", "epsilon": 0.05}},
    "adaptive": RECIPE | {"head": "crf", "loss": {"kind": "adaptive", "bounds": [0.05, 0.95]}},
}

EVERYTHING = RECIPES["adaptive"] | {
    "adversary": {"kind": "fgsm", "epsilon": 0.05},
    "training": TRAINING
    | {"batch_pieces": 64, "accumulation": 2, "gradient_checkpointing": True, "dropout": 0.1, "attention_dropout": 0.1},
}
"""A CRF with an adaptive loss under an adversary, with accumulation, gradient checkpointing and all dropouts."""


def documents(name: str, count: int) -> list[Document]:
    made = []
    for number in range(count):
        drug, disease = ("aspirin", "colitis") if number % 2 else ("paracetamolol", "severe pain")
        text = f"The {drug} caused {disease} in patients. In patients with {disease}, the {drug}; {number}."
        mentions = []
        for surface, kind in ((drug, "Chemical"), (disease, "Disease")):
            for start in (at for at in range(len(text)) if text.startswith(surface, at)):
                mentions.append(Mention(f"T{len(mentions)}", ((start, start + len(surface)),), kind))
        made.append(Document(f"{name}{number}", text, tuple(mentions)))
    return made


def lay_fold(folder: Path) -> Path:
    """A composed fold, and `audit.json` beside it."""
    write_documents(folder / "train.jsonl", documents("a", 12))
    write_documents(folder / "variants.jsonl", [])
    write_documents(folder / "validation.jsonl", documents("b", 4))
    write_documents(folder / "test.jsonl", documents("c", 4))
    write_json(
        folder / "composition.json", {"protocol": "official", "types": ["Chemical", "Disease"], "normalize": ["unicode", "shorthand"]}
    )
    write_json(folder.parent / "audit.json", {"verdict": "clean", "checks": []})
    return folder


def lay_encoder(folder: Path, source: Path) -> Path:
    """The manifest of an encoder that was fetched from a folder."""
    fetch_encoder("toy", {"sources": [{"folder": str(source)}]}, folder / "encoder.json")
    return folder / "encoder.json"


def train(tmp_path: Path, encoder: Path, fold: Path, recipe: dict[str, Any], output: str = "run", seed: int = 1) -> Path:
    """Train by the command's own function; the run folder."""
    write_json(tmp_path / "recipe.json", recipe)
    train_run(
        recipe=tmp_path / "recipe.json", encoder=encoder, fold=fold, audit=tmp_path / "audit.json", seed=seed, output=tmp_path / output
    )
    return tmp_path / output


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let trainings stop before a step, having saved their state after each one before it."""
    original = Training._step

    def stop(self: Training, batches: Step, total: int) -> dict[str, float]:
        if self.progress.step == step:
            raise KeyboardInterrupt
        return original(self, batches, total)

    monkeypatch.setattr(Training, "_step", stop)
    monkeypatch.setattr(Training, "_patience_is_spent", lambda self: setattr(self, "interval", -1.0) or False)
