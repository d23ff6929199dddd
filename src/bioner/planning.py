"""A checked configuration: the files that runs are made from, and the slice of the configuration that each rule gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bioner.corpora.provided import provided_state
from bioner.errors import ConfigError
from bioner.evaluation.attacks import NAME_ATTACKS, TEXT_ATTACKS
from bioner.experiments import Experiment, Run
from bioner.heads import FEATURE_CRF
from bioner.preparation.protocols import Protocol
from bioner.provenance import value_digest

DATASET_KEYS = {
    "generate": ("format", "documents", "seed"),
    "download": ("format", "source", "folder", "paths", "glob", "agreement", "files"),
    "inspect": ("title", "source", "licence", "counts", "agreement"),
    "harmonize": ("format", "types", "counts", "strict_counts", "filters", "limits", "conll", "brat"),
}


def within_documents(shuffling: dict[str, Any] | None) -> bool:
    """Whether shuffled names stay inside their document, or nothing is shuffled."""
    return shuffling is None or bool(shuffling["within"] == "document")


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

    def encoder(self, name: str) -> dict[str, Any]:
        """What fetch_encoder is told of an encoder: only what changes its output."""
        return {key: value for key, value in self.config["encoders"][name].items() if key != "shape"}

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

    def audits(self, name: str) -> list[str]:
        """The audits of an experiment, sorted: of each fold, and of each fold with the text that an encoder is adapted on."""
        runs = self.experiment(name).runs
        return sorted({f"results/audit/{run.fold_path}.json" for run in runs} | {self.audit_of(run) for run in runs})

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

    def attack_names(self, attack: str, fold: str) -> list[str]:
        """Files of the training and validation documents of a fold, whose names a text attack uses or avoids; none where it does not."""
        parts = ("train", "validation") if self.config["attacks"][attack]["kind"] in NAME_ATTACKS else ()
        return [f"results/folds/{fold}/{part}.jsonl" for part in parts]

    def attack_model(self, attack: str, dataset: str, protocol: str, fold: str) -> list[str]:
        """The manifest of the masked language model that a text attack asks; none where it asks none."""
        entry = self.config["attacks"][attack]
        if entry.get("adaptation"):
            return [f"results/adapted/{dataset}/{protocol}/{entry['adaptation']}/fold{fold}/encoder.json"]
        return [f"results/encoders/{entry['encoder']}/encoder.json"] if entry.get("encoder") else []

    def white_box_attacks(self, run: Run) -> dict[str, Any]:
        """Settings of the attacks that see or query the model, by name."""
        names = sorted(set(self._attacks.get(run, ())).difference(self.text_attacks(run)))
        return {name: self.config["attacks"][name] for name in names}

    @property
    def postprocessed_files(self) -> list[str]:
        """Files of a run's post-processed predictions, their manifest first; none where no step of post-processing is chosen."""
        chosen = self.config["postprocessing"]
        wanted = any(chosen[step] for step in ("boundaries", "abbreviations", "overlaps"))
        return ["postprocess.json", "clean.jsonl"] if wanted else []

    def disease_types(self, dataset: str) -> list[str]:
        """Entity types of a dataset that are diseases, sorted: those of that group."""
        return sorted(kind for kind, group in self.config["datasets"][dataset]["groups"].items() if group == "diseases")

    def linked_runs(self, name: str) -> list[Run]:
        """Runs of an experiment whose mentions are linked: under its own protocol, on corpora with diseases; none without an ontology."""
        experiment = self.experiment(name)
        ontology = experiment.entry["linking"]
        if ontology is None or ontology in experiment.unlinked:
            return []
        return [run for run in experiment.runs if run.protocol == experiment.protocol and self.disease_types(run.dataset)]

    def transfers(self, name: str) -> list[tuple[Run, str]]:
        """Runs of an experiment that are tested on another dataset too, and that dataset."""
        experiment = self.experiment(name)
        return [
            (run, entry["to"])
            for entry in experiment.entry["transfer"]
            for run in experiment.runs
            if run.dataset == entry["from"] and run.protocol == experiment.protocol
        ]

    def transfer_test(self, run: Run, target: str) -> str:
        """The test documents that a run is transferred to: of its own fold of that dataset, whatever is done to training parts."""
        return f"results/folds/{target}/{Protocol.parse(run.protocol).division}/fold{run.fold}/test.jsonl"

    def trained_on(self, run: Run) -> list[str]:
        """Files of the documents that a run has seen: of its fold, and those that its encoder was adapted on."""
        fold = [f"results/folds/{run.fold_path}/{part}.jsonl" for part in ("train", "validation")]
        adaptation = self.config["models"][run.model]["adaptation"]
        return fold + (self.adaptation_text(adaptation, run.dataset, run.fold_path)[1:] if adaptation else [])

    def transfer_types(self, dataset: str, target: str) -> dict[str, str]:
        """For types of a dataset the types of another one that they stand for, as all selected experiments say.

        Raises ConfigError where two of them differ.
        """
        found = {
            experiment.name: dict(entry["types"])
            for experiment in self.experiments
            for entry in experiment.entry["transfer"]
            if (entry["from"], entry["to"]) == (dataset, target)
        }
        types = next(iter(found.values()), {})
        if any(others != types for others in found.values()):
            told = ", ".join(sorted(found))
            raise ConfigError(f"run: experiments must transfer {dataset} to {target} by the same types, found others in {told}")
        return types

    def further_tables(self, name: str) -> list[str]:
        """Tables that not every experiment has, by the names of their files."""
        entry = self.experiment(name).entry
        made = {"postprocessing": self.postprocessed_files, "linking": entry["linking"], "transfer": entry["transfer"]}
        return [table for table, wanted in made.items() if wanted]

    def table_rows(self, name: str, table: str) -> list[str]:
        """Files of rows that a further table is made of, beside the collected ones."""
        if table == "linking":
            ontology = self.experiment(name).entry["linking"]
            return [f"results/linked/{run.path}/{ontology}.csv" for run in self.linked_runs(name)]
        return [f"results/transferred/{run.path}/{target}/scores.csv" for run, target in self.transfers(name) if table == "transfer"]

    def table_settings(self, name: str, table: str) -> dict[str, Any]:
        """What a further table must know beside the experiment's settings."""
        experiment = self.experiment(name)
        if table == "linking":
            ontology = experiment.entry["linking"]
            return {"ontology": self.config["ontologies"][ontology]["title"], "missing": experiment.unlinked.get(ontology)}
        if table == "transfer":
            titles = {entry["to"]: self.config["datasets"][entry["to"]]["title"] for entry in experiment.entry["transfer"]}
            return {"transfers": experiment.entry["transfer"], "titles": titles}
        return {key: value for key, value in self.config["postprocessing"].items() if value}

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

    def browser(self, name: str) -> dict[str, Any]:
        """What the report's error browser shows: the experiment's runs, whether post-processed too, and how many documents."""
        shown = {"postprocessed": bool(self.postprocessed_files), "documents": self.experiment(name).entry["browser_documents"]}
        return self.selection(name) | shown

    def browser_files(self, name: str) -> list[str]:
        """Files that the error browser is made from: of the runs under the experiment's own protocol, none of a corpus under agreement."""
        experiment = self.experiment(name)
        files: set[str] = set()
        for run in experiment.runs if experiment.entry["browser_documents"] != 0 else ():
            if run.protocol == experiment.protocol and not self.config["datasets"][run.dataset]["agreement"]:
                files |= {f"results/folds/{run.fold_path}/test.jsonl", f"results/predictions/{run.path}/predictions.json"}
                files |= {f"results/attacks/{run.fold_path}/{attack}.jsonl" for attack in self.text_attacks(run)}
                files |= {f"results/postprocessed/{run.path}/{file}" for file in self.postprocessed_files}
        return sorted(files)

    def graph(self, name: str) -> dict[str, Any]:
        """What the rule graph of an experiment depends on beside the rules: sources, and whether text is attacked."""
        experiment = self.experiment(name)
        attacks = {self.config["attacks"][attack]["kind"] in TEXT_ATTACKS for attack in experiment.entry["attacks"]}
        return {"sources": sorted({self.config["datasets"][dataset]["source"] for dataset in experiment.present}), "attacks": any(attacks)}

    def provenance(self, name: str) -> dict[str, Any]:
        """Digest of all that an experiment's configuration says: recipes, the searches of their values and their encoders included."""
        experiment = self.experiment(name)
        models = experiment.entry["models"]
        recipes = [self.recipe(model) for model in models]
        datasets = [self.config["datasets"][dataset] for dataset in experiment.datasets]
        attacks = [self.config["attacks"][attack] for attack in experiment.entry["attacks"]]
        encoders = {entry["encoder"] for entry in (*recipes, *attacks) if entry.get("encoder")}
        searched = {model: self._searched(self.config["models"][model]["values_from"]) for model in models}
        chosen = [self.config[part] for part in ("preparation", "prediction", "postprocessing")]
        sources = {encoder: self.encoder(encoder) for encoder in sorted(encoders)}
        return {"config_digest": value_digest([experiment.entry, recipes, datasets, attacks, *chosen, searched, sources])}

    def _searched(self, search: str | None) -> dict[str, Any] | None:
        """What a search finds depends on: its own entry and the recipe that it varies; None without one."""
        if search is None:
            return None
        return {"search": search, **self.config["searches"][search], "recipe": self.search_recipe(search)}

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
