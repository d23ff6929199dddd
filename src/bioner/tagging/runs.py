"""A run: a recipe trained on one fold with one seed, and what it predicts."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.normalize import normalize, restore
from bioner.provenance import value_digest
from bioner.storage import read_json, sha256_file, write_json, write_rows
from bioner.tagging.attention import use_float32_attention
from bioner.tagging.checkpoints import Checkpoint
from bioner.tagging.decoding import Perturb, embed, predict
from bioner.tagging.encoders import verify_encoder
from bioner.tagging.precision import choose_device, choose_precision, device_name
from bioner.tagging.tagger import freeze, load_run, load_tokenizer, make_encoder, new_tagger, save_tagger
from bioner.tagging.training import CHECKPOINT_SECONDS, HISTORY, Training
from bioner.tagging.white_box import white_box
from bioner.tags import TagSet

PACKAGES = ("bioner", "torch", "transformers", "tokenizers", "safetensors", "numpy")


def configure_torch(threads: int) -> None:
    """The number of threads and deterministic kernels, on both of which results depend; a log without transformers' notes."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def train_run(
    *, recipe: Path, encoder: Path, fold: Path, audit: Path, seed: int, output: Path, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> None:
    """Train a recipe on a composed fold; write the run folder of the design's contracts.

    Args:
        recipe: the recipe's JSON file.
        encoder: manifest of a fetched encoder.
        fold: folder with train.jsonl, variants.jsonl, validation.jsonl and composition.json.
        audit: the fold's audit; its verdict must be clean.
        seed: of initialisation, order and dropout.
        output: the run folder.
        checkpoint_seconds: training time between checkpoints; results do not depend on it.
    """
    started = time.monotonic()
    settings = read_json(recipe)
    composition = read_json(fold / "composition.json")
    if (verdict := read_json(audit)["verdict"]) != "clean":
        raise BionerError(f"{audit}: expected verdict 'clean', found {verdict!r}; mend the split before training")
    configure_torch(settings["training"]["threads"])
    inputs = describe_inputs(settings, verify_encoder(encoder.parent), fold, seed)
    checkpoint = Checkpoint(output, value_digest(inputs))
    checkpoint.discard_others()
    torch.manual_seed(seed)
    device = choose_device()
    tag_set = TagSet.of(composition["types"])
    dropouts = {name: settings["training"][name] for name in ("dropout", "attention_dropout")}
    tagger = new_tagger(encoder.parent, tag_set, crf=settings["head"] == "crf", **dropouts).to(device)
    if settings["training"]["frozen_layers"] is not None:
        freeze(tagger.network, settings["training"]["frozen_layers"])
    if device.type == "cpu":
        use_float32_attention(tagger.network)
    tokenizer = load_tokenizer(encoder.parent)
    pieces = make_encoder(tokenizer, tag_set, settings, tagger.network.config)
    documents = training_documents(fold, settings["augmentation"])
    encoded = pieces.encode(documents)
    precision = choose_precision(settings["training"]["precision"], device)
    mentions = sum(len(document.mentions) for document in documents)
    used = f"{device_name(device)}, {precision}, {torch.get_num_threads()} threads"
    say(f"training {settings['model']} on {len(documents)} documents, {mentions} mentions; {used}")
    training = Training(tagger, pieces, settings, seed=seed, precision=precision, checkpoint=checkpoint, interval=checkpoint_seconds)
    windows = [window for item in encoded for window in item.windows]
    if not any(len(window.heads) for window in windows):
        raise BionerError(f"{fold / 'train.jsonl'}: expected documents with words to train on, found none; check the split")
    training.run(windows, list(read_documents(fold / "validation.jsonl")))
    save_tagger(output, tagger, tokenizer, settings)
    write_rows(output / "history.csv", HISTORY, training.progress.history)
    facts = {
        "device": device_name(device),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "seconds": round(time.monotonic() - started, 1),
        "epochs": training.progress.epoch,
        "best_epoch": training.progress.best_epoch,
        "validation_f1": training.progress.best_f1,
        "train_documents": len(documents),
        "train_mentions": mentions,
        "train_mentions_lost_by_tags": sum(len(item.lost) for item in encoded),
        "pieces_per_second": round(training.pieces / training.seconds, 1) if training.seconds else None,
    }
    write_json(
        output / "run.json",
        inputs | facts | {"normalize": composition["normalize"], "code": source_revision(), "platform": platform.platform()},
    )
    checkpoint.remove()


def describe_inputs(recipe: dict[str, Any], encoder: dict[str, Any], fold: Path, seed: int) -> dict[str, Any]:
    """Everything that determines a training, for run.json and for the checkpoint's name."""
    files = ("train.jsonl", "variants.jsonl", "validation.jsonl", "composition.json")
    return {
        "recipe": recipe,
        "seed": seed,
        "encoder": encoder,
        "data": {name: sha256_file(fold / name) for name in files},
        "versions": {name: version(name) for name in PACKAGES if name != "bioner"} | {"python": platform.python_version()},
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


def predict_run(
    *, run: Path, test: Path, attacks: dict[str, dict[str, Any]], attacked: dict[str, Path], threads: int, output: Path
) -> None:
    """Predict the test documents of a run, clean and under each attack.

    Args:
        run: the run folder.
        test: the fold's test.jsonl, in original text.
        attacks: white-box attacks by name, each with its settings.
        attacked: attacked test documents by name of the text attack.
        output: folder for `clean.jsonl`, one file an attack, and `predictions.json`.
    """
    configure_torch(threads)
    loaded = load_run(run)
    loaded.tagger.to(choose_device())
    steps = read_json(run / "run.json")["normalize"]
    originals = list(read_documents(test))
    jobs: dict[str, tuple[list[Document], Perturb]] = {"clean": (originals, embed)}
    jobs |= {name: (list(read_documents(path)), embed) for name, path in attacked.items()}
    jobs |= {name: (originals, white_box(settings)) for name, settings in attacks.items()}
    digests = {}
    for name, (documents, perturb) in jobs.items():
        say(f"predicting {len(documents)} documents, {name}")
        normalized = [normalize(document, steps) for document in documents]
        predicted = predict(loaded.tagger, loaded.encoder, normalized, perturb=perturb)
        found = [
            Document(original.id, original.text, restore(flat, guess.mentions), original.passages, original.split)
            for original, flat, guess in zip(documents, normalized, predicted, strict=True)
        ]
        write_documents(output / f"{name}.jsonl", found)
        digests[name] = sha256_file(output / f"{name}.jsonl")
    write_json(output / "predictions.json", {"attacks": digests, "run": sha256_file(run / "model.safetensors")})
