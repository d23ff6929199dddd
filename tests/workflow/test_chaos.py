"""Random processes of the workflow are killed fifty times, jobs and Snakemake itself; then the tables are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from .conftest import Project

KILLS = 50
LONGEST = 12.0
"""Seconds between two kills, at most: a start of Snakemake takes three or four, so that some hit its start and some its jobs."""
SEED = 1
LONG = "training: {epochs: 60, patience: 60, minimum_steps: 0}\n"
COMPARED = (
    "toy/tables/*",
    "scores/**/*.csv",
    "postprocessed/**/*.jsonl",
    "predictions/**/*.jsonl",
    "folds/**/*.jsonl",
    "runs/**/model.safetensors",
)


def start(project: Project) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "2",
        "--rerun-incomplete",
        "--configfile",
        "toy.yaml",
        "long.yaml",
        "encoder.json",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BIONER_MIRROR")}
    with open(project.folder / "snakemake.log", "ab") as log:
        return subprocess.Popen(command, cwd=project.folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def unlock(project: Project) -> None:
    done = project.snakemake("--unlock", "--configfile", "toy.yaml", "long.yaml", "encoder.json", toy=False)
    assert done.returncode == 0, done.stdout + done.stderr


def orphans(project: Project) -> list[psutil.Process]:
    """Processes that work in the project's folder, of a Snakemake that is no more."""
    found = []
    for process in psutil.process_iter(["cwd"]):
        if process.info["cwd"] == str(project.folder):
            found.append(process)
    return found


def kind_of(process: psutil.Process) -> str:
    """Snakemake, the command of a job, or the shell around one."""
    words = process.cmdline()
    command = next((word.removeprefix("bioner.commands.") for word in words if word.startswith("bioner.commands.")), None)
    return command or ("snakemake" if "snakemake" in words else Path(words[0]).name if words else "gone")


def kill_one(main: subprocess.Popen[bytes], draw: random.Random) -> str | None:
    """Kill one of Snakemake and the processes below it; what it was, None if there was nothing left to kill."""
    try:
        chosen = draw.choice([psutil.Process(main.pid), *psutil.Process(main.pid).children(recursive=True)])
        kind = kind_of(chosen)
        chosen.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return None
    return kind


def digest_of(folder: Path) -> dict[str, bytes]:
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for pattern in COMPARED
        for path in sorted(results.glob(pattern))
        if path.is_file()
    }


@pytest.mark.slow
def test_fifty_kills_change_no_byte_of_the_tables(tmp_path: Path, toy_encoder: Path) -> None:
    (tmp_path / "quiet").mkdir()
    (tmp_path / "chaos").mkdir()
    quiet, project = Project(tmp_path / "quiet", toy_encoder), Project(tmp_path / "chaos", toy_encoder)
    for one in (quiet, project):
        (one.folder / "long.yaml").write_text(LONG)
        one.edit(
            "workflow/rules/tagging.smk", "--output {params.run:q} > {log:q}", "--output {params.run:q} --checkpoint-seconds 1 > {log:q}"
        )
    done = quiet.snakemake("--configfile", "toy.yaml", "long.yaml", "encoder.json", toy=False)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = digest_of(quiet.folder)

    draw, killed, finished = random.Random(SEED), Counter[str](), 0
    while killed.total() < KILLS:
        main = start(project)
        deadline = time.monotonic() + draw.uniform(0.5, LONGEST)
        while main.poll() is None and killed.total() < KILLS:
            time.sleep(0.05)
            if time.monotonic() >= deadline:
                kind = kill_one(main, draw)
                killed.update([kind] if kind else [])
                deadline = time.monotonic() + draw.uniform(0.5, LONGEST)
        if main.poll() is None:
            os.killpg(main.pid, signal.SIGKILL)
        if main.wait() == 0:
            finished += 1
            assert digest_of(project.folder) == expected, f"after {killed.total()} kills, run {finished}"
            shutil.rmtree(project.folder / "results")
        elif killed.total() % 2:  # every other time its orphans are still at work when the next Snakemake starts
            for process in orphans(project):
                process.kill()
        unlock(project)
    done = project.snakemake("--rerun-incomplete", "--configfile", "toy.yaml", "long.yaml", "encoder.json", toy=False)
    print(f"{killed.total()} kills: {dict(killed.most_common())}; {finished} runs came to their end between them")
    assert done.returncode == 0, done.stdout + done.stderr
    found = digest_of(project.folder)
    assert found.keys() == expected.keys() and len(found) > 40
    assert [name for name in found if found[name] != expected[name]] == []
    assert not list(project.folder.glob("results/**/.*.partial")) and not list(project.folder.glob("results/runs/**/checkpoint-*/state.pt"))
