"""What the rules of workflow/rules/evaluation.smk are told, and the files that they start from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from bioner.errors import ConfigError
from bioner.evaluation.attacks import NAME_ATTACKS, TEXT_ATTACKS
from bioner.experiments import Run
from bioner.planning.tagging import TaggingPlan
from bioner.preparation.protocols import Protocol


class EvaluationPlan(TaggingPlan):
    """Attacks, post-processing, linking and transfers."""

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

    @property
    def linked(self) -> list[tuple[Run, str]]:
        """Runs of all selected experiments whose mentions are linked, and the ontology, each pair once, sorted."""
        return sorted({(run, one.entry["linking"]) for one in self.experiments for run in self.linked_runs(one.name)})

    @property
    def transferred(self) -> list[tuple[Run, str]]:
        """Runs of all selected experiments that are tested on another dataset, and that one, each pair once, sorted."""
        return sorted({pair for experiment in self.experiments for pair in self.transfers(experiment.name)})

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
