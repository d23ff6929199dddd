"""What the rules of workflow/rules/reporting.smk are told, and the files that they start from."""

from __future__ import annotations

from typing import Any

from bioner.evaluation.attacks import TEXT_ATTACKS
from bioner.experiments import Experiment
from bioner.planning.evaluation import EvaluationPlan
from bioner.provenance import value_digest


class ReportingPlan(EvaluationPlan):
    """Audits, tables, the error browser and the digest of a configuration."""

    def audits(self, name: str) -> list[str]:
        """The audits of an experiment, sorted: of each fold, and of each fold with the text that an encoder is adapted on."""
        runs = self.experiment(name).runs
        return sorted({f"results/audit/{run.fold_path}.json" for run in runs} | {self.audit_of(run) for run in runs})

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
        """Digest of all of the configuration that an experiment's results depend on: its entry and those that it leads to."""
        experiment = self.experiment(name)
        models = experiment.entry["models"]
        recipes = [self.recipe(model) for model in models]
        attacks = [self.config["attacks"][attack] for attack in experiment.entry["attacks"]]
        searched = {model: self._searched(self.config["models"][model]["values_from"]) for model in models}
        searches = [found for found in searched.values() if found]
        chosen = [self.config[part] for part in ("preparation", "prediction", "postprocessing")]
        used = self._used(experiment, [*recipes, *(found["recipe"] for found in searches)], attacks)
        used["datasets"] |= {found["dataset"]: self.config["datasets"][found["dataset"]] for found in searches}
        return {"config_digest": value_digest([experiment.entry, recipes, attacks, *chosen, searched, used])}

    def _used(self, experiment: Experiment, recipes: list[dict[str, Any]], attacks: list[dict[str, Any]]) -> dict[str, Any]:
        """Entries by section and name that an experiment draws on: recipes, those of searches among them, and attacks name some."""
        sections, entry = self.config, experiment.entry
        named = [attack["adaptation"] for attack in attacks if attack.get("adaptation")]
        adaptations = {name: sections["adaptations"][name] for name in named}
        adaptations |= {recipe["adaptation"]["name"]: recipe["adaptation"] for recipe in recipes if recipe.get("adaptation")}
        encoders = {used["encoder"] for used in (*recipes, *attacks, *adaptations.values()) if used.get("encoder")}
        if translated := sections["preparation"]["back_translation"]:
            encoders |= {translated["forward"], translated["backward"]}
        datasets = {*experiment.datasets, *(transfer["to"] for transfer in entry["transfer"])}
        datasets.update(*(adaptation["text"] for adaptation in adaptations.values() if adaptation["text"] != "training"))
        return {
            "adaptations": adaptations,
            "datasets": {dataset: sections["datasets"][dataset] for dataset in sorted(datasets)},
            "encoders": {encoder: self.encoder(encoder) for encoder in sorted(encoders)},
            "ontology": entry["linking"] and sections["ontologies"][entry["linking"]],
        }

    def _searched(self, search: str | None) -> dict[str, Any] | None:
        """What a search finds depends on: its own entry and the recipe that it varies; None without one."""
        if search is None:
            return None
        return {"search": search, **self.config["searches"][search], "recipe": self.search_recipe(search)}
