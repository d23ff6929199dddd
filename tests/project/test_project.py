"""The project keeps its own promises: pins, tree, names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def pins(path: str) -> list[str]:
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith(("#", "-"))]


def test_conda_and_pip_have_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "envs/bioner.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == pins("requirements/run.txt")


@pytest.mark.parametrize("path", ["requirements/run.txt", "requirements/dev.txt", "requirements/demo.txt"])
def test_every_requirement_is_pinned_exactly(path: str) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin) for pin in pins(path))


def test_the_lock_holds_every_dependency() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    declared = re.findall(r'^  "([a-z_0-9]+)",$', project, re.M)
    locked = {pin.split("==")[0].lower().replace("-", "_") for pin in pins("requirements/run.txt")}
    assert len(declared) >= 11 and {name.replace("-", "_") for name in declared} <= locked


def test_paths_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text.split("## The tree", 1)[1].split("```")[1]
    paths = [line.split()[0] for line in tree.splitlines() if line.strip()]
    assert len(paths) > 15
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing
    named = re.findall(r"`((?:src|docs|tests|workflow|envs|requirements)/[A-Za-z0-9_./-]+)`", text)
    assert not [path for path in named if not (ROOT / path).exists()]


def test_a_rule_its_command_log_and_benchmark_have_one_name() -> None:
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.split(r"^rule ", path.read_text(), flags=re.M)[1:]:
            name = block.split(":", 1)[0]
            assert f"results/logs/{name}/" in block, name
            assert f"results/benchmarks/{name}/" in block, name
            assert f"-m bioner.commands.{name} " in block and f'code_digest("{name}")' in block, name


def test_no_path_of_a_machine_is_in_the_project() -> None:
    pattern = re.compile(r"(?<![\w./-])/(?:work|home|root)/\w")
    skipped = {".venv", "results", ".snakemake", ".git"}
    for path in ROOT.rglob("*"):
        if path.suffix in (".py", ".smk", ".md", ".yaml", ".toml", ".txt") and not skipped & set(path.relative_to(ROOT).parts):
            assert not pattern.search(path.read_text(encoding="utf-8")), path
