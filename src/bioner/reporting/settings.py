"""What the reporting commands are told about an experiment: its slice of the configuration, checked and typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bioner.errors import ConfigError

GROUPS = {
    "diseases": "Diseases",
    "genes_proteins": "Genes and proteins",
    "drugs_chemicals": "Drugs and chemicals",
    "anatomy": "Anatomy",
    "species": "Species",
    "other": "Other",
}
"""The paper's six groups of entity types (its Fig. 1), in its order, with their titles."""

SCALES = ("demo", "open", "full")
DEMO_NOTE = "demo, synthetic corpora"
DEFAULT_READINGS = {"entity_level_accuracy": "jaccard", "exact_match_rate": "exact_recall"}


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """A dataset of the experiment; `groups` maps its entity types to keys of GROUPS, `missing` tells why it is absent.

    `closed`: under a data use agreement, so that no text of it may be shown.
    """

    name: str
    title: str
    groups: Mapping[str, str]
    published: str | None
    missing: str | None
    closed: bool

    def group(self, entity_type: str) -> str:
        """Group of an entity type; a type that the configuration does not place counts as other."""
        return self.groups.get(entity_type, "other")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model of the experiment; `reproduces` is the published model string it stands for, `system` narrows it to one system.

    `adaptation`: the name of what its encoder is adapted by, empty without one.
    `parts`: its adversary, its loss with its head, and a digest of the rest of its recipe, to tell which models are an ablation.
    """

    name: str
    title: str
    reproduces: str | None
    system: str | None
    encoder: str
    adaptation: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """An experiment as the report sees it.

    `attacks` are settings by name, `compare` protocols beside its own. Notes are declared exceptions, printed in the reproduced rows that
    they are about: all (`general_notes`), those under a protocol, or those of a corpus under a protocol.
    """

    experiment: str
    title: str
    scale: str
    datasets: Mapping[str, DatasetSettings]
    models: Mapping[str, ModelSettings]
    readings: Mapping[str, str]
    attacks: Mapping[str, Mapping[str, Any]]
    protocol: str
    compare: tuple[str, ...]
    folds: Any
    seeds: Any
    general_notes: tuple[str, ...]
    protocol_notes: Mapping[str, Sequence[str]]
    dataset_notes: Mapping[str, Mapping[str, Sequence[str]]]

    def notes(self, dataset: str, protocol: str) -> tuple[str, ...]:
        """What every row of a corpus under a protocol says."""
        of_dataset = self.dataset_notes.get(protocol, {}).get(dataset, ())
        return (*self.protocol_notes.get(protocol, ()), *of_dataset, *self.general_notes)

    def all_notes(self) -> list[str]:
        """What rows under the experiment's own protocol say, each sentence once."""
        return list(dict.fromkeys(note for dataset in self.datasets for note in self.notes(dataset, self.protocol)))

    @property
    def demo(self) -> bool:
        return self.scale == "demo"


def read_settings(value: Any) -> ReportSettings:
    """Settings from their JSON object.

    Raises ConfigError naming the key for one that is missing, unknown, or has an impossible value.
    """
    known = {
        "experiment",
        "scale",
        "title",
        "datasets",
        "models",
        "readings",
        "attacks",
        "protocol",
        "compare",
        "folds",
        "seeds",
        "notes",
        "protocol_notes",
        "dataset_notes",
    }
    place = "report settings"
    _check_keys(value, required={"experiment", "scale", "datasets", "models"}, known=known, place=place)
    _check_choice(value["scale"], SCALES, f"{place}, scale")
    datasets = {name: _dataset(name, entry) for name, entry in value["datasets"].items()}
    _check_titles(datasets)
    models = {name: _model(name, entry) for name, entry in value["models"].items()}
    readings = value.get("readings") or {}
    for column in readings:
        _check_choice(column, tuple(DEFAULT_READINGS), f"{place}, readings")
    return ReportSettings(
        experiment=str(value["experiment"]),
        title=str(value.get("title") or value["experiment"]),
        scale=value["scale"],
        datasets=datasets,
        models=models,
        readings=DEFAULT_READINGS | readings,
        attacks=dict(value.get("attacks") or {}),
        protocol=str(value.get("protocol") or ""),
        compare=tuple(value.get("compare") or ()),
        folds=value.get("folds"),
        seeds=value.get("seeds"),
        general_notes=tuple(map(str, value.get("notes") or ())),
        protocol_notes=value.get("protocol_notes") or {},
        dataset_notes=value.get("dataset_notes") or {},
    )


def _dataset(name: str, entry: Any) -> DatasetSettings:
    place = f"report settings, datasets, {name}"
    _check_keys(entry, required=set(), known={"title", "groups", "published", "missing", "closed"}, place=place)
    groups = entry.get("groups") or {}
    for entity_type, group in groups.items():
        _check_choice(group, tuple(GROUPS), f"{place}, groups, {entity_type}")
    # one that does not say is closed: only the configuration knows that a corpus is open
    closed = bool(entry.get("closed", True))
    return DatasetSettings(name, str(entry.get("title") or name), groups, entry.get("published"), entry.get("missing"), closed)


def _check_titles(datasets: Mapping[str, DatasetSettings]) -> None:
    """Rows of the tables are told apart by their dataset's title: no two may share one."""
    named: dict[str, list[str]] = {}
    for dataset in datasets.values():
        named.setdefault(dataset.title, []).append(dataset.name)
    for title, names in named.items():
        if len(names) > 1:
            raise ConfigError(
                f"report settings, datasets: expected another title for each dataset, found {title!r} for {', '.join(names)}; "
                "change the titles in the configuration"
            )


def _model(name: str, entry: Any) -> ModelSettings:
    place = f"report settings, models, {name}"
    _check_keys(entry, required=set(), known={"title", "reproduces", "system", "encoder", "adaptation", "parts"}, place=place)
    return ModelSettings(
        name,
        str(entry.get("title") or name),
        entry.get("reproduces"),
        entry.get("system"),
        str(entry.get("encoder") or ""),
        str(entry.get("adaptation") or ""),
        entry.get("parts") or {},
    )


def _check_keys(value: Any, *, required: set[str], known: set[str], place: str) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: expected an object, found {type(value).__name__}; give --settings a JSON object")
    for key in sorted(required - value.keys()):
        raise ConfigError(f"{place}: expected the key '{key}', found {', '.join(sorted(value)) or 'none'}; add it")
    for key in sorted(value.keys() - known):
        raise ConfigError(f"{place}: expected keys among {', '.join(sorted(known))}, found '{key}'; remove or rename it")


def _check_choice(value: Any, choices: tuple[str, ...], place: str) -> None:
    if value not in choices:
        raise ConfigError(f"{place}: expected one of {', '.join(choices)}, found {value!r}; correct it in the configuration")
