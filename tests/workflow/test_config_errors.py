"""Each mistake in the configuration is one clear line, before the DAG."""

from __future__ import annotations

import pytest

from .conftest import Project

CASES = {
    "unknown key": ('models={"plain": {"lerning_rate": 1}}', "models.plain: unknown key 'lerning_rate'"),
    "unknown model": ('experiments={"toy": {"models": ["plian"]}}', "experiments.toy.models: unknown name 'plian', did you mean 'plain'?"),
    "loss and head": (
        'models={"adaptive": {"head": "linear"}}',
        "experiments.toy.models: model 'adaptive' has loss adaptive on a linear head; set models.adaptive.head to crf",
    ),
    "two folds": ('experiments={"toy": {"folds": {"k": 2}}}', "experiments.toy.folds.k: expected at least 3"),
    "not provided": (
        'experiments={"toy": {"datasets": ["i2b2_2010"]}}',
        "experiments.toy.datasets: 'i2b2_2010' is not provided: sign the n2c2 Data Use Agreement",
    ),
    "unknown experiment": ("run=[toyy]", "run: unknown name 'toyy', did you mean 'toy'?"),
    "400 digits": (f'training={{"epochs": {"9" * 400}}}', "training.epochs: expected a number below 2^63, found a larger one"),
    "a mirror that there cannot be": (
        f"mirror={'m' * 300}",
        "mirror: expected a folder or URL prefix, found a name that no folder can have",
    ),
    "wrong type": ('training={"epochs": "many"}', "training.epochs: 'many' is not of type 'integer'"),
}


@pytest.mark.parametrize("name", CASES)
def test_mistakes_are_told_in_one_line(fresh: Project, name: str) -> None:
    config, message = CASES[name]
    done = fresh.snakemake("--dry-run", "--config", config)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    lines = [line for line in output.splitlines() if line.startswith("config: ")]
    assert len(lines) == 1 and message in lines[0], output
    assert "Traceback" not in output
