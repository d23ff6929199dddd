"""A linear-chain conditional random field over the labelled words (Lafferty et al. 2001).

p(y | x) = exp(s(x, y)) / Z(x), with s(x, y) = start[y_1] + end[y_n] + sum_i emission_i[y_i] +
sum_i transition[y_{i-1}, y_i]. Parameters and Viterbi semantics are those of pytorch-crf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bioner.tagging.forward_backward import Chains, NegativeLogLikelihood, sum_paths
from bioner.tags import TagSet

Scores = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which tags may begin, follow each other and end a sequence: bool arrays [T], [T, T] (from row to column) and [T]."""

    start: NDArray[np.bool_]
    transitions: NDArray[np.bool_]
    end: NDArray[np.bool_]

    @classmethod
    def of(cls, tag_set: TagSet) -> Constraints:
        """Those of a tag scheme: no inside without its begin, and in IOBES no begin without its end."""
        tags = range(len(tag_set.names))
        return cls(
            np.array([tag_set.allowed(None, tag) for tag in tags]),
            np.array([[tag_set.allowed(previous, tag) for tag in tags] for previous in tags]),
            np.array([tag_set.allowed(tag, None) for tag in tags]),
        )


class CRF(nn.Module):
    """Start, end and transition scores of T tags, initialised uniformly in [-0.1, 0.1]."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start_transitions = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.end_transitions = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))

    def negative_log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """-log p(y | x) of each sequence.

        Args:
            emissions: [N, T] of all words of B sequences, one after the other.
            tags: [N] tag ids.
            lengths: [B] words of each sequence, each at least 1, summing to N.

        Returns:
            [B], at least 0 but for rounding, computed in float64; float32 unless the emissions are float64.
        """
        own = (self.start_transitions, self.end_transitions, self.transitions)
        result: Tensor = NegativeLogLikelihood.apply(emissions, *own, tags, lengths.to(emissions.device))  # type: ignore[no-untyped-call]
        return result

    @torch.no_grad()
    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """p(y_i = t | x): [N, T] in float64, from emissions [N, T] and lengths [B] as above."""
        start, end, transitions = (part.double() for part in (self.start_transitions, self.end_transitions, self.transitions))
        return sum_paths(emissions.double(), start, end, transitions, Chains.of(lengths.to(emissions.device))).marginals

    def viterbi(self, emissions: Scores, constraints: Constraints | None = None) -> list[int]:
        """The best tag sequence for one sequence of emissions [W, T], of the allowed ones if constrained; lower ids win ties."""
        start, transitions, end = (
            part.detach().cpu().numpy().astype(np.float64) for part in (self.start_transitions, self.transitions, self.end_transitions)
        )
        if constraints is not None:
            start, transitions, end = _forbid(start, transitions, end, constraints)
        return best_path(emissions, start, transitions, end)


def constrained_path(emissions: Scores, constraints: Constraints) -> list[int]:
    """The allowed tag sequence of the largest product of probabilities softmax(emission), for emissions [W, T] of a linear head."""
    zeros = np.zeros(emissions.shape[1])
    return best_path(emissions, *_forbid(zeros, np.zeros((len(zeros), len(zeros))), zeros, constraints))


def _forbid(
    start: NDArray[np.float64], transitions: NDArray[np.float64], end: NDArray[np.float64], constraints: Constraints
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.where(constraints.start, start, -np.inf),
        np.where(constraints.transitions, transitions, -np.inf),
        np.where(constraints.end, end, -np.inf),
    )


def best_path(emissions: Scores, start: NDArray[np.float64], transitions: NDArray[np.float64], end: NDArray[np.float64]) -> list[int]:
    """The tag sequence of the best score (Viterbi 1967) in float64; lower ids win ties, from the end on.

    Args:
        emissions: [W, T], W at least 1; start, end: [T]; transitions: [T, T] from row to column. Minus infinity forbids.
    """
    rows = emissions.astype(np.float64)
    into = np.ascontiguousarray(transitions.T)
    back = np.empty(rows.shape, dtype=np.intp)
    candidates = np.empty_like(into)
    offsets = np.arange(0, into.size, len(into))
    flat = candidates.ravel()
    score = start + rows[0]
    for row, origin in zip(rows[1:], back[1:], strict=True):
        np.add(into, score, out=candidates)
        candidates.argmax(1, out=origin)
        score = flat[origin + offsets] + row
    tag = int((score + end).argmax())
    path = [tag]
    for origins in back[:0:-1].tolist():
        tag = origins[tag]
        path.append(tag)
    return path[::-1]
