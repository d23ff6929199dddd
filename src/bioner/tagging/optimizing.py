"""The end of a training step: gradients are clipped and AdamW moves the weights, at a rate that rises and falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bioner.tagging.batches import Batch
from bioner.tagging.precision import FP16
from bioner.tagging.steps import require_finite
from bioner.tagging.tagger import Tagger


def parameter_groups(tagger: Tagger, objective: nn.Module, settings: dict[str, Any], vectors_rate: float | None) -> list[dict[str, Any]]:
    """Parameters in groups with their rates: matrices of the encoder, its biases and norms, head, word vectors, loss.

    Only the encoder's matrices (and tensors of more dimensions) decay. In each family of encoders the weights of norms and
    all biases are vectors, so that the number of dimensions tells them. Frozen parameters are in no group.

    Args:
        settings: the recipe's `training`.
        vectors_rate: learning rate of the word vectors, None without.
    """
    encoder = {id(parameter) for parameter in tagger.network.base_model.parameters()}
    vectors = [] if tagger.vectors is None else list(tagger.vectors.parameters())
    others = {id(parameter) for parameter in vectors}
    groups: dict[str, list[nn.Parameter]] = {"decay": [], "plain": [], "head": []}
    for parameter in tagger.parameters():
        if parameter.requires_grad and id(parameter) not in others:
            name = "head" if id(parameter) not in encoder else "decay" if parameter.dim() > 1 else "plain"
            groups[name].append(parameter)
    return [
        {"params": groups["decay"], "lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]},
        {"params": groups["plain"], "lr": settings["learning_rate"], "weight_decay": 0.0},
        {"params": groups["head"], "lr": settings["head_learning_rate"], "weight_decay": 0.0},
        {"params": vectors, "lr": vectors_rate or 0.0, "weight_decay": 0.0},
        {"params": list(objective.parameters()), "lr": settings["loss_learning_rate"], "weight_decay": 0.0},
    ]


class Updater:
    """AdamW (Loshchilov and Hutter 2019) under a schedule, with clipping and, for fp16, dynamic loss scaling.

    A step goes: `begin`, backward passes of the loss times `scale`, `update`.

    Args:
        groups: as of `parameter_groups`.
        clip: largest L2 norm of all gradients together.
        warmup: share of the steps in which the rates rise.
        precision: `fp16` scales losses (Micikevicius et al. 2018); other precisions have scale 1.
    """

    def __init__(self, groups: list[dict[str, Any]], *, clip: float, warmup: float, precision: str, device: torch.device) -> None:
        self.clip, self.warmup = clip, warmup
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == FP16)
        self.scaler.scale(torch.zeros((), device=device))  # it makes its state when it first scales

    @property
    def rate(self) -> float:
        """The encoder's learning rate in the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def scale(self) -> float:
        """What losses are multiplied by before their backward pass; 1.0 unless the precision is fp16."""
        return float(self.scaler.get_scale())

    def begin(self, step: int, total: int) -> None:
        """Set the learning rates of a step and forget the gradients of the one before."""
        factor = schedule(step, total, self.warmup)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad(set_to_none=True)

    def update(self, batches: Sequence[Batch]) -> bool:
        """Move the weights by the gradients accumulated over the step's batches; return whether they moved.

        They do not where float16 overflowed: the scale is halved for the next step.

        Raises:
            BionerError: the gradient is not finite at scale 1; names the documents of the batches.
        """
        scale = self.scale
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        norm: Tensor = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if scale <= 1.0:
            require_finite(norm, "gradient", replace(batches[-1], windows=tuple(window for batch in batches for window in batch.windows)))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scale >= scale

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs, for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take on a state of `state_dict`."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])


def schedule(step: int, total: int, warmup: float) -> float:
    """Factor in (0, 1] on the learning rates: linear warm-up over a share of the steps, linear decay to 0."""
    rising = max(1, round(total * warmup))
    if step < rising:
        return (step + 1) / rising
    return max(1, total - step) / max(1, total - rising)
