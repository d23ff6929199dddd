"""Which settings go with which kind of adversary and of attack."""

from __future__ import annotations

from typing import Any

from bioner.errors import BionerError, ConfigError
from bioner.evaluation.attack_settings import SETTINGS, complete
from bioner.evaluation.attacks import WHITE_BOX_ATTACKS
from bioner.evaluation.columns import CLEAN, POSTPROCESSED, WORST_CASE
from bioner.schema import check_names

GRADIENT_KEYS = {
    "fgsm": {"epsilon"},
    "fgm": {"epsilon"},
    "pgd": {"epsilon", "steps", "step_size"},
    "freelb": {"epsilon", "steps", "step_size", "start"},
    "smart": {"epsilon", "steps", "step_size", "start", "weight"},
}
ADVERSARY_KEYS = {"none": set(), **GRADIENT_KEYS, "pgd": GRADIENT_KEYS["pgd"] | {"norm"}}
CONDITIONS = (CLEAN, POSTPROCESSED, WORST_CASE)
ATTACK_KEYS = {kind: set(known) for kind, known in SETTINGS.items()} | {kind: ADVERSARY_KEYS[kind] for kind in WHITE_BOX_ATTACKS}


def check_adversary(where: str, adversary: dict[str, Any]) -> None:
    """ConfigError for settings that a kind of adversary has no use for, lacks, or cannot start from."""
    _check_kind_keys(where, adversary, ADVERSARY_KEYS)
    start = adversary.get("start", 0)
    if start > adversary.get("epsilon", 0) or (start == 0 and adversary["kind"] == "smart"):
        least = "more than 0 (the divergence has no gradient where it begins) and " if adversary["kind"] == "smart" else ""
        raise ConfigError(f"{where}.start: expected {least}at most epsilon, {adversary['epsilon']}, got {start}")


def check_attack(where: str, attack: dict[str, Any], config: dict[str, Any]) -> None:
    """ConfigError for an attack whose name is taken, or whose settings do not go with its kind."""
    if where in (f"attacks.{name}" for name in CONDITIONS):
        taken = where.removeprefix("attacks.")
        raise ConfigError(f"{where}: '{taken}' is the name of no attack at all; choose another name")
    _check_kind_keys(where, attack, ATTACK_KEYS)
    if attack["kind"] in SETTINGS:
        try:
            complete(attack["kind"], {key: value for key, value in attack.items() if key != "kind"})
        except BionerError as error:
            raise ConfigError(f"{where}: {error}") from None
    if attack["kind"] == "context":
        if (attack.get("encoder") is None) == (attack.get("adaptation") is None):
            raise ConfigError(f"{where}: expected encoder or adaptation for kind context, one of them; its model guesses the masked words")
        for key, known in (("encoder", config["encoders"]), ("adaptation", config["adaptations"])):
            check_names([attack[key]] if attack.get(key) else [], known, f"{where}.{key}")


def _check_kind_keys(where: str, settings: dict[str, Any], known: dict[str, set[str]]) -> None:
    kind = settings["kind"]
    if stray := sorted(settings.keys() - {"kind"} - known[kind]):
        raise ConfigError(f"{where}.{stray[0]}: expected only {', '.join(sorted(known[kind])) or 'kind'} for kind {kind}")
    if missing := sorted(GRADIENT_KEYS.get(settings["kind"], set()) - settings.keys()):
        raise ConfigError(f"{where}: expected {missing[0]} for kind {settings['kind']}, found none")
