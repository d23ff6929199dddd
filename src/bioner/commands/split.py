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
    arguments.add_argument("--normalized", type=Path, help="results/normalized/<dataset>.jsonl, by whose text near-duplicates are found")
    arguments.add_argument(
        "--variants", type=Path, nargs="*", default=[], help="for augment_first<k>: results/augmented/<dataset>/noise.jsonl"
    )
    arguments.add_argument(
        "--protocol", required=True, help="official, or kfold<k> with k >= 3; kfold<k>_sentence and augment_first<k> leak on purpose"
    )
    arguments.add_argument("--settings", type=json_argument, required=True, help='such as {"seed": 1, "near_duplicates": 0.8}')
    arguments.add_argument("--output", type=Path, required=True, help="results/splits/<dataset>/<protocol>.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    split_corpus(
        corpus=options.corpus,
        normalized=options.normalized,
        variants=options.variants,
        protocol=options.protocol,
        settings=options.settings,
        output=options.output,
    )


if __name__ == "__main__":
    execute(main)
