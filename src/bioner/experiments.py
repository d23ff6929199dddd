"""Experiments, and the runs that they are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bioner.preparation.protocols import Protocol

EXTERNAL = "external_synonyms"
"""Variants of training documents with names from lexicons that others made."""


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """A recipe on one fold of a dataset with one seed."""

    dataset: str
    protocol: str
    model: str
    fold: int
    seed: int

    @classmethod
    def of(cls, wildcards: Any) -> Run:
        """The run of a rule's wildcards."""
        return cls(wildcards.dataset, wildcards.protocol, wildcards.model, int(wildcards.fold), int(wildcards.seed))

    @property
    def path(self) -> str:
        return f"{self.dataset}/{self.protocol}/{self.model}/fold{self.fold}/seed{self.seed}"

    @property
    def fold_path(self) -> str:
        return f"{self.dataset}/{self.protocol}/fold{self.fold}"


@dataclass(frozen=True, slots=True)
class Experiment:
    """A selection of runs: datasets x models x folds x seeds.

    `given` is its entry in the configuration, `absent` says why datasets are missing (its own, and those that it transfers to), `unlinked`
    why its ontology is.
    """

    name: str
    given: dict[str, Any]
    absent: dict[str, str] = field(default_factory=dict)
    unlinked: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, entry: dict[str, Any]) -> Experiment:
        return cls(name, entry)

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in the configuration, without transfers to datasets that are missing."""
        return self.given | {"transfer": [transfer for transfer in self.given["transfer"] if transfer["to"] not in self.absent]}

    @property
    def datasets(self) -> list[str]:
        return list(self.entry["datasets"])

    @property
    def missing(self) -> str:
        return str(self.entry["missing"])

    @property
    def protocol(self) -> str:
        return self._protocol(self.entry["protocol"]).name

    def _protocol(self, kind: str) -> Protocol:
        words = {"all": "", "equal": "equal"}.get(self.entry["training_words"], f"{self.entry['training_words']}words")
        return Protocol(kind, 1 if kind == "official" else self.entry["folds"]["k"], self.entry["train_on_validation"], words)

    @property
    def folds(self) -> list[int]:
        return self.divisions[self.protocol]

    @property
    def divisions(self) -> dict[str, list[int]]:
        """Folds to run under each protocol: the experiment's own, then those it is compared with."""
        chosen = self.entry["folds"]
        folds = list(range(chosen["k"]) if chosen["run"] is None else chosen["run"])
        kinds = [self.entry["protocol"], *self.entry["compare"]]
        return {self._protocol(kind).name: [0] if kind == "official" else folds for kind in kinds}

    @property
    def present(self) -> list[str]:
        return [dataset for dataset in self.datasets if dataset not in self.absent]

    @property
    def runs(self) -> list[Run]:
        return [
            Run(dataset, protocol, model, fold, seed)
            for protocol, folds in self.divisions.items()
            for dataset, model, fold, seed in product(self.present, self.entry["models"], folds, self.entry["seeds"])
        ]
