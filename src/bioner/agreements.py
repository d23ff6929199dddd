"""Corpora under a data use agreement: which runs use them, and that DVC never copies what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioner.errors import ConfigError
from bioner.storage import read_json


def under_agreement(datasets: Mapping[str, Any]) -> list[str]:
    """Names of the datasets in the config that have an `agreement`, sorted."""
    return sorted(name for name, entry in datasets.items() if entry.get("agreement"))


def ignore_lines(dataset: str) -> tuple[str, str]:
    """The lines of .dvcignore that hide all that is made of one dataset: its folders and its files below results/."""
    return f"/results/*/{dataset}/", f"/results/*/{dataset}.*"


def check_ignored(datasets: Mapping[str, Any], base: str | Path) -> None:
    """Whether DVC, in a stage that caches results, leaves corpora under agreement alone.

    Args:
        datasets: the datasets of the configuration.
        base: folder with `.dvcignore` and `results/`.

    Raises:
        ConfigError: `.dvcignore` lacks a dataset under agreement, or results/ holds files of a provided dataset that the
            configuration does not have, so that nobody can tell whether it is under one.
    """
    base = Path(base)
    path = base / ".dvcignore"
    lines = set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()
    for name in under_agreement(datasets):
        if missing := [line for line in ignore_lines(name) if line not in lines]:
            raise ConfigError(
                f"datasets.{name}: expected {' and '.join(missing)} in .dvcignore, for DVC must not copy a dataset under agreement; "
                "found none; add a line for each"
            )
    for manifest in sorted(base.glob("results/raw/*/manifest.json")):
        name = manifest.parent.name
        if name not in datasets and "root" in read_json(manifest) and not lines.issuperset(ignore_lines(name)):
            raise ConfigError(
                f"datasets: expected '{name}', for results/raw/{name} is of a dataset that its user provided and DVC would copy it; "
                f"found no such entry; add it to config.yaml, or {' and '.join(ignore_lines(name))} to .dvcignore"
            )
