"""Speeds of this device: a few real training steps, predictions and gradients of an encoder of a given shape, on random pieces.

The weights are random: the arithmetic of a step does not depend on them. Neither tokenizer nor files are needed.
"""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForTokenClassification

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.shapes import Shape
from bioner.speeds import Measurement, Setting, Speed
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate, plan_batches
from bioner.tagging.decoding import BUDGETS
from bioner.tagging.encode import Window
from bioner.tagging.gradient_checkpointing import checkpoint_layers
from bioner.tagging.losses import make_loss
from bioner.tagging.optimizing import Updater, parameter_groups
from bioner.tagging.precision import FP16, FP32, autocast, choose_device, choose_precision, configure_torch, device_name
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.steps import accumulate_gradients
from bioner.tagging.tagger import Tagger, freeze
from bioner.tagging.white_box import losses_and_gradient
from bioner.tags import TagSet

TYPES = ("Chemical", "Disease")
SPECIAL = (1, 1)
STEPS = (2, 200)
"""Steps of a measurement, at least and at most; the first one, which warms up, is not timed."""
PIECES_A_WORD = 1.3


def measure(settings: Mapping[Setting, Shape], *, prediction: str, seconds: float = 10.0) -> Measurement:
    """Measure each setting for about so many seconds.

    Args:
        settings: what to measure, with the shape of its encoder.
        prediction: precision of predictions, as in the config.

    Raises:
        BionerError: nothing to measure, or a family that transformers does not know.
    """
    if not settings:
        raise BionerError("expected an encoder of known shape to measure, found none; fetch one, or give `shape` in the config or --shape")
    configure_torch(1)
    device = choose_device()
    speeds = {}
    for setting, shape in settings.items():
        torch.set_num_threads(setting.threads)
        say(f"measuring {shape.key}, window {setting.window}, batches of {setting.batch_pieces} pieces, {setting.threads} threads")
        speeds[setting] = speed_of(setting, shape, device, prediction=prediction, seconds=seconds)
        gc.collect()
    facts = {"date": date.today().isoformat(), "torch": torch.__version__, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    return Measurement(
        device=device_name(device),
        accelerator=device.type == "cuda",
        start=start_seconds(),
        speeds=speeds,
        shapes={shape.key: shape for shape in settings.values()},
        facts=facts | {"python": platform.python_version(), "precision": choose_precision("auto", device)},
    )


def start_seconds() -> float:
    """Processor time of a process that imports what a training imports and ends."""
    before = os.times()
    subprocess.run([sys.executable, "-c", "import bioner.commands.train"], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def speed_of(setting: Setting, shape: Shape, device: torch.device, *, prediction: str, seconds: float) -> Speed:
    """Pieces a second of training steps, which have half of the time, and of validation, predictions and gradients."""
    own, other = choose_precision(setting.precision, device), choose_precision(prediction, device)
    gradients = FP32 if own == FP16 else own
    tagger = random_tagger(setting, shape, device, own)
    windows = random_windows(shape, setting.window, setting.batch_pieces)
    batches = [batch.to(device) for batch in _batches(windows, setting.batch_pieces)]
    larger = random_windows(shape, setting.window, max(BUDGETS.get(device.type, BUDGETS["cuda"]), setting.window))
    tests = [batch.to(device) for batch in _batches(larger, BUDGETS.get(device.type, BUDGETS["cuda"]))]
    clock = clock_of(device, setting.threads)
    training = timed(training_step(tagger, setting, own), batches, device, seconds / 2, clock)
    tagger.eval()

    def forward(precision: str) -> Callable[[int, Batch], None]:
        def run(_: int, batch: Batch) -> None:
            with torch.inference_mode(), autocast(precision, device):
                tagger.emissions(tagger.embed(batch.pieces), batch)

        return run

    def gradient(_: int, batch: Batch) -> None:
        losses_and_gradient(tagger, batch, tagger.embed(batch.pieces).detach(), lambda: autocast(gradients, device))

    validation = timed(forward(own), tests, device, seconds / 6, clock)
    slope = timed(gradient, tests, device, seconds / 6, clock)
    if device.type == "cpu" and other != own:
        tagger = random_tagger(setting, shape, device, other).eval()
    predicted = timed(forward(other), tests, device, seconds / 6, clock)
    return Speed(training, validation, predicted, slope)


def training_step(tagger: Tagger, setting: Setting, precision: str) -> Callable[[int, Batch], None]:
    """A plain step: one forward and backward pass, clipping and AdamW."""
    device = next(tagger.parameters()).device
    rates = {"learning_rate": 1e-5, "head_learning_rate": 1e-5, "loss_learning_rate": 1e-5, "weight_decay": 0.01}
    objective = make_loss({"kind": "cross_entropy", "smoothing": 0, "class_weights": "none"}, None).to(device)
    groups = parameter_groups(tagger, objective, rates, None)
    updater = Updater(groups, clip=1.0, warmup=0.1, precision=precision, device=device)

    def step(number: int, batch: Batch) -> None:
        tagger.train()
        updater.begin(number, STEPS[1])
        accumulate_gradients(tagger, objective, Adversary(), batch, number, lambda: autocast(precision, device), scale=updater.scale)
        updater.update([batch])

    return step


def timed(
    call: Callable[[int, Batch], None],
    batches: Sequence[Batch],
    device: torch.device,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Pieces a second of calls on batches in turn, for about so many seconds of a clock."""
    call(0, batches[0])
    pieces, number = 0, 0
    _wait(device)
    started = clock()
    while number < STEPS[0] or (number < STEPS[1] and clock() - started < seconds):
        batch = batches[number % len(batches)]
        call(number + 1, batch)
        _wait(device)
        pieces += sum(len(window.pieces) for window in batch.windows)
        number += 1
    return pieces / (clock() - started)


def clock_of(device: torch.device, threads: int) -> Callable[[], float]:
    """Wall time on a card; on a processor its own time for a thread, so that other work on the machine does not count."""
    return time.perf_counter if device.type == "cuda" else lambda: time.process_time() / threads


def random_tagger(setting: Setting, shape: Shape, device: torch.device, precision: str) -> Tagger:
    """A tagger of a shape with random weights and a linear head, on its device, ready for steps in a precision."""
    names = {
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "intermediate_size": shape.inner,
        "vocab_size": shape.vocabulary,
    }
    names |= {"num_attention_heads": shape.heads, "max_position_embeddings": max(shape.positions, setting.window + 2)}
    names["pad_token_id"] = 0  # that of some families is beyond a small vocabulary
    if shape.embedding is not None:
        names["embedding_size"] = shape.embedding
    tag_set = TagSet.of(TYPES, "iob2")
    try:
        config: Any = AutoConfig.for_model(shape.family, **names, num_labels=len(tag_set.names))
        config.attention_probs_dropout_prob = config.attention_dropout = 0.0
        network: Any = AutoModelForTokenClassification.from_config(config)
    except ValueError as error:
        raise BionerError(
            f"expected a family of encoders that transformers knows, got {shape.family!r}; correct the shape's family"
        ) from error
    tagger = Tagger(network, tag_set, crf=False).to(device)
    if setting.frozen_layers is not None:
        freeze(network, setting.frozen_layers)
    if setting.gradient_checkpointing:
        checkpoint_layers(network)
    if device.type == "cpu":
        prepare_for_processor(network, precision)
    return tagger


def random_windows(shape: Shape, window: int, budget: int) -> list[Window]:
    """Windows of random pieces, as many as make four batches: half of them full, the rest of any length, as the ends of documents are."""
    generator = np.random.default_rng(0)
    windows, total = list[Window](), 0
    while total < 4 * budget:
        length = window if len(windows) % 2 else int(generator.integers(window // 4, window + 1))
        heads = np.unique((np.arange(1, length - 1) / PIECES_A_WORD).astype(np.int64)) + 1
        heads = heads[heads < length - 1]
        zeros = np.zeros(len(heads), dtype=np.int64)
        windows.append(
            Window(
                document=len(windows),
                name=str(len(windows)),
                pieces=generator.integers(min(1000, shape.vocabulary // 2), shape.vocabulary, length),
                owned=(0, len(heads)),
                heads=heads,
                sizes=zeros + 1,
                tags=zeros,
                vectors=zeros,
            )
        )
        total += length
    return windows


def _batches(windows: Sequence[Window], budget: int) -> list[Batch]:
    return [collate(batch, 0, SPECIAL) for batch in plan_batches(windows, budget, seed=1)]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
