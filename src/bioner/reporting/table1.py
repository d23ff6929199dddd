"""The rows of Table 1: published ones as printed, reproduced ones beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bioner.errors import BionerError, ConfigError
from bioner.reporting.cells import Row, count_folds, count_seeds, mean, percent, select_systems
from bioner.reporting.collected import CLEAN, STRICT_F1, Cell, Scores, System
from bioner.reporting.headings import HEADINGS
from bioner.reporting.intervals import Intervals
from bioner.reporting.published import PublishedRow, audit_row, read_published
from bioner.reporting.settings import DEMO_NOTE, DatasetSettings, ModelSettings, ReportSettings, read_settings

TABLE1_COLUMNS = (
    "source",
    "system",
    "reference",
    "dataset",
    "model",
    "precision",
    "recall",
    "f1",
    "entity_level_accuracy",
    "exact_match_rate",
    "readings",
    "f1_low",
    "f1_high",
    "folds",
    "seeds",
    "protocol",
    "scale",
    "difference",
    "audit",
    "note",
)


def table1_rows(*, settings: ReportSettings, published: Sequence[PublishedRow], scores: Scores, intervals: Intervals) -> list[Row]:
    """Published rows in their printed order, then one row for each dataset and model of the experiment.

    Raises ConfigError where the settings name published rows that do not exist or are not unique,
    BionerError where a dataset and model has no scores.
    """
    _check_published_names(settings, published)
    rows = [published_row(row) for row in published]
    systems = select_systems(settings, scores.systems())
    for dataset in settings.datasets.values():
        if dataset.missing is not None:
            rows.append(missing_row(dataset, settings))
        for system in systems:
            if system[0] == dataset.name:
                rows.append(reproduced_row(system, settings=settings, published=published, scores=scores, intervals=intervals))
    return rows


def check_settings(value: Any) -> None:
    """Whether Table 1 can be made for an experiment, asked before anything is trained.

    Raises ConfigError as `read_settings` does, and for names of the published table that do not exist or fit several rows.
    """
    settings = read_settings(value)
    published = read_published()
    _check_published_names(settings, published)
    for dataset in settings.datasets.values():
        for model in settings.models.values():
            published_counterpart(dataset, model, published)


def published_row(row: PublishedRow) -> Row:
    """A published row: the printed strings, and what the audit says of them; `readings` stays empty, as the table names none."""
    printed = {column: getattr(row, column) for column in PublishedRow.__slots__}
    empty = dict.fromkeys(TABLE1_COLUMNS, "")
    return empty | printed | {"source": "published", "audit": "; ".join(audit_row(row))}


def missing_row(dataset: DatasetSettings, settings: ReportSettings) -> Row:
    """The row of a dataset whose files the user has not provided."""
    note = _note(settings, dataset.name, f"not provided: {dataset.missing}")
    values = {"source": "reproduced", "system": "bioner", "dataset": dataset.title, "scale": settings.scale, "note": note}
    return dict.fromkeys(TABLE1_COLUMNS, "") | values


def reproduced_row(
    system: System, *, settings: ReportSettings, published: Sequence[PublishedRow], scores: Scores, intervals: Intervals
) -> Row:
    """A reproduced row: each figure is the mean over folds and seeds of the fold's strict micro score, in percent."""
    dataset, model = settings.datasets[system[0]], settings.models[system[2]]
    runs = scores.by_run(system, STRICT_F1)
    f1 = mean(runs)
    if f1 is None:
        raise BionerError(
            f"{system[0]}, {system[2]}: expected a strict micro F1 in the collected scores, found none; run the rule score again"
        )
    low, high = intervals.f1(system, CLEAN)
    readings = [f"{HEADINGS[column]}: {reading}" for column, reading in settings.readings.items()]
    target = None if settings.demo else published_counterpart(dataset, model, published)
    return {
        "source": "reproduced",
        "system": "bioner",
        "reference": "",
        "dataset": dataset.title,
        "model": model.name,
        "precision": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="precision")))),
        "recall": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="recall")))),
        "f1": percent(f1),
        **{column: percent(_reading(scores, system, reading)) for column, reading in settings.readings.items()},
        "readings": "; ".join(readings),
        "f1_low": percent(low),
        "f1_high": percent(high),
        "folds": str(count_folds(runs)),
        "seeds": str(count_seeds(runs)),
        "protocol": system[1],
        "scale": settings.scale,
        "difference": f"{float(percent(f1)) - float(target.f1):+.2f}" if target and target.f1 else "",
        "audit": "",
        "note": "; ".join(
            part for part in (_note(settings, system[0], *_run_notes(model, runs), *_ceiling(scores, system)), _comparison(target)) if part
        ),
    }


