"""The project keeps its own promises: pins, tree, names."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from bioner.config import RESERVED

ROOT = Path(__file__).resolve().parents[2]


def pins(path: str) -> list[str]:
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith(("#", "-"))]


def test_conda_and_pip_have_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "envs/bioner.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == pins("requirements/run.txt")


@pytest.mark.parametrize("path", [f"requirements/{name}.txt" for name in ("run", "dev", "demo", "slurm", "s3")])
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


def test_each_job_names_its_conda_environment() -> None:
    # those two run in Snakemake's own Python: an encoder's package is installed there, and the other calls Snakemake
    rules = {
        block.split(":", 1)[0]: "    conda:\n        ENVIRONMENT\n" in block
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for block in re.split(r"^rule ", path.read_text(), flags=re.M)[1:]
    }
    assert len(rules) > 15 and {name for name, named in rules.items() if not named} == {"fetch_encoder", "rulegraph"}


def test_dvc_leaves_out_just_the_corpora_under_agreement() -> None:
    datasets = yaml.safe_load((ROOT / "config.yaml").read_text())["datasets"]
    closed = [name for name, entry in datasets.items() if entry.get("agreement")]
    hidden = [line for line in (ROOT / ".dvcignore").read_text().splitlines() if line.startswith("/results/")]
    assert closed and hidden == [line for name in sorted(closed) for line in (f"/results/*/{name}/", f"/results/*/{name}.*")]


def test_dvc_tracks_every_folder_of_results() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    outs = {path for stage in ("data", "models") for out in stages[stage]["outs"] for path in out}
    assert outs == {f"results/{name}" for name in RESERVED - {"logs", "benchmarks"}}
    assert all(f" {path}" in " ".join(stages["data"]["cmd"] + stages["models"]["cmd"]) for path in outs)
    listed = [entry for stage in stages.values() for kind in ("outs", "metrics") for entry in stage.get("do", stage).get(kind, [])]
    assert all(settings["persist"] is True for entry in listed for settings in entry.values())


def test_no_path_of_a_machine_is_in_the_project() -> None:
    pattern = re.compile(r"(?<![\w./-])/(?:work|home|root)/\w")
    skipped = {".venv", "results", ".snakemake", ".git"}
    for path in ROOT.rglob("*"):
        if path.suffix in (".py", ".smk", ".md", ".yaml", ".toml", ".txt") and not skipped & set(path.relative_to(ROOT).parts):
            assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_dvc_looks_at_every_key_of_the_configuration() -> None:
    """A key that no stage lists could be changed without anything being made again."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    keys = {name: set(stage["params"][0]["config.yaml"]) for name, stage in stages.items() if "params" in stage}
    every = set(yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())["properties"])
    assert keys["models"] == keys["agreement"] == keys["tables"] == every, every ^ keys["tables"]
    # attacks by a masked language model need its encoder, and what adapts it
    assert {"attacks", "encoders", "adaptations"} <= keys["data"] <= every


def make(*arguments: str, folder: Path = ROOT, mirror: str = "") -> str:
    # what a make that runs these tests hands down would speak up
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | {"BIONER_MIRROR": mirror}
    done = subprocess.run(["make", *arguments], check=True, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_no_command_that_make_prints_or_runs_holds_a_mirrors_password() -> None:
    assert "secret" not in make("--dry-run", "corpora", "document", mirror="https://me:secret@example.org/corpora")


def test_a_mirror_is_an_absolute_path_for_runs_in_other_folders(tmp_path: Path) -> None:
    (tmp_path / "my corpora").mkdir()
    (tmp_path / "show.mk").write_text(f'include {ROOT}/Makefile\nshow:\n\t@$(ABSOLUTE_MIRROR); echo "[$$BIONER_MIRROR]"\n')
    for argument, environment, expected in [
        ((), "my corpora", f"[{tmp_path}/my corpora]"),
        (("BIONER_MIRROR=my corpora",), "", f"[{tmp_path}/my corpora]"),
        ((), 'https://me:p$a"s@example.org/a b', '[https://me:p$a"s@example.org/a b]'),
        ((), "", "[]"),
    ]:
        assert make("-s", "-f", "show.mk", "show", *argument, folder=tmp_path, mirror=environment).strip() == expected
