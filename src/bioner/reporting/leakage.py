"""What a protocol is worth: the same model under each protocol of an experiment, and the leaks that the audit found."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.reporting.cells import Row, count_folds, count_seeds, mean, percent
from bioner.reporting.collected import CLEAN, STRICT_F1, Scores, System
from bioner.reporting.formats import Table, write_table
from bioner.reporting.headings import HEADINGS, NUMBERS
from bioner.reporting.intervals import Intervals
from bioner.reporting.settings import DEMO_NOTE, ReportSettings
from bioner.storage import read_json

LEAKAGE_COLUMNS = (
    "dataset",
    "model",
    "protocol",
    "unsafe",
    "training_words",
    "f1",
    "f1_low",
    "f1_high",
    "difference",
    "folds",
    "seeds",
    "leaks",
    "note",
)
Audits = Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]]
"""By dataset, protocol and adaptation (empty without one): the audit of each fold; one with an adaptation has the fold's checks too."""


def read_leaks(paths: Iterable[str | Path]) -> Audits:
    """Leak audits, named <dataset>/<protocol>/fold<k>.json, or fold<k>.<adaptation>.json.

    Raises BionerError naming a file that is missing or not an audit.
    """
    audits: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    needed = {"unsafe", "training_words", "lost_by_cutting", "checks"}
    for path in map(Path, paths):
        audit = read_json(path)
        if not isinstance(audit, dict) or needed - audit.keys():
            raise BionerError(f"{path}: expected an audit with {', '.join(sorted(needed))}, found another; run the rule audit again")
        audits.setdefault((path.parent.parent.name, path.parent.name, audited(path)[1]), []).append(audit)
    return audits


def audited(path: Path) -> tuple[str, str]:
    """Fold and adaptation of an audit by the name of its file, fold<k>.json or fold<k>.<adaptation>.json."""
    fold, _, adaptation = path.stem.partition(".")
    return fold.removeprefix("fold"), adaptation


def write_leakage(folder: str | Path, *, settings: ReportSettings, scores: Scores, intervals: Intervals, audits: Audits) -> None:
    """Write leakage as csv, md, tex and html into a folder."""
    rows = leakage_rows(settings=settings, scores=scores, intervals=intervals, audits=audits)
    mark = f" ({DEMO_NOTE})" if settings.demo else ""
    caption = (
        f"{settings.title}: strict micro F1 under each protocol{mark}, its difference to {settings.protocol}, and what the leak "
        "audit found in all folds. F1 low and high: 95 % interval by bootstrap over documents within folds; F1 in percent."
    )
    write_table(folder, Table("leakage", caption, LEAKAGE_COLUMNS, rows, HEADINGS, NUMBERS, ("leaks", "note")))


def leakage_rows(*, settings: ReportSettings, scores: Scores, intervals: Intervals, audits: Audits) -> list[Row]:
    """One row for each dataset, model and protocol; the experiment's own protocol first, which the others are compared with.

    Raises BionerError where scores or audits of a protocol are missing.
    """
    rows: list[Row] = []
    for dataset in settings.datasets.values():
        for model in settings.models if dataset.missing is None else ():
            own = _f1(scores, (dataset.name, settings.protocol, model))
            for protocol in (settings.protocol, *settings.compare):
                system = (dataset.name, protocol, model)
                row = _row(system, settings, scores, intervals, audits)
                difference = "" if protocol == settings.protocol else f"{float(row['f1']) - float(percent(own)):+.2f}"
                rows.append(row | {"dataset": dataset.title, "difference": difference})
    return rows


def _f1(scores: Scores, system: System) -> float:
    f1 = mean(scores.by_run(system, STRICT_F1))
    if f1 is None:
        raise BionerError(
            f"{', '.join(system)}: expected a strict micro F1 in the collected scores, found none; run the rule collect again"
        )
    return f1


def _row(system: System, settings: ReportSettings, scores: Scores, intervals: Intervals, audits: Audits) -> dict[str, str]:
    dataset, protocol, model = system
    adaptation = settings.models[model].adaptation
    found = audits.get((dataset, protocol, adaptation), ())
    if not found:
        named = f"fold<k>{f'.{adaptation}' if adaptation else ''}.json"
        raise BionerError(f"{dataset}, {protocol}: expected leak audits, found none; give {named} of every fold to --audits")
    runs = scores.by_run(system, STRICT_F1)
    low, high = intervals.f1(system, CLEAN)
    unsafe = found[0]["unsafe"]
    lost = sum(audit["lost_by_cutting"] for audit in found)
    notes = [DEMO_NOTE] * settings.demo + [f"unsafe protocol: {unsafe}"] * bool(unsafe)
    notes += [f"{lost} mentions lost by cutting into sentences"] * bool(lost)
    return {
        "model": model,
        "protocol": protocol,
        "unsafe": "yes" if unsafe else "no",
        "training_words": f"{statistics.fmean(audit['training_words'] for audit in found):.0f}",
        "f1": percent(_f1(scores, system)),
        "f1_low": percent(low),
        "f1_high": percent(high),
        "folds": str(count_folds(runs)),
        "seeds": str(count_seeds(runs)),
        "leaks": _leaks(found),
        "note": "; ".join([*notes, *(note for note in settings.notes(dataset, protocol) if note not in notes)]),
    }


def _leaks(audits: Sequence[Mapping[str, Any]]) -> str:
    """What the checks found in all folds together."""
    counts: Counter[str] = Counter()
    for audit in audits:
        counts.update({check["name"]: check["found"] for check in audit["checks"]})
    return "; ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts.items() if count) or "none"
