"""Write Table 1 with its companions: published rows as printed, reproduced rows beside them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.collected import read_documents_counts, read_scores
from bioner.reporting.published import PUBLISHED_TABLE, read_published
from bioner.reporting.settings import read_settings
from bioner.reporting.tables import write_tables


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.table1", description=__doc__)
    arguments.add_argument("--collected", type=Path, required=True, help="folder with the collected scores.csv and documents.csv")
    arguments.add_argument("--settings", type=json_argument, required=True, help="the experiment's report settings, as JSON")
    arguments.add_argument("--published", type=Path, default=PUBLISHED_TABLE, help="published table (default: the package's)")
    arguments.add_argument("--output-folder", type=Path, required=True, help="folder for table1, table1_definitions and robustness")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the collected rows and write the tables."""
    options = parser().parse_args(argv)
    write_tables(
        options.output_folder,
        settings=read_settings(options.settings),
        published=read_published(options.published),
        scores=read_scores(options.collected / "scores.csv"),
        counts=read_documents_counts(options.collected / "documents.csv"),
    )


if __name__ == "__main__":
    execute(main)