def _reading(scores: Scores, system: System, reading: str) -> float | None:
    """Mean of the definition that a reading names: `definition` for its accuracy, `definition.metric` for another metric."""
    definition, _, metric = reading.partition(".")
    cell = Cell(definition, "micro", "", metric or "accuracy")
    value = mean(scores.by_run(system, cell))
    if value is None:
        known = sorted({other.definition for other in scores.cells(system)})
        raise ConfigError(
            f"report settings, readings: expected a scored definition ({', '.join(known)}), found {reading!r}; "
            "correct it in the configuration"
        )
    return value


def _ceiling(scores: Scores, system: System) -> list[str]:
    """What recall this system would have if it made no mistake, where its units and tags cannot say every gold mention."""
    reached = mean(scores.by_run(system, Cell("model_ceiling", "micro", "", "recall")))
    return [] if reached is None or reached == 1 else [f"recall at most {math.floor(round(10000 * reached, 6)) / 100:.2f}"]


def _run_notes(model: ModelSettings, runs: Mapping[tuple[int, int], float]) -> list[str]:
    notes = [model.title] if model.title != model.name else []
    if model.encoder:
        notes.append(f"encoder {model.encoder}")
    expected = count_folds(runs) * count_seeds(runs)
    if len(runs) != expected:
        notes.append(f"{len(runs)} of {expected} runs")
    return notes


def _note(settings: ReportSettings, dataset: str, *parts: str) -> str:
    return "; ".join([DEMO_NOTE] * settings.demo + [*parts, *settings.notes(dataset, settings.protocol)])


def _comparison(target: PublishedRow | None) -> str:
    return f"difference to {target.system}: {target.model}, {target.f1}" if target and target.f1 else ""


def published_counterpart(dataset: DatasetSettings, model: ModelSettings, published: Sequence[PublishedRow]) -> PublishedRow | None:
    """The published row that a dataset and model stand for; None without one.

    Raises ConfigError when more than one published row fits: the model's settings must then name the system too.
    """
    if dataset.published is None or model.reproduces is None:
        return None
    fitting = [row for row in published if row.dataset == dataset.published and _stands_for(model, row)]
    if len(fitting) > 1:
        raise ConfigError(
            f"report settings, models, {model.name}: expected one published row for {model.reproduces} on {dataset.published}, "
            f"found those of {', '.join(row.system for row in fitting)}; add 'system' with one of these"
        )
    return fitting[0] if fitting else None


def _stands_for(model: ModelSettings, row: PublishedRow) -> bool:
    return row.model == model.reproduces and model.system in (None, row.system)


def _check_published_names(settings: ReportSettings, published: Sequence[PublishedRow]) -> None:
    datasets = sorted({row.dataset for row in published})
    for dataset in settings.datasets.values():
        if dataset.published is not None and dataset.published not in datasets:
            raise ConfigError(
                f"report settings, datasets, {dataset.name}, published: expected null or one of {', '.join(datasets)}, "
                f"found {dataset.published!r}; correct it in the configuration"
            )
    for model in settings.models.values():
        if model.reproduces is not None and not any(_stands_for(model, row) for row in published):
            raise ConfigError(
                f"report settings, models, {model.name}, reproduces: expected null or the model of a published row"
                f"{f' of {model.system}' if model.system else ''}, found {model.reproduces!r}; correct it in the configuration"
            )
