"""A plan held against runs that have finished: how many times as long the estimates are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bioner.costs.estimate import Estimator, Unknown
from bioner.experiments import Run
from bioner.storage import read_json


def compare(runs: Iterable[Run], estimator: Estimator, results: Path) -> list[dict[str, Any]]:
    """A row for each system and corpus with finished runs, medians over them.

    Returns:
        `ratio` of the estimate for the epochs that were made to the seconds that run.json tells, `bound` of that for all epochs.
    """
    found: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {}
    for run in runs:
        path = results / "runs" / run.path / "run.json"
        if not path.is_file():
            continue
        facts = read_json(path)
        try:
            estimated = estimator.training(run, epochs=facts["epochs"]), estimator.training(run)
        except Unknown:
            continue
        found.setdefault((run.dataset, run.protocol, run.model), []).append((facts["seconds"], *estimated))
    return [
        {
            "dataset": dataset,
            "protocol": protocol,
            "model": model,
            "runs": len(rows),
            "seconds": median(seconds for seconds, _, _ in rows),
            "estimated": median(estimate for _, estimate, _ in rows),
            "ratio": median(estimate / seconds for seconds, estimate, _ in rows if seconds),
            "bound": median(bound / seconds for seconds, _, bound in rows if seconds),
        }
        for (dataset, protocol, model), rows in sorted(found.items())
    ]
