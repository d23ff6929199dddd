"""A run: a recipe trained on one fold with one seed."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.provenance import code_digest, value_digest
from bioner.storage import read_json, sha256_file, write_json, write_rows
from bioner.tagging.checkpoints import Checkpoint
from bioner.tagging.manifest import verify_encoder
from bioner.tagging.precision import choose_device, choose_precision, configure_torch, device_name
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.tagger import Tagger, freeze, load_tokenizer, make_encoder, new_tagger, save_tagger
from bioner.tagging.training import CHECKPOINT_SECONDS, HISTORY, Training
from bioner.tags import TagSet

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")


def train_run(
    *, recipe: Path, encoder: Path, fold: Path, audit: Path, seed: int, output: Path, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> None:
    """Train a recipe on a composed fold; write the run folder of the design's contracts.

    Args:
        recipe: the recipe's JSON file.
        encoder: manifest of a fetched encoder.
        fold: folder with train.jsonl, variants.jsonl, validation.jsonl and composition.json.
        audit: the fold's audit; its verdict must be clean, or unsafe under a protocol that is declared so.
        seed: of initialisation, order and dropout.
        output: the run folder.
        checkpoint_seconds: training time between checkpoints; results do not depend on it.
    """
    started = time.monotonic()
    settings = read_json(recipe)
    composition = read_json(fold / "composition.json")
    if (verdict := read_json(audit)["verdict"]) not in ("clean", "unsafe"):
        raise BionerError(f"{audit}: expected verdict 'clean', found {verdict!r}; mend the split before training")
    configure_torch(settings["training"]["threads"])
    device = choose_device()
    precision = choose_precision(settings["training"]["precision"], device)
    inputs = describe_inputs(settings, verify_encoder(encoder.parent), fold, seed)
    state = {"inputs": inputs, "code": code_digest("train"), "device": device.type, "precision": precision}
    checkpoint = Checkpoint(output, value_digest(state))
    checkpoint.discard_others()
    torch.manual_seed(seed)
    tagger = trainable_tagger(settings, encoder.parent, TagSet.of(composition["types"]), device, precision)
    tokenizer = load_tokenizer(encoder.parent)
    pieces = make_encoder(tokenizer, tagger.tag_set, settings, tagger.network.config)
    documents = training_documents(fold, settings["augmentation"])
    encoded = pieces.encode(documents)
    facts = {
        "device": device_name(device),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "train_documents": len(documents),
        "train_mentions": sum(len(document.mentions) for document in documents),
        "train_mentions_lost_by_tags": sum(len(item.lost) for item in encoded),
    }
    say(f"training {settings['model']}: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
    training = Training(tagger, pieces, settings, seed=seed, precision=precision, checkpoint=checkpoint, interval=checkpoint_seconds)
    windows = [window for item in encoded for window in item.windows]
    if not any(len(window.heads) for window in windows):
        raise BionerError(f"{fold / 'train.jsonl'}: expected documents with words to train on, found none; check the split")
    training.run(windows, list(read_documents(fold / "validation.jsonl")))
    save_tagger(output, tagger, tokenizer, settings)
    write_rows(output / "history.csv", HISTORY, training.progress.history)
    facts |= training.facts() | {"seconds": round(time.monotonic() - started, 1), "normalize": composition["normalize"]}
    write_json(output / "run.json", inputs | facts | {"code": source_revision(), "platform": platform.platform()})
    checkpoint.remove()


def trainable_tagger(recipe: dict[str, Any], encoder: Path, tag_set: TagSet, device: torch.device, precision: str) -> Tagger:
    """A new tagger as a recipe wants it, on its device, from torch's random state."""
    training = recipe["training"]
    dropouts = {name: training[name] for name in ("dropout", "attention_dropout")}
    tagger = new_tagger(encoder, tag_set, crf=recipe["head"] == "crf", **dropouts).to(device)
    if training["frozen_layers"] is not None:
        freeze(tagger.network, training["frozen_layers"])
    if device.type == "cpu":
        prepare_for_processor(tagger.network, precision)
    return tagger


def describe_inputs(recipe: dict[str, Any], encoder: dict[str, Any], fold: Path, seed: int) -> dict[str, Any]:
    """Everything that determines a training, for run.json and for the checkpoint's name."""
    files = ("train.jsonl", "variants.jsonl", "validation.jsonl", "composition.json")
    return {
        "recipe": recipe,
        "seed": seed,
        "encoder": encoder,
        "data": {name: sha256_file(fold / name) for name in files},
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
    }


def training_documents(fold: Path, augmentation: Sequence[str]) -> list[Document]:
    """The originals of a fold's training part, then the variants of the kinds that the recipe asks for."""
    originals = list(read_documents(fold / "train.jsonl"))
    variants = [document for document in read_documents(fold / "variants.jsonl") if document.meta["augmentation"] in augmentation]
    return originals + variants


def source_revision() -> dict[str, Any]:
    """Git revision of the source tree and whether it was edited; nulls outside a repository."""
    folder = Path(__file__).parent

    def git(*words: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()
        except (subprocess.CalledProcessError, FileNotFoundError):
            return None

    status = git("status", "--porcelain", "--", str(folder))
    return {"revision": git("rev-parse", "HEAD"), "edited": None if status is None else bool(status)}
