"""Read a corpus from its raw files: documents in one format, and a quality report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.corpora.harmonize import harmonize


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m bioner.commands.harmonize", description=__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--settings", required=True, type=json_argument, help="the dataset's entry in the config, as JSON")
    options.add_argument("--raw", required=True, help="manifest of the raw files")
    options.add_argument("--output", required=True, help="documents to write, JSON Lines")
    options.add_argument("--quality", required=True, help="quality report to write, JSON")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    harmonize(arguments.dataset, arguments.settings, raw=arguments.raw, output=arguments.output, quality=arguments.quality)


if __name__ == "__main__":
    execute(main)
