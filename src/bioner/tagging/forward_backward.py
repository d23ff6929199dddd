"""Sums over all tag sequences of a linear chain, and their gradients, by the forward and the backward recursion.

For scores s(x, y) = start[y_1] + end[y_n] + sum_i emission_i[y_i] + sum_i transition[y_{i-1}, y_i] and Z(x) = sum_y exp(s(x, y)), with

    alpha_1 = exp(start + emission_1),  alpha_i[t] = exp(emission_i[t]) sum_u alpha_{i-1}[u] exp(transition[u, t])
    gamma_n = exp(end + emission_n),    gamma_i[t] = exp(emission_i[t]) sum_u exp(transition[t, u]) gamma_{i+1}[u]

the marginals are p(y_i = t) = alpha_i[t] gamma_i[t] / exp(emission_i[t]) / Z and p(y_{i-1} = u, y_i = t) = alpha_{i-1}[u]
exp(transition[u, t]) gamma_i[t] / Z (Rabiner 1989; Lafferty et al. 2001). The gradient of log Z is made of them, so that no step of
the recursions needs an entry in torch's graph. gamma is the recursion of alpha over the reversed sequence with the transitions
transposed: both go through one loop. All of it is float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SAFE = 300.0
"""Powers of e that a number, and a product of two, may have with a margin to the range of float64, about +-700."""
ROWS = 1024
"""Pairs of words whose [T, T] joint marginals are held at once where probabilities cannot be scaled."""


@dataclass(frozen=True, slots=True)
class Chains:
    """B sequences as rows of words, N in all, one sequence after the other, and as steps, W of the longest.

    Attributes:
        lengths: [B] words of each.
        first, last: [B] rows of the first and the last word of each.
        owner: [N] sequence of each row.
        rows: [W, 2, B] row at each step forwards and backwards; steps after the end repeat its last row.
        places: [2, N] index of each row in the flattened `rows`, forwards and backwards.
        linked: [N - 1] bool, whether a row and the next one are of one sequence.
    """

    lengths: Tensor
    first: Tensor
    last: Tensor
    owner: Tensor
    rows: Tensor
    places: Tensor
    linked: Tensor

    @classmethod
    def of(cls, lengths: Tensor) -> Chains:
        """The layout of sequences of at least one word each."""
        count, device = len(lengths), lengths.device
        ends = lengths.cumsum(0)
        first = ends - lengths
        owner = torch.repeat_interleave(torch.arange(count, device=device), lengths)
        step = torch.minimum(torch.arange(int(lengths.max()), device=device)[:, None], lengths - 1)
        index = torch.arange(len(owner), device=device)
        forwards, backwards = index - first[owner], ends[owner] - 1 - index
        places = torch.stack([forwards * 2 * count + owner, backwards * 2 * count + count + owner])
        return cls(lengths, first, ends - 1, owner, torch.stack([first + step, ends - 1 - step], 1), places, owner[1:] == owner[:-1])


@dataclass(frozen=True, slots=True)
class Sums:
    """What the recursions give for Chains; float64.

    Attributes:
        log_partition: [B] log Z.
        marginals: [N, T].
        before, after: [N - 1, T] factors of the joint marginals of a row and the next one: before * exp(transition) * after
            where `scaled`, else exp(before + transition + after).
    """

    log_partition: Tensor
    marginals: Tensor
    before: Tensor
    after: Tensor
    scaled: bool


def sum_paths(emissions: Tensor, start: Tensor, end: Tensor, transitions: Tensor, chains: Chains) -> Sums:
    """Sum over all tag sequences; probabilities are scaled (Rabiner 1989) where float64 surely holds them, else logarithms are taken.

    A state after k steps without scaling lies within exp(-k r - g) and T^k of the largest one that it began with, where r is the
    range of the transitions and g that of the emissions of a word plus r (or the range of start or end, if larger): as long as
    k max(r, log T) + g < 300, nothing is lost, products of two states included. Scaling is due every k steps.

    Args:
        emissions: [N, T]; start, end: [T]; transitions: [T, T] from row to column. All float64.
    """
    edge = torch.stack([start, end])
    with torch.no_grad():
        spread = torch.stack([(value.amax(-1) - value.amin(-1)).amax() for value in (emissions, edge, transitions.flatten())]).tolist()
    room = SAFE - spread[0] - max(spread[1:])
    slope = max(spread[2], log(max(2, len(start))))
    if room >= slope:  # false for nan too
        return _sum_scaled(emissions, edge, transitions, chains, int(room / slope))
    return _sum_logarithms(emissions, edge, transitions, chains)


def _sum_scaled(emissions: Tensor, edge: Tensor, transitions: Tensor, chains: Chains, every: int) -> Sums:
    tops, top_edge, top = emissions.amax(1), edge.amax(1), transitions.amax()
    weights = (emissions - tops[:, None]).exp()
    moves = (transitions - top).exp()
    both = torch.stack([moves, moves.T])
    inputs = weights[chains.rows]  # [W, 2, B, T]
    states = torch.empty_like(inputs)
    scales = states.new_ones((*inputs.shape[:3], 1))
    torch.mul(inputs[0], (edge - top_edge[:, None]).exp()[:, None], out=states[0])
    steps = list(zip(inputs.unbind(0), states.unbind(0), strict=True))
    state = steps[0][1]
    for number, (weight, reached) in enumerate(steps):
        if number:
            torch.bmm(state, both, out=reached).mul_(weight)
        if number % every == 0:
            torch.amax(reached, 2, keepdim=True, out=scales[number])
            reached.div_(scales[number])
        state = reached
    flat, size = states.flatten(0, 2), scales.flatten()
    alpha, gamma = flat[chains.places[0]], flat[chains.places[1]]
    joint = alpha * gamma / weights
    total = joint.sum(1, keepdim=True)
    shift = (chains.lengths - 1) * top + top_edge.sum()
    log_scale = _sum_rows(size[chains.places[0]].log() + tops, chains)
    closing = (alpha[chains.last] * (edge[1] - top_edge[1]).exp()).sum(1).log()
    # the sum over joint marginals of a row and the one before it is the row's own, had its state not been scaled
    before = alpha[:-1] / (total[1:] * size[chains.places[0, 1:], None])
    return Sums(closing + log_scale + shift, joint / total, before, gamma[1:], scaled=True)


def _sum_logarithms(emissions: Tensor, edge: Tensor, transitions: Tensor, chains: Chains) -> Sums:
    both = torch.stack([transitions, transitions.T])[:, None]
    inputs = emissions[chains.rows]
    state = inputs[0] + edge[:, None]
    states = [state]
    for score in inputs[1:].unbind(0):
        state = torch.logsumexp(state.unsqueeze(3) + both, 2) + score
        states.append(state)
    flat = torch.stack(states).flatten(0, 2)
    alpha, gamma = flat[chains.places[0]], flat[chains.places[1]]
    log_partition = torch.logsumexp(alpha[chains.last] + edge[1], 1)
    marginals = torch.softmax(alpha + gamma - emissions, 1)
    return Sums(log_partition, marginals, alpha[:-1] - log_partition[chains.owner[:-1], None], gamma[1:], scaled=False)


def _sum_rows(values: Tensor, chains: Chains) -> Tensor:
    """Sums [B] of values [N] over the rows of each sequence, always in the same order."""
    real = torch.arange(len(chains.rows), device=values.device)[:, None] < chains.lengths
    return (values[chains.rows[:, 0]] * real).sum(0)


def _count_moves(sums: Sums, transitions: Tensor, weights: Tensor) -> Tensor:
    """Expected transitions [T, T] with weights [N - 1] of rows and their next ones."""
    if sums.scaled:
        return (transitions - transitions.amax()).exp() * ((sums.before * weights[:, None]).T @ sums.after)
    counts = torch.zeros_like(transitions)
    linked = weights.nonzero().squeeze(1)  # of two sequences, the joint score means nothing
    for first in range(0, len(linked), ROWS):
        rows = linked[first : first + ROWS]
        joint = (sums.before[rows, :, None] + transitions + sums.after[rows, None]).exp()
        counts += (joint * weights[rows, None, None]).sum(0)
    return counts


class NegativeLogLikelihood(torch.autograd.Function):
    """log Z(x) - s(x, y) of each sequence; its gradients are the expected counts minus those of the tags."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, start: Tensor, end: Tensor, transitions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        chains = Chains.of(lengths)
        scores, begin, close, moves = (value.detach().double() for value in (emissions, start, end, transitions))
        sums = sum_paths(scores, begin, close, moves, chains)
        emitted = scores.gather(1, tags[:, None]).squeeze(1)
        moved = torch.where(chains.linked, moves[tags[:-1], tags[1:]], 0.0)
        gold = _sum_rows(emitted + torch.cat([moved.new_zeros(1), moved]), chains)
        gold = gold + begin[tags[chains.first]] + close[tags[chains.last]]
        ctx.chains, ctx.scaled = chains, sums.scaled
        ctx.dtypes = emissions.dtype, start.dtype
        ctx.save_for_backward(sums.log_partition, sums.marginals, sums.before, sums.after, moves, tags)
        result = sums.log_partition - gold
        return result if emissions.dtype == torch.float64 else result.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        log_partition, marginals, before, after, moves, tags = ctx.saved_tensors
        sums, chains = Sums(log_partition, marginals, before, after, ctx.scaled), ctx.chains
        weights = gradient.double()[chains.owner]
        observed = (tags[:, None] == torch.arange(len(moves), device=tags.device)).double()
        emitted = (sums.marginals - observed) * weights[:, None]
        linked = weights[1:] * chains.linked
        moved = _count_moves(sums, moves, linked) - (observed[:-1] * linked[:, None]).T @ observed[1:]
        emissions, own = ctx.dtypes
        begun, closed = emitted[chains.first].sum(0), emitted[chains.last].sum(0)
        return emitted.to(emissions), begun.to(own), closed.to(own), moved.to(own), None, None
