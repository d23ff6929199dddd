"""All corpora in one table: documents, sentences and mentions of each part, measured beside what is expected of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.reporting.formats import Row, Table, markdown
from bioner.storage import read_json

PARTS = ("train", "validation", "test", "none", "all")
HEADINGS = {
    "corpus": "Corpus",
    "part": "Part",
    "documents": "Documents",
    "sentences": "Sentences",
    "mentions": "Mentions",
    "types": "By type",
    "expected": "Against expected",
    "offsets": "Offsets exact",
    "distinct": "Deduplicated: documents / mentions",
    "seen": "Mentions seen in training",
}


def catalogue(paths: Iterable[Path]) -> str:
    """A Markdown table of quality reports (results/quality/<dataset>.json), in the order given.

    Raises:
        BionerError: a file that is not such a report.
    """
    rows = [row for path in paths for row in _rows(path)]
    numbers = frozenset({"documents", "sentences", "mentions"})
    table = Table("corpora", "", list(HEADINGS), rows, HEADINGS, numbers, code=frozenset({"corpus"}))
    return markdown(table).lstrip("\n")


def _rows(path: Path) -> list[Row]:
    report = read_json(path)
    try:
        return [_row(report, split) for split in PARTS if split in report["counts"]]
    except (KeyError, TypeError) as error:
        raise BionerError(f"{path}: expected a quality report, found none ({error!r}); run the rule inspect again") from error


def _row(report: Mapping[str, Any], split: str) -> dict[str, str]:
    counts, offsets = report["counts"][split], report["offsets"]
    distinct, seen = report["deduplicated"][split], report["seen_in_training"].get(split)
    whole = split == "all"
    return {
        "corpus": str(report["dataset"]),
        "part": split,
        "documents": f"{counts['documents']:,}",
        "sentences": f"{report['splits'][split]['sentences']:,}" if report["splits"][split]["sentences"] else "",
        "mentions": f"{counts['mentions']:,}",
        "types": ", ".join(f"{kind} {number:,}" for kind, number in sorted(counts["types"].items(), key=lambda item: -item[1])),
        "expected": _expected([row for row in report["expected"] if row["split"] == split]),
        "offsets": f"{offsets['exact']:,} of {offsets['checked']:,}" if whole else "",
        "distinct": f"{distinct['documents']:,} / {distinct['mentions']:,}",
        "seen": f"{100 * seen['share']:.1f} %" if seen and seen["share"] is not None else "",
    }


def _expected(rows: list[dict[str, Any]]) -> str:
    different = [f"{row['what']} {row['expected']:,}" for row in rows if row["expected"] != row["found"]]
    return f"expected {', '.join(different)}" if different else f"equal ({len(rows)} of {len(rows)})" if rows else ""
