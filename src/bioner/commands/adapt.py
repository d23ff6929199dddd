"""Train an encoder further by masked language modelling, on training text."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.tagging.adaptation import adapt_encoder
from bioner.tagging.training import CHECKPOINT_SECONDS


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--name", required=True, help="name of the adaptation in the config")
    arguments.add_argument("--settings", required=True, type=json_argument, help="its config entry, as JSON")
    arguments.add_argument("--encoder", required=True, type=Path, help="results/encoders/<encoder>/encoder.json")
    arguments.add_argument("--text", required=True, type=Path, nargs="+", help="files of documents to train on")
    arguments.add_argument("--held-out", default=[], type=Path, nargs="*", help="files of documents for the perplexity")
    arguments.add_argument("--audit", required=True, type=Path, help="the fold's audit with this text")
    arguments.add_argument("--output", required=True, type=Path, help="the new encoder.json; the files are laid beside it")
    arguments.add_argument(
        "--checkpoint-seconds", default=CHECKPOINT_SECONDS, type=float, help="training time between checkpoints (default: %(default)s)"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    adapt_encoder(**vars(parser().parse_args(argv)))


if __name__ == "__main__":
    execute(main)
