"""The training loop: the same bytes from the same seed, also after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from bioner.commandline import say
from bioner.entities import Document
from bioner.evaluation.strict import strict_f1
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import collate, plan_batches
from bioner.tagging.checkpoints import Checkpoint
from bioner.tagging.decoding import predict
from bioner.tagging.encode import Encoder, Window
from bioner.tagging.losses import make_loss
from bioner.tagging.precision import autocast
from bioner.tagging.steps import PARTS, accumulate_gradients, require_finite
from bioner.tagging.tagger import Tagger

HISTORY = ("epoch", "step", "loss", "cross_entropy", "crf", "adversarial", "alpha", "learning_rate", "precision", "recall", "f1")
CHECKPOINT_SECONDS = 60.0
"""Work that a kill may cost, at most; a checkpoint of a BERT-base takes a few seconds to write."""


@dataclass
class Progress:
    """Where a training stands; all of it goes into the checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float | None]] = field(default_factory=list)
    best_f1: float = -1.0
    best_epoch: int = 0


class Training:
    """Train a tagger on windows, validating on documents after each epoch.

    The schedule is linear warm-up and decay over `epochs` epochs, or over as many as make
    `minimum_steps` optimizer steps. The weights of the epoch with the best strict F1 on the
    validation documents are kept; `patience` epochs without a better one end the training.
    Without a mention in the validation documents all epochs are made and the last is kept. Everything random is a function of the
    seed and the step, so that a resumed training repeats the uninterrupted one.

    Args:
        recipe: the whole definition of the model.
        precision: `bf16` or `fp32`.
        checkpoint: where the state is saved, every `interval` seconds of training.
    """

    def __init__(
        self,
        tagger: Tagger,
        encoder: Encoder,
        recipe: dict[str, Any],
        *,
        seed: int,
        precision: str,
        checkpoint: Checkpoint | None = None,
        interval: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.tagger, self.encoder, self.seed = tagger, encoder, seed
        self.checkpoint, self.interval = checkpoint, interval
        self.settings = recipe["training"]
        self.device = next(tagger.parameters()).device
        self.objective = make_loss(recipe["loss"]).to(self.device)
        self.adversary = Adversary.of(recipe["adversary"])
        self.precision: Callable[[], Any] = lambda: autocast(precision, self.device)
        self.optimizer = torch.optim.AdamW(self._groups(), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.seconds = 0.0
        self.pieces = 0

    def _groups(self) -> list[dict[str, Any]]:
        settings = self.settings
        encoder = set(self.tagger.network.base_model.parameters())
        groups: dict[str, list[nn.Parameter]] = {"decay": [], "plain": [], "head": []}
        for parameter in self.tagger.parameters():
            if not parameter.requires_grad:
                continue
            if parameter not in encoder:
                groups["head"].append(parameter)
            else:
                groups["decay" if parameter.dim() > 1 else "plain"].append(parameter)
        return [
            {"params": groups["decay"], "lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]},
            {"params": groups["plain"], "lr": settings["learning_rate"], "weight_decay": 0.0},
            {"params": groups["head"], "lr": settings["head_learning_rate"], "weight_decay": 0.0},
            {"params": list(self.objective.parameters()), "lr": settings["loss_learning_rate"], "weight_decay": 0.0},
        ]

    def run(self, windows: Sequence[Window], validation: Sequence[Document]) -> None:
        """Train to the end; afterwards the tagger holds the best weights."""
        budget = self.settings["batch_pieces"]
        per_epoch = len(plan_batches(windows, budget, seed=self.seed))
        epochs = max(self.settings["epochs"], -(-self.settings["minimum_steps"] // per_epoch))
        total = epochs * per_epoch
        self._resume()
        started = saved = time.monotonic()
        if not any(document.mentions for document in validation):
            validation = ()
        while self.progress.epoch < epochs and not self._patience_is_spent():
            batches = plan_batches(windows, budget, seed=self.seed, epoch=self.progress.epoch)
            for batch in batches[self.progress.batch :]:
                self._step(batch, total)
                if time.monotonic() - saved > self.interval:
                    self._save()
                    saved = time.monotonic()
            self._finish_epoch(len(batches), epochs, validation)
            if time.monotonic() - saved > self.interval:
                self._save()
                saved = time.monotonic()
        self.seconds = time.monotonic() - started
        if self.best:
            self.tagger.load_state_dict(self.best)

    def facts(self) -> dict[str, Any]:
        """What a finished training tells of itself; the F1 is None where nothing could be validated."""
        progress = self.progress
        return {
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "validation_f1": progress.best_f1 if progress.best_f1 >= 0 else None,
            "pieces_per_second": round(self.pieces / self.seconds, 1) if self.seconds else None,
        }

    def _patience_is_spent(self) -> bool:
        """Only epochs after the first success count, and none before the minimum of steps."""
        progress, settings = self.progress, self.settings
        waited = progress.epoch - progress.best_epoch if progress.best_f1 > 0 else 0
        return bool(waited >= settings["patience"] and progress.step >= settings["minimum_steps"])

    def _step(self, windows: list[Window], total: int) -> None:
        progress, settings = self.progress, self.settings
        factor = schedule(progress.step, total, settings["warmup"])
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.tagger.train()
        special = (len(self.encoder.prefix), len(self.encoder.suffix))
        batch = collate(windows, self.encoder.tokenizer.pad_token_id or 0, special).to(self.device)
        self.optimizer.zero_grad(set_to_none=True)
        seed = (self.seed * 1_000_003 + progress.step) % 2**63
        parts = accumulate_gradients(self.tagger, self.objective, self.adversary, batch, seed, self.precision)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        require_finite(torch.nn.utils.clip_grad_norm_(parameters, settings["clip"]), "gradient", batch)
        self.optimizer.step()
        for name, value in parts.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + value
        progress.step += 1
        progress.batch += 1
        self.pieces += int(batch.mask.sum())

    def _finish_epoch(self, batches: int, epochs: int, validation: Sequence[Document]) -> None:
        progress = self.progress
        row: dict[str, float | None] = {name: progress.sums[name] / batches if name in progress.sums else None for name in PARTS}
        progress.epoch, progress.batch, progress.sums = progress.epoch + 1, 0, {}
        row |= {"epoch": progress.epoch, "step": progress.step, "learning_rate": self.optimizer.param_groups[0]["lr"]}
        f1 = 0.0
        if validation:
            self.tagger.eval()
            predicted = predict(self.tagger, self.encoder, validation, precision=self.precision)
            row["precision"], row["recall"], f1 = strict_f1(validation, predicted)
            row["f1"] = f1
        if not validation or f1 > progress.best_f1:
            progress.best_f1, progress.best_epoch = f1 if validation else -1.0, progress.epoch
            self.best = {name: value.detach().cpu().clone() for name, value in self.tagger.state_dict().items()}
        progress.history.append({name: row.get(name) for name in HISTORY})
        alpha = f", alpha {row['alpha']:.3f}" if row["alpha"] is not None else ""
        score = f", validation F1 {100 * f1:.2f}" if validation else ""
        say(f"epoch {progress.epoch}/{epochs}: loss {row['loss']:.4f}{alpha}{score}")

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save(
                {
                    "tagger": self.tagger.state_dict(),
                    "objective": self.objective.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "best": self.best,
                    "progress": vars(self.progress),
                }
            )

    def _resume(self) -> None:
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is not None:
            self.tagger.load_state_dict(state["tagger"])
            self.objective.load_state_dict(state["objective"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.best = state["best"]
            self.progress = Progress(**state["progress"])
            say(f"resuming after epoch {self.progress.epoch}, step {self.progress.step}")


def schedule(step: int, total: int, warmup: float) -> float:
    """Factor in (0, 1] on the learning rates: linear warm-up over a share of the steps, linear decay to 0."""
    rising = max(1, round(total * warmup))
    if step < rising:
        return (step + 1) / rising
    return max(1, total - step) / max(1, total - rising)
