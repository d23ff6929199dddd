"""Rows out of what predict itself tells of a run: its own ceiling on recall, and its raw tags under each convention.

| definition | metric | what it is |
| --- | --- | --- |
| model_ceiling | recall | share of gold that this tagger would find if it made no mistake |
| model_ceiling | lost_<reason> | share of gold lost for each reason: tags, pieces of words, normalization |
| invalid_tags | share | places that the tag scheme does not allow, of all units |
| tags_<convention> | precision, recall, f1 | strict scores of the raw tags under a convention for invalid sequences |
| unit_accuracy | accuracy | units of the tagger (words or pieces) with the right raw tag, O included |
| unit_macro_f1, unit_weighted_f1 | f1 | F1 of raw tags over units, O included: mean, and weighted by gold units |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bioner.errors import BionerError
from bioner.evaluation.averages import PRF, Row, micro_rows, row, total, weighted
from bioner.evaluation.ratios import Counts
from bioner.evaluation.token_definitions import ceiling


def prediction_rows(manifest: Mapping[str, Any], path: str) -> list[Row]:
    """Rows of definition, average, type, metric and value; none for predictions that tell nothing.

    Args:
        manifest: the content of predictions.json; its keys `ceiling`, `lost`, `invalid_tags` and `unit_tags` are read.
        path: the file, for the message.

    Raises:
        BionerError: a key is there, but not as promised.
    """
    try:
        return list(_rows(manifest))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BionerError(
            f"{path}:1: expected ceiling, lost, invalid_tags and unit_tags as predict writes them, got {error!r:.80}; run predict again"
        ) from error


def _rows(manifest: Mapping[str, Any]) -> Iterator[Row]:
    reached = manifest.get("ceiling")
    if reached is not None:
        counts = Counts(int(reached["gold"]), 0, int(reached["found"]))
        yield from ceiling("model_ceiling", counts, {reason: int(number) for reason, number in manifest["lost"].items()})
    if manifest.get("invalid_tags") is not None:
        yield from convention_rows(manifest["invalid_tags"])
    if manifest.get("unit_tags") is not None:
        yield from unit_rows(manifest["unit_tags"])


def convention_rows(counts: Mapping[str, Any]) -> Iterator[Row]:
    """Rows `tags_<convention>` (strict micro P, R, F1) and `invalid_tags` (share of units) out of `ConventionCounts.to_json`."""
    units = int(counts["units"])
    yield row("invalid_tags", "micro", "", "share", int(counts["invalid"]) / units if units else None)
    for name, found in counts["conventions"].items():
        yield from micro_rows(f"tags_{name}", Counts(int(counts["gold"]), int(found["predicted"]), int(found["correct"])), PRF)


def unit_rows(counts: Mapping[str, Any]) -> Iterator[Row]:
    """Rows over units, as scikit-learn counts tags, out of {tag: [gold, predicted, correct]}."""
    tags = [Counts(int(gold), int(predicted), int(correct)) for gold, predicted, correct in counts.values()]
    everything = total(tags)
    yield from micro_rows("unit_accuracy", everything, {"accuracy": Counts.recall})
    f1 = [(tag.gold, tag.f1()) for tag in tags]
    yield row("unit_macro_f1", "macro", "", "f1", sum(value or 0.0 for _, value in f1) / len(f1) if f1 else None)
    yield row("unit_weighted_f1", "weighted", "", "f1", weighted(f1))
