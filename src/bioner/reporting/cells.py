"""From values by run to the cells of a table: which systems, their mean and deviation, printed how."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from bioner.errors import BionerError
from bioner.reporting.collected import FoldSeed, Scores, System
from bioner.reporting.settings import ReportSettings

Row = Mapping[str, str]
"""A table's row of printed cells, by column."""


def percent(value: float | None) -> str:
    """A ratio in [0, 1] as a percentage with two decimals; nothing for None."""
    return "" if value is None else f"{100 * value:.2f}"


def mean(values: Mapping[FoldSeed, float]) -> float | None:
    """Mean over folds and seeds; None without values."""
    return statistics.fmean(values.values()) if values else None


def deviation(values: Mapping[FoldSeed, float]) -> float | None:
    """Sample standard deviation over folds and seeds (n - 1); None for fewer than two values."""
    return statistics.stdev(values.values()) if len(values) > 1 else None


def count_folds(runs: Iterable[FoldSeed]) -> int:
    return len({fold for fold, _ in runs})


def count_seeds(runs: Iterable[FoldSeed]) -> int:
    return len({seed for _, seed in runs})


def select_attacks(settings: ReportSettings, scores: Scores, system: System) -> list[str]:
    """The experiment's attacks that a system was scored under, sorted; a run can have those of other experiments too."""
    return [attack for attack in scores.attacks(system) if attack in settings.attacks]


def select_systems(settings: ReportSettings, systems: Iterable[System]) -> list[System]:
    """The experiment's systems in the order of its settings: datasets first, then models.

    A dataset collected under several protocols is shown under the experiment's own. Raises
    BionerError where a system of the experiment has no rows, or the protocol cannot be told.
    """
    found = set(systems)
    selected: list[System] = []
    for dataset in settings.datasets.values():
        if dataset.missing is not None:
            continue
        protocols = sorted({protocol for name, protocol, _ in found if name == dataset.name})
        if len(protocols) > 1 and settings.protocol not in protocols:
            raise BionerError(
                f"{dataset.name}: expected rows of one protocol, or of the experiment's ({settings.protocol or 'none given'}), "
                f"found {', '.join(protocols)}; name the protocol in the settings"
            )
        protocol = settings.protocol if len(protocols) > 1 else "".join(protocols)
        for model in settings.models:
            if (dataset.name, protocol, model) not in found:
                raise BionerError(f"{dataset.name}, {model}: expected collected rows, found none; run the rule collect again")
            selected.append((dataset.name, protocol, model))
    return selected
