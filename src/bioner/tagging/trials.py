"""Trials of a search: a recipe with suggested values, trained on a fold's training part and judged on its validation part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.locks import alone_in
from bioner.provenance import value_digest
from bioner.recipes import with_values
from bioner.storage import read_json, write_json
from bioner.tagging.refusals import RecipeError
from bioner.tagging.runs import train_run
from bioner.tagging.suggesting import suggest
from bioner.tagging.training import CHECKPOINT_SECONDS

DIVERGED = "expected a finite"
"""How the errors begin that tell of a loss or gradient that is not finite."""


def run_trial(
    *,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    trials: Sequence[Path],
    trial: int,
    encoder: Path | None,
    fold: Path,
    audit: Path,
    seed: int,
    folder: Path,
    output: Path,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Train a recipe with a trial's values and write what its validation part says of them; the test part is not read.

    A training that diverges counts as one with an F1 of 0. Values that no training can have, such as an overlap that the window
    drawn with it has no room for, are told as state `infeasible` with the reason and without a score: a job that failed would be asked
    for again and never get further. What the file holds depends on recipe, data and the trials before alone, not on when it is made: a
    search that was stopped goes on to the same result.

    Args:
        recipe: of the searched model, with its own values.
        settings: of the search, as of `suggest`.
        trials: files of all trials of the generations before.
        trial: its number, from 0.
        encoder, fold, audit, seed, checkpoint_seconds: as of `train_run`.
        folder: where the training goes on after a kill; removed in the end, weights included.
        output: the trial's file.

    Raises:
        BionerError: trials of the generations before are missing, or the validation part has no mentions to judge by.
    """
    values = suggest(settings, [read_json(path) for path in trials], trial)
    about = {"trial": trial, "values": values, "seed": seed}
    try:
        changed = with_values(recipe, values)
    except BionerError as error:  # a key of a mapping, drawn together with null in the mapping's place
        write_json(output, about | {"recipe": None} | _infeasible(trial, error))
        return
    about["recipe"] = value_digest(changed)
    with _alone(folder) as waited:
        if waited and output.is_file() and read_json(output).get("recipe") == about["recipe"]:
            say(f"{output}: made by the job that was waited for")
            return
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "recipe.json", changed)
        say(f"trial {trial}: " + ", ".join(f"{key} {value}" for key, value in values.items()))
        try:
            train_run(
                recipe=folder / "recipe.json",
                encoder=encoder,
                fold=fold,
                audit=audit,
                seed=seed,
                output=folder / "run",
                checkpoint_seconds=checkpoint_seconds,
            )
        except RecipeError as error:
            told = _infeasible(trial, error)
        except BionerError as error:
            if not str(error).startswith(DIVERGED):
                raise
            say(f"trial {trial}: {error}; it counts as an F1 of 0")
            told = {"state": "diverged", "validation_f1": 0.0, "epochs": None, "best_epoch": None}
        else:
            run = read_json(folder / "run" / "run.json")
            if run["validation_f1"] is None:
                raise BionerError(f"{fold / 'validation.jsonl'}: expected mentions to judge trials by, found none; search on another fold")
            told = {"state": "finished"} | {
                key: run[key] for key in ("validation_f1", "epochs", "best_epoch", "encoder", "data", "versions")
            }
        write_json(output, about | told)
        shutil.rmtree(folder)


def _infeasible(trial: int, error: BionerError) -> dict[str, Any]:
    """What a trial's file tells of values that no training can have."""
    say(f"trial {trial}: {error}; it has no score")
    return {"state": "infeasible", "reason": str(error), "validation_f1": None, "epochs": None, "best_epoch": None}


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """One process at a time at a trial: its lock lies beside its folder, which is removed in the end. Yields whether one was waited for."""
    lock = folder.with_name(f".{folder.name}.lock")
    with alone_in(lock, "this trial") as waited:
        yield waited
    with suppress(OSError):  # another one may be in there
        lock.rmdir()
