"""What the rules of workflow/rules/tagging.smk are told, and the files that they start from."""

from __future__ import annotations

from typing import Any

from bioner.experiments import Run
from bioner.heads import FEATURE_CRF
from bioner.planning.selection import Selection
from bioner.preparation.protocols import Protocol


class TaggingPlan(Selection):
    """Recipes, encoders, adaptations and searches."""

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

    @property
    def searched_runs(self) -> list[Run]:
        """What trials of searches train for the models of selected runs, sorted: for runs on corpora under agreement too."""
        searches = {self.config["models"][run.model]["values_from"] for run in self.runs}
        return sorted({self.search_run(search) for search in searches if search})
