"""Draw the figures of an experiment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.reporting.collected import read_confusion, read_documents_counts, read_history, read_scores
from bioner.reporting.figures import write_figures
from bioner.reporting.rulegraph import read_rulegraph
from bioner.reporting.settings import read_settings
from bioner.reporting.tallies import read_errors, read_groups
from bioner.storage import sha256_file, write_json


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.figures", description=__doc__)
    arguments.add_argument("--collected", type=Path, required=True, help="folder that collect wrote")
    arguments.add_argument("--settings", type=json_argument, required=True, help="the experiment's report settings, as JSON")
    arguments.add_argument("--rulegraph", type=Path, required=True, help="dot text of snakemake --rulegraph dot")
    arguments.add_argument(
        "--output-folder", type=Path, required=True, help="folder for the figures (svg, png, pdf); FOLDER.json gets their digests"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the collected rows and write the figures."""
    options = parser().parse_args(argv)
    write_figures(
        options.output_folder,
        settings=read_settings(options.settings),
        scores=read_scores(options.collected / "scores.csv"),
        counts=read_documents_counts(options.collected / "documents.csv"),
        confusion=read_confusion(options.collected / "confusion.csv"),
        errors=read_errors(options.collected / "errors.csv"),
        groups=read_groups(options.collected / "groups.csv"),
        history=read_history(options.collected / "history.csv"),
        graph=read_rulegraph(options.rulegraph),
    )
    digests = {path.name: sha256_file(path) for path in options.output_folder.glob("[!.]*")}
    write_json(options.output_folder.with_suffix(".json"), digests)


if __name__ == "__main__":
    execute(main)
