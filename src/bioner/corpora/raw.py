"""The raw files of a corpus and the manifest that lists them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioner.entities import SPLITS
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json

ROLES = ("text", "annotations", "ids")


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
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise BionerError(f"{self.path}: expected the raw file, found {error.strerror or error}; run download again") from error
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise BionerError(f"{self.path}: expected sha256 {self.sha256}, found {found}; the file changed, so run download again")
        return data


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """All raw files of one corpus, in the order of the manifest."""

    dataset: str
    files: tuple[RawFile, ...]

    def of_role(self, role: str) -> list[RawFile]:
        return [file for file in self.files if file.role == role]


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
        root = Path(value["root"]).expanduser() if "root" in value else Path(path).parent
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


def decompress(name: str, data: bytes) -> bytes:
    """The bytes of a file, unpacked when its name ends in `.gz`."""
    if not name.endswith(".gz"):
        return data
    try:
        # gzip.decompress takes nothing for an empty archive
        return gzip.decompress(data or b"\0")
    except (OSError, EOFError, zlib.error) as error:
        raise BionerError(f"{name}: expected gzip data, found a damaged file ({error}); download it again") from error
