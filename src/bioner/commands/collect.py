"""Bring together the rows of all runs of an experiment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.evaluation.collecting import collect, selected_runs


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.collect`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.collect", description=__doc__)
    result.add_argument(
        "--settings", required=True, type=json_argument, help="datasets, protocol, models, folds and seeds of the experiment, as JSON"
    )
    result.add_argument("--scores", default="results/scores", help="folder of all scores (default: %(default)s)")
    result.add_argument("--runs", default="results/runs", help="folder of all runs (default: %(default)s)")
    result.add_argument("--output-folder", required=True, help="where the five tables go")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Collect one experiment."""
    given = parser().parse_args(argv)
    collect(selected_runs(given.settings, given.scores, given.runs), given.output_folder)


if __name__ == "__main__":
    execute(main)
