"""One process at a time in a folder, across all machines that see it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import unwritten

NAME = ".running"
PAUSE = 1.0
"""Seconds between two tries."""


@contextmanager
def alone_in(folder: Path, what: str, *, pause: Callable[[float], None] = time.sleep) -> Iterator[bool]:
    """Wait until no other process is in a folder, then keep others out; yields whether there was one to wait for.

    It is `flock` on a file in the folder, which the kernel lets go of however the process dies; over the network it is as good as
    the file system's locks are (NFS has them, Lustre if mounted with `flock`). The file says who is in there, and goes with him.

    Args:
        what: what is made there, for the line that tells of waiting.

    Raises:
        BionerError: the folder cannot be written.
    """
    waited = False
    while (handle := _try(folder)) is None:
        if not waited:
            say(f"{folder}: {what} is being made by {_holder(folder)}; waiting for it")
            waited = True
        pause(PAUSE)
    try:
        yield waited
    finally:
        (folder / NAME).unlink(missing_ok=True)
        os.close(handle)


def _try(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None if another process does."""
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise unwritten(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # who held it may have removed the file between our opening and our locking of it
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": time.ctime()}).encode(), 0)
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(descriptor)
        if error.errno in (ENOSPC, EDQUOT):
            raise unwritten(path, error) from error
        raise BionerError(f"{path}: cannot be locked ({error.strerror}); put results on a file system with locks") from error
    os.close(descriptor)
    return None


def _holder(folder: Path) -> str:
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return f"process {said['process']} of {said['host']} since {said['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
