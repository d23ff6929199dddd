"""Write the rule graph that Snakemake prints on standard input in one fixed order."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.reporting.rulegraph import format_dot, parse_dot
from bioner.storage import write_text


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", required=True, type=Path, help="results/<experiment>/rulegraph.dot")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    write_text(arguments.output, format_dot(parse_dot(sys.stdin.read(), "standard input")))


if __name__ == "__main__":
    execute(main)
