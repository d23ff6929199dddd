"""Columns as people read them: titles, and which are numbers."""

NUMBERS = frozenset(
    ("precision", "recall", "f1", "entity_level_accuracy", "exact_match_rate", "f1_low", "f1_high", "folds", "seeds", "difference")
    + ("f1_clean", "f1_attacked", "relative_drop", "value", "sd")
)
HEADINGS = {
    "source": "Source",
    "system": "System",
    "reference": "Ref.",
    "dataset": "Corpus",
    "model": "Model",
    "precision": "P",
    "recall": "R",
    "f1": "F1",
    "entity_level_accuracy": "Entity-level accuracy",
    "exact_match_rate": "Exact match rate",
    "readings": "Readings",
    "f1_low": "F1 low",
    "f1_high": "F1 high",
    "folds": "Folds",
    "seeds": "Seeds",
    "protocol": "Protocol",
    "scale": "Scale",
    "difference": "Difference",
    "audit": "Audit",
    "note": "Note",
    "attack": "Attack",
    "f1_clean": "F1 clean",
    "f1_attacked": "F1 attacked",
    "relative_drop": "Relative drop",
    "definition": "Definition",
    "average": "Average",
    "type": "Type",
    "metric": "Metric",
    "value": "Value",
    "sd": "SD",
}
