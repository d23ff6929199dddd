"""Adaptation: an encoder trained further by masked language modelling, on training text alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.errors import BionerError
from bioner.locks import alone_in
from bioner.provenance import code_digest
from bioner.storage import read_json, remove_partials, sha256_file, write_json, write_rows
from bioner.tagging.batches import Batch, collate, plan_batches
from bioner.tagging.checkpoints import Checkpoint, begun
from bioner.tagging.encode import Encoder, Window
from bioner.tagging.manifest import verify_encoder
from bioner.tagging.masked_lm import guess, load_masked_lm, save_encoder
from bioner.tagging.masking import Masker, mask_batch
from bioner.tagging.optimizing import Updater
from bioner.tagging.precision import autocast, choose_device, configure_torch, device_name, possible_precisions
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.progress import Progress, Reporter
from bioner.tagging.steps import require_finite
from bioner.tagging.tagger import load_tokenizer, make_encoder
from bioner.tagging.training import CHECKPOINT_SECONDS
from bioner.tags import TagSet

HISTORY = ("epoch", "step", "loss", "learning_rate", "perplexity")
PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")
TRAINED, HELD_OUT = 1, 2
"""Streams of random numbers, kept apart."""


def adapt_encoder(
    *,
    name: str,
    settings: dict[str, Any],
    encoder: Path,
    text: Sequence[Path],
    held_out: Sequence[Path],
    audit: Path,
    output: Path,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Train an encoder further on the text of documents; write a folder like that of a fetched encoder.

    The weights after the last epoch are kept, so that nothing is chosen on the held-out text: on it only the perplexity is told.

    Args:
        name: of the adaptation in the config.
        settings: its entry there.
        encoder: manifest of the fetched encoder to begin with.
        text: files of documents, all of which are trained on; their mentions are not looked at.
        held_out: files of documents for the perplexity, none for none.
        audit: of the fold and this text; its verdict must be clean, or unsafe under a protocol that is declared so.
        output: the new manifest; history.csv and adaptation.json are written beside it too.
        checkpoint_seconds: training time between checkpoints; results do not depend on it.
    """
    if (verdict := read_json(audit)["verdict"]) not in ("clean", "unsafe"):
        raise BionerError(f"{audit}: expected verdict 'clean', found {verdict!r}; take the text that leaks out of adaptations.{name}.text")
    with alone_in(output.parent, f"the adapted encoder {name}"):
        _adapt(name, settings, encoder, text, held_out, output, checkpoint_seconds)


