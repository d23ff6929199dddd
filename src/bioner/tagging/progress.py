"""Where a training stands, and the lines that tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bioner.commandline import say
from bioner.tagging.monitors import Monitor

SCORES = ("precision", "recall", "f1", "macro_f1")
"""Columns of the history that are None without a mention in the validation documents."""
INTERVAL = 10.0
"""Seconds between two lines, at least."""


@dataclass
class Progress:
    """Where a training stands; all of it goes into the checkpoint.

    Attributes:
        epoch: epochs that are finished.
        batch: optimizer steps made in the epoch that is not.
        step: optimizer steps in all.
        skipped: those of the unfinished epoch that float16 overflowed in, so that no weight moved.
        sums: parts of the loss, summed over the other ones.
        history: a row for each finished epoch.
        best_score: the validation score that chose the weights kept, -1 before there is one.
        best_epoch: the epoch that they are of.
        seconds: time in training, validation included, up to the checkpoint.
        pieces: word pieces trained on in it, padding not counted.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    skipped: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float | None]] = field(default_factory=list)
    best_score: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    pieces: int = 0


class Reporter:
    """Tells a monitor of every step, and people by a line at most every ten seconds and whenever an epoch ends.

    Args:
        progress: where the training stands as it begins or resumes.
        total: optimizer steps of the whole training.
        epochs: its epochs.
        monitor: keeps curves; None without.
        clock: seconds that only rise.
    """

    def __init__(
        self, progress: Progress, *, total: int, epochs: int, monitor: Monitor | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.epochs, self.monitor, self.clock = total, epochs, monitor, clock
        self.began = self.told = clock()
        self.step_before, self.pieces_before = progress.step, progress.pieces

    def step(self, progress: Progress, parts: Mapping[str, float], rate: float) -> None:
        """Tell of the optimizer step that was just made, its parts of the loss and the encoder's learning rate."""
        if self.monitor is not None:
            self.monitor.tell(progress.step, {**parts, "learning_rate": rate})
        now = self.clock()
        if now - self.told < INTERVAL:
            return
        self.told = now
        elapsed = now - self.began
        left = elapsed / (progress.step - self.step_before) * (self.total - progress.step)
        speed = (progress.pieces - self.pieces_before) / elapsed
        say(
            f"epoch {progress.epoch + 1}/{self.epochs}, step {progress.step:,}/{self.total:,}: {_losses(parts)}, "
            f"{speed:,.0f} pieces/s, at most {duration(left)} left"
        )

    def epoch(self, progress: Progress) -> None:
        """Tell of the epoch that was just finished, the last row of the history."""
        row = progress.history[-1]
        if self.monitor is not None:
            self.monitor.tell(progress.step, {f"validation_{name}": value for name in SCORES if (value := row[name]) is not None})
        score = "" if row["f1"] is None else f", validation F1 {100 * row['f1']:.2f}"
        overflows = f", {row['skipped_steps']} steps skipped" if row["skipped_steps"] else ""
        self.told = self.clock()
        say(f"epoch {row['epoch']}/{self.epochs}: {_losses(row)}{score}{overflows}")

    def close(self) -> None:
        """End the monitor's curves."""
        if self.monitor is not None:
            self.monitor.close()


def _losses(parts: Mapping[str, float | None]) -> str:
    loss, alpha = parts.get("loss"), parts.get("alpha")
    return ("no loss" if loss is None else f"loss {loss:.4f}") + ("" if alpha is None else f", alpha {alpha:.3f}")


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
