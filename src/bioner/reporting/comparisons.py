"""Tables of paired tests: every pair of models, and those pairs that differ in one part of their recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bioner.reporting.cells import Row, percent
from bioner.reporting.paired import Compared
from bioner.reporting.settings import ReportSettings

_RESULTS = ("difference", "low", "high", "cohen_h", "p", "p_holm", "tests", "folds", "seeds")
COMPARISON_COLUMNS = ("dataset", "attack", "average", "first", "second", "f1_first", "f1_second", *_RESULTS)
ABLATION_COLUMNS = (
    *("dataset", "attack", "average", "part", "reference", "reference_setting", "model", "setting", "f1_reference", "f1"),
    *_RESULTS,
)
ABLATED = ("adversary", "loss")
"""Parts of a model whose ablations the table has; `loss` includes the head, which a loss needs."""


def comparison_rows(*, settings: ReportSettings, compared: Sequence[Compared]) -> list[Row]:
    """One row for each pair of models, condition and average; `difference` is second minus first, in points of F1."""
    return [
        {
            "dataset": settings.datasets[pair.dataset].title,
            "attack": pair.attack,
            "average": pair.average,
            "first": pair.first,
            "second": pair.second,
            "f1_first": percent(pair.result.first),
            "f1_second": percent(pair.result.second),
            **_results(pair),
        }
        for pair in compared
    ]


def ablation_rows(*, settings: ReportSettings, compared: Sequence[Compared]) -> list[Row]:
    """Each model against the first one of the experiment whose recipe is the same but for its adversary, or but for its loss and head.

    The tests are those of `comparison_rows`, with its family.
    """
    rows: list[Row] = []
    for part, reference, model in ablated_pairs(settings):
        for pair in compared:
            if (pair.first, pair.second) == (reference, model):
                rows.append(_ablation(part, pair, settings))
    order = {dataset.title: place for place, dataset in enumerate(settings.datasets.values())}
    return sorted(rows, key=lambda row: (order[row["dataset"]], ABLATED.index(row["part"])))


def ablated_pairs(settings: ReportSettings) -> Iterator[tuple[str, str, str]]:
    """Part, reference and model of each ablation, in the order of the settings; models without parts are in none."""
    for part in ABLATED:
        references: dict[tuple[tuple[str, str], ...], str] = {}
        for model in settings.models.values():
            if not model.parts:
                continue
            others = tuple(sorted((name, value) for name, value in model.parts.items() if name != part))
            reference = references.setdefault(others, model.name)
            if model.parts[part] != settings.models[reference].parts[part]:
                yield part, reference, model.name


def _ablation(part: str, pair: Compared, settings: ReportSettings) -> Row:
    return {
        "dataset": settings.datasets[pair.dataset].title,
        "attack": pair.attack,
        "average": pair.average,
        "part": part,
        "reference": pair.first,
        "reference_setting": settings.models[pair.first].parts[part],
        "model": pair.second,
        "setting": settings.models[pair.second].parts[part],
        "f1_reference": percent(pair.result.first),
        "f1": percent(pair.result.second),
        **_results(pair),
    }


def _results(pair: Compared) -> Mapping[str, str]:
    result = pair.result
    return {
        "difference": f"{100 * result.difference:+.2f}",
        "low": f"{100 * result.low:+.2f}",
        "high": f"{100 * result.high:+.2f}",
        "cohen_h": f"{result.cohen_h:+.3f}",
        "p": printed_p(result.p),
        "p_holm": printed_p(pair.p_holm),
        "tests": str(pair.tests),
        "folds": str(pair.folds),
        "seeds": str(pair.seeds),
    }


def printed_p(p: float) -> str:
    """Four decimals; below that one significant digit, since a p-value is never zero."""
    return f"{p:.4f}" if p >= 0.0001 else f"{p:.0e}"
