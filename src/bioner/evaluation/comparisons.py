"""Whether two models differ: an interval of the difference by paired bootstrap, a p-value by paired randomization, an effect size.

A model's counts are one array a fold, of shape (seeds, documents, types, 3): gold, predicted and correct mentions (strict) on the
last axis. The estimator is that of every table: the mean over folds and seeds of the fold's F1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bioner.errors import BionerError
from bioner.evaluation.randomization import REPLICATES, Average, chunk_sizes, f1, mean_f1, randomization_p_values
from bioner.evaluation.statistics import Floats, Integers, document_weights, mean_present

_WEIGHTS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A second model against a first one, in F1.

    `difference` is second minus first, with its interval by paired bootstrap; `p` is two-sided, by paired approximate randomization.
    """

    first: float
    second: float
    low: float
    high: float
    p: float

    @property
    def difference(self) -> float:
        return self.second - self.first

    @property
    def cohen_h(self) -> float:
        return cohen_h(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Sample:
    """A model's counts, one array of shape (seeds, documents, types, 3) a fold; its F1; and the F1 of each bootstrap resample."""

    folds: Sequence[Integers]
    average: Average
    f1: float
    resampled: Floats

    @classmethod
    def of(cls, folds: Sequence[Integers], average: Average, *, resamples: int = 1000, seed: int = 0) -> Sample:
        """What `compare` needs of a model, once for all its comparisons.

        Args:
            average: `micro`: one F1 over all types; `macro`: the mean over the types that occur in gold.
            resamples: of the bootstrap, drawn as `bioner.evaluation.statistics.cell` draws them.

        Raises:
            BionerError: nothing to score.
        """
        if not folds or any(counts.ndim != 4 or 0 in counts.shape[:3] or counts.shape[3] != 3 for counts in folds):
            raise BionerError(
                f"expected folds of shape (seeds, documents, types, 3), got {[counts.shape for counts in folds]}; score the runs first"
            )
        score = mean_f1(folds, average)
        if math.isnan(score):
            raise BionerError("expected documents with gold or predicted mentions, found none; check the predictions")
        return cls(folds, average, score, bootstrap_means(folds, average, resamples, seed))


def compare(first: Sample, second: Sample, *, randomizations: int = REPLICATES, seed: int = 0) -> Comparison:
    """A second model against a first one; see `compare_pairs`."""
    return compare_pairs([first, second], [(0, 1)], randomizations=randomizations, seed=seed)[0]


def compare_pairs(
    samples: Sequence[Sample], pairs: Sequence[tuple[int, int]], *, randomizations: int = REPLICATES, seed: int = 0, level: float = 0.95
) -> list[Comparison]:
    """Pairs of models on the same documents, folds and seeds, by the same average; all by the same draws, which costs little more than one.

    Args:
        pairs: positions of the first and the second model.
        randomizations: R; p-values are at least 1 / (R + 1).
        level: of the intervals.

    Raises:
        BionerError: the models were not scored on the same documents, folds and seeds.
    """
    if not pairs:
        return []
    for sample in samples[1:]:
        check_paired(samples[0].folds, sample.folds)
        assert samples[0].average == sample.average
    p_values = randomization_p_values([sample.folds for sample in samples], pairs, samples[0].average, randomizations, seed)
    tail = 100 * (1 - level) / 2
    found = []
    for (one, other), p in zip(pairs, p_values, strict=True):
        differences = samples[other].resampled - samples[one].resampled
        low, high = np.percentile(differences[~np.isnan(differences)], [tail, 100 - tail])
        found.append(Comparison(samples[one].f1, samples[other].f1, float(low), float(high), p))
    return found


def check_paired(first: Sequence[Integers], second: Sequence[Integers]) -> None:
    """BionerError unless both have the same folds, seeds, documents and types, and the same gold."""
    shapes = [[counts.shape for counts in model] for model in (first, second)]
    if shapes[0] != shapes[1]:
        raise BionerError(
            f"expected two models with folds of the same shape (seeds, documents, types, 3), got {shapes[0]} and {shapes[1]}; "
            "score both on the same folds and seeds"
        )
    if any((one[..., 0] != other[..., 0]).any() for one, other in zip(first, second, strict=True)):
        raise BionerError("expected two models scored against the same gold, found other counts of gold mentions; run score again")


def bootstrap_means(folds: Sequence[Integers], average: Average, resamples: int = 1000, seed: int = 0) -> Floats:
    """The estimator of each resample, shape (resamples,); NaN where a resample has nothing to score.

    Documents are drawn within folds, the same ones for all seeds; of two models with the same seed and folds of the same sizes the
    n-th resample has the same documents, so that the difference of their means is a paired bootstrap.
    """
    scores = []
    for fold, counts in enumerate(folds):
        seeds, documents, types, _ = counts.shape
        generator = np.random.default_rng([seed, fold])
        flat = _by_document(counts)
        size = max(1, _WEIGHTS_AT_ONCE // documents)
        sums = [document_weights(number, documents, generator) @ flat for number in chunk_sizes(resamples, size)]
        scores.append(f1(np.concatenate(sums).reshape(resamples, seeds, types, 3), average))
    return mean_present(np.concatenate(scores, axis=1), axis=1)


def cohen_h(first: float, second: float) -> float:
    """Cohen's h = 2 arcsin sqrt(second) - 2 arcsin sqrt(first) (Cohen 1988, chapter 6), in [-pi, pi].

    F1 is a proportion: of all gold and predicted mentions together, those that have their partner. By Cohen's
    convention 0.2 is a small, 0.5 a medium and 0.8 a large effect.
    """
    return 2 * math.asin(math.sqrt(second)) - 2 * math.asin(math.sqrt(first))


def _by_document(counts: Integers) -> Floats:
    """Counts of shape (seeds, documents, types, 3) as (documents, seeds * types * 3); float64 holds them exactly and multiplies by BLAS."""
    return counts.transpose(1, 0, 2, 3).reshape(counts.shape[1], -1).astype(np.float64)
