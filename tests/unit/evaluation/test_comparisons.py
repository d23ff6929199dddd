"""Paired tests against exact enumeration, scipy's permutation test, slow loops and the scorer."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.comparisons import Sample, bootstrap_means, check_paired, cohen_h, compare, compare_pairs
from bioner.evaluation.groups import type_rows
from bioner.evaluation.randomization import enough_randomizations, f1, holm, mean_f1, randomization_p_values
from bioner.evaluation.scoring import score_documents
from bioner.evaluation.statistics import cell


def randomization_p(first, second, average, randomizations=9999, seed=0) -> float:
    return randomization_p_values([first, second], [(0, 1)], average, randomizations, seed)[0]


def pair(seed: int, *, seeds: int = 1, documents: int = 9, types: int = 1, skills: tuple[float, float] = (0.7, 0.8)) -> list[np.ndarray]:
    """One fold of two models on the same gold."""
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, 7, size=(1, documents, types)).repeat(seeds, axis=0)
    models = []
    for skill in skills:
        correct = generator.binomial(gold, skill)
        models.append(np.stack([gold, correct + generator.integers(0, 3, size=correct.shape), correct], axis=-1))
    return models


def naive_f1(rows: np.ndarray, average: str) -> float:
    """Of counts of shape (documents, types, 3), type by type."""
    gold, predicted, correct = rows.sum(axis=0).T
    if average == "micro":
        return float(2 * correct.sum() / (gold.sum() + predicted.sum()))
    return float(np.mean([2 * c / (g + p) for g, p, c in zip(gold, predicted, correct, strict=True) if g]))


def exact_p(folds: list[list[np.ndarray]], average: str) -> float:
    """Share of all ways to swap documents that differ at least as much as the observed."""

    def difference(swaps):
        found = []
        for k, models in enumerate(folds):
            swapped = [model.copy() for model in models]
            for document, swap in enumerate(swaps[k]):
                if swap:
                    swapped[0][:, document], swapped[1][:, document] = models[1][:, document], models[0][:, document]
            found += [naive_f1(b, average) - naive_f1(a, average) for a, b in zip(*swapped, strict=True)]
        return abs(sum(found) / len(found))

    sizes = [models[0].shape[1] for models in folds]
    observed = difference([[0] * size for size in sizes])
    every = [difference([flat[: sizes[0]], flat[sizes[0] :]]) for flat in product((0, 1), repeat=sum(sizes))]
    return sum(value >= observed - 1e-12 for value in every) / len(every)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_p_value_is_the_exact_one_within_its_error(average):
    folds = [pair(1, seeds=2, documents=6, types=2), pair(2, seeds=2, documents=5, types=2)]
    first, second = zip(*folds, strict=True)
    exact = exact_p(folds, average)
    assert 0.05 < exact < 0.95
    found = randomization_p(first, second, average, randomizations=9999)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999))
    assert randomization_p(first, second, average, randomizations=999, seed=3) != randomization_p(
        first, second, average, randomizations=999, seed=4
    )


def test_p_value_is_that_of_scipy():
    first, second = (model[0, :, 0] for model in pair(5, documents=11))

    def statistic(one, other, axis=-1):
        # positions of documents stand for their counts
        rows = np.concatenate([first, second])
        sums = [np.take(rows, places.astype(int), axis=0).sum(axis=-2) for places in (one, other)]
        return np.subtract(*(2 * s[..., 2] / (s[..., 0] + s[..., 1]) for s in sums))

    places = np.arange(11.0), np.arange(11.0, 22.0)
    exact = stats.permutation_test(places, statistic, permutation_type="samples", vectorized=True, n_resamples=np.inf).pvalue
    found = randomization_p([first[None, :, None]], [second[None, :, None]], "micro", randomizations=9999)
    assert found == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_pairs_together_are_the_pairs_alone(average):
    """Several models at once: each pair has the differences, intervals and p-values that it has by itself."""
    models = [pair(4, seeds=2, documents=30, types=3, skills=(0.7, skill))[1] for skill in (0.7, 0.75, 0.72, 0.9)]
    gold = models[0][..., 0]
    models = [np.stack([gold, *np.moveaxis(model, -1, 0)[1:]], axis=-1) for model in models]
    samples = [Sample.of([model[:, :17], model[:, 17:]], average) for model in models]
    pairs = [(0, 1), (2, 0), (1, 3), (2, 3)]
    together = compare_pairs(samples, pairs, randomizations=1500)
    assert together == [compare(samples[one], samples[other], randomizations=1500) for one, other in pairs]
    assert len({result.p for result in together}) > 1
    assert compare_pairs(samples, []) == []


def test_equal_models_have_p_one_and_better_ones_the_smallest():
    first, second = pair(1, documents=60, skills=(0.2, 0.95))
    same = compare(Sample.of([first], "micro"), Sample.of([first], "micro"), randomizations=99)
    assert (same.p, same.low, same.high, same.difference, same.cohen_h) == (1.0, 0.0, 0.0, 0.0, 0.0)
    better = compare(Sample.of([first], "micro"), Sample.of([second], "micro"), randomizations=99)
    assert better.p == 0.01 and 0 < better.low < better.difference < better.high
    turned = compare(Sample.of([second], "micro"), Sample.of([first], "micro"), randomizations=99)
    assert (turned.p, turned.low, turned.difference) == (better.p, -better.high, -better.difference)


def test_p_values_are_uniform_where_models_do_not_differ():
    found = [
        randomization_p(*([model] for model in pair(seed, documents=40, skills=(0.7, 0.7))), "micro", 199, seed) for seed in range(300)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)
    assert 0.01 < np.mean(np.array(found) <= 0.05) < 0.1


def test_bootstrap_is_that_of_the_cells():
    folds = [pair(1, seeds=2, documents=30)[0], pair(2, seeds=2, documents=23)[0]]
    resampled = bootstrap_means(folds, "micro", resamples=200, seed=5)
    estimate = cell([counts[:, :, 0] for counts in folds], replicates=200, seed=5).f1
    assert np.percentile(resampled, [2.5, 97.5]) == pytest.approx([estimate.low, estimate.high])
    assert mean_f1(folds, "micro") == pytest.approx(estimate.mean)


def test_resamples_of_two_models_draw_the_same_documents():
    """A second model that is right in the same documents, and once more in each: the difference varies far less than either score."""
    first, _ = pair(1, documents=40, skills=(0.5, 0.5))
    second = first.copy()
    second[..., 1:] += (first[..., :1] > first[..., 2:]).astype(np.int64)
    samples = [Sample.of([model], "micro") for model in (first, second)]
    result = compare(*samples, randomizations=9)
    assert 0 < result.high - result.low < 0.6 * min(np.subtract(*np.percentile(sample.resampled, [97.5, 2.5])) for sample in samples)


def test_micro_and_macro_are_those_of_the_scorer(wild_documents):
    pairs = [
        (Document(f"d{i}", g.text, g.mentions), Document(f"d{i}", p.text, p.mentions)) for i, (g, p) in enumerate(wild_documents(3, 40))
    ]
    rows = score_documents([gold for gold, _ in pairs], [predicted for _, predicted in pairs]).rows()
    expected = {row["average"]: row["value"] for row in rows if (row["definition"], row["metric"]) == ("strict", "f1")}
    typed = type_rows(pairs)
    types, names = sorted({row["type"] for row in typed}), [gold.id for gold, _ in pairs]
    counts = np.zeros((1, len(names), len(types), 3), dtype=np.int64)
    for row in typed:
        counts[0, names.index(row["document"]), types.index(row["type"])] = [row["gold"], row["predicted"], row["correct"]]
    assert mean_f1([counts], "micro") == pytest.approx(expected["micro"])
    assert mean_f1([counts], "macro") == pytest.approx(expected["macro"])


def test_types_that_gold_lacks_are_no_part_of_the_macro_mean():
    counts = np.array([[4, 4, 2], [0, 3, 0], [0, 0, 0]])
    assert f1(counts, "macro") == 0.5
    assert f1(counts, "micro") == pytest.approx(4 / 11)
    assert math.isnan(f1(counts[1:], "macro")) and math.isnan(f1(counts[2:], "micro"))


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.999))
def test_holm_rejects_what_its_steps_reject(p_values, level):
    """Step down from the smallest as long as each is at most level / (tests left)."""
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    going = True
    for rank, index in enumerate(order):
        scaled = (len(order) - rank) * p_values[index]
        going = going and scaled <= level
        assert (adjusted[index] <= level) == going
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [adjusted[index] for index in order] == sorted(adjusted)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_randomizations_grow_with_the_family():
    assert enough_randomizations(1) == 9999
    for tests in (100, 150, 1000):
        assert tests / (enough_randomizations(tests) + 1) <= 0.0101


def test_effect_size():
    assert cohen_h(0.5, 0.75) == pytest.approx(math.pi / 6)
    assert cohen_h(0.75, 0.5) == -cohen_h(0.5, 0.75)
    assert (cohen_h(0.0, 1.0), cohen_h(0.3, 0.3)) == (pytest.approx(math.pi), 0.0)


def test_models_on_other_documents_are_refused():
    first, second = pair(1)
    with pytest.raises(BionerError, match="folds of the same shape"):
        check_paired([first], [second[:, 1:]])
    other = second.copy()
    other[0, 3, 0, 0] += 1
    with pytest.raises(BionerError, match="the same gold"):
        compare(Sample.of([first], "micro"), Sample.of([other], "micro"))
    with pytest.raises(BionerError, match="found none"):
        Sample.of([np.zeros((1, 3, 1, 3), dtype=np.int64)], "micro")
    with pytest.raises(BionerError, match="shape"):
        Sample.of([], "micro")
