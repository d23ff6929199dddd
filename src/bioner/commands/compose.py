"""Compose the training, validation and test sets of one fold."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.preparation.compose import compose_files


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.compose", description=__doc__)
    arguments.add_argument("--corpus", type=Path, required=True, help="results/corpora/<dataset>.jsonl")
    arguments.add_argument("--normalized", type=Path, required=True, help="results/normalized/<dataset>.jsonl")
    arguments.add_argument("--variants", type=Path, nargs="*", default=[], help="results/augmented/<dataset>/<kind>.jsonl")
    arguments.add_argument("--splits", type=Path, required=True, help="results/splits/<dataset>/<protocol>.json")
    arguments.add_argument("--protocol", help="such as kfold5_equal: what is done to the division; nothing when absent")
    arguments.add_argument(
        "--equal-to", type=Path, nargs="*", default=[], help="splits whose smallest training part an _equal one is cut to"
    )
    arguments.add_argument("--fold", type=int, required=True, help="number of the fold, from 0")
    arguments.add_argument(
        "--settings", type=json_argument, required=True, help='such as {"normalize": ["unicode"], "synonyms": {"rate": 0.3, "seed": 1}}'
    )
    arguments.add_argument("--output-folder", type=Path, required=True, help="results/folds/<dataset>/<protocol>/fold<k>")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    compose_files(
        corpus=options.corpus,
        normalized=options.normalized,
        variants=options.variants,
        splits=options.splits,
        fold=options.fold,
        settings=options.settings,
        output_folder=options.output_folder,
        protocol=options.protocol,
        equal_to=options.equal_to,
    )


if __name__ == "__main__":
    execute(main)
