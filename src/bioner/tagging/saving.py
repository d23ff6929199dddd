"""Errors of what libraries write: one line with the file and what is free, as everywhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bioner.storage import unwritten

_SYSTEM = re.compile(r"\(os error (\d+)\)")


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Tell of `path` what keeps a library from writing there.

    safetensors and tokenizers raise errors of their own, with the system's number in the message.

    Raises:
        BionerError: the file or folder cannot be written, as on a full disk.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from error
    except Exception as error:  # tokenizers raises nothing more special
        if (found := _SYSTEM.search(str(error))) is None:
            raise
        raise unwritten(path, OSError(int(found[1]), os.strerror(int(found[1])))) from error
