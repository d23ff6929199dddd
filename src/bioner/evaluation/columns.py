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
TYPES = (*KEYS, "attack", "document", "type", "gold", "predicted", "correct")
ERRORS = (*KEYS, "attack", "error", "gold_type", "predicted_type", "count")
GROUPS = (*KEYS, "attack", "group", "value", "gold", "found")
LINKS = (
    *("mentions", "level", "number", "with_concepts", "mapped", "given", "right"),
    *("precision", "recall", "f1", "ambiguous", "unknown", "uncoded"),
)
"""What links are worth (bioner.evaluation.linked), after the keys of a run."""
SUCCESS = (*KEYS, "attack", "type", "novelty", "right", "broken", "partial", "edits", "queries", "documents", "changed")

RUN_TABLES = {
    "scores.csv": SCORES,
    "documents.csv": DOCUMENTS,
    "types.csv": TYPES,
    "confusion.csv": CONFUSION,
    "errors.csv": ERRORS,
    "groups.csv": GROUPS,
    "success.csv": SUCCESS,
}
"""What score writes of a run, and collect of an experiment."""

LOSSES = ("loss", "cross_entropy", "crf", "adversarial", "alpha")
EPOCHS = ("epoch", "step", *LOSSES, "learning_rate", "precision", "recall", "f1", "macro_f1", "skipped_steps")
HISTORY = (*KEYS, *EPOCHS)

RUN_FACTS = ("device", "precision", "threads", "seconds", "epochs", "best_epoch", "train_documents", "train_mentions", "pieces_per_second")
RUNS = (*KEYS, "run", *RUN_FACTS)

CLEAN = "clean"
"""The value of `attack` in rows about unattacked text."""

POSTPROCESSED = "postprocessed"
"""The value of `attack` in rows about the clean predictions after post-processing: no attack, and in no table of robustness."""

WORST_CASE = "worst_case"
"""The value of `attack` in rows about all of a run's attacks together: a mention is broken that any of them breaks."""


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
