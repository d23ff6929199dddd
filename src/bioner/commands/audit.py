"""Audit the sets of a fold for leakage; a leak fails the command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.preparation.audit import audit_folder


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.audit", description=__doc__)
    arguments.add_argument("--folder", type=Path, required=True, help="results/folds/<dataset>/<protocol>/fold<k>")
    arguments.add_argument(
        "--settings", type=json_argument, required=True, help='such as {"allowed": {"shared_documents": 10}, "near_duplicates": 0.8}'
    )
    arguments.add_argument("--adaptation", type=Path, nargs="*", default=[], help="files of documents that the encoder was adapted on")
    arguments.add_argument("--output", type=Path, required=True, help="results/audit/<dataset>/<protocol>/fold<k>.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    audit_folder(options.folder, options.settings, options.output, options.adaptation)


if __name__ == "__main__":
    execute(main)
