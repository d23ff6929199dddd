"""Write Table 1 with its companions: published rows as printed, reproduced rows beside them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.collected import read_documents_counts, read_scores
from bioner.reporting.intervals import Intervals
from bioner.reporting.leakage import read_leaks, write_leakage
from bioner.reporting.published import PUBLISHED_TABLE, read_published
from bioner.reporting.settings import read_settings
from bioner.reporting.tables import write_tables
from bioner.reporting.tallies import read_tallies


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.table1", description=__doc__)
    arguments.add_argument("--collected", type=Path, required=True, help="folder that collect wrote")
    arguments.add_argument("--settings", type=json_argument, required=True, help="the experiment's report settings, as JSON")
    arguments.add_argument("--audits", type=Path, nargs="*", help="leak audits of all folds, for the table of leakage; none when absent")
    arguments.add_argument("--published", type=Path, default=PUBLISHED_TABLE, help="published table (default: the package's)")
    arguments.add_argument("--output-folder", type=Path, required=True, help="folder for table1 and its companions")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the collected rows and write the tables."""
    options = parser().parse_args(argv)
    settings = read_settings(options.settings)
    scores = read_scores(options.collected / "scores.csv")
    counts = read_documents_counts(options.collected / "documents.csv")
    intervals = Intervals(scores, counts)
    write_tables(
        options.output_folder,
        settings=settings,
        published=read_published(options.published),
        scores=scores,
        counts=counts,
        tallies=read_tallies(options.collected),
        intervals=intervals,
    )
    if options.audits is not None:
        write_leakage(options.output_folder, settings=settings, scores=scores, intervals=intervals, audits=read_leaks(options.audits))


if __name__ == "__main__":
    execute(main)
