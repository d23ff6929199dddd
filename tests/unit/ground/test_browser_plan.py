"""What the report's error browser may read: never a corpus under agreement, always what the runs were scored from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bioner.config import load_plan
from bioner.descriptions import describe

from .test_config import config, merged


def plan_with(tmp_path: Path, **experiment: Any) -> Any:
    (tmp_path / "data/i2b2_2010").mkdir(parents=True)
    change = {"datasets": ["demo_i2b2", "i2b2_2010"], "models": ["plain"], "attacks": ["typos", "fgsm"], "folds": {"k": 5, "run": [1]}}
    return load_plan(merged(config(), {"run": ["demo"], "experiments": {"demo": change | experiment}}), tmp_path)


def test_a_corpus_under_agreement_is_closed_and_no_input(tmp_path: Path) -> None:
    plan = plan_with(tmp_path)
    closed = {name: dataset["closed"] for name, dataset in describe(plan, "demo")["datasets"].items()}
    assert closed == {"demo_i2b2": False, "i2b2_2010": True}
    place, run = "demo_i2b2/kfold5/fold1", "demo_i2b2/kfold5/plain/fold1/seed1"
    assert plan.browser_files("demo") == [
        f"results/attacks/{place}/typos.jsonl",
        f"results/folds/{place}/test.jsonl",
        f"results/postprocessed/{run}/clean.jsonl",
        f"results/postprocessed/{run}/postprocess.json",
        f"results/predictions/{run}/predictions.json",
    ]


def test_only_the_own_protocol_is_browsed(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, compare=["kfold_sentence"], unsafe_protocol=True)
    assert any(run.protocol != "kfold5" for run in plan.experiment("demo").runs)
    assert all("/kfold5/" in path for path in plan.browser_files("demo"))


def test_no_browser_needs_no_files(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, browser_documents=0)
    assert plan.browser_files("demo") == [] and plan.browser("demo")["documents"] == 0
