"""A linear-chain conditional random field over the labelled words (Lafferty et al. 2001).

p(y | x) = exp(s(x, y)) / Z(x), with s(x, y) = start[y_1] + end[y_n] + sum_i emission_i[y_i] +
sum_i transition[y_{i-1}, y_i]. Parameters and Viterbi semantics are those of pytorch-crf.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


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
            [B] in float32, at least 0.
        """
        padded, mask = pad_sequences(emissions.float(), lengths)
        gold, _ = pad_sequences(tags, lengths)
        return self._log_partition(padded, mask) - self._score(padded, gold, mask)

    def _score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """s(x, y): [B] of emissions [B, W, T], tags and mask [B, W]."""
        emitted = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * mask).sum(1)
        moved = (self.transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
        last = tags.gather(1, mask.sum(1, keepdim=True) - 1).squeeze(1)
        return emitted + moved + self.start_transitions[tags[:, 0]] + self.end_transitions[last]

    def _log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """log Z(x): [B], by the forward recursion with a matrix product in place of a T x T logsumexp.

        The largest score is taken out at each step, so that only paths that weigh less than
        exp(-80) of the best are lost to float32.
        """
        alpha = self.start_transitions + emissions[:, 0]
        shift = self.transitions.detach().amax()
        moves = (self.transitions - shift).exp().to(emissions.dtype)
        for step in range(1, emissions.shape[1]):
            top = alpha.detach().amax(1, keepdim=True)
            reached = ((alpha - top).exp() @ moves).clamp_min(1e-35).log() + (top + shift) + emissions[:, step]
            alpha = torch.where(mask[:, step, None], reached, alpha)
        return torch.logsumexp(alpha + self.end_transitions, dim=1)

    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """p(y_i = t | x): [N, T], as the gradient of log Z with respect to the emissions.

        In float64: over thousands of words the rounding of float32 shows in the third digit.
        """
        with torch.enable_grad():
            leaf = emissions.detach().double().requires_grad_()
            padded, mask = pad_sequences(leaf, lengths)
            (gradient,) = torch.autograd.grad(self._log_partition(padded, mask).sum(), leaf)
        return gradient

    def viterbi(self, emissions: NDArray[np.float32]) -> list[int]:
        """The best tag sequence for one sequence of emissions [W, T]; lower ids win ties."""
        transitions, start, end = (
            part.detach().cpu().numpy().astype(np.float64) for part in (self.transitions, self.start_transitions, self.end_transitions)
        )
        score = start + emissions[0]
        back = np.zeros(emissions.shape, dtype=np.int64)
        for step in range(1, len(emissions)):
            candidates = score[:, None] + transitions
            back[step] = candidates.argmax(0)
            score = candidates.max(0) + emissions[step]
        tag = int((score + end).argmax())
        path = [tag]
        for step in range(len(emissions) - 1, 0, -1):
            tag = int(back[step, tag])
            path.append(tag)
        return path[::-1]


def pad_sequences(values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Values [N, ...] of B sequences in a row as [B, W, ...], and the mask [B, W] of what is real."""
    mask = torch.arange(int(lengths.max()), device=values.device) < lengths[:, None].to(values.device)
    padded = values.new_zeros((*mask.shape, *values.shape[1:]))
    return padded.masked_scatter(mask.reshape(*mask.shape, *[1] * (values.dim() - 1)).expand_as(padded), values), mask
