"""Attacks of several strengths in one entry of the config: each strength becomes an attack of its own before the config is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioner.errors import ConfigError

GRIDS = {"epsilons": "epsilon", "rates": "rate", "budgets": "edits"}
"""Key with a list of values -> the key that each of them is for."""


def grid_name(attack: str, value: float) -> str:
    """The name of one strength of an attack, such as `fgsm_0p01`: a dot is written `p`, and so is 1e-05 as 0p00001."""
    written = str(value) if isinstance(value, int) else f"{value:.12f}".rstrip("0").rstrip(".")
    return f"{attack}_{written.replace('.', 'p')}"


def expand(attacks: dict[str, dict[str, Any]], experiments: Mapping[str, dict[str, Any]]) -> None:
    """Write out grids, in place: in the attacks, and wherever an experiment names one.

    Raises:
        ConfigError: an entry with two grids, with a grid and the key that it is for, or a name that is there already.
    """
    names: dict[str, list[str]] = {}
    for attack in list(attacks):
        grids = sorted(GRIDS.keys() & attacks[attack].keys())
        if not grids:
            continue
        grid, single = grids[0], GRIDS[grids[0]]
        if len(grids) > 1 or single in attacks[attack]:
            other = grids[1] if len(grids) > 1 else single
            raise ConfigError(f"attacks.{attack}.{other}: expected one of {grid} and {other}, got both; remove one")
        entry = attacks.pop(attack)
        values = entry.pop(grid)
        names[attack] = [grid_name(attack, value) for value in values]
        for name, value in zip(names[attack], values, strict=True):
            if name in attacks:
                raise ConfigError(f"attacks.{name}: expected a name that {grid} of attacks.{attack} does not make, got '{name}'; rename it")
            attacks[name] = {**entry, single: value}
    for attack, entry in attacks.items():
        _set_step(attack, entry)
    for experiment in experiments.values():
        chosen = [name for attack in experiment.get("attacks", []) for name in names.get(attack, [attack])]
        experiment["attacks"] = list(dict.fromkeys(chosen))


def _set_step(attack: str, entry: dict[str, Any]) -> None:
    """Write a step that is given as a share of epsilon as the length that it is."""
    if "step_share" not in entry or "epsilon" not in entry:
        return
    if "step_size" in entry:
        raise ConfigError(f"attacks.{attack}.step_share: expected one of step_size and step_share, got both; remove one")
    entry["step_size"] = entry.pop("step_share") * entry["epsilon"]
