"""Write the best trial of a search, and a table of all."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.tagging.searching import summarize_search


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--settings", required=True, type=json_argument, help="the search's name and config entry, as JSON")
    arguments.add_argument("--trials", required=True, type=Path, nargs="+", help="files of all trials")
    arguments.add_argument("--best", required=True, type=Path, help="results/searches/<search>/best.json")
    arguments.add_argument("--table", required=True, type=Path, help="results/searches/<search>/trials.csv")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    summarize_search(**vars(parser().parse_args(argv)))


if __name__ == "__main__":
    execute(main)
