"""Rows of a CSV file that an earlier rule wrote, checked against the columns it promised."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from bioner.errors import BionerError


def read_rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """All rows, as strings by column. Raises BionerError naming file and line for a missing file, other columns or a torn row."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            found = tuple(reader.fieldnames or ())
            if found != tuple(columns):
                raise BionerError(f"{path}:1: expected the columns {','.join(columns)}, found {','.join(found)}; make the file again")
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise BionerError(f"{path}:{reader.line_num}: expected {len(columns)} cells, found another number; make the file again")
                rows.append(row)
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected a table, found no file; run the rule that makes it") from error
    return rows
