"""Train a recipe on one fold with one seed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.tagging.runs import train_run
from bioner.tagging.training import CHECKPOINT_SECONDS


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--recipe", required=True, type=Path, help="results/recipes/<model>.json")
    arguments.add_argument("--encoder", type=Path, help="results/encoders/<encoder>/encoder.json, for a model that has one")
    arguments.add_argument("--fold", required=True, type=Path, help="folder of the composed fold")
    arguments.add_argument("--audit", required=True, type=Path, help="the fold's audit")
    arguments.add_argument("--seed", required=True, type=int)
    arguments.add_argument("--output", required=True, type=Path, help="the run folder")
    arguments.add_argument(
        "--checkpoint-seconds", default=CHECKPOINT_SECONDS, type=float, help="training time between checkpoints (default: %(default)s)"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    train_run(**vars(parser().parse_args(argv)))


if __name__ == "__main__":
    execute(main)
