"""Write one of the tables that not every experiment has: postprocessing, linking or transfer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.further_tables import TABLES, write_further


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.tabulate", description=__doc__)
    arguments.add_argument("--table", choices=TABLES, required=True, help="the table")
    arguments.add_argument("--collected", type=Path, required=True, help="folder with the collected scores.csv and documents.csv")
    arguments.add_argument("--rows", nargs="*", default=[], help="tables of single runs that it is made of")
    arguments.add_argument("--settings", type=json_argument, required=True, help="the experiment's report settings, as JSON")
    arguments.add_argument("--further", type=json_argument, required=True, help="what the table must know beside, as JSON")
    arguments.add_argument("--output-folder", type=Path, required=True, help="where <table>.csv, .md, .tex and .html go")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Write one table."""
    given = parser().parse_args(argv)
    write_further(
        given.output_folder, given.table, settings=given.settings, further=given.further, collected=given.collected, paths=given.rows
    )


if __name__ == "__main__":
    execute(main)
