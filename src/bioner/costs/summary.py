"""The plan of what experiments cost: a value for JSON, by experiment and system, with what is not known named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from bioner.costs.disk import disk
from bioner.costs.estimate import RATES, Estimator, Unknown
from bioner.costs.jobs import JobList
from bioner.experiments import Experiment, Run
from bioner.heads import FEATURE_CRF
from bioner.planning import Plan


class Costs:
    """Collects seconds, and what is unknown."""

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator
        self.unknown: dict[str, int] = {}
        """What is not known -> jobs whose time is hence not counted."""

    def seconds(self, call: Callable[[], float], jobs: int = 1) -> float:
        """Seconds of so many equal jobs, 0 where something is unknown, which is noted."""
        try:
            return call() * jobs
        except Unknown as what:
            self.unknown[str(what)] = self.unknown.get(str(what), 0) + jobs
            return 0.0


def summarize(
    plan: Plan,
    estimator: Estimator,
    *,
    searches: Iterable[str] = (),
    parallel: int = 1,
    absent: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """What the selected experiments cost, as JSON values: hours, bytes, jobs.

    Args:
        searches: searches asked for beside those that models need.
        parallel: trainings at a time, for the disk that checkpoints take.
        absent: by experiment, datasets that are not provided and why.
    """
    jobs = JobList(plan, searches)
    costs = Costs(estimator)
    rows = [row for experiment in plan.experiments for row in _rows(experiment, estimator, Costs(estimator))]
    runs = sorted({run for experiment in plan.experiments for run in experiment.runs})
    parts = _models(runs, estimator, costs) | _further(jobs, estimator, costs)
    light = _light(jobs, estimator)
    classical = sum(value for (rule, device), value in parts.items() if device == "processor")
    heavy = {rule: value / 3600 for (rule, device), value in sorted(parts.items()) if device == "device"}
    measurement = estimator.measurement
    return {
        "experiments": [experiment.name for experiment in plan.experiments],
        "device": measurement.device,
        "accelerator": measurement.accelerator,
        "measured": measurement.facts,
        "rows": rows,
        "device_hours": heavy | {"total": sum(heavy.values())},
        "processor_hours": {"feature_crf": classical / 3600, "other": light / 3600, "total": (classical + light) / 3600},
        "longest_job_hours": max((row["longest_hours"] for row in rows), default=0.0),
        "jobs": jobs.counts | {"all": 1},
        "total_jobs": sum(jobs.counts.values()) + 1,
        "runs": len(runs),
        "disk_bytes": disk(runs, jobs, estimator, parallel=parallel),
        "parallel": parallel,
        "corpora": _corpora(jobs, estimator),
        "unknown": dict(sorted(costs.unknown.items())),
        "derived": dict(sorted(estimator.derived.items())),
        "absent": {name: dict(found) for name, found in (absent or {}).items() if found},
        "rates": RATES["source"],
    }


def _rows(experiment: Experiment, estimator: Estimator, costs: Costs) -> list[dict[str, Any]]:
    """A row for each system of an experiment: its own trainings and predictions."""
    rows = []
    for model in experiment.entry["models"]:
        runs = [run for run in experiment.runs if run.model == model]
        groups = _groups(runs, estimator.plan)
        training = {key: costs.seconds(partial(estimator.training, group[0])) for key, group in groups.items()}
        prediction = {key: costs.seconds(partial(estimator.prediction, group[0])) for key, group in groups.items()}
        rows.append(
            {
                "experiment": experiment.name,
                "model": model,
                "on": "processor" if estimator.plan.config["models"][model]["head"] == FEATURE_CRF else "device",
                "runs": len(runs),
                "passes": estimator.plan.passes(model),
                "training_hours": sum(training[key] * len(group) for key, group in groups.items()) / 3600,
                "prediction_hours": sum(prediction[key] * len(group) for key, group in groups.items()) / 3600,
                "longest_hours": max((*training.values(), *prediction.values()), default=0.0) / 3600,
                "not_counted": sum(len(group) for key, group in groups.items() if not training[key]),
            }
        )
    return rows


def _groups(runs: Iterable[Run], plan: Plan) -> dict[tuple[Any, ...], list[Run]]:
    """Runs that cost the same: folds and seeds of one recipe on one corpus under one protocol and the same attacks."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        attacks = (*plan.text_attacks(run), *plan.white_box_attacks(run))
        found.setdefault((run.dataset, run.protocol, run.model, attacks), []).append(run)
    return found


def _models(runs: Iterable[Run], estimator: Estimator, costs: Costs) -> dict[tuple[str, str], float]:
    """Seconds by rule and by what the jobs run on."""
    found: dict[tuple[str, str], float] = {}
    for group in _groups(runs, estimator.plan).values():
        run = group[0]
        where = "processor" if estimator.plan.config["models"][run.model]["head"] == FEATURE_CRF else "device"
        for rule, call in (("train", estimator.training), ("predict", estimator.prediction)):
            seconds = costs.seconds(partial(call, run), len(group))
            found[rule, where] = found.get((rule, where), 0.0) + seconds
    return found


def _further(jobs: JobList, estimator: Estimator, costs: Costs) -> dict[tuple[str, str], float]:
    """Seconds of adaptations, trials, transfers, and of attacks that ask a masked language model."""
    plan, found = estimator.plan, dict[tuple[str, str], float]()

    def add(rule: str, seconds: float) -> None:
        if seconds:
            found[rule, "device"] = found.get((rule, "device"), 0.0) + seconds

    for fold, adaptation in jobs.found.get("adapt", ()):
        dataset, protocol, _ = fold.split("/")
        add("adapt", costs.seconds(partial(estimator.adaptation, adaptation, dataset, protocol)))
    for search, _ in jobs.found.get("trial", ()):
        add("trial", costs.seconds(partial(estimator.training, plan.search_run(search), plan.search_recipe(search))))
    for path, target in jobs.found.get("transfer", ()):
        dataset, protocol, model, fold, seed = path.split("/")
        run = Run(dataset, protocol, model, int(fold.removeprefix("fold")), int(seed.removeprefix("seed")))
        add("transfer", costs.seconds(partial(estimator.transfer, run, target)))
    for fold, attack in jobs.found.get("attack", ()):
        dataset, protocol, _ = fold.split("/")
        add("attack", costs.seconds(partial(estimator.guessing, attack, dataset, protocol)))
    for _, kind in jobs.found.get("augment", ()):
        if kind == "back_translation":
            costs.unknown["the speed of back-translation"] = costs.unknown.get("the speed of back-translation", 0) + 1
    return found


def _light(jobs: JobList, estimator: Estimator) -> float:
    """Seconds of the jobs without a model, by the reference rates; words of an unknown corpus count as none."""
    total = 0.0
    for rule, keys in jobs.found.items():
        rate = RATES["rules"].get(rule)
        for key in keys if rate else ():
            dataset = key[0].partition("/")[0]
            corpus = estimator.sizes.get(dataset)
            words = 0.0 if corpus is None else corpus.whole.words
            total += rate["start"] + rate.get("per_1000_words", 0.0) * words / 1000
    return total


def _corpora(jobs: JobList, estimator: Estimator) -> dict[str, Any]:
    told = {}
    for (dataset,) in sorted(jobs.found.get("harmonize", ())):
        corpus = estimator.sizes[dataset]
        whole = None if corpus is None else corpus.whole
        told[dataset] = {
            "documents": None if whole is None else round(whole.documents),
            "words": None if whole is None else round(whole.words),
            "source": "unknown" if corpus is None else corpus.source,
        }
    return told
