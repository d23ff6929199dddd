"""Experiments, the runs they are made of, and the slice of the configuration that each rule gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from bioner.errors import ConfigError
from bioner.evaluation.attacks import TEXT_ATTACKS
from bioner.heads import FEATURE_CRF
from bioner.preparation.protocols import Protocol
from bioner.provenance import value_digest

DATASET_KEYS = {
    "generate": ("format", "licence", "documents", "seed"),
    "download": ("format", "source", "licence", "folder", "paths", "glob", "agreement", "files"),
    "inspect": ("title", "source", "licence", "counts", "agreement"),
    "harmonize": ("format", "source", "licence", "types", "counts", "strict_counts", "filters", "limits", "conll", "brat"),
}
EXTERNAL = "external_synonyms"
DEDUPLICATED = {
    "shared": "what a later part has too",
    "all": "what a later part has too, and what repeats within a part",
}


def within_documents(shuffling: dict[str, Any] | None) -> bool:
    """Whether shuffled names stay inside their document, or nothing is shuffled."""
    return shuffling is None or bool(shuffling["within"] == "document")


def protocol_notes(protocol: Protocol) -> list[str]:
    """What a protocol has that rows must say: what is unsafe in it, and a validation part that is trained on."""
    notes = [f"unsafe protocol: {protocol.unsafe}"] if protocol.unsafe else []
    return notes + ["validation part trained on (train_on_validation)"] * protocol.train_on_validation


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
    """A selection of runs: datasets x models x folds x seeds; `absent` says why datasets are missing."""

    name: str
    entry: dict[str, Any]
    absent: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, entry: dict[str, Any]) -> Experiment:
        return cls(name, entry)

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


@dataclass(frozen=True)
class Plan:
    """A checked configuration and the experiments that it selects."""

    config: dict[str, Any]
    experiments: list[Experiment]

    def experiment(self, name: str) -> Experiment:
        """A selected experiment; ConfigError for one that is not."""
        for experiment in self.experiments:
            if experiment.name == name:
                return experiment
        raise ConfigError(f"run: experiment '{name}' is not selected; add --config 'run=[{name}]'")

    def passes(self, model: str) -> int:
        """Forward and backward passes of a training step: a clean one and the adversary's; FreeLB has no clean one, SMART one more."""
        adversary = self.config["models"][model]["adversary"]
        kind, steps = adversary["kind"], int(adversary.get("steps", 1))
        return {"none": 1, "freelb": steps, "smart": 2 + steps}.get(kind, 1 + steps)

    def recipe(self, model: str) -> dict[str, Any]:
        """The whole definition of a model: what determines its weights, nothing else."""
        entry = self.config["models"][model]
        shared = ("encoder", "tags", "head", "augmentation")
        if entry["head"] == FEATURE_CRF:
            return {"model": model, **{name: entry[name] for name in (*shared, FEATURE_CRF)}, "training": {"threads": 1}}
        names = (*shared, "alignment", "word_vectors", "constrained", "loss", "adversary", "window", "overlap")
        adaptation = entry["adaptation"] and {"name": entry["adaptation"]} | self.config["adaptations"][entry["adaptation"]]
        refined = {"adaptation": adaptation, "searched": None}
        return {"model": model, **{name: entry[name] for name in names}, **refined, "training": self.config["training"] | entry["training"]}

    def encoders_of(self, run: Run) -> list[str]:
        """The manifest of the encoder that a run starts from, adapted on its fold where the model says so; none without an encoder."""
        model = self.config["models"][run.model]
        if model["adaptation"] is not None:
            return [f"results/adapted/{run.dataset}/{run.protocol}/{model['adaptation']}/fold{run.fold}/encoder.json"]
        return [] if model["encoder"] is None else [f"results/encoders/{model['encoder']}/encoder.json"]

    def audit_of(self, run: Run) -> str:
        """The audit that a run needs: of its fold, and of the text that its encoder was adapted on."""
        adaptation = self.config["models"][run.model]["adaptation"]
        return f"results/audit/{run.fold_path}{f'.{adaptation}' if adaptation else ''}.json"

    def adaptation_text(self, adaptation: str, dataset: str, fold: str) -> list[str]:
        """Files of the documents that an adaptation reads for a fold, `<dataset>/<protocol>/fold<k>`: its training part, then others'."""
        text = self.config["adaptations"][adaptation]["text"]
        others = [other for other in ([] if text == "training" else text) if other != dataset]
        return [f"results/folds/{fold}/train.jsonl", *(f"results/folds/{other}/official/fold0/train.jsonl" for other in others)]

    def held_out(self, protocol: str, fold: str) -> list[str]:
        """Files of the documents for an adapted encoder's perplexity: the fold's validation part, unless it is trained on."""
        return [] if Protocol.parse(protocol).train_on_validation else [f"results/folds/{fold}/validation.jsonl"]

    def search_run(self, search: str) -> Run:
        """What each trial of a search trains: a model on a fold with a seed."""
        entry = self.config["searches"][search]
        return Run(entry["dataset"], entry["protocol"], entry["model"], entry["fold"], entry["training_seed"])

    def search(self, name: str) -> dict[str, Any]:
        """What determines the trials of a search, their number apart."""
        keys = ("model", "dataset", "protocol", "fold", "parallel", "startup", "seed", "training_seed", "space")
        return {"search": name} | {key: self.config["searches"][name][key] for key in keys}

    def search_recipe(self, search: str) -> dict[str, Any]:
        """The recipe whose values a search varies."""
        return self.recipe(self.config["searches"][search]["model"])

    def trials(self, search: str, trial: int | None = None) -> list[str]:
        """Files of all trials of a search, or of those of the generations before a trial's."""
        entry = self.config["searches"][search]
        count = entry["trials"] if trial is None else trial - trial % entry["parallel"]
        return [f"results/searches/{search}/trial{number}.json" for number in range(count)]

    def best(self, model: str) -> list[str]:
        """The file of the best trial that a model's values come from; none where they are its own."""
        search = self.config["models"][model]["values_from"]
        return [] if search is None else [f"results/searches/{search}/best.json"]

    @cached_property
    def _attacks(self) -> dict[Run, set[str]]:
        wanted: dict[Run, set[str]] = {}
        for experiment in self.experiments:
            for run in experiment.runs:
                wanted.setdefault(run, set()).update(experiment.entry["attacks"])
        return wanted

    def text_attacks(self, run: Run) -> list[str]:
        """Names of the attacks on text that a run is evaluated under, sorted."""
        return sorted(name for name in self._attacks.get(run, ()) if self.config["attacks"][name]["kind"] in TEXT_ATTACKS)

    def white_box_attacks(self, run: Run) -> dict[str, Any]:
        """Settings of the attacks that see the model, by name."""
        names = sorted(set(self._attacks.get(run, ())).difference(self.text_attacks(run)))
        return {name: self.config["attacks"][name] for name in names}

    def describe(self, name: str) -> dict[str, Any]:
        """What tables, figures and the report need to know about an experiment."""
        experiment = self.experiment(name)
        entry = experiment.entry
        datasets = {
            dataset: {key: self.config["datasets"][dataset][key] for key in ("title", "groups", "published")}
            | {"missing": experiment.absent.get(dataset)}
            for dataset in experiment.datasets
        }
        models = {
            model: {key: settings[key] for key in ("title", "reproduces", "system")} | {"encoder": self._encoder_note(settings)}
            for model in entry["models"]
            for settings in [self.config["models"][model]]
        }
        return {
            "experiment": name,
            "title": entry["title"],
            "scale": entry["scale"],
            "datasets": datasets,
            "models": models,
            "attacks": {attack: self.config["attacks"][attack] for attack in entry["attacks"]},
            "readings": entry["readings"],
            "protocol": experiment.protocol,
            "compare": list(experiment.divisions)[1:],
            "folds": experiment.folds,
            "seeds": entry["seeds"],
            "notes": [
                f"{model} trained on names of the external lexicons {', '.join(sorted(self.config['preparation']['lexicons']))}"
                for model in entry["models"]
                if EXTERNAL in self.config["models"][model]["augmentation"]
            ],
            "protocol_notes": {name: self._notes(experiment, Protocol.parse(name)) for name in experiment.divisions},
        }

    def _encoder_note(self, model: dict[str, Any]) -> str | None:
        """What rows of a model must say of its encoder: its name, and whose text it was adapted on."""
        name: str | None = model["encoder"]
        if model["adaptation"] is None:
            return name
        text = self.config["adaptations"][model["adaptation"]]["text"]
        others = "" if text == "training" else f" and those of {', '.join(text)}"
        return f"{name} adapted on the training part{others}"

    def _notes(self, experiment: Experiment, protocol: Protocol) -> list[str]:
        """What rows under a protocol must say: what the protocol has, and what is known of the official splits of its corpora."""
        notes = protocol_notes(protocol)
        for dataset in experiment.present:
            filters = self.config["datasets"][dataset].get("filters", {})
            if criteria := sorted(name for name, value in filters.items() if value):
                notes.append(f"{dataset}: documents left out by {', '.join(criteria)}")
        for dataset in experiment.present if protocol.kind == "official" else ():
            entry = self.config["datasets"][dataset]
            if entry["deduplicate"] != "none":
                notes.append(f"official split of {dataset}: left out of training and validation is {DEDUPLICATED[entry['deduplicate']]}")
            notes += [f"leak audit of {dataset}: {count} {check} allowed" for check, count in sorted(entry["allowed_leaks"].items())]
        return notes

    def equal_to(self, dataset: str, protocol: str) -> list[str]:
        """Divisions to the smallest training part of which an `_equal` protocol is cut: those of its experiment; none for others.

        Raises ConfigError where two experiments would make the same runs of different numbers of words.
        """
        if Protocol.parse(protocol).words != "equal":
            return []
        parts = {
            experiment.name: sorted({Protocol.parse(name).division for name in experiment.divisions})
            for experiment in self.experiments
            if dataset in experiment.present and protocol in experiment.divisions
        }
        if len(set(map(tuple, parts.values()))) > 1:
            told = "; ".join(f"{name}: {', '.join(found)}" for name, found in parts.items())
            raise ConfigError(f"run: experiments with equal training words on {dataset} must compare the same protocols, found {told}")
        return next(iter(parts.values()), [])

    @property
    def document_variants(self) -> list[str]:
        """Kinds of variants that are made once a document, for all folds."""
        chosen = self.config["preparation"]
        made = {"noise": True, "shuffling": within_documents(chosen["shuffling"]), "back_translation": True}
        return [kind for kind, wanted in made.items() if wanted and chosen[kind] is not None]

    def translators(self, kind: str) -> list[str]:
        """Encoders that a kind of variants needs: the models of back-translation, there and back."""
        return [self.config["preparation"][kind][way] for way in ("forward", "backward")] if kind == "back_translation" else []

    @property
    def composition(self) -> dict[str, Any]:
        """What the rule compose is told: normalization steps, and the variants that draw on the training part."""
        chosen = self.config["preparation"]
        settings = {key: chosen[key] for key in ("normalize", "synonyms")}
        if not within_documents(chosen["shuffling"]):
            settings["shuffling"] = chosen["shuffling"]
        return settings | ({"lexicons": chosen["lexicons"]} if chosen["lexicons"] else {})

    @property
    def lexicon_files(self) -> list[str]:
        """Files of the external lexicons."""
        return [path for entry in self.config["preparation"]["lexicons"].values() for path in entry.values()]

    def selection(self, name: str) -> dict[str, Any]:
        """The parts whose product are an experiment's runs."""
        experiment = self.experiment(name)
        own, *others = experiment.divisions.items()
        return {
            "datasets": experiment.present,
            "protocol": own[0],
            "compare": dict(others),
            "models": experiment.entry["models"],
            "folds": experiment.folds,
            "seeds": experiment.entry["seeds"],
        }

    def graph(self, name: str) -> dict[str, Any]:
        """What the rule graph of an experiment depends on beside the rules: sources, and whether text is attacked."""
        experiment = self.experiment(name)
        attacks = {self.config["attacks"][attack]["kind"] in TEXT_ATTACKS for attack in experiment.entry["attacks"]}
        return {"sources": sorted({self.config["datasets"][dataset]["source"] for dataset in experiment.present}), "attacks": any(attacks)}

    def provenance(self, name: str) -> dict[str, Any]:
        """Digest of all that an experiment's configuration says, recipes included."""
        experiment = self.experiment(name)
        recipes = [self.recipe(model) for model in experiment.entry["models"]]
        datasets = [self.config["datasets"][dataset] for dataset in experiment.datasets]
        attacks = [self.config["attacks"][attack] for attack in experiment.entry["attacks"]]
        return {"config_digest": value_digest([experiment.entry, recipes, datasets, attacks, self.config["preparation"]])}

    def slice(self, command: str, dataset: str) -> dict[str, Any]:
        """What a command of the corpora wing is told about a dataset: only what changes its output."""
        entry = self.config["datasets"][dataset]
        return {key: entry[key] for key in DATASET_KEYS[command] if key in entry}
