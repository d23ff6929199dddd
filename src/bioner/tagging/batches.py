"""Windows in batches of about equal cost: a budget of padded pieces, similar lengths together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bioner.tagging.encode import Window


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows as tensors, B windows padded to L pieces with N owned words in all.

    Attributes:
        pieces: [B, L] piece ids, padded on the right.
        mask: [B, L] bool, True on pieces (special tokens included).
        free: [B, L] bool, True on pieces that are neither padding nor special tokens.
        heads: [N] positions of first pieces in the flattened [B * L].
        tags: [N] tag ids.
        lengths: [B] owned words of each window, in order.
        windows: the windows themselves.
    """

    pieces: Tensor
    mask: Tensor
    free: Tensor
    heads: Tensor
    tags: Tensor
    lengths: Tensor
    windows: tuple[Window, ...]

    def to(self, device: torch.device) -> Batch:
        names = ("pieces", "mask", "free", "heads", "tags", "lengths")
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=True) for name in names})


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
    return Batch(
        pieces=torch.from_numpy(pieces),
        mask=torch.from_numpy(mask),
        free=torch.from_numpy(free),
        heads=torch.from_numpy(np.concatenate([window.heads + row * length for row, window in enumerate(windows)])),
        tags=torch.from_numpy(np.concatenate([window.tags for window in windows])),
        lengths=torch.tensor([len(window.tags) for window in windows]),
        windows=tuple(windows),
    )


def plan_batches(windows: Sequence[Window], budget: int, *, seed: int | None = None, epoch: int = 0) -> list[list[Window]]:
    """Group windows so that windows x longest length stays within `budget` pieces.

    A window longer than the budget is a batch of its own. Windows without owned words are left
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
