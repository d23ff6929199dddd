"""Write the whole definition of a model as one file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.storage import write_json


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--settings", required=True, type=json_argument, help="the resolved recipe, as JSON")
    arguments.add_argument("--output", required=True, type=Path, help="results/recipes/<model>.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    write_json(arguments.output, arguments.settings)


if __name__ == "__main__":
    execute(main)
