"""Trace a cell of a table back to its runs: recipe, data, code, versions, hardware, time; and check every digest on the way."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import execute
from bioner.errors import BionerError
from bioner.reporting.collected import STRICT_F1, System
from bioner.reporting.links import Chain, broken, chain, describe
from bioner.reporting.tracing import Sources, TracedCell, TracedRow, find_row, trace_cell


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="bioner trace", description=__doc__)
    arguments.add_argument("table", type=Path, help="results/<experiment>/tables/<table>.csv")
    arguments.add_argument("where", nargs="*", metavar="COLUMN=VALUE", help="cells of the row, such as dataset=BC5CDR model=fgsm")
    arguments.add_argument("--line", type=int, help="the row's line in the file instead (the head is line 1)")
    arguments.add_argument("--column", help="the cell's column (default: f1, or what the table has in its place)")
    arguments.add_argument("--json", action="store_true", help="one JSON object instead of text")
    return arguments


PREFERRED = ("f1", "value", "f1_attacked", "difference", "recall", "gold", "f1_after")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the chain of every run behind the cell; a broken link is an error after it."""
    given = parser().parse_args(argv)
    wanted = dict(_pair(text) for text in given.where)
    row = find_row(given.table, wanted, given.line)
    column = given.column or next((name for name in PREFERRED if name in row.cells), next(iter(row.cells)))
    results, sources = Path(os.path.abspath(given.table)).parent.parent.parent, Sources.beside(given.table)
    cell = trace_cell(given.table, row, column, sources)

    def follow(system: System, fold: int, seed: int) -> Chain:
        dataset, protocol, model = system
        value = sources.scores.by_run(system, STRICT_F1, cell.condition).get((fold, seed))
        known = cell.condition if value is not None else "clean"
        return chain(f"{dataset}/{protocol}/{model}/fold{fold}/seed{seed}", results, known, value, given.table.stem)

    chains = [follow(system, fold, seed) for system in cell.systems for fold, seed in sources.runs_of(system)]
    if given.json:
        json.dump(_as_json(given.table, row, column, cell, chains), sys.stdout, indent=1, sort_keys=True, ensure_ascii=False)
        print()
    else:
        print("\n".join(_as_text(given.table, row, column, cell, chains)))
    problems = [f"{link.what} {link.where}: {link.state}" for link in broken(chains)]
    if cell.again is not None and cell.again != cell.value:
        problems.insert(0, f"the table says {cell.value}, its runs' scores give {cell.again}")
    if problems:
        raise BionerError(
            f"{given.table}:{row.line}: {len(problems)} of the links behind {column} do not hold: {'; '.join(problems[:3])}; "
            "run snakemake again"
        )


def _pair(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not (column and equals):
        raise BionerError(f"expected COLUMN=VALUE, got {text!r:.60}; quote values that have blanks")
    return column, value


def _as_text(table: Path, row: TracedRow, column: str, cell: TracedCell, chains: Sequence[Chain]) -> list[str]:
    lines = [f"{table}:{row.line}, {column} = {cell.value or '(empty)'}", f"  made of {cell.source}"]
    if cell.again is not None:
        lines.append(f"  computed again: {cell.again}")
    for (system, (fold, seed)), value in sorted(cell.value_by_run.items()):
        lines.append(f"  {'/'.join(system)}/fold{fold}/seed{seed}: {100 * value:.4f}")
    for one in chains:
        lines += ["", *describe(one)]
    return lines


def _as_json(table: Path, row: TracedRow, column: str, cell: TracedCell, chains: Sequence[Chain]) -> dict[str, Any]:
    values = {f"{'/'.join(system)}/fold{fold}/seed{seed}": value for (system, (fold, seed)), value in cell.value_by_run.items()}
    return {
        "table": str(table),
        "line": row.line,
        "row": dict(row.cells),
        "column": column,
        "value": cell.value,
        "source": cell.source,
        "computed_again": cell.again,
        "value_by_run": values,
        "runs": [{"run": one.run, "facts": one.facts, "links": [link._asdict() for link in one.links]} for one in chains],
    }


if __name__ == "__main__":
    execute(main)
