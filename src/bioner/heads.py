"""Which keys of a model in the configuration fit its head and its loss."""

from __future__ import annotations

import copy
from typing import Any

from bioner.errors import ConfigError
from bioner.evaluation.attacks import WHITE_BOX_ATTACKS

FEATURE_CRF = "feature_crf"
CRF_LOSSES = ("crf", "fixed", "uncertainty", "adaptive")
"""Losses that need a head with a CRF."""

_CROSS_ENTROPY, _CRF = {"smoothing", "class_weights"}, {"crf_reduction"}
LOSS_KEYS = {
    "cross_entropy": _CROSS_ENTROPY,
    "crf": _CRF,
    "fixed": {"alpha"} | _CROSS_ENTROPY | _CRF,
    "uncertainty": _CROSS_ENTROPY | _CRF,
    "adaptive": {"bounds"} | _CROSS_ENTROPY | _CRF,
}
FEATURE_CRF_KEYS = ("title", "encoder", "head", FEATURE_CRF, "tags", "augmentation", "values_from", "reproduces", "system")
"""Keys of a model that mean something for a CRF over features of words."""


def complete_model(model: dict[str, Any], schema: dict[str, Any]) -> None:
    """Set what a model's loss and head have by default, in place.

    Args:
        model: with its loss as a mapping.
        schema: of a model.
    """
    _fill(model["loss"], _loss_schema(schema), LOSS_KEYS[model["loss"]["kind"]])
    if model["head"] == FEATURE_CRF:
        parts = schema["properties"][FEATURE_CRF]["properties"]
        model[FEATURE_CRF] = model[FEATURE_CRF] or {}
        _fill(model[FEATURE_CRF], parts, set(parts))


def check_head(where: str, model: dict[str, Any], schema: dict[str, Any]) -> None:
    """ConfigError for keys that a completed model's head or loss has no use for, or lacks."""
    _check_loss(f"{where}.loss", model["loss"])
    if model["head"] != FEATURE_CRF:
        if model["encoder"] is None:
            raise ConfigError(f"{where}.encoder: expected the name of an encoder for head {model['head']}, got null")
        if model[FEATURE_CRF] is not None:
            raise ConfigError(f"{where}.{FEATURE_CRF}: expected only with head {FEATURE_CRF}, found head {model['head']}; remove it")
        return
    if model["encoder"] is not None:
        raise ConfigError(f"{where}.encoder: expected null for head {FEATURE_CRF}, which has no encoder, got '{model['encoder']}'")
    for key, part in schema["properties"].items():
        if key not in FEATURE_CRF_KEYS and model[key] != _default(key, part, schema):
            raise ConfigError(f"{where}.{key}: expected nothing for head {FEATURE_CRF}, which has no use for it; remove it")


def check_fit(where: str, name: str, model: dict[str, Any], attacks: dict[str, str]) -> None:
    """ConfigError for a loss that a model's head cannot have or is not trained by, and for attacks that the head is not open to.

    Args:
        where: the experiment.
        attacks: kind of each attack of it.
    """
    white_boxes = sorted(attack for attack, way in attacks.items() if way in WHITE_BOX_ATTACKS)
    if model["head"] == FEATURE_CRF and white_boxes:
        raise ConfigError(
            f"{where}.attacks: '{white_boxes[0]}' is made on word embeddings, which model '{name}' has none of; "
            "take an attack on text, or put the model into an experiment of its own"
        )
    kind, head = model["loss"]["kind"], model["head"]
    if kind in CRF_LOSSES and head == "linear":
        raise ConfigError(
            f"{where}.models: model '{name}' has loss {kind} on a {head} head; set models.{name}.head to crf, or its loss to cross_entropy"
        )
    if kind == "cross_entropy" and head == "crf":
        raise ConfigError(
            f"{where}.models: model '{name}' has a crf head that its loss cross_entropy never trains; set models.{name}.loss to crf"
        )


def _check_loss(where: str, loss: dict[str, Any]) -> None:
    kind, bounds = loss["kind"], loss.get("bounds")
    if bounds is not None and not (kind == "adaptive" and bounds[0] < bounds[1]):
        raise ConfigError(f"{where}.bounds: expected [low, high] with low < high, for the adaptive loss only, got {bounds}")
    if stray := sorted(loss.keys() - {"kind"} - LOSS_KEYS[kind]):
        raise ConfigError(f"{where}.{stray[0]}: expected only {', '.join(sorted(LOSS_KEYS[kind]))} for kind {kind}")
    if kind == "fixed" and "alpha" not in loss:
        raise ConfigError(f"{where}: expected alpha for kind fixed, found none")


def _loss_schema(schema: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = schema["properties"]["loss"]["anyOf"][1]["properties"]
    return parts


def _fill(value: dict[str, Any], parts: dict[str, Any], keys: set[str]) -> None:
    for key in sorted(keys):
        if key not in value and "default" in parts[key]:
            value[key] = copy.deepcopy(parts[key]["default"])


def _default(key: str, part: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A key's default as it stands in a completed model."""
    value = part.get("default")
    if key not in ("loss", "adversary"):
        return value
    value = {"kind": value}
    if key == "loss":
        _fill(value, _loss_schema(schema), LOSS_KEYS[value["kind"]])
    return value
