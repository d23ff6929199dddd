"""Have the raw files of a dataset: from a mirror, from their origin, or where the user put them."""

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
    options.add_argument("--mirror", default="", help="folder or URL prefix to fetch from (default: $BIONER_MIRROR, else each file's url)")
    options.add_argument("--output", required=True, help="the manifest to write; files are put beside it")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    mirror = arguments.mirror or os.environ.get("BIONER_MIRROR", "")
    download(arguments.dataset, arguments.settings, arguments.output, mirror=mirror)


if __name__ == "__main__":
    execute(main)
