"""The table that every benchmark prints and writes: both sides measured in the same run."""

from __future__ import annotations

import os
import platform
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
    """Print the table and, where a file for them is given, write it as figures, with what is told of the machine."""
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
        write_json(figures, {"machine": machine, "rows": rows})
