"""Suggestions of a search: which values its next trials are to try, given the results of those before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from bioner.errors import BionerError


def suggest(settings: Mapping[str, Any], finished: Sequence[Mapping[str, Any]], trial: int) -> dict[str, Any]:
    """Values of a trial by dotted key, by the tree-structured Parzen estimator (Bergstra et al. 2011, section 4) of Optuna.

    A function of its arguments alone: the sampler begins anew with a seed of the trial's generation, is told the finished trials in the
    order of their numbers, and asked for the generation's trials up to this one. These keep clear of each other by the constant liar
    (Ginsbourger et al. 2010), which takes each for a bad one as long as it has no result. Finished trials without a score, whose values no
    training can have, are told as pruned: worse than any score.

    Args:
        settings: `space` (by dotted key: `kind` float or int with `low`, `high` and `log`, or choice with `choices`), `parallel`
            (trials in a generation), `startup` (trials before which values are drawn without the estimator), `seed`.
        finished: all trials of the generations before, as `run_trial` writes them.
        trial: its number, from 0.

    Raises:
        BionerError: the finished trials are not those of the generations before.
    """
    generation, place = divmod(trial, settings["parallel"])
    told = sorted(finished, key=lambda trial: int(trial["trial"]))
    if (found := [before["trial"] for before in told]) != list(range(trial - place)):
        raise BionerError(
            f"trial {trial}: expected the results of the {trial - place} trials before its generation, found those of {found}"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {key: _distribution(entry) for key, entry in settings["space"].items()}
    seed = (settings["seed"] * 1_000_003 + generation) % 2**32
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings["startup"], constant_liar=True)
    )
    for before in told:
        params = {key: _told(entry, before["values"][key]) for key, entry in settings["space"].items()}
        score = before["validation_f1"]
        state = TrialState.PRUNED if score is None else TrialState.COMPLETE
        study.add_trial(optuna.trial.create_trial(state=state, params=params, distributions=space, value=score))
    *_, asked = [study.ask(space).params for _ in range(place + 1)]
    return {key: _read(entry, asked[key]) for key, entry in settings["space"].items()}


def _distribution(entry: Mapping[str, Any]) -> BaseDistribution:
    if entry["kind"] == "choice":
        return CategoricalDistribution([json.dumps(choice, sort_keys=True) for choice in entry["choices"]])
    if entry["kind"] == "int":
        return IntDistribution(int(entry["low"]), int(entry["high"]), log=entry["log"])
    return FloatDistribution(entry["low"], entry["high"], log=entry["log"])


def _told(entry: Mapping[str, Any], value: Any) -> Any:
    """A value as Optuna knows it: choices are told apart by their JSON, for they may be lists and mappings."""
    return json.dumps(value, sort_keys=True) if entry["kind"] == "choice" else value


def _read(entry: Mapping[str, Any], param: Any) -> Any:
    return json.loads(param) if entry["kind"] == "choice" else param
