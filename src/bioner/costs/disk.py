"""Bytes that experiments take: data, encoders, models, predictions, and checkpoints while trainings run."""

from __future__ import annotations

from collections.abc import Iterable

from bioner.costs.estimate import Estimator, Unknown
from bioner.costs.jobs import JobList
from bioner.costs.sizes import Size
from bioner.experiments import Run
from bioner.heads import FEATURE_CRF
from bioner.shapes import FLOAT

TOKENIZER = 1_000_000
"""Bytes of a run's files beside its weights: tokenizer, configuration, history."""
SCORES_A_RUN = 320_000
"""Bytes of a run's tables of scores, mean of the demo's."""
CHECKPOINT_COPIES = 4
"""A checkpoint holds the weights, two moments of each, and the best weights so far."""


def disk(runs: Iterable[Run], jobs: JobList, estimator: Estimator, *, parallel: int = 1) -> dict[str, float]:
    """Bytes by kind, upper bounds; what is of unknown size is left out.

    Args:
        runs: all of them, each once.
        parallel: trainings at a time, for `checkpoints`: their states, and the new one beside the old while it is written.
    """
    plan, found = estimator.plan, dict.fromkeys(("data", "encoders", "models", "predictions", "tables", "checkpoints"), 0.0)
    for (encoder,) in jobs.found.get("fetch_encoder", ()):
        found["encoders"] += _weights(estimator, encoder)
    for *_, adaptation in jobs.found.get("adapt", ()):
        found["encoders"] += _weights(estimator, plan.config["adaptations"][adaptation]["encoder"])
    _data(found, jobs, estimator)
    largest = 0.0
    for run in runs:
        recipe = plan.recipe(run.model)
        if recipe["head"] != FEATURE_CRF:
            weights = _weights(estimator, recipe["encoder"])
            found["models"] += weights
            largest = max(largest, weights)
        found["tables"] += SCORES_A_RUN
        test = _part(estimator, run.dataset, run.protocol, "test")
        conditions = 1 + bool(plan.postprocessed_files) + len(plan.text_attacks(run)) + len(plan.white_box_attacks(run))
        found["predictions"] += conditions * test.json_bytes
    for run_path, target in jobs.found.get("transfer", ()):
        found["predictions"] += _part(estimator, target, run_path.split("/")[1], "test").json_bytes
    found["checkpoints"] = 2 * CHECKPOINT_COPIES * largest * parallel
    return found


def _data(found: dict[str, float], jobs: JobList, estimator: Estimator) -> None:
    """Corpora raw, as read and normalized; their variants; folds with the variants of their training part; attacked test parts."""
    kinds = len(estimator.plan.document_variants)
    synonyms = estimator.plan.config["preparation"]["synonyms"] is not None
    for (dataset,) in jobs.found.get("harmonize", ()):
        corpus = estimator.sizes[dataset]
        if corpus is not None:
            found["data"] += (3 + kinds) * corpus.whole.json_bytes
    for dataset, protocol, _ in jobs.found.get("compose", ()):
        parts = [_part(estimator, dataset, protocol, name) for name in ("train", "validation", "test")]
        found["data"] += sum(part.json_bytes for part in parts) + (kinds + synonyms) * parts[0].json_bytes
    for fold, _ in jobs.found.get("attack", ()):
        dataset, protocol, _ = fold.split("/")
        found["data"] += _part(estimator, dataset, protocol, "test").json_bytes


def _part(estimator: Estimator, dataset: str, protocol: str, name: str) -> Size:
    try:
        return estimator.parts(dataset, protocol)[name]
    except Unknown:
        return Size()


def _weights(estimator: Estimator, encoder: str) -> float:
    shape = estimator.shapes.get(encoder)
    return 0.0 if shape is None else FLOAT * shape.parameters + TOKENIZER
