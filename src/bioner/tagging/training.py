"""The training loop: the same bytes from the same seed, also after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from bioner.commandline import say
from bioner.entities import Document
from bioner.evaluation.strict import StrictScores, strict_scores
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate, plan_batches
from bioner.tagging.checkpoints import Checkpoint
from bioner.tagging.decoding import predict
from bioner.tagging.encode import Encoder, Window
from bioner.tagging.losses import make_loss
from bioner.tagging.monitors import make_monitor
from bioner.tagging.optimizing import Updater, parameter_groups
from bioner.tagging.precision import autocast
from bioner.tagging.progress import SCORES, Progress, Reporter
from bioner.tagging.steps import PARTS, accumulate_gradients
from bioner.tagging.tagger import Tagger

HISTORY = ("epoch", "step", *PARTS, "learning_rate", *SCORES, "skipped_steps")
CHECKPOINT_SECONDS = 60.0
"""Work that a kill may cost, at most; a checkpoint of a BERT-base takes a few seconds to write."""

Step = list[list[Window]]
"""The micro-batches of an optimizer step."""


class Training:
    """Train a tagger on windows, validating on documents after each epoch.

    A step's gradient is that of the mean loss over the words of its `accumulation` micro-batches, of
    `batch_pieces` each; the last step of an epoch may have fewer.

    The schedule is linear warm-up and decay over `epochs` epochs, or over as many as make
    `minimum_steps` optimizer steps. The weights of the epoch with the best strict F1 on the
    validation documents are kept, micro or macro as `select_by` says; `patience` epochs without a better one end the training.
    While it is 0, the latest are kept and no patience is lost. Without a mention in the validation documents all epochs are made
    and the last is kept. Everything random is a function of the seed and the step, so that a resumed training
    repeats the uninterrupted one.

    Args:
        recipe: the whole definition of the model.
        precision: `bf16`, `fp16` or `fp32`.
        frequencies: [T] how often each tag occurs in the windows, for losses that weigh classes.
        checkpoint: where the state is saved, every `interval` seconds of training.
        folder: the run folder, for the curves of a monitor; None without.
    """

    def __init__(
        self,
        tagger: Tagger,
        encoder: Encoder,
        recipe: dict[str, Any],
        *,
        seed: int,
        precision: str,
        frequencies: Tensor | None = None,
        checkpoint: Checkpoint | None = None,
        interval: float = CHECKPOINT_SECONDS,
        folder: Path | None = None,
    ) -> None:
        self.tagger, self.encoder, self.seed = tagger, encoder, seed
        self.checkpoint, self.interval, self.folder = checkpoint, interval, folder
        self.settings = recipe["training"]
        self.accumulation: int = self.settings.get("accumulation", 1)
        self.device = next(tagger.parameters()).device
        self.objective = make_loss(recipe["loss"], frequencies).to(self.device)
        self.adversary = Adversary.of(recipe["adversary"])
        self.precision: Callable[[], Any] = lambda: autocast(precision, self.device)
        groups = parameter_groups(tagger, self.objective, self.settings, (recipe.get("word_vectors") or {}).get("learning_rate"))
        clip, warmup = self.settings["clip"], self.settings["warmup"]
        self.updater = Updater(groups, clip=clip, warmup=warmup, precision=precision, device=self.device)
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.earlier = 0.0
        """Seconds in training before this process went on with it."""

    def run(self, windows: Sequence[Window], validation: Sequence[Document]) -> None:
        """Train to the end; afterwards the tagger holds the best weights."""
        epochs, total = self._count(windows)
        self._resume()
        progress = self.progress
        started = saved = time.monotonic()
        self.earlier = progress.seconds
        if not any(document.mentions for document in validation):
            validation = ()
        monitor = None if self.folder is None else make_monitor(self.folder, step=progress.step)
        reporter = Reporter(progress, total=total, epochs=epochs, monitor=monitor)

        def save_when_due() -> None:
            nonlocal saved
            if time.monotonic() - saved > self.interval:
                progress.seconds = self.earlier + time.monotonic() - started
                self._save()
                saved = time.monotonic()

        while progress.epoch < epochs and not self._patience_is_spent():
            for step in self._plan(windows, progress.epoch)[progress.batch :]:
                parts = self._step(step, total)
                reporter.step(progress, parts, self.updater.rate)
                save_when_due()
            self._finish_epoch(validation)
            reporter.epoch(progress)
            save_when_due()
        progress.seconds = self.earlier + time.monotonic() - started
        reporter.close()
        if self.best:
            self.tagger.load_state_dict(self.best)

    @property
    def seconds(self) -> float:
        """Time in training, validation included, in all processes that went on with it."""
        return self.progress.seconds

    def facts(self) -> dict[str, Any]:
        """What a finished training tells of itself; the F1s, of the epoch that was kept, are None where nothing could be validated."""
        progress = self.progress
        best = progress.history[progress.best_epoch - 1]
        return {
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "validation_f1": best["f1"],
            "validation_macro_f1": best["macro_f1"],
            "pieces_per_second": round(progress.pieces / progress.seconds, 1) if progress.seconds else None,
        }

    def _plan(self, windows: Sequence[Window], epoch: int) -> list[Step]:
        batches = plan_batches(windows, self.settings["batch_pieces"], seed=self.seed, epoch=epoch)
        return [batches[start : start + self.accumulation] for start in range(0, len(batches), self.accumulation)]

    def _count(self, windows: Sequence[Window]) -> tuple[int, int]:
        """Epochs and optimizer steps of a whole training; epochs may differ in their steps."""
        epochs = total = 0
        while epochs < self.settings["epochs"] or total < self.settings["minimum_steps"]:
            total += len(self._plan(windows, epochs))
            epochs += 1
        return epochs, total

    def _patience_is_spent(self) -> bool:
        """Only epochs after the first success count, and none before the minimum of steps."""
        progress, settings = self.progress, self.settings
        waited = progress.epoch - progress.best_epoch if progress.best_score > 0 else 0
        return bool(waited >= settings["patience"] and progress.step >= settings["minimum_steps"])

    def _step(self, step: Step, total: int) -> dict[str, float]:
        """Make an optimizer step; return the parts of its loss, none of one that was skipped."""
        progress = self.progress
        self.updater.begin(progress.step, total)
        self.tagger.train()
        batches = [self._collate(windows) for windows in step]
        words = sum(len(batch.tags) for batch in batches)
        sums: dict[str, float] = {}
        for index, batch in enumerate(batches):
            seed = (self.seed * 1_000_003 + progress.step * self.accumulation + index) % 2**63
            share = len(batch.tags) / words
            parts = accumulate_gradients(
                self.tagger, self.objective, self.adversary, batch, seed, self.precision, share=share, scale=self.updater.scale
            )
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + share * value
        moved = self.updater.update(batches)
        progress.step += 1
        progress.batch += 1
        progress.pieces += sum(len(window.pieces) for windows in step for window in windows)
        if not moved:
            progress.skipped += 1
            return {}
        for name, value in sums.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + value
        return sums

    def _collate(self, windows: list[Window]) -> Batch:
        special = (len(self.encoder.prefix), len(self.encoder.suffix))
        return collate(windows, self.encoder.tokenizer.pad_token_id or 0, special).to(self.device)

    def _finish_epoch(self, validation: Sequence[Document]) -> None:
        progress = self.progress
        moved = progress.batch - progress.skipped
        row: dict[str, float | None] = {name: progress.sums[name] / moved if name in progress.sums else None for name in PARTS}
        row |= {"epoch": progress.epoch + 1, "step": progress.step, "learning_rate": self.updater.rate, "skipped_steps": progress.skipped}
        progress.epoch, progress.batch, progress.sums, progress.skipped = progress.epoch + 1, 0, {}, 0
        if validation:
            self.tagger.eval()
            scores = strict_scores(validation, predict(self.tagger, self.encoder, validation, precision=self.precision))
            row |= {"precision": scores.precision, "recall": scores.recall, "f1": scores.micro_f1, "macro_f1": scores.macro_f1}
            self._keep_if_better(scores)
        else:
            self._keep()
        progress.history.append({name: row.get(name) for name in HISTORY})

    def _keep_if_better(self, scores: StrictScores) -> None:
        score = scores.macro_f1 if self.settings.get("select_by", "micro_f1") == "macro_f1" else scores.micro_f1
        if score > self.progress.best_score or score == 0.0 == self.progress.best_score:
            self.progress.best_score = score
            self._keep()

    def _keep(self) -> None:
        self.progress.best_epoch = self.progress.epoch
        self.best = {name: value.detach().cpu().clone() for name, value in self.tagger.state_dict().items()}

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save(
                {
                    "tagger": self.tagger.state_dict(),
                    "objective": self.objective.state_dict(),
                    "updater": self.updater.state_dict(),
                    "best": self.best,
                    "progress": vars(self.progress),
                }
            )

    def _resume(self) -> None:
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is not None:
            self.tagger.load_state_dict(state["tagger"])
            self.objective.load_state_dict(state["objective"])
            self.updater.load_state_dict(state["updater"])
            self.best = state["best"]
            self.progress = Progress(**state["progress"])
            say(f"resuming after epoch {self.progress.epoch}, step {self.progress.step}")
