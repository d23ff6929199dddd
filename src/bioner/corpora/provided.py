"""Corpora that the user provides: used where they lie, never fetched and never copied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.entities import SPLITS
from bioner.errors import BionerError

RELEASE_FOLDERS = {
    "concept_assertion_relation_training_data": "train",
    "reference_standard_for_test_data": "test",
    "test_data": "test",
}
"""First folder of a file -> split, for the folders into which the i2b2/VA 2010 archives unpack."""

_I2B2_ROLES = {".txt": "text", ".con": "annotations"}


def list_provided(dataset: str, settings: Mapping[str, Any], output: str | Path) -> None:
    """Write the manifest of a user's own files; its `root` is the folder as given in the config.

    Args:
        dataset: name of the corpus.
        settings: its entry in the config: `folder`, `format`; optional `files` (path, split, role), `agreement` (what to sign), `licence`.
        output: the manifest.

    Raises:
        BionerError: no such folder or file; the message says what to sign and where to put the files.
    """
    folder = settings.get("folder")
    if not folder:
        raise BionerError(f"{dataset}: expected `folder` (where your files are), found none; add it to the dataset's entry in the config")
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise BionerError(f"{dataset}: expected your files in the folder {folder}, found no such folder; {_advice(settings)}")
    rows = _listed(dataset, settings, root) if settings.get("files") else _found(settings, root)
    if not any(role == "text" for _, _, role in rows):
        raise BionerError(f"{dataset}: expected files of format {settings.get('format')} in {folder}, found none; {_advice(settings)}")
    entries = [manifest_entry(root, name, split, role) for name, split, role in rows]
    write_manifest(output, dataset, str(settings.get("licence", "")), entries, root=str(folder))


def _advice(settings: Mapping[str, Any]) -> str:
    agreement = str(settings.get("agreement", "")).strip().rstrip(".;")
    return f"{agreement}; then put the files there and run again" if agreement else "put the files there and run again"


def _listed(dataset: str, settings: Mapping[str, Any], root: Path) -> list[tuple[str, str | None, str]]:
    rows = []
    for entry in settings["files"]:
        if not (root / entry["path"]).is_file():
            raise BionerError(f"{dataset}: expected the file {entry['path']} in {settings['folder']}, found none; {_advice(settings)}")
        rows.append((str(entry["path"]), entry.get("split"), str(entry.get("role", "text"))))
    return rows


def _found(settings: Mapping[str, Any], root: Path) -> list[tuple[str, str | None, str]]:
    """Name, split and role of the files below a folder, sorted; hidden ones (`._x`, `.DS_Store`) are skipped."""
    rows = []
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    for name in names:
        parts = PurePosixPath(name).parts
        suffix = PurePosixPath(name).suffix
        if any(part.startswith(".") for part in parts):
            continue
        role = _I2B2_ROLES.get(suffix) if settings.get("format") == "i2b2" else "text"
        if role is not None:
            rows.append((name, _split_of(parts), role))
    return rows


def _split_of(parts: tuple[str, ...]) -> str | None:
    if len(parts) > 1 and parts[0] in SPLITS:
        return parts[0]
    return RELEASE_FOLDERS.get(parts[0]) if len(parts) > 1 else None
