"""Predict the test documents of another corpus with a run's model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bioner.commandline import execute
from bioner.documents import read_documents, write_documents
from bioner.tagging.predicting import predict_run


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.transfer`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.transfer", description=__doc__)
    result.add_argument("--run", required=True, type=Path, help="the run folder")
    result.add_argument("--test", required=True, type=Path, help="test.jsonl of the other corpus, in original text")
    result.add_argument("--threads", required=True, type=int)
    result.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "auto"], help="of predictions (default: %(default)s)")
    result.add_argument("--output", required=True, type=Path, help="folder of clean.jsonl and predictions.json")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Transfer one run."""
    given = parser().parse_args(argv)
    with TemporaryDirectory() as folder:
        # without gold: the model has no tags for the other corpus's types
        bare = Path(folder) / "test.jsonl"
        write_documents(bare, (replace(document, mentions=()) for document in read_documents(given.test)))
        options = {"threads": given.threads, "precision": given.precision}
        predict_run(run=given.run, test=bare, attacks={}, attacked={}, output=given.output, **options)


if __name__ == "__main__":
    execute(main)
