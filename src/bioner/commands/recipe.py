"""Write the whole definition of a model as one file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.recipes import with_best
from bioner.storage import read_json, write_json


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--settings", required=True, type=json_argument, help="the resolved recipe, as JSON")
    arguments.add_argument("--best", type=Path, help="results/searches/<search>/best.json, whose values take the place of the recipe's own")
    arguments.add_argument("--output", required=True, type=Path, help="results/recipes/<model>.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    recipe = arguments.settings if arguments.best is None else with_best(arguments.settings, read_json(arguments.best))
    write_json(arguments.output, recipe)


if __name__ == "__main__":
    execute(main)
