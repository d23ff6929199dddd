"""The configuration: checked before anything runs, and expanded into runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bioner.checks.attacks import check_attack
from bioner.checks.datasets import check_dataset, check_files, check_preparation
from bioner.checks.experiments import check_experiment, check_unsafe
from bioner.checks.models import check_model
from bioner.checks.presence import check_mirror, check_present
from bioner.checks.refinements import check_adaptations, check_searched_runs, check_searches
from bioner.checks.sharing import check_documents_of
from bioner.credentials import check_recordable
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.evaluation.grids import expand as expand_grids
from bioner.experiments import Experiment
from bioner.heads import complete_model
from bioner.planning import Plan
from bioner.reporting.table1 import check_settings
from bioner.schema import SCHEMA, check_names, check_schema, read_schema

RESERVED = {"raw", "corpora", "harmonized", "quality", "normalized", "augmented", "splits", "folds", "audit", "attacks", "encoders"}
RESERVED |= {"adapted", "searches", "recipes", "runs", "predictions", "scores", "logs", "benchmarks"}
RESERVED |= {"postprocessed", "linked", "transferred"}


def load_plan(config: dict[str, Any], base: str | Path, *, schema: Path = SCHEMA) -> Plan:
    """Check a configuration and expand the experiments that `run` selects.

    Args:
        config: the configuration, overlays merged; defaults are filled into it.
        base: folder that relative paths of provided datasets start from.

    Raises:
        ConfigError: one line naming the experiment or entry and the key.
    """
    check_recordable(config)
    known = read_schema(schema)
    check_schema(config, known)
    of_models = known["properties"]["models"]["additionalProperties"]
    for model in config["models"].values():
        model["loss"] = _as_kind(model["loss"])
        model["adversary"] = _as_kind(model["adversary"])
        complete_model(model, of_models)
    for name in config["experiments"].keys() & RESERVED:
        raise ConfigError(f"experiments.{name}: expected a name that is no folder of results/, got '{name}'; choose another name")
    for name in config["ontologies"].keys() & config["datasets"].keys():
        raise ConfigError(f"ontologies.{name}: expected a name that no dataset has, for both are fetched to results/raw/{name}; rename one")
    for name, dataset in config["datasets"].items():
        check_dataset(f"datasets.{name}", dataset)
    for name, ontology in config["ontologies"].items():
        check_files(f"ontologies.{name}", ontology["files"])
    check_documents_of(config["datasets"])
    check_mirror(config, Path(base))
    for name, model in config["models"].items():
        check_model(f"models.{name}", model, of_models)
    check_adaptations(config)
    check_searches(config, known)
    check_preparation(config, Path(base))
    expand_grids(config["attacks"], config["experiments"])
    for name, attack in config["attacks"].items():
        check_attack(f"attacks.{name}", attack, config)
    check_names(config["run"], config["experiments"], "run")
    for name in [*config["run"], *config["experiments"]]:
        check_experiment(config, name, config["experiments"][name])
    for name in config["run"]:
        check_unsafe(config, f"experiments.{name}", config["experiments"][name])
    plan = Plan(config, [Experiment.of(name, config["experiments"][name]) for name in config["run"]])
    for experiment in plan.experiments:
        check_present(config, experiment, Path(base))
        check_settings(describe(plan, experiment.name))
        for run in experiment.runs:
            plan.equal_to(run.dataset, run.protocol)
        for run, target in plan.transfers(experiment.name):
            plan.transfer_types(run.dataset, target)
    check_searched_runs(plan, Path(base))
    return plan


def _as_kind(value: str | dict[str, Any]) -> dict[str, Any]:
    return {"kind": value} if isinstance(value, str) else value
