"""Score all predictions of one run under every definition."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.evaluation.judging import judge


def named_path(text: str) -> tuple[str, str]:
    """An argparse type: NAME=path."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"expected NAME=path, got {text!r:.60}")
    return name, path


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.score`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.score", description=__doc__)
    result.add_argument("--gold", required=True, help="test.jsonl of the fold")
    result.add_argument(
        "--attacked", type=named_path, action="append", default=[], metavar="NAME=path", help="gold of a text attack; repeatable"
    )
    result.add_argument("--predictions", required=True, help="predictions.json of the run")
    result.add_argument("--keys", type=json_argument, required=True, help='{"dataset", "protocol", "model", "fold", "seed"} as JSON')
    result.add_argument("--output-folder", required=True, help="where scores.csv, documents.csv and confusion.csv go")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Score one run."""
    given = parser().parse_args(argv)
    judge(gold=given.gold, attacked=dict(given.attacked), predictions=given.predictions, keys=given.keys, output_folder=given.output_folder)


if __name__ == "__main__":
    execute(main)
