"""Have the raw files of a dataset: from $BIONER_MIRROR (a folder or a URL prefix), from their origin, or where the user put them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.corpora.download import download


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m bioner.commands.download", description=__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--settings", required=True, type=json_argument, help="the dataset's entry in the config, as JSON")
    options.add_argument("--licences", type=json_argument, default={}, help="by name of dataset, as JSON: told when files are fetched")
    options.add_argument("--output", required=True, help="the manifest to write; files are put beside it")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    licence = arguments.licences.get(arguments.dataset, arguments.settings.get("licence", ""))
    mirror = os.environ.get("BIONER_MIRROR", "")
    download(arguments.dataset, arguments.settings | {"licence": licence}, arguments.output, mirror=mirror)


if __name__ == "__main__":
    execute(main)
