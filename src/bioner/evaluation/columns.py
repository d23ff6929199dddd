"""Columns of the tables that evaluation writes and reporting reads (the format is a contract: docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioner.errors import BionerError

KEYS = ("dataset", "protocol", "model", "fold", "seed")
"""What names a run, in front of every row."""

SCORES = (*KEYS, "attack", "definition", "average", "type", "metric", "value")
DOCUMENTS = (*KEYS, "attack", "document", "gold", "predicted", "correct")
CONFUSION = (*KEYS, "attack", "gold_type", "predicted_type", "count")

LOSSES = ("loss", "cross_entropy", "crf", "adversarial", "alpha")
EPOCHS = ("epoch", "step", *LOSSES, "learning_rate", "precision", "recall", "f1", "macro_f1", "skipped_steps")
HISTORY = (*KEYS, *EPOCHS)

RUN_FACTS = ("device", "precision", "threads", "seconds", "epochs", "best_epoch", "train_documents", "train_mentions", "pieces_per_second")
RUNS = (*KEYS, "run", *RUN_FACTS)

CLEAN = "clean"
"""The value of `attack` in rows about unattacked text."""


def run_keys(value: Any, where: str) -> dict[str, Any]:
    """The five keys of a run, in order, out of a mapping that may hold more.

    Args:
        where: what the mapping is, for the message.

    Raises:
        BionerError: not a mapping, or a key is absent.
    """
    if not isinstance(value, Mapping):
        raise BionerError(f"{where}: expected an object with {', '.join(KEYS)}, got {value!r:.60}; correct the rule that passes it")
    missing = [key for key in KEYS if key not in value]
    if missing:
        raise BionerError(f"{where}: expected {', '.join(KEYS)}, got no {', '.join(missing)}; correct the rule that passes it")
    return {key: value[key] for key in KEYS}
