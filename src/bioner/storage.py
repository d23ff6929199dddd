"""Files: written under a temporary name and renamed, so that a final name is never half a file."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, Any

from bioner.errors import BionerError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The parent folder is made. The temporary file is removed when the block fails.
    """
    final = Path(path)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.partial")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, final)
    except OSError as error:
        ours = {None, str(temporary), str(final), str(final.parent)}
        if error.filename not in ours and error.filename2 not in ours - {None}:
            raise  # of another file that the block touched; a copy that fails names both
        raise unwritten(final, error) from error
    finally:
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


def unwritten(path: Path, error: OSError) -> BionerError:
    """The error about a file that cannot be written; where the disk is full, with what is free there."""
    left = ""
    if error.errno in (ENOSPC, EDQUOT):
        place = next(folder for folder in path.absolute().parents if folder.is_dir())
        usage = shutil.disk_usage(place)
        left = f" ({usage.free:,} of {usage.total:,} bytes are free there)"
    return BionerError(f"{path}: cannot be written ({error.strerror or error}); free space or fix permissions, then run again{left}")


LITTLE = 256 << 20
"""Bytes that are free on a disk of which a failed workflow says that it may be full."""


def little_space(*folders: str | Path) -> str:
    """What to tell of the disks of some folders on which less than `LITTLE` is free; nothing where there are none.

    A command that fails on a full disk may not even find room for its log.
    """
    told: dict[int, str] = {}
    for folder in map(Path, folders):
        usage = shutil.disk_usage(folder) if folder.is_dir() else None
        if usage is not None and usage.free < LITTLE:
            told.setdefault(folder.stat().st_dev, f"{folder}: {usage.free:,} of {usage.total:,} bytes are free on its disk")
    return "; ".join(told.values())


def remove_partials(folder: str | Path) -> None:
    """Remove from a folder what killed processes left of files and folders that they were writing; nothing may be writing there."""
    for path in Path(folder).glob(".*.partial"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: str | Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file that appears under its final name only when complete."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as handle:
        yield handle


def write_text(path: str | Path, text: str) -> None:
    with atomic_text(path) as handle:
        handle.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON with sorted keys; the same value gives the same bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or malformed one is a BionerError naming file and line."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BionerError(f"{path}: expected a JSON file, found none; run the rule that makes it") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", 1)
        raise BionerError(f"{path}:{line}: expected JSON, found something else ({error}); delete the file and run again") from error


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with the given columns; None becomes an empty cell, an unknown key an error."""
    with atomic_text(path) as handle:
        writer = csv.DictWriter(handle, columns, extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sha256_file(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
