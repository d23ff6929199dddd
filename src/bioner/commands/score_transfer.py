"""Score a run's predictions on another corpus."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.evaluation.transfer import score_transfer
from bioner.preparation.normalize import normalizer


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.score_transfer`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.score_transfer", description=__doc__)
    result.add_argument("--gold", required=True, help="test.jsonl of the other corpus")
    result.add_argument("--training", nargs="+", required=True, help="train.jsonl and validation.jsonl of the run's fold, left out")
    result.add_argument("--predictions", required=True, help="predictions.json of the transfer")
    result.add_argument("--composition", required=True, help="composition.json of the run's fold: how its training texts were normalized")
    result.add_argument("--types", type=json_argument, required=True, help="the other corpus's type by predicted type, as JSON")
    result.add_argument("--keys", type=json_argument, required=True, help='{"dataset", "protocol", "model", "fold", "seed"} as JSON')
    result.add_argument("--output-folder", required=True, help="where scores.csv, documents.csv and left_out.json go")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Score one transfer."""
    given = parser().parse_args(argv)
    score_transfer(
        gold=given.gold,
        training=given.training,
        predictions=given.predictions,
        normalized=normalizer(given.composition),
        types=given.types,
        keys=given.keys,
        output_folder=given.output_folder,
    )


if __name__ == "__main__":
    execute(main)
