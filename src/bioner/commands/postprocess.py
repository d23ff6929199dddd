"""Post-process a run's clean predictions: borders, abbreviations, overlaps."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from bioner.commandline import execute, json_argument
from bioner.entities import Span
from bioner.evaluation.postprocess import postprocess_file
from bioner.preparation.abbreviations import find_definitions


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.postprocess`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.postprocess", description=__doc__)
    result.add_argument("--predictions", required=True, help="clean.jsonl of the run's predictions")
    result.add_argument("--settings", type=json_argument, required=True, help="the section postprocessing of the config, as JSON")
    result.add_argument("--output", required=True, help="post-processed predictions, JSON Lines")
    result.add_argument("--manifest", required=True, help="what was done, JSON")
    return result


def definitions(text: str) -> Iterator[tuple[Span, Span]]:
    """Short and long form of each definition in a text."""
    return ((definition.short, definition.long) for definition in find_definitions(text))


def main(argv: Sequence[str] | None = None) -> None:
    """Post-process one run."""
    given = parser().parse_args(argv)
    postprocess_file(predictions=given.predictions, settings=given.settings, output=given.output, manifest=given.manifest, find=definitions)


if __name__ == "__main__":
    execute(main)
