"""The quality report of a corpus as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioner.errors import BionerError
from bioner.reporting.pages import render
from bioner.reporting.settings import DEMO_NOTE

SPLITS = {"train": "training", "validation": "validation", "test": "test", "none": "no part", "all": "all"}
"""Splits in the order of columns, and as people read them."""

LENGTHS = {
    "document_words": "document, words",
    "document_characters": "document, characters",
    "mention_words": "mention, words",
    "mention_characters": "mention, characters",
}
QUANTILES = {"minimum": "Minimum", "median": "Median", "percentile_95": "95th percentile", "maximum": "Maximum"}
SHAPES = {
    "nested": "inside of a longer mention",
    "crossing": "crossing another mention",
    "same_span": "on the same span as another mention",
    "overlapping": "touching another mention in any way",
    "discontiguous": "of several parts",
    "boundary_inside_a_word": "beginning or ending inside of a word",
}
FILES_SHOWN = 50


def corpus_page(report: Mapping[str, Any]) -> str:
    """The page of a quality report as the rule inspect writes it; BionerError where a part is missing.

    A report on a corpus under an agreement has no text of it, and neither has the page.
    """
    try:
        splits = [split for split in SPLITS if split in report["splits"]]
        if len(splits) == 2:  # the only split is all there is
            splits = splits[:1]
        expected = report["expected"]
        context = {
            "report": report,
            "demo_note": DEMO_NOTE if report["source"] == "demo" else "",
            "splits": {split: SPLITS[split] for split in splits},
            "sentences": report["splits"]["all"]["sentences"] is not None,
            "repeated": sum(found["documents"] for found in report["repeats"]["within"].values()),
            "unmet": [row for row in expected if row["expected"] != row["found"]],
            "types": _types(report, splits),
            "types_read": sorted({kind for types in report["types_read"].values() for kind in types}),
            "lengths": LENGTHS,
            "quantiles": QUANTILES,
            "shapes": SHAPES,
            "names": SPLITS,
            "ledgers": _ledgers(report),
            "files": sorted(report["inputs"].items()),
            "files_shown": FILES_SHOWN,
        }
    except (KeyError, TypeError) as error:
        raise BionerError(f"expected a quality report with splits, expected and inputs, found no {error}; run inspect again") from error
    return render("corpus.html", context)


def _types(report: Mapping[str, Any], splits: list[str]) -> list[tuple[str, list[int], float | None]]:
    """Each type with its mentions in the splits, and its share of all mentions; the most frequent first."""
    every = report["splits"]["all"]
    ordered = sorted(every["types"], key=lambda kind: (-every["types"][kind], kind))
    return [
        (kind, [report["splits"][split]["types"].get(kind, 0) for split in splits], every["types"][kind] / every["mentions"])
        for kind in ordered
    ]


def _ledgers(report: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[str, int, list[str]]]]]:
    """What was repaired and what was left out: title, what is said where there is nothing, and rules with count and first places."""
    titles = {
        "repairs": ("Repairs", "Nothing had to be repaired."),
        "filtered": ("Documents left out by filters", "No document was left out."),
    }
    return [
        (title, none, [(rule.replace("_", " "), entry["count"], list(entry["first"])) for rule, entry in sorted(report[key].items())])
        for key, (title, none) in titles.items()
    ]
