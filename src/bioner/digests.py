"""Digests of commands' code and of files outside of results/, kept from one start of the workflow to the next: they take seconds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.provenance import PACKAGE, code_digest
from bioner.storage import sha256_file, write_json


class CodeDigests:
    """`bioner.provenance.code_digest`, remembered in a file for as long as no source file of the package changes by a byte.

    Args:
        path: the file; another or a damaged one is replaced, and none is written where it cannot be.
        package: folder of the sources.
    """

    def __init__(self, path: Path, package: Path = PACKAGE) -> None:
        self.path, self.package = path, package
        self.sources = source_digest(package)
        self.known: dict[str, str] = self._read()

    def __call__(self, command: str) -> str:
        """The digest of a command's code; BionerError for no such command."""
        if command not in self.known:
            modules = (self.package / "commands").glob("[a-z]*.py")
            self.known = {name: code_digest(name) for name in sorted({command, *(module.stem for module in modules)})}
            _keep(self.path, {"sources": self.sources, "digests": self.known})
        return self.known[command]

    def _read(self) -> dict[str, str]:
        value = _kept(self.path)
        digests = value.get("digests") if value.get("sources") == self.sources else None
        return {name: str(digest) for name, digest in digests.items()} if isinstance(digests, dict) else {}


class FileDigests:
    """SHA-256 of files, remembered in a file for as long as their sizes and times stay.

    Args:
        path: the file; another or a damaged one is replaced, and none is written where it cannot be.
    """

    SETTLED = 2.0
    """Seconds since its last change after which a file's time tells of the next one, on file systems with coarse clocks too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = {name: state for name, state in _kept(path).items() if isinstance(state, list) and len(state) == 3}

    def __call__(self, paths: Sequence[Path]) -> list[str]:
        """The digests of files, in their order; OSError for one that cannot be read."""
        found, changed = [], False
        for path in paths:
            name, status = str(path.absolute()), path.stat()
            state = [status.st_size, status.st_mtime_ns]
            digest = self.known[name][2] if self.known.get(name, [None])[:2] == state else None
            if digest is None:
                digest = sha256_file(path)
                if time.time() - status.st_mtime > self.SETTLED:
                    self.known[name], changed = [*state, digest], True
            found.append(str(digest))
        if changed:
            _keep(self.path, self.known)
        return found


def _keep(path: Path, value: dict[str, Any]) -> None:
    """Write what was worked out, where it can be: the file saves time and nothing else."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    if not os.access(folder, os.W_OK):
        return
    try:
        write_json(path, value)
    except BionerError as error:  # a full disk, say
        say(f"{error} (it would save a few seconds at each start)")


def _kept(path: Path) -> dict[str, Any]:
    """What an earlier start wrote; nothing where it is not there or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def source_digest(package: Path) -> str:
    """Digest of all Python files below a folder, and of the version of Python, whose syntax trees digests are of."""
    found = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in sorted(package.rglob("*.py")):
        found.update(f"\0{path.relative_to(package)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()
