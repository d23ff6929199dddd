"""The report: a folder of pages that hold an experiment's tables, figures and errors, and ask the network for nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.evaluation.columns import ERRORS
from bioner.evaluation.errors import ERROR_KINDS
from bioner.reporting.browser import write_browser
from bioner.reporting.companions import DEFINITION_COLUMNS
from bioner.reporting.further import read_further, read_table
from bioner.reporting.origins import read_origins, read_times
from bioner.reporting.pages import render
from bioner.reporting.pictures import read_pictures
from bioner.reporting.plots import attack_plot, error_plot, library, score_plot
from bioner.reporting.published import FLAGS, ONE_COUNT
from bioner.reporting.rows import read_rows
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.reporting.summaries import read_audits, read_provenance, read_quality, read_training
from bioner.reporting.switching import definition_choices, definition_matrices
from bioner.reporting.table1 import TABLE1_COLUMNS
from bioner.storage import write_text

Row = Mapping[str, str]

# A page from disk is its own origin: `file:` lets it load what lies beside it, `'self'` does where a server shows it.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' file: 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)


def write_report(
    output: str | Path,
    *,
    settings: ReportSettings,
    tables: str | Path,
    figures: str | Path,
    quality: Sequence[str | Path],
    audits: Sequence[str | Path],
    collected: str | Path,
    selection: Mapping[str, Any],
    results: str | Path,
    provenance: Mapping[str, Any],
    described: Any,
    further: Sequence[str | Path] = (),
) -> None:
    """Write the report: `output`, index.html, and beside it errors.html and the folder `data` of what both load.

    Args:
        tables, figures, collected: folders of the rules of these names.
        quality, audits: files of quality reports and leak audits.
        selection: as `write_browser` takes it.
        described: the experiment's settings as they were given, to be shown.
        further: files of the tables that not every experiment has.
        results: folder of everything made: runs, predictions and what else `write_browser` reads.

    Raises:
        BionerError: naming a file that is missing or not as the earlier rules promise.
    """
    output, tables, collected = Path(output), Path(tables), Path(collected)
    data = output.parent / "data"
    context = {"settings": settings, "demo_note": DEMO_NOTE, "policy": POLICY}
    page: dict[str, Any] = (
        context
        | _table1(tables, settings)
        | _plots(tables, collected, settings)
        | {
            "further": read_further(tables, [Path(path).stem for path in further]),
            "pictures": read_pictures(figures, settings),
            "quality": read_quality(quality, settings),
            "audits": read_audits(audits, settings),
            "training": read_training(collected / "runs.csv", settings),
            "provenance": read_provenance(provenance),
            "origins": read_origins(results, selection),
            "times": read_times(results, settings.experiment, list(settings.datasets)),
            "described": json.dumps(described, indent=1, ensure_ascii=False),
        }
    )
    index = write_browser(data, settings=settings, selection=selection, results=results)
    _link_errors(page["further"], index)
    write_text(data / "vega.js", library())
    write_text(output.with_name("errors.html"), render("errors.html", context | browser_context(index, settings)))
    write_text(output, render("report.html", page | {"browsed": bool(index["sets"])}))


def _table1(tables: Path, settings: ReportSettings) -> dict[str, Any]:
    rows = read_rows(tables / "table1.csv", TABLE1_COLUMNS)
    definitions = read_rows(tables / "table1_definitions.csv", DEFINITION_COLUMNS)
    return {
        "table1": [{**row, **flags_of(row)} for row in rows],
        "flag_counts": flag_counts(rows),
        "one_count": ONE_COUNT,
        "published_count": sum(row["source"] == "published" for row in rows),
        "scale": interval_scale(rows),
        "choices": definition_choices(definitions),
        "matrices": definition_matrices(definitions, list(settings.models)),
    }


def _plots(tables: Path, collected: Path, settings: ReportSettings) -> dict[str, Any]:
    table1 = [row for row in read_rows(tables / "table1.csv", TABLE1_COLUMNS) if row["source"] == "reproduced" and row["f1"]]
    specs = {
        "scores": score_plot(table1, settings) if table1 else None,
        "attacks": attack_plot(read_table(tables / "robustness.csv")[1], settings),
        "errors": error_plot(read_rows(collected / "errors.csv", ERRORS), settings, ERROR_KINDS),
    }
    return {"plots": {name: spec for name, spec in specs.items() if spec is not None}}


def _link_errors(tables: Sequence[dict[str, Any]], index: Mapping[str, Any]) -> None:
    """Give the table of error kinds a link for each row, to these errors in the browser; none for what the browser does not have."""
    names = {corpus["title"]: corpus["name"] for corpus in index["corpora"]}
    for table in tables:
        if table["name"] == "errors":
            table["links"] = [
                f"errors.html#dataset={names[row['dataset']]}&model={row['model']}&kind={ERROR_KINDS.index(row['error'])}"
                if row["dataset"] in names
                else ""
                for row in table["rows"]
            ]


def browser_context(index: Mapping[str, Any], settings: ReportSettings) -> dict[str, Any]:
    """What the page of the error browser says beside its data: closed corpora, and whether documents were picked."""
    cut = [part for part in index["sets"] if part["documents"] < part["of"]]
    picked = f"Of each test set at most {max(part['documents'] for part in cut)} documents, evenly picked." if cut else ""
    closed = [dataset.title for dataset in settings.datasets.values() if dataset.closed and dataset.missing is None]
    return {"sets": index["sets"], "closed": closed, "picked": picked}


def interval_scale(rows: Sequence[Row]) -> tuple[int, int]:
    """Percentages between which every interval lies, multiples of ten: the ends of the small bars."""
    bounds = [float(row[column]) for row in rows for column in ("f1_low", "f1_high") if row[column]]
    if not bounds:
        return 0, 100
    low, high = 10 * math.floor(min(bounds) / 10), 10 * math.ceil(max(bounds) / 10)
    return low, max(high, low + 10)


def flags_of(row: Row) -> dict[str, list[str]]:
    """The audit of a row as sentences (`flags`) and as the figures that they are about (`subjects`)."""
    flags = row["audit"].split("; ") if row["audit"] else []
    subjects = [start.strip() for start in FLAGS if any(flag.startswith(start) for flag in flags)]
    return {"flags": flags, "subjects": subjects}


def flag_counts(rows: Sequence[Row]) -> dict[str, int]:
    """What each kind of audit sentence is about, and in how many published rows it stands."""
    published = [row["audit"].split("; ") for row in rows if row["source"] == "published"]
    return {about: sum(any(flag.startswith(start) for flag in flags) for flags in published) for start, about in FLAGS.items()}
