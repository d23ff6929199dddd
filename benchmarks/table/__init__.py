"""The table that every benchmark prints and writes: both sides measured in the same run."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

from bioner.storage import write_json

Row = dict[str, Any]


def row(case: str, ours: float, peer: str, theirs: float, ratio: float | None = None, *, goal: float, better: str) -> Row:
    """A line of the table; it holds when the ratio (ours / theirs, if not given) reaches the goal in the direction that is better."""
    ratio = ours / theirs if ratio is None else ratio
    holds = ratio >= goal if better == "higher" else ratio <= goal
    numbers = {name: float(f"{value:.4g}") for name, value in (("ours", ours), ("theirs", theirs), ("ratio", ratio))}
    return {"case": case, "peer": peer, **numbers, "goal": goal, "better": better, "holds": holds}


def report(rows: list[Row], figures: Path | None, **machine: Any) -> None:
    """Print the table and, where a file for them is given, put its lines among the file's figures, each with its day and its machine.

    A line of the file stays until its case is measured again: a call for some cases keeps those of the others.
    """
    for line in rows:
        relation = ">=" if line["better"] == "higher" else "<="
        print(
            f"{line['case']:<72} {line['ours']:>11.4g} | {line['peer']} {line['theirs']:.4g} | {line['ratio']:.3f} "
            f"{relation} {line['goal']:g}: {'holds' if line['holds'] else 'DOES NOT HOLD'}"
        )
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
        **machine,
    }
    if figures is not None:
        earlier = json.loads(figures.read_text(encoding="utf-8"))["rows"] if figures.is_file() else []
        lines = [*earlier, *(line | {"date": str(date.today()), "machine": machine} for line in rows)]
        known = {(line["case"], line["peer"].partition(",")[0]): line for line in lines}
        write_json(figures, {"rows": list(known.values())})
