"""Write an experiment's table, with hardware and minutes, between its two marks in a Markdown file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.reporting.showcase import ROBUSTNESS, insert, showcase
from bioner.storage import write_text


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="bioner showcase", description=__doc__)
    arguments.add_argument("--experiment", required=True, help="the experiment's name")
    arguments.add_argument("--results", type=Path, default=Path("results"), help="folder of all results (default: %(default)s)")
    arguments.add_argument("--seconds", type=float, required=True, help="wall time of the whole run")
    arguments.add_argument("--table", choices=[ROBUSTNESS], help="a row an attack in place of a row a model")
    arguments.add_argument("--file", type=Path, default=Path("README.md"), help="with the marks (default: %(default)s)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Make the table and put it in its place; the rest of the file stays as it is."""
    options = parser().parse_args(argv)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"a machine of {os.cpu_count()} cores and {memory:.0f} GiB"
    block = showcase(options.results / options.experiment, seconds=options.seconds, machine=machine, table=options.table)
    write_text(options.file, insert(options.file.read_text(encoding="utf-8"), options.experiment, block, options.file))


if __name__ == "__main__":
    execute(main)
