"""A file that is on its way, under a hidden name with which later tries and later processes go on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOLCK, ENOSYS, ENOTSUP
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from bioner.errors import BionerError
from bioner.storage import unwritten


class Partial:
    """What has come of a file so far, as `.<name>.partial` beside it, locked while open.

    It outlives failures and the process, unless it is empty; the final name appears by `install` only.

    Raises:
        BionerError: another process has it open, or it cannot be written.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(f".{final.name}.partial")

    def __enter__(self) -> Self:
        with self._writing():
            self.final.parent.mkdir(parents=True, exist_ok=True)
            self._handle = self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self.size:
            self.path.unlink(missing_ok=True)
        self._handle.close()

    @property
    def size(self) -> int:
        return self._handle.tell()

    def write(self, data: bytes) -> None:
        with self._writing():
            while data:
                data = data[self._handle.write(data) :]

    def empty(self) -> None:
        """Start anew; an empty partial file is gone when it is closed."""
        with self._writing():
            if self.size:
                self._handle.truncate(0)
                self._handle.seek(0)

    def install(self) -> None:
        """Give the file its final name."""
        with self._writing():
            os.fsync(self._handle.fileno())
            self.path.replace(self.final)

    def _open(self) -> FileIO:
        while True:
            handle = FileIO(self.path, "a")
            if not _lock(handle):
                handle.close()
                raise BionerError(
                    f"{self.final}: expected to fetch it alone, found another process at it; wait for its end, then run again"
                )
            # who held the lock before may have renamed or removed what was opened here
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), self.path.stat()):
                    return handle
            handle.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritten(self.final, error) from error


def _lock(handle: FileIO) -> bool:
    """Whether no other process holds the lock of a file; true where the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (ENOLCK, ENOSYS, ENOTSUP):
            raise
    return True
