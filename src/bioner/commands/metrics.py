"""Write the headline figures of all selected experiments in one file, for `dvc metrics show` and `dvc metrics diff`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.collected import read_scores
from bioner.reporting.metrics import headline_metrics
from bioner.reporting.settings import read_settings
from bioner.storage import write_json


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.metrics", description=__doc__)
    arguments.add_argument("--settings", type=json_argument, required=True, help="report settings of each experiment, as a JSON list")
    arguments.add_argument("--results", type=Path, default="results", help="folder with <experiment>/collected (default: %(default)s)")
    arguments.add_argument("--output", type=Path, required=True, help="results/metrics.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Write a JSON object: experiment, dataset, model, metric, value in percent."""
    options = parser().parse_args(argv)
    experiments = [read_settings(settings) for settings in options.settings]
    scores = (read_scores(options.results / settings.experiment / "collected" / "scores.csv") for settings in experiments)
    write_json(
        options.output,
        {
            settings.experiment: headline_metrics(settings=settings, scores=collected)
            for settings, collected in zip(experiments, scores, strict=True)
        },
    )


if __name__ == "__main__":
    execute(main)
