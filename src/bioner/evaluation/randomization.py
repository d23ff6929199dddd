"""Paired approximate randomization over documents, the estimator that it compares, and Holm's correction for a family of tests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bioner.evaluation.statistics import Floats, Integers, mean_present

Average = Literal["micro", "macro"]
REPLICATES = 9_999
_SAME = 1e-12


def randomization_p_values(
    models: Sequence[Sequence[Integers]],
    pairs: Sequence[tuple[int, int]],
    average: Average,
    randomizations: int = REPLICATES,
    seed: int = 0,
) -> list[float]:
    """Two-sided p-value of the difference between each pair of models: (r + 1) / (R + 1).

    Each of R randomizations swaps the two models' predictions in every document with probability 1/2, in all seeds alike; r is how
    many give a difference at least as large as the observed one, whatever its sign. (Noreen 1989; Yeh 2000, "More accurate
    tests for the statistical significance of result differences"; the + 1 as in Davison and Hinkley 1997, chapter 4.)
    The null hypothesis is that the two, as trained, are exchangeable on documents like these.

    Args:
        models: counts of each model, with the same gold.
    """
    scores = [mean_f1(model, average) for model in models]
    observed = np.abs([scores[other] - scores[one] for one, other in pairs])
    folds = [_PairedFold.of([model[fold] for model in models], pairs, average) for fold in range(len(models[0]))]
    generators = [np.random.default_rng([seed, fold]) for fold in range(len(folds))]
    extreme = np.zeros(len(pairs), dtype=np.int64)
    for size in chunk_sizes(randomizations):
        swapped = [fold.swapped(size, generator) for fold, generator in zip(folds, generators, strict=True)]
        means = mean_present(np.concatenate(swapped, axis=-1), axis=-1)
        extreme += (np.abs(means[1] - means[0]) >= observed - _SAME).sum(axis=0)
    return [(int(number) + 1) / (randomizations + 1) for number in extreme]


@dataclass(frozen=True, slots=True)
class _PairedFold:
    """Predicted and correct mentions of pairs of models in one fold, summed over types for the micro average.

    `gold` has the shape (seeds, types); `sums`, of all documents, (2, pairs, seeds, types, 2); `moves`, what goes from the second
    to the first model if a document is swapped, (documents, pairs * seeds * types * 2).
    """

    average: Average
    gold: Integers
    sums: Floats
    moves: Floats

    @classmethod
    def of(cls, models: Sequence[Integers], pairs: Sequence[tuple[int, int]], average: Average) -> _PairedFold:
        counts = np.stack(models)
        if average == "micro":
            counts = counts.sum(axis=3, keepdims=True)
        first, second = (counts[[pair[side] for pair in pairs]][..., 1:].astype(np.float64) for side in (0, 1))
        moves = (second - first).transpose(2, 0, 1, 3, 4).reshape(counts.shape[2], -1)
        return cls(average, counts[0, ..., 0].sum(axis=1), np.stack([first.sum(axis=2), second.sum(axis=2)]), moves)

    def swapped(self, number: int, generator: np.random.Generator) -> Floats:
        """F1 of both models of each pair with predictions swapped at random, shape (2, number, pairs, seeds)."""
        swaps = generator.integers(0, 2, size=(number, len(self.moves)), dtype=np.int8).astype(np.float64)
        moved = (swaps @ self.moves).reshape(number, *self.sums.shape[1:])
        both = (self.sums[0] + moved, self.sums[1] - moved)
        return np.stack([ratio(self.gold, counts[..., 0], counts[..., 1], self.average) for counts in both])


def chunk_sizes(total: int, at_once: int = 1000) -> Iterator[int]:
    """Sizes of the chunks that a number of randomizations is done in; the same for every fold."""
    for done in range(0, total, at_once):
        yield min(at_once, total - done)


def mean_f1(folds: Sequence[Integers], average: Average) -> float:
    """Mean over folds and seeds of F1, in [0, 1]; NaN where no fold has anything to score."""
    return float(mean_present(np.concatenate([f1(counts.sum(axis=1), average) for counts in folds]), axis=0))


def f1(counts: npt.NDArray[Any], average: Average) -> Floats:
    """F1 of counts of shape (..., types, 3), as `ratio` has it."""
    return ratio(counts[..., 0], counts[..., 1], counts[..., 2], average)


def ratio(gold: npt.NDArray[Any], predicted: npt.NDArray[Any], correct: npt.NDArray[Any], average: Average) -> Floats:
    """F1 = 2 correct / (gold + predicted) of counts of shape (..., types); NaN where there is nothing to score.

    Micro: of the sums over types. Macro: mean over the types that occur in gold, as everywhere in this package.
    """
    if average == "micro":
        gold, predicted, correct = (values.sum(axis=-1) for values in (gold, predicted, correct))
    total = gold + predicted
    scores = np.where(total > 0, 2.0 * correct / np.maximum(total, 1), np.nan)
    return scores if average == "micro" else mean_present(np.where(gold > 0, scores, np.nan), axis=-1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for a family of tests (Holm 1979), in the order given.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) over j <= i, at most 1: rejecting those at or below a level
    keeps the probability of any false rejection in the family at or below it, whatever the dependence between the tests.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def enough_randomizations(tests: int, *, level: float = 0.05) -> int:
    """So many that the smallest possible p-value of a family is, after Holm's correction, a fifth of the level; at least `REPLICATES`."""
    return max(REPLICATES, math.ceil(5 * tests / level) - 1)
