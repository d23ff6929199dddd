"""Datasets of the configuration that have the same documents under different names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bioner.corpora.provided import expand, places
from bioner.schema import check_names


def check_documents_of(datasets: dict[str, Any]) -> None:
    """ConfigError for a `documents_of` that names what there is not."""
    for name, entry in datasets.items():
        check_names(entry.get("documents_of", ()), datasets, f"datasets.{name}.documents_of")


def shared_documents(datasets: Mapping[str, Any], first: str, second: str, base: Path) -> str | None:
    """What says that two datasets have documents in common: `documents_of`, or a file that both have; None where nothing does.

    Files are the same by address or digest, and those of users by where they lie.
    """
    firsts, seconds = _names(datasets, first), _names(datasets, second)
    for name, names, other in ((first, firsts, second), (second, seconds, first)):
        if other in names:
            return f"'{name}' has documents of '{other}' (documents_of)"
    if common := [name for name in firsts if name in seconds]:
        return f"both have documents of '{common[0]}' (documents_of)"
    for name in firsts:
        for other in seconds:
            found = _common_file(datasets[name], datasets[other]) or _common_place(
                _places(name, datasets[name], base), _places(other, datasets[other], base)
            )
            if found:
                return f"both have {found}"
    return None


def _names(datasets: Mapping[str, Any], name: str) -> list[str]:
    """A dataset and all that it has documents of, at any remove."""
    found = [name]
    for one in found:
        found += [other for other in datasets[one].get("documents_of", ()) if other not in found]
    return found


def _common_file(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """The path of a listed file that two datasets have by address, sha256 or git blob."""
    known = {mark for file in second["files"] for mark in _marks(second, file)}
    return next((str(file["path"]) for file in first["files"] if not known.isdisjoint(_marks(first, file))), None)


def _marks(dataset: Mapping[str, Any], file: Mapping[str, Any]) -> Iterable[str]:
    # the address of a user's own file is never used, and may be anything
    address = [file["url"]] if dataset["source"] == "download" else []
    return [*address, *file.get("sha256", ()), *([file["git_blob"]] if "git_blob" in file else [])]


def _places(name: str, dataset: Mapping[str, Any], base: Path) -> dict[Path, str]:
    """Where a dataset's files lie, links followed, and these places as the configuration has them; its own results among them."""
    told = [f"results/raw/{name}", f"results/corpora/{name}.jsonl"]
    if dataset["source"] == "provided":
        folder = dataset.get("folder", ".")
        root = base / os.path.expanduser(folder)
        chosen = [file["path"] for file in dataset["files"]]
        for _, path, pattern in places(dataset):
            chosen += expand(root, path, pattern=True) if pattern else [path]
        whole = [] if any(dataset.get(key) for key in ("files", "paths", "glob")) else [""]
        told += [os.path.normpath(os.path.join(folder, path)) for path in chosen + whole]
    return {Path(os.path.realpath(base / os.path.expanduser(place))): place for place in told}


def _common_place(first: Mapping[Path, str], second: Mapping[Path, str]) -> str | None:
    """A place that two datasets have, or one that is in a folder which the other has."""
    for ours, theirs in ((first, second), (second, first)):
        for place, told in ours.items():
            if place in theirs or not theirs.keys().isdisjoint(place.parents):
                return told
    return None
