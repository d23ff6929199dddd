"""`--use-conda` with a test double of conda: it solves and installs by py-rattler, from a local channel with this Python and pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from .conftest import ROOT, Project

DOUBLE = ROOT.parent / "shared" / "tools" / "conda_double"


def call(*command: str | Path, path: str | None = None, folder: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BIONER_MIRROR")}
    if path is not None:
        environment["PATH"] = path
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def install_double(base: Path) -> tuple[str, str]:
    """A PATH on which `conda` is the double and no Python is found, and the address of its channel."""
    python = base / "rattler" / "bin" / "python"
    call(sys.executable, "-m", "venv", base / "rattler")
    call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "py-rattler==0.28.0", "pyyaml")
    binaries = base / "bin"
    binaries.mkdir()
    shutil.copy(DOUBLE / "activate", binaries)
    lines = (DOUBLE / "conda").read_text().splitlines(keepends=True)
    (binaries / "conda").write_text(f"#!{python}\n{''.join(lines[1:])}")
    (binaries / "conda").chmod(0o755)
    call(python, DOUBLE / "local_channel.py", base / "channel")
    for tool in ("bash", "env", "mkdir", "rm", "cat", "dirname", "mv", "touch", "ln", "sh", "which"):
        (binaries / tool).symlink_to(shutil.which(tool) or tool)
    return str(binaries), f"file://{base / 'channel'}"


def versions(text: str) -> dict[str, str]:
    """Versions by name, a package a line; torch==2.13.0+cpu is a build of 2.13.0, and pip freeze has names as their authors write them."""
    return {canonicalize_name(name): version for name, version in re.findall(r"^([^\s=#]+)==([^+\s]+)", text, re.M)}


@pytest.mark.slow
@pytest.mark.skipif(not DOUBLE.is_dir(), reason="needs the double of conda in ../shared/tools/conda_double")
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the double's channel has the running Python, the environment asks for 3.11")
def test_the_toy_run_in_an_environment_that_a_double_of_conda_made(tmp_path: Path, toy_encoder: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "base").mkdir()
    project = Project(tmp_path / "project", toy_encoder)
    path, channel = install_double(tmp_path / "base")
    project.edit("envs/bioner.yaml", "conda-forge", channel)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--show-failed-logs", "--use-conda"]
    command += ["--configfile", "toy.yaml", "encoder.json"]

    # `python` is on no PATH here, so that a job that runs has found the environment's
    assert shutil.which("python", path=path) is None
    call(*command, path=path, folder=project.folder)
    assert (project.folder / "results/toy/report/index.html").stat().st_size > 0
    assert "Nothing to be done" in call(*command, path=path, folder=project.folder)

    (python,) = (project.folder / ".snakemake/conda").glob("*/bin/python")
    frozen = call(python, "-m", "pip", "freeze", "--disable-pip-version-check")
    pins = (ROOT / "requirements/run.txt").read_text()
    assert versions(pins).items() <= versions(frozen).items()
    shutil.rmtree(project.folder / ".snakemake/conda")  # 1.7 GB
