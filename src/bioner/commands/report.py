"""Write the report of an experiment: a folder of pages with its tables, figures and errors."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.report import write_report
from bioner.reporting.settings import read_settings


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.report", description=__doc__)
    arguments.add_argument("--tables", type=Path, required=True, help="folder written by table1")
    arguments.add_argument("--further", type=Path, nargs="*", default=[], help="those of its tables that not every experiment has")
    arguments.add_argument("--figures", type=Path, required=True, help="folder written by figures")
    arguments.add_argument("--quality", type=Path, nargs="*", default=[], help="quality reports of the corpora")
    arguments.add_argument(
        "--audits", type=Path, nargs="*", default=[], help="leak audits, named <dataset>/<protocol>/fold<k>[.<adaptation>].json"
    )
    arguments.add_argument("--collected", type=Path, required=True, help="folder with the collected runs.csv and errors.csv")
    arguments.add_argument("--selection", type=json_argument, required=True, help="the runs that the error browser shows, as JSON")
    arguments.add_argument("--results", type=Path, required=True, help="folder of everything made: runs, predictions, folds, attacks")
    arguments.add_argument("--settings", type=json_argument, required=True, help="the experiment's report settings, as JSON")
    arguments.add_argument("--provenance", type=json_argument, required=True, help="digests, versions and hardware, as a JSON object")
    arguments.add_argument("--output", type=Path, required=True, help="the page index.html; errors.html and data/ are made beside it")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read what the experiment made and write its pages."""
    options = parser().parse_args(argv)
    write_report(
        options.output,
        settings=read_settings(options.settings),
        tables=options.tables,
        figures=options.figures,
        quality=options.quality,
        audits=options.audits,
        collected=options.collected,
        selection=options.selection,
        results=options.results,
        provenance=options.provenance,
        described=options.settings,
        further=options.further,
    )


if __name__ == "__main__":
    execute(main)
