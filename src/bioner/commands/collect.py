"""Bring together the rows of all runs of an experiment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute
from bioner.evaluation.collecting import collect


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.collect`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.collect", description=__doc__)
    result.add_argument("--runs-file", required=True, help="JSON list of runs with their keys, scores folder and run folder")
    result.add_argument("--output-folder", required=True, help="where the five tables go")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Collect one experiment."""
    given = parser().parse_args(argv)
    collect(given.runs_file, given.output_folder)


if __name__ == "__main__":
    execute(main)
