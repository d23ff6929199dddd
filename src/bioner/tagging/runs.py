"""A run: a recipe trained on one fold with one seed."""

from __future__ import annotations

import platform
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.strict import strict_scores
from bioner.locks import alone_in
from bioner.preparation.protocols import Protocol
from bioner.provenance import code_digest
from bioner.storage import read_json, remove_partials, sha256_file, write_json, write_rows
from bioner.tagging.checkpoints import Checkpoint, begun
from bioner.tagging.encode import Window
from bioner.tagging.feature_crf import FEATURE_CRF, FeatureCRF
from bioner.tagging.gradient_checkpointing import checkpoint_layers
from bioner.tagging.manifest import verify_encoder
from bioner.tagging.precision import choose_device, configure_torch, device_name, possible_precisions
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.tagger import Tagger, freeze, load_tokenizer, make_encoder, new_tagger, save_tagger
from bioner.tagging.training import CHECKPOINT_SECONDS, HISTORY, Training
from bioner.tagging.word_vectors import train_word_vectors
from bioner.tags import TagSet

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")


def train_run(
    *, recipe: Path, encoder: Path | None, fold: Path, audit: Path, seed: int, output: Path, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> None:
    """Train a recipe on a composed fold; write the run folder of the design's contracts.

    Args:
        recipe: the recipe's JSON file.
        encoder: manifest of a fetched encoder; None for a recipe without one.
        fold: folder with train.jsonl, variants.jsonl, validation.jsonl and composition.json.
        audit: the fold's audit; its verdict must be clean, or unsafe under a protocol that is declared so.
        seed: of initialisation, order and dropout.
        output: the run folder.
        checkpoint_seconds: training time between checkpoints; results do not depend on it.
    """
    with alone_in(output, "this run"):
        _train(recipe, encoder, fold, audit, seed, output, checkpoint_seconds)


def _train(recipe: Path, encoder: Path | None, fold: Path, audit: Path, seed: int, output: Path, checkpoint_seconds: float) -> None:
    started = time.monotonic()
    settings = read_json(recipe)
    composition = read_json(fold / "composition.json")
    if (verdict := read_json(audit)["verdict"]) not in ("clean", "unsafe"):
        raise BionerError(f"{audit}: expected verdict 'clean', found {verdict!r}; mend the split before training")
    if settings["head"] == FEATURE_CRF:
        _train_feature_crf(settings, fold, composition, seed, output)
        return
    if encoder is None:
        raise BionerError(f"{recipe}: expected the manifest of encoder {settings['encoder']}, got none; add --encoder")
    configure_torch(settings["training"]["threads"])
    device = choose_device()
    precisions = possible_precisions(settings["training"]["precision"], device)
    words = settings.get("word_vectors")
    packages = PACKAGES if words is None else (*PACKAGES, "gensim")
    inputs = describe_inputs(settings, verify_encoder(encoder.parent), fold, seed, packages=packages)
    checkpoint, precision = begun(output, inputs | {"code": code_digest("train"), "device": device.type}, precisions)
    if _put_back(checkpoint, output):
        return
    torch.manual_seed(seed)
    documents = training_documents(fold, settings["augmentation"])
    vocabulary, vectors = (None, None) if words is None else train_word_vectors(documents, words, seed)
    tag_set = TagSet.of(composition["types"], settings.get("tags", "iob2"))
    tagger = trainable_tagger(settings, encoder.parent, tag_set, device, precision, vectors)
    tokenizer = load_tokenizer(encoder.parent)
    pieces = make_encoder(tokenizer, tagger.tag_set, settings, tagger.network.config, vocabulary)
    encoded = pieces.encode(documents)
    facts = {
        "device": device_name(device),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "train_documents": len(documents),
        "train_mentions": sum(len(document.mentions) for document in documents),
        "train_mentions_lost_by_tags": dict(Counter(reason for item in encoded for _, reason in item.lost)),
    }
    say(f"training {settings['model']}: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
    windows = [window for item in encoded for window in item.windows]
    if not any(len(window.heads) for window in windows):
        raise BionerError(f"{fold / 'train.jsonl'}: expected documents with words to train on, found none; check the split")
    if not facts["train_mentions"]:
        say(f"{fold / 'train.jsonl'}: no mention to learn from; the tagger will predict none")
    training = Training(
        tagger,
        pieces,
        settings,
        seed=seed,
        precision=precision,
        frequencies=tag_frequencies(windows, tagger.tag_set),
        checkpoint=checkpoint,
        interval=checkpoint_seconds,
        folder=output,
    )
    training.run(windows, held_out_documents(fold, composition))
    save_tagger(output, tagger, tokenizer, settings, vocabulary)
    write_rows(output / "history.csv", HISTORY, training.progress.history)
    seconds = round(time.monotonic() - started + training.earlier, 1)
    facts |= training.facts() | {"seconds": seconds, "normalize": composition["normalize"]}
    write_json(output / "run.json", inputs | facts | describe_result(output))
    checkpoint.finish()


def _put_back(checkpoint: Checkpoint, output: Path) -> bool:
    """Clear away what other trainings and kills left in a run folder; whether this very training had finished and its files are back."""
    checkpoint.discard_others()
    remove_partials(output)
    if finished := checkpoint.restore():
        say(f"{output}: this very training had finished; its files are put back")
    return finished


def _train_feature_crf(recipe: dict[str, Any], fold: Path, composition: dict[str, Any], seed: int, output: Path) -> None:
    """Train a CRF over features of words, in one go on one thread, which the seed has no part in, and validate it once."""
    started = time.monotonic()
    inputs = describe_inputs(recipe, None, fold, seed, packages=("python-crfsuite", "numpy", "safetensors"))
    checkpoint = Checkpoint(output, inputs | {"code": code_digest("train")})
    if _put_back(checkpoint, output):
        return
    documents, validation = training_documents(fold, recipe["augmentation"]), held_out_documents(fold, composition)
    say(f"training {recipe['model']}: train_documents {len(documents)}")
    tag_set = TagSet.of(composition["types"], recipe["tags"])
    model, objective, lost = FeatureCRF.train(documents, tag_set, **recipe["feature_crf"])
    rows: list[dict[str, Any]] = [{"epoch": number, "step": number, "loss": value} for number, value in enumerate(objective, 1)]
    scores = strict_scores(validation, model.predict(validation)) if any(document.mentions for document in validation) else None
    if scores is not None and rows:
        rows[-1] |= {"precision": scores.precision, "recall": scores.recall, "f1": scores.micro_f1, "macro_f1": scores.macro_f1}
    model.save(output, recipe)
    write_rows(output / "history.csv", HISTORY, rows)
    facts = {
        "device": device_name(torch.device("cpu")),
        "precision": "fp64",
        "threads": 1,
        "train_documents": len(documents),
        "train_mentions": sum(len(document.mentions) for document in documents),
        "train_mentions_lost_by_tags": lost,
        "epochs": len(rows),
        "best_epoch": len(rows),
        "validation_f1": None if scores is None else scores.micro_f1,
        "validation_macro_f1": None if scores is None else scores.macro_f1,
        "pieces_per_second": None,
        "seconds": round(time.monotonic() - started, 1),
        "normalize": composition["normalize"],
    }
    write_json(output / "run.json", inputs | facts | describe_result(output))
    checkpoint.finish()


def trainable_tagger(
    recipe: dict[str, Any], encoder: Path, tag_set: TagSet, device: torch.device, precision: str, vectors: Tensor | None = None
) -> Tagger:
    """A new tagger as a recipe wants it, on its device, from torch's random state."""
    training = recipe["training"]
    options = {name: training[name] for name in ("dropout", "attention_dropout")} | {"constrained": recipe.get("constrained", False)}
    tagger = new_tagger(encoder, tag_set, crf=recipe["head"] == "crf", vectors=vectors, **options).to(device)
    if training["frozen_layers"] is not None:
        freeze(tagger.network, training["frozen_layers"])
    if training.get("gradient_checkpointing", False):
        checkpoint_layers(tagger.network)
    if device.type == "cpu":
        prepare_for_processor(tagger.network, precision)
    return tagger


def describe_inputs(
    recipe: dict[str, Any], encoder: dict[str, Any] | None, fold: Path, seed: int, *, packages: Sequence[str] = PACKAGES
) -> dict[str, Any]:
    """Everything that determines a training, for run.json and for the checkpoint's name."""
    files = ("train.jsonl", "variants.jsonl", "validation.jsonl", "composition.json")
    return {
        "recipe": recipe,
        "seed": seed,
        "encoder": encoder,
        "data": {name: sha256_file(fold / name) for name in files},
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }


def describe_result(output: Path) -> dict[str, Any]:
    """What made a finished run, for run.json: code (git revision, digest of what `train` computes), platform, digest of the weights."""
    return {
        "code": source_revision() | {"digest": code_digest("train")},
        "platform": platform.platform(),
        "files": {"model.safetensors": sha256_file(output / "model.safetensors")},
    }


def training_documents(fold: Path, augmentation: Sequence[str]) -> list[Document]:
    """The originals of a fold's training part, then the variants of the kinds that the recipe asks for."""
    originals = list(read_documents(fold / "train.jsonl"))
    variants = [document for document in read_documents(fold / "variants.jsonl") if document.meta["augmentation"] in augmentation]
    return originals + variants


def held_out_documents(fold: Path, composition: dict[str, Any]) -> list[Document]:
    """The fold's validation documents; none under a protocol that trains on them, for a score on them would choose by what was learnt."""
    if Protocol.parse(composition["protocol"]).train_on_validation:
        say("the validation part is trained on: all epochs are made, and the last is kept")
        return []
    return list(read_documents(fold / "validation.jsonl"))


def tag_frequencies(windows: Sequence[Window], tag_set: TagSet) -> Tensor:
    """How often each tag occurs in windows, [T]."""
    tags = np.concatenate([window.tags for window in windows])
    return torch.from_numpy(np.bincount(tags, minlength=len(tag_set.names)))


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
