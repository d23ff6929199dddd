"""The digests of commands' code for a whole workflow, kept from one start of it to the next: parsing every module takes seconds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.provenance import PACKAGE, code_digest
from bioner.storage import write_json


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
            folder = next(parent for parent in self.path.absolute().parents if parent.is_dir())
            if os.access(folder, os.W_OK):
                self._write()
        return self.known[command]

    def _write(self) -> None:
        try:
            write_json(self.path, {"sources": self.sources, "digests": self.known})
        except BionerError as error:  # a full disk, say: the file saves time and nothing else
            say(f"{error} (it would save a few seconds at each start)")

    def _read(self) -> dict[str, str]:
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        digests = value.get("digests") if isinstance(value, dict) and value.get("sources") == self.sources else None
        return {name: str(digest) for name, digest in digests.items()} if isinstance(digests, dict) else {}


def source_digest(package: Path) -> str:
    """Digest of all Python files below a folder, and of the version of Python, whose syntax trees digests are of."""
    found = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in sorted(package.rglob("*.py")):
        found.update(f"\0{path.relative_to(package)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()
