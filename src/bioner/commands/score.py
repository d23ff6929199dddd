"""Score all predictions of one run under every definition."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.evaluation.judging import judge
from bioner.preparation.normalize import normalizer
from bioner.preparation.sentences import sentence_spans


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
    result.add_argument("--postprocessed", help="postprocess.json of the run, where post-processed predictions are scored too")
    result.add_argument("--training", required=True, help="train.jsonl of the fold, for novelty and frequency of mentions")
    result.add_argument("--composition", required=True, help="composition.json of the fold: how its training texts were normalized")
    result.add_argument("--keys", type=json_argument, required=True, help='{"dataset", "protocol", "model", "fold", "seed"} as JSON')
    result.add_argument("--output-folder", required=True, help="where the tables go: scores.csv and its companions")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Score one run."""
    given = parser().parse_args(argv)
    judge(
        gold=given.gold,
        attacked=dict(given.attacked),
        predictions=given.predictions,
        training=given.training,
        normalized=normalizer(given.composition),
        keys=given.keys,
        output_folder=given.output_folder,
        postprocessed=given.postprocessed,
        sentences=sentence_spans,
    )


if __name__ == "__main__":
    execute(main)
