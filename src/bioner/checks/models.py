"""Models: whether the parts of one fit together."""

from __future__ import annotations

from typing import Any

from bioner.checks.attacks import check_adversary
from bioner.errors import ConfigError
from bioner.heads import check_head


def check_model(where: str, model: dict[str, Any], schema: dict[str, Any]) -> None:
    """ConfigError for settings of a completed model that do not go together.

    Args:
        where: the model's place in the configuration.
        schema: of a model.
    """
    check_head(where, model, schema)
    if not 0 <= model["overlap"] < model["window"] // 2:
        raise ConfigError(f"{where}.overlap: expected less than half of the window, {model['window'] // 2}, got {model['overlap']}")
    if (words := model["word_vectors"]) is not None and (words["file"] is None) != (words["sha256"] is None):
        raise ConfigError(f"{where}.word_vectors: expected file and sha256 together, found one; add the other")
    check_adversary(f"{where}.adversary", model["adversary"])
