"""Recipes with values from a search in the place of their own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from bioner.errors import BionerError
from bioner.provenance import value_digest

FIXED = ("model", "encoder", "adaptation", "augmentation", "values_from", "searched", "training.threads")
"""Keys that no search may set: other files are made for them, or results would depend on the machine."""


def with_values(recipe: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a recipe, or of a model's entry in the config, with values in the place of its own.

    Args:
        values: by dotted key, such as `training.learning_rate`.

    Raises:
        BionerError: what comes before a key's last dot is no mapping in the recipe.
    """
    result = copy.deepcopy(dict(recipe))
    for key, value in values.items():
        *parents, last = key.split(".")
        place = result
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None  # type: ignore[assignment]
        if not isinstance(place, dict):
            raise BionerError(f"{key}: expected a mapping {'.'.join(parents)} in the recipe, found none; correct the search's space")
        place[last] = copy.deepcopy(value)
    return result


def with_best(recipe: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with a search's best values, which tells where they came from under `searched`.

    Args:
        best: content of the search's `best.json`.
    """
    origin = {key: best[key] for key in ("search", "trial", "validation_f1")}
    return with_values(recipe, best["values"]) | {"searched": origin | {"digest": value_digest(best)}}
