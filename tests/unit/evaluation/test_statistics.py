"""The bootstrap against a slow one that draws the same documents."""

from __future__ import annotations

import numpy as np
import pytest

from bioner.errors import BionerError
from bioner.evaluation.statistics import cell, document_weights, folds_of


def fold(seed: int, seeds: int, documents: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, 9, size=(1, documents)).repeat(seeds, axis=0)
    correct = generator.binomial(gold, 0.8)
    return np.stack([gold, correct + generator.integers(0, 3, size=correct.shape), correct], axis=-1)


def naive(folds: list[np.ndarray], replicates: int, seed: int) -> list[list[float]]:
    """Means of precision, recall and F1 over folds and seeds, replicate by replicate, document by document."""
    weights = [document_weights(replicates, counts.shape[1], np.random.default_rng([seed, k])) for k, counts in enumerate(folds)]
    results = []
    for replicate in range(replicates):
        scores = []
        for counts, weight in zip(folds, weights, strict=True):
            for run in counts:
                gold = predicted = correct = 0
                for times, row in zip(weight[replicate], run, strict=True):
                    gold, predicted, correct = gold + times * row[0], predicted + times * row[1], correct + times * row[2]
                precision, recall = correct / predicted, correct / gold
                scores.append((precision, recall, 2 * precision * recall / (precision + recall)))
        results.append([sum(score[i] for score in scores) / len(scores) for i in range(3)])
    return results


def test_equals_a_slow_loop():
    folds = [fold(1, 2, 30), fold(2, 2, 23), fold(3, 1, 17)]
    found = cell(folds, replicates=60, seed=5)
    means = np.array(naive(folds, 60, 5))
    for i, estimate in enumerate((found.precision, found.recall, found.f1)):
        assert (estimate.low, estimate.high) == pytest.approx(np.percentile(means[:, i], [2.5, 97.5]))
    f1 = [2 * run[:, 2].sum() / (run[:, 0].sum() + run[:, 1].sum()) for counts in folds for run in counts]
    assert found.f1.mean == pytest.approx(np.mean(f1))
    assert found.f1.standard_deviation == pytest.approx(np.std(f1, ddof=1))
    assert (found.folds, found.runs) == (3, 5)


def test_weights_are_draws_with_replacement():
    weights = document_weights(2000, 10, np.random.default_rng(1))
    assert (weights.sum(axis=1) == 10).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.1)
    assert weights.var() == pytest.approx(0.9, abs=0.05)


def test_interval_holds_the_mean_and_shrinks_with_documents():
    widths = []
    for documents in (50, 800):
        f1 = cell([fold(7, 1, documents)]).f1
        assert f1.low < f1.mean < f1.high
        widths.append(f1.high - f1.low)
    assert 2 < widths[0] / widths[1] < 8


def test_same_seed_same_interval_other_seed_another():
    folds = [fold(1, 1, 40)]
    assert cell(folds, seed=3) == cell(folds, seed=3)
    assert cell(folds, seed=3).f1.low != cell(folds, seed=4).f1.low


def test_chunks_change_nothing(monkeypatch):
    folds = [fold(1, 2, 40)]
    whole = cell(folds, replicates=101)
    monkeypatch.setattr("bioner.evaluation.statistics._WEIGHTS_AT_ONCE", 4 * 40)
    assert cell(folds, replicates=101) == whole


def test_one_value_has_no_deviation_and_nothing_no_estimate():
    assert cell([fold(1, 1, 9)]).f1.standard_deviation is None
    empty = cell([np.zeros((1, 4, 3), dtype=np.int64)])
    assert empty.f1.mean is empty.f1.low is empty.f1.high is None


def test_missed_everything_is_zero():
    counts = np.zeros((1, 4, 3), dtype=np.int64)
    counts[..., 0] = 2
    f1 = cell([counts]).f1
    assert (f1.mean, f1.low, f1.high) == (0.0, 0.0, 0.0)


def test_folds_of_rows():
    rows = [
        {"fold": "1", "seed": "2", "document": "b", "gold": "3", "predicted": "2", "correct": "1"},
        {"fold": "0", "seed": "1", "document": "z", "gold": "9", "predicted": "8", "correct": "7"},
        {"fold": "1", "seed": "1", "document": "b", "gold": "3", "predicted": "3", "correct": "2"},
        {"fold": "1", "seed": "1", "document": "a", "gold": "1", "predicted": "1", "correct": "0"},
        {"fold": "1", "seed": "2", "document": "a", "gold": "1", "predicted": "0", "correct": "0"},
    ]
    folds = folds_of(rows)
    assert [counts.tolist() for counts in folds] == [[[[9, 8, 7]]], [[[1, 1, 0], [3, 3, 2]], [[1, 0, 0], [3, 2, 1]]]]
    with pytest.raises(BionerError, match="'z'"):
        folds_of([*rows, rows[1]])
    with pytest.raises(BionerError, match="fold 1"):
        folds_of(rows[:-1])


@pytest.mark.parametrize("folds", [[], [np.zeros((1, 0, 3), dtype=np.int64)], [np.zeros((4, 3), dtype=np.int64)]])
def test_shape_is_checked(folds):
    with pytest.raises(BionerError, match="seeds, documents, 3"):
        cell(folds)
