"""What the rules of workflow/rules/corpora.smk are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bioner.corpora.provided import provided_state
from bioner.planning.selection import Selection

DATASET_KEYS = {
    "generate": ("format", "documents", "seed"),
    "download": ("format", "source", "folder", "paths", "glob", "agreement", "files"),
    "inspect": ("title", "source", "licence", "counts", "agreement"),
    "harmonize": ("format", "types", "counts", "strict_counts", "filters", "limits", "conll", "brat"),
}


class CorporaPlan(Selection):
    """The slices of the datasets' and ontologies' entries."""

    @property
    def licences(self) -> dict[str, str]:
        """Licences of all datasets and ontologies, by their names."""
        return {name: entry["licence"] for part in ("datasets", "ontologies") for name, entry in self.config[part].items()}

    def slice(self, command: str, dataset: str) -> dict[str, Any]:
        """What a command of the corpora wing is told about a dataset (or an ontology, to download it): only what changes its output."""
        entry = self.config["datasets"].get(dataset) or self.config["ontologies"][dataset]
        keys = [key for key in DATASET_KEYS[command] if key in entry]
        if command == "harmonize" and not entry["strict_counts"]:  # otherwise what is expected is compared when it is inspected
            keys = [key for key in keys if key not in ("counts", "strict_counts")]
        return {key: entry[key] for key in keys}

    def provided_state(self, dataset: str, digests: Callable[[Sequence[Path]], list[str]]) -> str:
        """Digest of the files that a dataset's user put there, as of `bioner.corpora.provided`; empty for one that is fetched."""
        entry = self.config["datasets"].get(dataset, {})
        if entry.get("source") != "provided":
            return ""
        return provided_state(dataset, entry, f"results/raw/{dataset}/manifest.json", digests)
