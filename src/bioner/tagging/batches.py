"""Windows in batches of about equal cost: a budget of padded pieces, similar lengths together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bioner.tagging.encode import Window


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows as tensors, B windows padded to L pieces with N owned units in all.

    Attributes:
        pieces: [B, L] piece ids, padded on the right.
        mask: [B, L] bool, True on pieces (special tokens included).
        free: [B, L] bool, True on pieces that are neither padding nor special tokens.
        heads: [H] positions in the flattened [B * L] that the units are read from.
        sizes: [N] how many of them each unit has, summing to H; None where each has one.
        tags: [N] tag ids.
        vectors: [N] rows of the units' words in the table of word vectors.
        lengths: [B] owned units of each window, in order.
        windows: the windows themselves.
    """

    pieces: Tensor
    mask: Tensor
    free: Tensor
    heads: Tensor
    sizes: Tensor | None
    tags: Tensor
    vectors: Tensor
    lengths: Tensor
    windows: tuple[Window, ...]

    def to(self, device: torch.device) -> Batch:
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in parts.items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def collate(windows: Sequence[Window], padding: int, special: tuple[int, int]) -> Batch:
    """Make a batch; `special` is the number of special tokens before and after the pieces."""
    length = max(len(window.pieces) for window in windows)
    pieces = np.full((len(windows), length), padding, dtype=np.int64)
    mask = np.zeros((len(windows), length), dtype=bool)
    free = np.zeros((len(windows), length), dtype=bool)
    for row, window in enumerate(windows):
        size = len(window.pieces)
        pieces[row, :size] = window.pieces
        mask[row, :size] = True
        free[row, special[0] : size - special[1]] = True
    sizes = np.concatenate([window.sizes for window in windows])
    return Batch(
        pieces=torch.from_numpy(pieces),
        mask=torch.from_numpy(mask),
        free=torch.from_numpy(free),
        heads=torch.from_numpy(np.concatenate([window.heads + row * length for row, window in enumerate(windows)])),
        sizes=torch.from_numpy(sizes) if (sizes != 1).any() else None,
        tags=torch.from_numpy(np.concatenate([window.tags for window in windows])),
        vectors=torch.from_numpy(np.concatenate([window.vectors for window in windows])),
        lengths=torch.tensor([len(window.tags) for window in windows]),
        windows=tuple(windows),
    )


def plan_batches(windows: Sequence[Window], budget: int, *, seed: int | None = None, epoch: int = 0) -> list[list[Window]]:
    """Group windows so that windows x longest length stays within `budget` pieces.

    A window longer than the budget is a batch of its own. Windows without owned units are left
    out. With a seed, windows of similar length meet others in each epoch and the batches come in
    random order, a function of (seed, epoch) alone; without one, the longest come first.
    """
    kept = [window for window in windows if len(window.heads)]
    lengths = np.array([len(window.pieces) for window in kept], dtype=np.float64)
    if seed is None:
        order = np.argsort(-lengths, kind="stable")
        return _pack([kept[i] for i in order], budget)
    random = np.random.default_rng([seed, epoch])
    noisy = lengths * random.uniform(0.85, 1.15, len(kept))
    batches = _pack([kept[i] for i in np.argsort(-noisy, kind="stable")], budget)
    return [batches[i] for i in random.permutation(len(batches))]


def _pack(windows: Sequence[Window], budget: int) -> list[list[Window]]:
    batches: list[list[Window]] = []
    longest = 0
    for window in windows:
        longest = max(longest, len(window.pieces))
        if batches and (len(batches[-1]) + 1) * longest <= budget:
            batches[-1].append(window)
        else:
            batches.append([window])
            longest = len(window.pieces)
    return batches
