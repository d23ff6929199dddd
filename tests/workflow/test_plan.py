"""The jobs that `bioner plan` counts are those that the workflow would run."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from bioner.commands.plan import read_config
from bioner.config import load_plan
from bioner.costs.jobs import JobList
from bioner.provenance import code_digest

OVERLAY: dict[str, Any] = {
    "models": {"quality_plain": {"values_from": "plain_rates"}},
    "searches": {"plain_rates": {"trials": 4}},
    "attacks": {"context": {"kind": "context", "adaptation": "minilm_text"}},
    "experiments": {"demo": {"attacks": ["typos", "context", "fgsm"]}},
}


def test_a_dry_run_lists_the_jobs_that_the_plan_counts(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """K folds and official splits, adaptations, a search, transfer, linking, attacks by a masked model, protocols that are compared."""
    monkeypatch.delenv("BIONER_MIRROR", raising=False)
    experiments = ["demo", "open", "ablation", "leakage"]
    (fresh.folder / "toy.yaml").write_text(yaml.safe_dump(OVERLAY))
    plan = load_plan(read_config(fresh.folder / "config.yaml", [fresh.folder / "toy.yaml"]) | {"run": experiments}, fresh.folder)
    assert fresh.planned("--config", f"run={json.dumps(experiments)}") == JobList(plan).counts
    kept = json.loads((fresh.folder / ".snakemake" / "bioner.json").read_text())
    assert kept["digests"]["train"] == code_digest("train")