def _adapt(
    name: str,
    settings: dict[str, Any],
    encoder: Path,
    text: Sequence[Path],
    held_out: Sequence[Path],
    output: Path,
    checkpoint_seconds: float,
) -> None:
    started = time.monotonic()
    configure_torch(settings["threads"])
    device = choose_device()
    manifest = verify_encoder(encoder.parent)
    source = {"adaptation": name, "settings": settings, "encoder": manifest, "text": [sha256_file(path) for path in text]}
    versions = {name: version(name) for name in PACKAGES}
    inputs = {"source": source, "held_out": [sha256_file(path) for path in held_out], "versions": versions}
    state = {"inputs": inputs, "code": code_digest("adapt"), "device": device.type}
    remove_partials(output.parent)
    checkpoint, precision = begun(output.parent, state, possible_precisions(settings["precision"], device))
    checkpoint.discard_others()
    if checkpoint.restore():
        say(f"{output.parent}: this very adaptation had finished; its files are put back")
        return
    torch.manual_seed(settings["seed"])
    network = load_masked_lm(encoder.parent, attention_dropout=settings["attention_dropout"]).to(device)
    if device.type == "cpu":
        prepare_for_processor(network, precision)
    recipe = {"model": f"adaptations.{name}", "window": settings["window"], "overlap": 0}
    pieces = make_encoder(load_tokenizer(encoder.parent), TagSet(()), recipe, network.config)
    adaptation = Adaptation(network, pieces, settings, precision=precision, checkpoint=checkpoint, interval=checkpoint_seconds)
    windows = adaptation.windows(text)
    if not windows:
        raise BionerError(f"{text[0]}: expected documents with words to train on, found none; check the split")
    facts: dict[str, Any] = {"device": device_name(device), "precision": precision, "threads": settings["threads"], "windows": len(windows)}
    say(f"adapting {manifest['encoder']} as {name}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
    adaptation.run(windows, adaptation.windows(held_out))
    save_encoder(output, network, encoder.parent, manifest, source)
    write_rows(output.parent / "history.csv", HISTORY, adaptation.progress.history)
    facts |= {"perplexity": adaptation.progress.history[-1]["perplexity"], "seconds": round(time.monotonic() - started, 1)}
    write_json(output.parent / "adaptation.json", inputs | facts)
    checkpoint.finish()


class Adaptation:
    """Train a masked language model on windows, with new masks in each epoch.

    The loss is the cross-entropy of the chosen pieces (see `Masker`), a mean over a batch. Everything random is a function of the seed
    and the step, so that a resumed training repeats the uninterrupted one. Batches and schedule are those of the training of taggers.

    Args:
        settings: the adaptation's entry in the config.
        precision: `bf16`, `fp16` or `fp32`.
        checkpoint: where the state is saved, every `interval` seconds of training.
    """

    def __init__(
        self,
        network: Any,
        encoder: Encoder,
        settings: dict[str, Any],
        *,
        precision: str,
        checkpoint: Checkpoint | None = None,
        interval: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.network, self.encoder, self.settings = network, encoder, settings
        self.checkpoint, self.interval = checkpoint, interval
        self.device = next(network.parameters()).device
        self.masker = Masker(encoder.tokenizer, settings["mask"], len(encoder.suffix))
        self.precision: Callable[[], AbstractContextManager[object]] = lambda: autocast(precision, self.device)
        decay, plain = ([parameter for parameter in network.parameters() if (parameter.dim() > 1) is many] for many in (True, False))
        groups = [
            {"params": decay, "lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]},
            {"params": plain, "lr": settings["learning_rate"], "weight_decay": 0.0},
        ]
        self.updater = Updater(groups, clip=settings["clip"], warmup=settings["warmup"], precision=precision, device=self.device)
        self.progress = Progress()
        self.saved = time.monotonic()

    def windows(self, files: Sequence[Path]) -> list[Window]:
        """Windows of the documents in files that have a word to mask."""
        documents = [replace(document, mentions=()) for document in chain.from_iterable(map(read_documents, files))]
        return [window for item in self.encoder.encode(documents) for window in item.windows if self.masker.words(window)]

    def run(self, windows: Sequence[Window], held_out: Sequence[Window]) -> None:
        """Train to the end; the history begins with the perplexity before training, as epoch 0."""
        budget, seed, epochs = (self.settings[key] for key in ("batch_pieces", "seed", "epochs"))
        total = epochs * len(plan_batches(windows, budget, seed=seed))
        self._resume()
        progress, self.saved = self.progress, time.monotonic()
        if not progress.history:
            self._finish(None, held_out)
        reporter = Reporter(progress, total=total, epochs=epochs, monitor=None)
        while progress.epoch < epochs:
            batches = plan_batches(windows, budget, seed=seed, epoch=progress.epoch)
            for batch in batches[progress.batch :]:
                loss = self._step(batch, total)
                reporter.step(progress, {"loss": loss}, self.updater.rate)
                self._save()
            loss = progress.sums["loss"] / len(batches)
            progress.epoch, progress.batch, progress.sums = progress.epoch + 1, 0, {}
            self._finish(loss, held_out)
            self._save()

    def perplexity(self, windows: Sequence[Window]) -> float | None:
        """exp of the mean cross-entropy over the chosen pieces of windows, with the same masks at each call; None without windows."""
        if not windows:
            return None
        self.network.eval()
        random = np.random.default_rng([self.settings["seed"], HELD_OUT])
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in plan_batches(windows, self.settings["batch_pieces"]):
                _, losses = self._losses(batch, random)
                total, count = total + float(losses.double().sum()), count + len(losses)
        return math.exp(min(total / count, 700.0))

    def _losses(self, windows: Sequence[Window], random: np.random.Generator) -> tuple[Batch, Tensor]:
        """A batch, and the cross-entropy [M] of its chosen pieces."""
        masked, positions, targets = mask_batch(self.masker, windows, random)
        special = (len(self.encoder.prefix), len(self.encoder.suffix))
        batch = collate(masked, self.encoder.tokenizer.pad_token_id or 0, special).to(self.device)
        with self.precision():
            scores = guess(self.network, batch.pieces, batch.mask, torch.from_numpy(positions).to(self.device))
        return batch, functional.cross_entropy(scores, torch.from_numpy(targets).to(self.device), reduction="none")

    def _step(self, windows: Sequence[Window], total: int) -> float:
        """An optimizer step; returns the loss."""
        progress, seed = self.progress, self.settings["seed"]
        self.updater.begin(progress.step, total)
        self.network.train()
        torch.manual_seed((seed * 1_000_003 + progress.step) % 2**63)
        batch, losses = self._losses(windows, np.random.default_rng([seed, TRAINED, progress.step]))
        loss = losses.mean()
        require_finite(loss.detach(), "loss", batch)
        torch.autograd.backward(loss * self.updater.scale)
        self.updater.update([batch])
        value = loss.item()
        progress.sums["loss"] = progress.sums.get("loss", 0.0) + value
        progress.step += 1
        progress.batch += 1
        progress.pieces += sum(len(window.pieces) for window in windows)
        return value

    def _finish(self, loss: float | None, held_out: Sequence[Window]) -> None:
        progress = self.progress
        perplexity, rate = self.perplexity(held_out), None if loss is None else self.updater.rate
        row = {"epoch": progress.epoch, "step": progress.step, "loss": loss, "learning_rate": rate, "perplexity": perplexity}
        progress.history.append(row)
        told = "before training" if loss is None else f"epoch {progress.epoch}/{self.settings['epochs']}: loss {loss:.4f}"
        say(told + ("" if perplexity is None else f", held-out perplexity {perplexity:.2f}"))

    def _save(self) -> None:
        if self.checkpoint is not None and time.monotonic() - self.saved > self.interval:
            parts = {"network": self.network.state_dict(), "updater": self.updater.state_dict(), "progress": vars(self.progress)}
            self.checkpoint.save(parts)
            self.saved = time.monotonic()

    def _resume(self) -> None:
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is not None:
            self.network.load_state_dict(state["network"])
            self.updater.load_state_dict(state["updater"])
            self.progress = Progress(**state["progress"])
            say(f"resuming after epoch {self.progress.epoch}, step {self.progress.step}")
