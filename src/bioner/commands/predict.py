"""Predict a run's test documents, clean and attacked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.tagging.predicting import predict_run


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--run", required=True, type=Path, help="the run folder")
    arguments.add_argument("--test", required=True, type=Path, help="the fold's test.jsonl")
    arguments.add_argument("--attacks", default={}, type=json_argument, help="white-box attacks by name, as JSON")
    arguments.add_argument("--attacked", default=[], action="append", metavar="NAME=PATH", help="test documents after a text attack")
    arguments.add_argument("--threads", required=True, type=int)
    arguments.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "auto"], help="of predictions (default: %(default)s)")
    arguments.add_argument("--output", required=True, type=Path, help="folder of predictions")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = vars(parser().parse_args(argv))
    attacked = {name: Path(path) for name, _, path in (pair.partition("=") for pair in arguments.pop("attacked"))}
    predict_run(attacked=attacked, **arguments)


if __name__ == "__main__":
    execute(main)
