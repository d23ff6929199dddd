"""Datasets and what is prepared of them: whether entries hold together, and what users must provide is there."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from bioner.corpora.provided import expand, places
from bioner.errors import ConfigError
from bioner.experiments import EXTERNAL
from bioner.schema import check_names

MANIFEST = "manifest.json"


def check_dataset(where: str, dataset: dict[str, Any]) -> None:
    """ConfigError for keys that a dataset's source or format lacks or has no use for, and for an agreement on what would be fetched."""
    needed = {"provided": ("folder", "paths", "glob"), "download": ("files",)}.get(dataset["source"], ())
    if needed and not any(dataset.get(key) for key in needed):
        raise ConfigError(f"{where}: expected {' or '.join(needed)} for source {dataset['source']}, found none")
    if dataset["source"] == "download":
        check_files(where, dataset["files"])
    if dataset.get("agreement") and dataset["source"] == "download":
        raise ConfigError(f"{where}.agreement: expected source provided, since what is under an agreement is never fetched, found download")
    stray: list[str] = [key for key in ("paths", "glob") if key in dataset and (dataset["source"] != "provided" or dataset["files"])]
    stray += [key for key in ("conll", "brat") if key in dataset and dataset["format"] != key]
    if stray:
        raise ConfigError(
            f"{where}.{stray[0]}: expected only with source provided and without files (paths, glob) or with the format of that name "
            f"(conll, brat), found source {dataset['source']} and format {dataset['format']}"
        )


def check_files(where: str, files: list[dict[str, Any]]) -> None:
    """ConfigError for files that could not be fetched: without a digest or a name, or two of one name, since they share a folder."""
    known: dict[str, str] = {}
    for number, file in enumerate(files):
        path = file["path"]
        if not file.get("sha256") and not file.get("git_blob"):
            raise ConfigError(f"{where}.files.{number}: expected sha256 or git_blob, by which {path} is verified, found neither; add one")
        name = PurePosixPath(path).name
        if name in ("", "..", MANIFEST):
            raise ConfigError(
                f"{where}.files.{number}.path: expected a path that ends in a file's name, found '{path}'; correct it "
                f"({MANIFEST} is the name of a file that is written beside them)"
            )
        if name in known:
            raise ConfigError(
                f"{where}.files.{number}.path: expected a file name of its own, found {name} of {known[name]} again in {path}; "
                "rename one of them"
            )
        known[name] = path


def has_documents(dataset: dict[str, Any]) -> bool:
    """Whether a corpus says which texts its sentences belong to: not where CoNLL files have no document marks."""
    unmarked = dataset["format"] == "conll" and not (dataset.get("conll") or {}).get("document_mark")
    return bool(dataset["document_ids"]) and not unmarked


def missing_reason(name: str, dataset: dict[str, Any], base: Path) -> str | None:
    """Why a dataset that its user must provide is not there, or None when it is, or was read before, as in a clone with pulled results."""
    read = (f"results/raw/{name}/manifest.json", f"results/corpora/{name}.jsonl")
    if dataset["source"] != "provided" or (not dataset["agreement"] and all(os.path.isfile(base / path) for path in read)):
        return None
    folder = dataset.get("folder", ".")
    root = base / os.path.expanduser(folder)
    lacking = [path for _, path, pattern in places(dataset) if not expand(root, path, pattern=pattern)]
    # of os.path, because it is false where there can be no such place, as when the name is too long
    there = os.path.isdir(root)
    if there and not lacking:
        return None
    signing = f"{dataset['agreement']}; " if dataset["agreement"] else ""
    return f"{signing}put its files under {folder}{f' ({lacking[0]} is not there)' if there else ''}"


def check_preparation(config: dict[str, Any], base: Path) -> None:
    """Whether translators are known, external lexicons and dictionaries are there, and models ask only for variants that are made."""
    chosen = config["preparation"]
    for way in ("forward", "backward") if chosen["back_translation"] is not None else ():
        check_names([chosen["back_translation"][way]], config["encoders"], f"preparation.back_translation.{way}")
    for name, entry in chosen["lexicons"].items():
        for kind, path in entry.items():
            if not os.path.isfile(base / path):
                raise ConfigError(f"preparation.lexicons.{name}.{kind}: expected a file, found none at {path}; correct the path")
    for number, step in enumerate(chosen["normalize"]):
        if isinstance(step, dict) and not os.path.isfile(base / step["spelling"]["dictionary"]):
            raise ConfigError(
                f"preparation.normalize.{number}.spelling.dictionary: expected a file, found none at {step['spelling']['dictionary']}; "
                "put it there, or correct the path"
            )
    if chosen["lexicons"] and chosen["synonyms"] is None:
        raise ConfigError("preparation.synonyms: expected rate and seed, which external lexicons use too, got null")
    selected = [model for name in config["run"] for model in config["experiments"].get(name, {}).get("models", ())]
    selected += [search["model"] for search in config["searches"].values()]
    for name in [model for model in config["models"] if model in selected]:
        for kind in config["models"][name]["augmentation"]:
            key = "lexicons" if kind == EXTERNAL else kind
            if chosen[key] is None or (kind == EXTERNAL and not chosen[key]):
                raise ConfigError(f"models.{name}.augmentation: expected variants that are made, got {kind}; set preparation.{key}")
