"""Look at a corpus as read: its quality report, as JSON and as a page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument, say
from bioner.corpora.inspection import inspect_corpus
from bioner.documents import read_documents
from bioner.errors import BionerError
from bioner.reporting.corpus_page import corpus_page
from bioner.storage import read_json, write_json, write_text


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m bioner.commands.inspect", description=__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--settings", required=True, type=json_argument, help="the dataset's entry in the config, as JSON")
    options.add_argument("--corpus", required=True, help="documents as read, JSON Lines")
    options.add_argument("--harmonized", required=True, help="what harmonize reported of them, JSON")
    options.add_argument("--quality", required=True, help="quality report to write, JSON")
    options.add_argument("--page", required=True, help="quality report to write, HTML")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Write both, and say what they found: numbers alone, for the corpus may be under an agreement."""
    options = parser().parse_args(argv)
    report = read_json(options.harmonized)
    found = report.get("dataset") if isinstance(report, dict) else None
    if found != options.dataset or "all" not in report.get("kept", ()):
        raise BionerError(f"{options.harmonized}: expected what harmonize reported of {options.dataset}, found another file; run it again")
    value = inspect_corpus(report, options.settings, lambda: read_documents(options.corpus))
    page = corpus_page(value)
    write_json(options.quality, value)
    write_text(options.page, page)
    labels, repeats = value["consistency"], value["repeats"]
    say(
        f"{options.dataset}: {labels['several_types']['surfaces']:,} surface forms of several types, "
        f"{labels['left_out']['surfaces']:,} left out in places, "
        f"{sum(part['documents'] for part in repeats['within'].values()):,} documents repeated, "
        f"{sum(pair['texts'] for pair in repeats['between']):,} texts in two splits, see {options.page}"
    )
    for warning in value["warnings"]:
        say(f"{options.dataset}: warning: {warning}")


if __name__ == "__main__":
    execute(main)
