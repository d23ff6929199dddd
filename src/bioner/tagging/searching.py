"""What a search found: its best trial, and a table of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.storage import read_json, write_json, write_rows

COLUMNS = ("trial", "state", "validation_f1", "epochs", "best_epoch")


def summarize_search(*, settings: Mapping[str, Any], trials: Sequence[Path], best: Path, table: Path) -> None:
    """Write the values of the trial with the best strict F1 on validation (the first of equals), and a table of all trials.

    Args:
        settings: what the best file tells of the search beside it, `search` (its name) and `space` among that.
        trials: files of all trials.
        best: the file for the best trial.
        table: CSV with a column for each key of the space; the last one, `reason`, says why a trial could not be made.

    Raises:
        BionerError: no training ended well.
    """
    told = sorted((read_json(path) for path in trials), key=lambda trial: int(trial["trial"]))
    finished = [trial for trial in told if trial["state"] == "finished"]
    if not finished:
        refused = [trial for trial in told if trial["state"] == "infeasible"]
        found, advice = f"{len(told) - len(refused)} that diverged", "lower the learning rates in its space"
        if refused:
            found += f" and {len(refused)} that cannot be made (trial {refused[0]['trial']}: {refused[0]['reason']})"
            advice += ", or take out the values that do not fit"
        raise BionerError(f"searches.{settings['search']}: expected a training that ends well, found {found}; {advice}")
    chosen = max(finished, key=lambda trial: (trial["validation_f1"], -trial["trial"]))
    keys = list(settings["space"])
    rows = [
        {key: trial[key] for key in COLUMNS} | {key: _cell(trial["values"][key]) for key in keys} | {"reason": trial.get("reason")}
        for trial in told
    ]
    write_rows(table, [*COLUMNS, *keys, "reason"], rows)
    parts = {key: chosen[key] for key in ("trial", "values", "validation_f1", "encoder", "data", "versions")}
    write_json(best, dict(settings) | {"trials": len(told)} | parts)


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else json.dumps(value, sort_keys=True)
