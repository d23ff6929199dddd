"""The estimator of a table cell: mean over folds and seeds, with a bootstrap interval over documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bioner.errors import BionerError

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

METRICS = ("precision", "recall", "f1")
_WEIGHTS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over folds and seeds in [0, 1], its standard deviation and its interval.

    `standard_deviation` (ddof = 1, over the values of folds and seeds) is None with fewer than two
    values; everything is None when no fold has anything to count.
    """

    mean: float | None
    standard_deviation: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Strict micro scores of one model on one dataset; `runs` is the number of folds times seeds."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    folds: int
    runs: int


def cell(folds: Sequence[Integers], *, replicates: int = 1000, seed: int = 0, level: float = 0.95) -> Cell:
    """Mean over folds and seeds of the micro scores, with a percentile bootstrap interval.

    One replicate draws, within each fold, as many documents as it has, with replacement, the same
    ones for all seeds; it computes the micro scores of each fold and seed and takes their mean.
    The interval holds the middle `level` of the replicates. A fold and seed without gold and
    predictions (as a replicate can be) is left out of the mean.

    Args:
        folds: for each fold the counts of its documents, shape (seeds, documents, 3), where the last
            axis is gold, predicted, correct; folds may differ in documents and in seeds.
        replicates: number of resamples.
        seed: of the resamples; the same seed and folds give the same interval.

    Raises:
        BionerError: no folds, or a fold without documents or seeds.
    """
    if not folds or any(counts.ndim != 3 or counts.shape[2] != 3 or not counts.size for counts in folds):
        shapes = [counts.shape for counts in folds]
        raise BionerError(f"expected folds of shape (seeds, documents, 3) with at least one of each, got {shapes}; score the runs first")
    points = np.concatenate([_ratios(counts.sum(axis=1)) for counts in folds])
    samples = np.concatenate([_resampled(counts, replicates, np.random.default_rng([seed, k])) for k, counts in enumerate(folds)], axis=1)
    means = mean_present(samples, axis=1)
    tail = 100 * (1 - level) / 2
    estimates = {metric: _estimate(points[:, i], means[:, i], tail) for i, metric in enumerate(METRICS)}
    return Cell(**estimates, folds=len(folds), runs=len(points))


def folds_of(rows: Iterable[Mapping[str, Any]]) -> list[Integers]:
    """The argument of `cell` out of rows of documents.csv (of one dataset, protocol, model and attack).

    Raises:
        BionerError: a document occurs twice in a fold and seed, or seeds of a fold hold different
            documents.
    """
    table: dict[int, dict[int, dict[str, tuple[int, int, int]]]] = {}
    for row in rows:
        documents = table.setdefault(int(row["fold"]), {}).setdefault(int(row["seed"]), {})
        if row["document"] in documents:
            raise BionerError(
                f"expected one row for document {row['document']!r} in fold {row['fold']}, seed {row['seed']}, found two; "
                "select one dataset, protocol, model and attack"
            )
        documents[row["document"]] = (int(row["gold"]), int(row["predicted"]), int(row["correct"]))
    return [_fold(number, table[number]) for number in sorted(table)]


def _fold(number: int, seeds: Mapping[int, Mapping[str, tuple[int, int, int]]]) -> Integers:
    names = sorted(seeds[min(seeds)])
    for seed, documents in seeds.items():
        if sorted(documents) != names:
            raise BionerError(
                f"expected the documents of seed {min(seeds)} in every seed of fold {number}, got others in seed {seed}; run score again"
            )
    return np.array([[seeds[seed][name] for name in names] for seed in sorted(seeds)], dtype=np.int64)


def _resampled(counts: Integers, replicates: int, generator: np.random.Generator) -> Floats:
    """Scores of one fold under resampling, shape (replicates, seeds, 3)."""
    seeds, documents, _ = counts.shape
    # float64 holds these integers exactly and multiplies by BLAS, which integers do not
    flat = counts.transpose(1, 0, 2).reshape(documents, seeds * 3).astype(np.float64)
    chunk = max(1, _WEIGHTS_AT_ONCE // documents)
    sums = [document_weights(min(chunk, replicates - done), documents, generator) @ flat for done in range(0, replicates, chunk)]
    return _ratios(np.concatenate(sums).reshape(replicates, seeds, 3))


def document_weights(replicates: int, documents: int, generator: np.random.Generator) -> Floats:
    """How often each replicate drew each document, shape (replicates, documents); each row adds up to `documents`."""
    drawn = generator.integers(documents, size=(replicates, documents)) + documents * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=replicates * documents).reshape(replicates, documents).astype(np.float64)


def _ratios(sums: npt.NDArray[Any]) -> Floats:
    """Precision, recall and F1 from gold, predicted and correct on the last axis.

    A denominator of zero gives 0.0; neither gold nor predictions gives NaN, which means leave out.
    """
    gold, predicted, correct = (sums[..., i].astype(np.float64) for i in range(3))
    pairs = ((correct, predicted), (correct, gold), (2 * correct, gold + predicted))
    ratios = np.stack([numerator / np.maximum(denominator, 1) for numerator, denominator in pairs], axis=-1)
    ratios[gold + predicted == 0] = np.nan
    return ratios


def mean_present(values: Floats, axis: int) -> Floats:
    """Mean of what is not NaN; NaN where all is."""
    present = ~np.isnan(values)
    number = present.sum(axis=axis)
    total = np.where(present, values, 0.0).sum(axis=axis)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _estimate(points: Floats, means: Floats, tail: float) -> Estimate:
    points, means = points[~np.isnan(points)], means[~np.isnan(means)]
    if not len(points):
        return Estimate(None, None, None, None)
    deviation = float(points.std(ddof=1)) if len(points) > 1 else None
    # with few documents that hold anything, a handful of replicates may all be empty
    bounds = [float(bound) for bound in np.percentile(means, [tail, 100 - tail])] if len(means) else [None, None]
    return Estimate(float(points.mean()), deviation, *bounds)
