"""Make the noisy variant of every document of a corpus, labels exact."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.preparation.augment import augment_corpus


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.augment", description=__doc__)
    arguments.add_argument("--normalized", type=Path, required=True, help="results/normalized/<dataset>.jsonl")
    arguments.add_argument("--settings", type=json_argument, required=True, help='such as {"noise": {"rate": 0.05, "seed": 1}}')
    arguments.add_argument("--output", type=Path, required=True, help="results/augmented/<dataset>/noise.jsonl")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    augment_corpus(options.normalized, options.settings, options.output)


if __name__ == "__main__":
    execute(main)
