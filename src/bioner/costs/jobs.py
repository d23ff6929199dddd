"""The jobs of the selected experiments by rule: what a dry run of the workflow would list for an empty `results/`."""

from __future__ import annotations

from collections.abc import Iterable

from bioner.experiments import Experiment, Run
from bioner.planning import Plan
from bioner.preparation.protocols import Protocol

Key = tuple[str, ...]
Jobs = dict[str, set[Key]]
"""Rule -> what tells its jobs apart."""


class JobList:
    """Collects the jobs that targets need, each once, as the rules' inputs say.

    Args:
        plan: the checked configuration.
        searches: searches that are asked for by themselves, beside those that models take their values from.
    """

    def __init__(self, plan: Plan, searches: Iterable[str] = ()) -> None:
        self.plan = plan
        self.found: Jobs = {}
        for experiment in plan.experiments:
            self._experiment(experiment)
        for search in searches:
            self._search(search)

    @property
    def counts(self) -> dict[str, int]:
        """Jobs by rule, in the order of the names."""
        return {rule: len(self.found[rule]) for rule in sorted(self.found)}

    def _add(self, rule: str, *key: str) -> bool:
        """Note a job; whether it was new."""
        jobs = self.found.setdefault(rule, set())
        new = key not in jobs
        jobs.add(key)
        return new

    def _experiment(self, experiment: Experiment) -> None:
        name, plan = experiment.name, self.plan
        for rule in ("collect", "table1", "rulegraph", "figures", "report"):
            self._add(rule, name)
        for table in plan.further_tables(name):
            self._add("tabulate", name, table)
        for dataset in experiment.present:
            self._corpus(dataset)
            self._add("inspect", dataset)
        for run in experiment.runs:
            self._run(run)
        for run, target in plan.transfers(name):
            self._add("transfer", run.path, target)
            self._add("score_transfer", run.path, target)
            self._fold(target, Protocol.parse(run.protocol).division, str(run.fold))
        for run in plan.linked_runs(name):
            ontology = experiment.entry["linking"]
            self._add("download", ontology)
            self._add("link", run.path, ontology)

    def _run(self, run: Run) -> None:
        for rule in ("train", "predict", "score"):
            self._add(rule, run.path)
        if self.plan.postprocessed_files:
            self._add("postprocess", run.path)
        self._fold(run.dataset, run.protocol, str(run.fold))
        self._add("audit", run.fold_path)
        self._training(run)
        for attack in self.plan.text_attacks(run):
            if self._add("attack", run.fold_path, attack):
                entry = self.plan.config["attacks"][attack]
                if entry.get("adaptation"):
                    self._adapt(entry["adaptation"], run)
                elif entry.get("encoder"):
                    self._add("fetch_encoder", entry["encoder"])

    def _training(self, run: Run) -> None:
        """What a training needs beside its fold: a recipe, and an encoder, adapted or not."""
        model = self.plan.config["models"][run.model]
        if self._add("recipe", run.model) and model["values_from"] is not None:
            self._search(model["values_from"])
        self._encoder(run)

    def _encoder(self, run: Run) -> None:
        model = self.plan.config["models"][run.model]
        if model["adaptation"] is not None:
            self._adapt(model["adaptation"], run)
        elif model["encoder"] is not None:
            self._add("fetch_encoder", model["encoder"])

    def _adapt(self, adaptation: str, run: Run) -> None:
        if not self._add("adapt", run.fold_path, adaptation):
            return
        self._add("fetch_encoder", self.plan.config["adaptations"][adaptation]["encoder"])
        self._add("audit", run.fold_path, adaptation)
        for path in self.plan.adaptation_text(adaptation, run.dataset, run.fold_path)[1:]:
            dataset, protocol, fold = path.split("/")[2:5]
            self._fold(dataset, protocol, fold.removeprefix("fold"))

    def _search(self, search: str) -> None:
        if not self._add("search", search):
            return
        for number in range(self.plan.config["searches"][search]["trials"]):
            self._add("trial", search, str(number))
        run = self.plan.search_run(search)
        self._fold(run.dataset, run.protocol, str(run.fold))
        if self.plan.config["models"][run.model]["adaptation"] is None:
            self._add("audit", run.fold_path)
        self._encoder(run)

    def _fold(self, dataset: str, protocol: str, fold: str) -> None:
        if not self._add("compose", dataset, protocol, fold):
            return
        self._corpus(dataset)
        for kind in self.plan.document_variants:
            self._variants(dataset, kind)
        for division in {Protocol.parse(protocol).division, *self.plan.equal_to(dataset, protocol)}:
            self._add("split", dataset, division)

    def _corpus(self, dataset: str) -> None:
        generated = self.plan.config["datasets"][dataset]["source"] == "demo"
        self._add("generate" if generated else "download", dataset)
        for rule in ("harmonize", "normalize"):
            self._add(rule, dataset)

    def _variants(self, dataset: str, kind: str) -> None:
        self._add("augment", dataset, kind)
        for encoder in self.plan.translators(kind):
            self._add("fetch_encoder", encoder)
