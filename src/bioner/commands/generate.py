"""Write a demo corpus: synthetic text in one of the original formats."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.corpora.demo import generate


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m bioner.commands.generate", description=__doc__)
    options.add_argument("--dataset", required=True, help="demo_medmentions, demo_bc5cdr or demo_i2b2")
    options.add_argument("--settings", required=True, type=json_argument, help="the dataset's entry in the config, as JSON")
    options.add_argument("--output", required=True, help="the manifest to write; files are put beside it")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    generate(arguments.dataset, arguments.settings, arguments.output)


if __name__ == "__main__":
    execute(main)
