"""The table of linking: what links to an ontology and to ICD-10-CM are worth, for gold mentions and for predicted ones."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.evaluation.columns import KEYS, LINKS
from bioner.reporting.cells import Row, percent
from bioner.reporting.collected import csv_rows, to_number
from bioner.reporting.settings import DEMO_NOTE, ReportSettings

COUNTS = ("number", "with_concepts", "mapped", "given", "right", "ambiguous", "unknown", "uncoded")
RATIOS = ("precision", "recall", "f1")
LINKING_COLUMNS = ("dataset", "mentions", "model", "level", *COUNTS, *RATIOS, "folds", "seeds", "note")
LINKING_HEADINGS = {
    "mentions": "Mentions",
    "level": "Level",
    "number": "Number",
    "with_concepts": "Gold with concepts",
    "mapped": "Gold that maps",
    "given": "Links",
    "right": "Right",
    "ambiguous": "Ambiguous",
    "unknown": "Unknown",
    "uncoded": "Without code",
}
GOLD = "gold"

Group = tuple[str, str, str, str]
"""Dataset, what mentions they are, model (empty for gold ones), level."""


def linking_rows(*, settings: ReportSettings, paths: Iterable[str | Path], missing: str | None) -> list[Row]:
    """Means over folds and seeds of the ratios, in percent; counts added over folds, as means over seeds.

    Without an ontology there is one row a corpus, which says so. Gold mentions do not depend on the model: one row a corpus and level.

    Args:
        paths: tables of single runs, as `link` writes them.
        missing: why there is no ontology; None where there is one.

    Raises:
        BionerError: a file is missing or malformed, with its line.
    """
    if missing is not None:
        return [_empty(dataset.title, missing) for dataset in settings.datasets.values() if dataset.missing is None]
    groups: dict[Group, dict[tuple[str, str], dict[str, float | None]]] = {}
    for path in paths:
        for place, cells in csv_rows(path, (*KEYS, *LINKS)):
            row = dict(zip((*KEYS, *LINKS), cells, strict=True))
            gold = row["mentions"] == GOLD
            group = (row["dataset"], row["mentions"], "" if gold else row["model"], row["level"])
            values = {name: to_number(row[name], place) if row[name] else None for name in (*COUNTS, *RATIOS)}
            groups.setdefault(group, {}).setdefault((row["fold"], "" if gold else row["seed"]), values)
    order = list(settings.datasets)
    chosen = sorted(groups, key=lambda group: (order.index(group[0]), group[1] != GOLD, group[3] != "term"))
    return [_row(settings, group, groups[group]) for group in chosen]


def _row(settings: ReportSettings, group: Group, runs: Mapping[tuple[str, str], Mapping[str, Any]]) -> Row:
    dataset, mentions, model, level = group
    seeds = {seed for _, seed in runs}
    counts = {name: f"{sum(values[name] for values in runs.values()) / len(seeds):.0f}" for name in COUNTS}
    ratios = {name: percent(_mean([values[name] for values in runs.values()])) for name in RATIOS}
    return {
        "dataset": settings.datasets[dataset].title,
        "mentions": mentions,
        "model": model,
        "level": level,
        **counts,
        **ratios,
        "folds": str(len({fold for fold, _ in runs})),
        "seeds": "" if mentions == GOLD else str(len(seeds)),
        "note": DEMO_NOTE if settings.demo else "",
    }


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None


def _empty(dataset: str, missing: str) -> Row:
    return dict.fromkeys(LINKING_COLUMNS, "") | {"dataset": dataset, "note": missing}
