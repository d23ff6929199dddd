"""The raw files of a corpus and the manifest that lists them."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioner.entities import SPLITS
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json

ROLES = ("text", "annotations", "ids")

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class RawFile:
    """One original file: where it is, its name in the manifest, its split and its role.

    Roles: `text` holds documents (with their annotations, where the format puts both in one
    file), `annotations` holds annotations alone, `ids` lists the documents of a split.
    """

    path: Path
    name: str
    split: str | None
    role: str
    sha256: str

    def data(self) -> bytes:
        """The file's bytes; BionerError when they are not those that the manifest recorded."""
        return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The file's bytes in blocks; BionerError at their end when they are not those that the manifest recorded."""
        digest = hashlib.sha256()
        try:
            with open(self.path, "rb") as handle:
                while block := handle.read(_BLOCK):
                    digest.update(block)
                    yield block
        except OSError as error:
            raise BionerError(f"{self.path}: expected the raw file, found {error.strerror or error}; run download again") from error
        if digest.hexdigest() != self.sha256:
            raise BionerError(
                f"{self.path}: expected sha256 {self.sha256}, found {digest.hexdigest()}; the file changed, so run download again"
            )


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """All raw files of one corpus, in the order of the manifest."""

    dataset: str
    files: tuple[RawFile, ...]

    def of_role(self, role: str) -> list[RawFile]:
        return [file for file in self.files if file.role == role]


def is_plain(name: str) -> bool:
    """Whether a file's name is UTF-8 without control characters, so that ids and messages can have it."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def manifest_entry(root: Path, name: str, split: str | None, role: str) -> dict[str, Any]:
    """A manifest's line about one file below `root`, digest and size included."""
    path = root / name
    return {"name": name, "sha256": sha256_file(path), "bytes": path.stat().st_size, "split": split, "role": role}


def write_manifest(output: str | Path, dataset: str, licence: str, files: Iterable[dict[str, Any]], *, root: str | None = None) -> None:
    """Write manifest.json; `root` is the folder that names are relative to, by default the manifest's own."""
    value: dict[str, Any] = {"dataset": dataset, "licence": licence, "files": list(files)}
    if root is not None:
        value["root"] = root
    write_json(output, value)


def read_manifest(path: str | Path) -> RawCorpus:
    """The raw corpus that a manifest describes; BionerError when a field is not as promised."""
    value = read_json(path)
    remedy = "delete the manifest and run download or generate again"
    try:
        root = Path(os.path.expanduser(value["root"])) if "root" in value else Path(path).parent
        files = tuple(
            RawFile(root / entry["name"], str(entry["name"]), entry["split"], entry["role"], str(entry["sha256"]))
            for entry in value["files"]
        )
        corpus = RawCorpus(str(value["dataset"]), files)
    except (KeyError, TypeError) as error:
        raise BionerError(f"{path}: expected a manifest with dataset and files, found none ({error!r}); {remedy}") from error
    for file in files:
        if file.role not in ROLES:
            raise BionerError(f"{path}: expected a role in {', '.join(ROLES)} for {file.name}, found {file.role!r}; {remedy}")
        if file.split is not None and file.split not in SPLITS:
            raise BionerError(f"{path}: expected a split in {', '.join(SPLITS)} or null for {file.name}, found {file.split!r}; {remedy}")
    return corpus
