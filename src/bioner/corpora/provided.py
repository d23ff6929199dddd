"""Corpora that the user provides: used where they lie, never fetched and never copied."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bioner.corpora.raw import is_plain, manifest_entry, read_manifest, write_manifest
from bioner.entities import SPLITS
from bioner.errors import BionerError
from bioner.provenance import value_digest

RELEASE_FOLDERS = {
    "concept_assertion_relation_training_data": "train",
    "reference_standard_for_test_data": "test",
    "test_data": "test",
}
"""First folder of a file -> split, for the folders into which the i2b2/VA 2010 archives unpack."""

_ROLES = {
    "i2b2": {".txt": "text", ".con": "annotations"},
    "brat": {".txt": "text", ".ann": "annotations", ".gz": "text", ".tar": "text"},
}
"""Format -> suffix -> role, for formats of more than one file a document; in the others every file holds documents."""

Row = tuple[str, str | None, str]
"""Name of a file below the folder, its split and its role."""


def list_provided(dataset: str, settings: Mapping[str, Any], output: str | Path) -> None:
    """Write the manifest of a user's own files; its `root` is the folder as given in the config.

    Args:
        dataset: name of the corpus.
        settings: its entry in the config: `folder` (default: the working folder), `format`; one of `files` (path, split, role),
            `paths` and `glob` (see `places`), or none of them for all files below `folder`; optional `agreement` (what to
            sign), `licence`.
        output: the manifest.

    Raises:
        BionerError: no such folder or file; the message says what to sign and where to put the files.
    """
    folder, root = _place(settings)
    entries = [_entry(dataset, root, row) for row in _rows(dataset, settings)]
    write_manifest(output, dataset, str(settings.get("licence", "")), entries, root=folder)


def provided_state(dataset: str, settings: Mapping[str, Any], manifest: str | Path, digests: Callable[[Sequence[Path]], list[str]]) -> str:
    """Digest of a user's files, as a manifest would list them: another one when a file came, went, or changed by a byte.

    Where they are not there, as in a clone to which only results were copied, it is that of the files which the manifest lists; empty
    where there is none either, which `list_provided` then tells.

    Args:
        dataset, settings: as of `list_provided`.
        manifest: what it wrote, or will write.
        digests: gives the SHA-256 of files.
    """
    _, root = _place(settings)
    try:
        rows = _rows(dataset, settings)
        listed = [[*row, digest] for row, digest in zip(rows, digests([root / name for name, _, _ in rows]), strict=True)]
    except (BionerError, OSError):
        try:
            listed = [[file.name, file.split, file.role, file.sha256] for file in read_manifest(manifest).files]
        except BionerError:  # none, or a damaged one
            return ""
    return value_digest(listed)


def _place(settings: Mapping[str, Any]) -> tuple[str, Path]:
    """The folder of a user's files as the config has it, and where it is."""
    folder = str(settings.get("folder") or ".")
    return folder, Path(os.path.expanduser(folder))


def _rows(dataset: str, settings: Mapping[str, Any]) -> list[Row]:
    """The files that a config entry names; BionerError where there are none."""
    folder, root = _place(settings)
    if not os.path.isdir(root):
        raise BionerError(f"{dataset}: expected your files in the folder {folder}, found no such folder; {_advice(settings)}")
    if settings.get("files"):
        rows = _listed(dataset, settings, root)
    elif settings.get("paths") or settings.get("glob"):
        rows = _chosen(dataset, settings, root)
    elif settings.get("folder"):
        rows = _found(settings, root)
    else:
        raise BionerError(f"{dataset}: expected `folder`, `paths` or `glob` (where your files are), found none; add one in the config")
    if not any(role == "text" for _, _, role in rows):
        raise BionerError(f"{dataset}: expected files of format {settings.get('format')} in {folder}, found none; {_advice(settings)}")
    return rows


def _entry(dataset: str, root: Path, row: Row) -> dict[str, Any]:
    """The manifest's line about a file; BionerError for one that cannot be read, or named in messages."""
    name, split, role = row
    if not is_plain(name):
        raise BionerError(f"{dataset}: expected file names in UTF-8 without control characters, found {name!r}; rename this file")
    try:
        return manifest_entry(root, name, split, role)
    except OSError as error:
        raise BionerError(f"{dataset}: cannot read {name} ({error.strerror or error}); fix its permissions") from error


