"""Normalize the text of a corpus, with a map back to every original character."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument

# loaded by name where a config has them: named here for this command's digest
from bioner.preparation import abbreviations, greek, spelling  # noqa: F401
from bioner.preparation.normalize import STEPS, normalize_corpus


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.normalize", description=__doc__)
    arguments.add_argument("--corpus", type=Path, required=True, help="results/corpora/<dataset>.jsonl")
    arguments.add_argument("--settings", type=json_argument, required=True, help=f"JSON list of steps, in order: {', '.join(STEPS)}")
    arguments.add_argument("--output", type=Path, required=True, help="results/normalized/<dataset>.jsonl")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    normalize_corpus(options.corpus, options.settings, options.output)


if __name__ == "__main__":
    execute(main)
