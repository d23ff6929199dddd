"""The report: one page that holds its tables, figures and scripts, and asks the network for nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.reporting.companions import DEFINITION_COLUMNS, ROBUSTNESS_COLUMNS
from bioner.reporting.pages import render
from bioner.reporting.pictures import read_pictures
from bioner.reporting.published import FLAGS, ONE_COUNT
from bioner.reporting.rows import read_rows
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.reporting.summaries import read_audits, read_provenance, read_quality, read_training
from bioner.reporting.table1 import TABLE1_COLUMNS
from bioner.storage import write_text

Row = Mapping[str, str]


def write_report(
    output: str | Path,
    *,
    settings: ReportSettings,
    tables: str | Path,
    figures: str | Path,
    quality: Sequence[str | Path],
    audits: Sequence[str | Path],
    collected: str | Path,
    provenance: Mapping[str, Any],
) -> None:
    """Write the page from the tables and figures of an experiment, quality reports, leak audits and provenance.

    Raises BionerError naming a file that is missing or not as the earlier rules promise.
    """
    tables, collected = Path(tables), Path(collected)
    table1 = read_rows(tables / "table1.csv", TABLE1_COLUMNS)
    attacked = read_rows(tables / "robustness.csv", ROBUSTNESS_COLUMNS)
    context = {
        "settings": settings,
        "demo_note": DEMO_NOTE,
        "table1": [{**row, **flags_of(row)} for row in table1],
        "flag_counts": flag_counts(table1),
        "one_count": ONE_COUNT,
        "published_count": sum(row["source"] == "published" for row in table1),
        "definitions": definition_blocks(read_rows(tables / "table1_definitions.csv", DEFINITION_COLUMNS), list(settings.models)),
        "robustness": attacked,
        "scale": interval_scale([*table1, *attacked]),
        "pictures": read_pictures(figures, settings),
        "quality": read_quality(quality, settings),
        "audits": read_audits(audits, settings),
        "training": read_training(collected / "runs.csv", settings),
        "provenance": read_provenance(provenance),
    }
    write_text(output, render("report.html", context))


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


def definition_blocks(rows: Sequence[Row], models: Sequence[str]) -> list[dict[str, Any]]:
    """Definitions to choose from, strict micro F1 first: each with a line for each dataset and a cell for each model.

    Of the values by entity type only the strict ones are shown; the others are in table1_definitions.csv.
    """
    blocks: dict[tuple[str, str, str, str], dict[str, dict[str, Row]]] = {}
    for row in rows:
        if row["average"] != "type" or row["definition"] == "strict":
            key = (row["definition"], row["average"], row["type"], row["metric"])
            blocks.setdefault(key, {}).setdefault(row["dataset"], {})[row["model"]] = row
    ordered = sorted(blocks, key=lambda key: (key[1] == "type", key != ("strict", "micro", "", "f1"), key[0] != "strict", key))
    return [
        {
            "label": f"{definition}, {f'type {entity_type}' if entity_type else average}: {metric}",
            "lines": [(dataset, [cells.get(model) for model in models]) for dataset, cells in blocks[key].items()],
        }
        for key in ordered
        for definition, average, entity_type, metric in [key]
    ]