def places(settings: Mapping[str, Any]) -> Iterator[tuple[str | None, str, bool]]:
    """Split, path and whether it is a pattern, of all that `paths` and `glob` name.

    Each of these is a path, a list of paths, or either by split; without splits documents have none of their own.
    """
    for key in ("paths", "glob"):
        value = settings.get(key) or []
        for split, named in value.items() if isinstance(value, Mapping) else [(None, value)]:
            for path in [named] if isinstance(named, str) else named:
                yield split, str(path), key == "glob"


def expand(root: Path, path: str, *, pattern: bool) -> list[str]:
    """Files that a path, a folder (with all below it) or a pattern names, relative to `root` and sorted; hidden ones are skipped."""
    found = _matches(root, path) if pattern else [path]
    files = []
    for name in found:
        place = root / name
        if not pattern and os.path.isdir(place):
            below = sorted(inner.relative_to(place).as_posix() for inner in place.rglob("*") if os.path.isfile(inner))
            files += [(PurePosixPath(name) / inner).as_posix() for inner in below if not _hidden(inner)]
        elif os.path.isfile(place):
            files.append(PurePosixPath(name).as_posix())
    return files


def _matches(root: Path, pattern: str) -> list[str]:
    try:
        # a set, because `**` may find a file by two ways
        return sorted(set(glob.glob(pattern, root_dir=root, recursive=True)))
    except ValueError:  # a null character
        return []


def _chosen(dataset: str, settings: Mapping[str, Any], root: Path) -> list[Row]:
    """The files that `paths` and `glob` name; with a text of brat's, its annotations.

    Raises:
        BionerError: a path or a pattern without files, or a file that is named twice.
    """
    rows: dict[str, Row] = {}
    for split, path, pattern in places(settings):
        files = expand(root, path, pattern=pattern)
        if not files:
            what = "files that match" if pattern else "the file"
            raise BionerError(f"{dataset}: expected {what} {path} in {settings.get('folder') or '.'}, found none; {_advice(settings)}")
        if settings.get("format") == "brat":
            beside = {PurePosixPath(name).with_suffix(".ann").as_posix() for name in files if name.endswith(".txt")}
            files += sorted(name for name in beside.difference(files) if (root / name).is_file())
        for name in files:
            if name in rows:
                raise BionerError(f"{dataset}: expected {name} once, found it in more than one of `paths` and `glob`; name it once")
            if role := _role(settings, name):
                rows[name] = (name, split, role)
    return list(rows.values())


def _role(settings: Mapping[str, Any], name: str) -> str | None:
    roles = _ROLES.get(str(settings.get("format")))
    return "text" if roles is None else roles.get(PurePosixPath(name).suffix)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def _advice(settings: Mapping[str, Any]) -> str:
    agreement = str(settings.get("agreement") or "").strip().rstrip(".;")
    return f"{agreement}; then put the files there and run again" if agreement else "put the files there and run again"


def _listed(dataset: str, settings: Mapping[str, Any], root: Path) -> list[Row]:
    rows = []
    for entry in settings["files"]:
        if not os.path.isfile(root / entry["path"]):
            folder = settings.get("folder") or "."
            raise BionerError(f"{dataset}: expected the file {entry['path']} in {folder}, found none; {_advice(settings)}")
        rows.append((str(entry["path"]), entry.get("split"), str(entry.get("role", "text"))))
    return rows


def _found(settings: Mapping[str, Any], root: Path) -> list[Row]:
    """Name, split and role of the files below a folder, sorted; hidden ones (`._x`, `.DS_Store`) are skipped."""
    names = expand(root, "", pattern=False)
    return [(name, _split_of(PurePosixPath(name).parts), role) for name in names if (role := _role(settings, name))]


def _split_of(parts: tuple[str, ...]) -> str | None:
    if len(parts) > 1 and parts[0] in SPLITS:
        return parts[0]
    return RELEASE_FOLDERS.get(parts[0]) if len(parts) > 1 else None
