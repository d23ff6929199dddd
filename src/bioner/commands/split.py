"""Divide a corpus into folds by source document."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.preparation.split import split_corpus


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.split", description=__doc__)
    arguments.add_argument("--corpus", type=Path, required=True, help="results/corpora/<dataset>.jsonl")
    arguments.add_argument("--protocol", required=True, help="official, or kfold<k> with k >= 3")
    arguments.add_argument("--settings", type=json_argument, required=True, help='such as {"seed": 1}')
    arguments.add_argument("--output", type=Path, required=True, help="results/splits/<dataset>/<protocol>.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    split_corpus(options.corpus, options.protocol, options.settings, options.output)


if __name__ == "__main__":
    execute(main)
