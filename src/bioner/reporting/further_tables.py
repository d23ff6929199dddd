"""The tables that not every experiment has, from rows to files: post-processing, linking, transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.reporting.collected import read_documents_counts, read_scores
from bioner.reporting.formats import Table, write_table
from bioner.reporting.headings import HEADINGS, NUMBERS
from bioner.reporting.linking import COUNTS, LINKING_COLUMNS, LINKING_HEADINGS, linking_rows
from bioner.reporting.postprocessing import POSTPROCESSING_COLUMNS, POSTPROCESSING_HEADINGS, postprocessing_rows
from bioner.reporting.settings import DEMO_NOTE, read_settings
from bioner.reporting.transfers import TRANSFER_COLUMNS, TRANSFER_HEADINGS, transfer_rows

TABLES = ("postprocessing", "linking", "transfer")
_NUMBERS = NUMBERS | {*COUNTS, *POSTPROCESSING_HEADINGS, "f1_source", "f1_target", "documents", "left_out"}
_HEADINGS = HEADINGS | POSTPROCESSING_HEADINGS


def write_further(
    folder: str | Path, name: str, *, settings: Any, further: Mapping[str, Any], collected: str | Path, paths: Sequence[str | Path]
) -> None:
    """Write one of `TABLES` as csv, md, tex and html into a folder.

    Args:
        settings: the experiment's report settings.
        further: of `postprocessing` the steps, of `linking` the ontology's title and why it is missing, of `transfer` the
            transfers and the titles of their targets.
        collected: folder of the collected scores.csv and documents.csv.
        paths: tables of single runs.

    Raises:
        BionerError: files are missing or malformed.
    """
    chosen = read_settings(settings)
    title = chosen.title + (f" ({DEMO_NOTE})" if chosen.demo else "")
    collected = Path(collected)
    if name == "linking":
        said = (
            f"{title}: diseases linked to {further['ontology']} by their names, and to ICD-10-CM by its cross-references; in percent of "
            "links (precision) and of gold mentions whose concepts the ontology has (recall). Ambiguous: several terms; unknown: none."
        )
        rows = linking_rows(settings=chosen, paths=paths, missing=further["missing"])
        table = Table(name, said, LINKING_COLUMNS, rows, _HEADINGS | LINKING_HEADINGS, _NUMBERS, ("note",))
    elif name == "transfer":
        said = (
            f"{title}: models of one corpus on another one, strict micro F1 over the types that stand for each other, in percent, with its "
            "95 % interval by bootstrap over documents within folds. Left out: test documents that are training documents too."
        )
        scores = read_scores(collected / "scores.csv")
        rows = transfer_rows(settings=chosen, scores=scores, paths=paths, transfers=further["transfers"], titles=further["titles"])
        table = Table(name, said, TRANSFER_COLUMNS, rows, _HEADINGS | TRANSFER_HEADINGS, _NUMBERS, ("note",))
    else:
        steps = "; ".join(f"{step}: {', '.join(value) if isinstance(value, list) else value}" for step, value in further.items())
        said = (
            f"{title}: strict micro scores of the same predictions before and after post-processing ({steps}), in percent; the difference "
            "in points with its 95 % interval by paired bootstrap, p by paired approximate randomization over documents."
        )
        scores, counts = read_scores(collected / "scores.csv"), read_documents_counts(collected / "documents.csv")
        rows = postprocessing_rows(settings=chosen, scores=scores, counts=counts)
        table = Table(name, said, POSTPROCESSING_COLUMNS, rows, _HEADINGS, _NUMBERS)
    write_table(folder, table)
