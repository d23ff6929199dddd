"""Write the table of corpora, from their quality reports, between its two marks in a Markdown file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.reporting.catalogue import catalogue
from bioner.reporting.showcase import insert
from bioner.storage import write_text


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="bioner catalogue", description=__doc__)
    arguments.add_argument("quality", type=Path, nargs="+", help="results/quality/<dataset>.json, in the order of the table")
    arguments.add_argument("--file", type=Path, default=Path("docs/corpora.md"), help="with the marks (default: %(default)s)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Make the table and put it in its place; the rest of the file stays as it is."""
    options = parser().parse_args(argv)
    text = insert(options.file.read_text(encoding="utf-8"), "corpora", catalogue(options.quality), options.file)
    write_text(options.file, text)


if __name__ == "__main__":
    execute(main)
