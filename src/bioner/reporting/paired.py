"""Every pair of an experiment's models, compared: on clean and attacked test sets, by micro and macro F1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bioner.errors import BionerError
from bioner.evaluation.comparisons import Comparison, Sample, compare_pairs
from bioner.evaluation.randomization import Average, enough_randomizations, holm
from bioner.evaluation.statistics import Integers, folds_of
from bioner.reporting.cells import mean, select_attacks, select_systems
from bioner.reporting.collected import CLEAN, Cell, Counts, FoldSeed, Scores, System
from bioner.reporting.intervals import TOLERANCE
from bioner.reporting.settings import ReportSettings
from bioner.reporting.tallies import Types


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models of one dataset under one condition; `p_holm` is corrected for the family of `tests` tests on that dataset."""

    dataset: str
    attack: str
    average: Average
    first: str
    second: str
    result: Comparison
    p_holm: float
    tests: int
    folds: int
    seeds: int


def compare_models(*, settings: ReportSettings, scores: Scores, counts: Counts, types: Types) -> list[Compared]:
    """All pairs of models of each dataset, in the order of the settings.

    Micro F1 under every condition that both were scored under, and macro F1 on the clean test set of a dataset with more than one
    type. The family of Holm's correction is all of these tests of one dataset. The number of randomizations is chosen such that
    the smallest possible p-value stays far below 0.05 after it.

    Raises:
        BionerError: two models were not scored on the same documents, or the counts of types.csv are not those of documents.csv.
    """
    systems = select_systems(settings, scores.systems())
    found: list[Compared] = []
    for dataset in dict.fromkeys(system[0] for system in systems):
        found += _family(settings, [system for system in systems if system[0] == dataset], scores, counts, types)
    return found


def _family(settings: ReportSettings, systems: Sequence[System], scores: Scores, counts: Counts, types: Types) -> list[Compared]:
    """The comparisons of one dataset."""
    samples = dict(_samples(settings, systems, scores, counts, types))
    # models of the dataset by condition and average
    conditions: dict[tuple[str, Average], list[System]] = {}
    for system, attack, average in samples:
        conditions.setdefault((attack, average), []).append(system)
    tests = sum(math.comb(len(found), 2) for found in conditions.values())
    rows: list[tuple[str, Average, System, System, Comparison]] = []
    for (attack, average), found in conditions.items():
        pairs = list(combinations(range(len(found)), 2))
        try:
            results = compare_pairs([samples[s, attack, average] for s in found], pairs, randomizations=enough_randomizations(tests))
        except BionerError as error:
            raise BionerError(f"{systems[0][0]}, {attack}, {', '.join(system[2] for system in found)}: {error}") from error
        rows += [(attack, average, found[one], found[other], result) for (one, other), result in zip(pairs, results, strict=True)]
    adjusted = holm([result.p for *_, result in rows])
    return [
        Compared(first[0], attack, average, first[2], second[2], result, p_holm, tests, *_sizes(counts[first, attack]))
        for (attack, average, first, second, result), p_holm in zip(rows, adjusted, strict=True)
    ]


def macro_interval(*, scores: Scores, counts: Counts, types: Types, system: System) -> tuple[float, float] | None:
    """Low and high bound of the strict macro F1 on the clean test set, in [0, 1], as those of micro scores; None where gold has no mention.

    Raises BionerError where the counts by type do not give the collected score.
    """
    names = sorted({kind for run in types.get(system, {}).values() for _, kind in run})
    scored = mean(scores.by_run(system, Cell("strict", "macro", "", "f1")))
    if not names or scored is None:
        return None
    sample = Sample.of(macro_folds(counts, types, system, names), "macro")
    if abs(sample.f1 - scored) > TOLERANCE:
        raise BionerError(
            f"{', '.join(system)}: expected types.csv to give the macro F1 of scores.csv, {scored:.6f}, found {sample.f1:.6f}; "
            "run the rules score and collect again"
        )
    low, high = np.percentile(sample.resampled[~np.isnan(sample.resampled)], [2.5, 97.5])
    return float(low), float(high)


def _sizes(runs: Mapping[FoldSeed, object]) -> tuple[int, int]:
    return len({fold for fold, _ in runs}), len({seed for _, seed in runs})


def _samples(
    settings: ReportSettings, systems: Sequence[System], scores: Scores, counts: Counts, types: Types
) -> Iterator[tuple[tuple[System, str, Average], Sample]]:
    """What each model is compared by: clean ones first, then under each attack."""
    if len(systems) < 2:
        return
    names = sorted({kind for system in systems for run in types.get(system, {}).values() for _, kind in run})
    for system in systems:
        micro = micro_folds(counts, system, CLEAN)
        yield (system, CLEAN, "micro"), Sample.of(micro, "micro")
        if len(names) > 1:
            yield (system, CLEAN, "macro"), Sample.of(macro_folds(counts, types, system, names), "macro")
    for attack in sorted({attack for system in systems for attack in select_attacks(settings, scores, system)}):
        for system in systems:
            if (system, attack) in counts:
                yield (system, attack, "micro"), Sample.of(micro_folds(counts, system, attack), "micro")


def micro_folds(counts: Counts, system: System, attack: str) -> list[Integers]:
    """Counts of each fold, all types together, shape (seeds, documents, 1, 3)."""
    rows = (
        {"fold": fold, "seed": seed, "document": document, "gold": gold, "predicted": predicted, "correct": correct}
        for (fold, seed), entries in counts.get((system, attack), {}).items()
        for document, gold, predicted, correct in entries
    )
    return [fold[:, :, None, :] for fold in folds_of(rows)]


def macro_folds(counts: Counts, types: Types, system: System, names: Sequence[str]) -> list[Integers]:
    """Counts of each fold by type, shape (seeds, documents, types, 3), on the clean test set.

    Raises BionerError where those of the types do not add up to the document's.
    """
    runs, typed = counts.get((system, CLEAN), {}), types.get(system, {})
    folds: dict[int, list[Integers]] = {}
    for (fold, seed), entries in sorted(runs.items()):
        found = typed.get((fold, seed), {})
        array = np.array([[found.get((entry[0], name), (0, 0, 0)) for name in names] for entry in entries], dtype=np.int64)
        if (array.sum(axis=1) != np.array([entry[1:] for entry in entries])).any():
            raise BionerError(
                f"{', '.join(system)}, fold {fold}, seed {seed}: expected the counts of types.csv to add up to those of documents.csv, "
                "found others; run the rules score and collect again"
            )
        folds.setdefault(fold, []).append(array)
    return [np.stack(arrays) for arrays in folds.values()]
