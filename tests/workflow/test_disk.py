"""A full disk, at every rule: one line with the file and what is free, nothing half made, and the same results once there is room.

The commands are those that Snakemake ran and recorded for a project that goes through every rule. Each is run again with its outputs
gone and `results` on a small file system in memory that is full, and then with room. Where nothing can be mounted, a limit on the size
of files stands in, which stops writing in the middle just so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioner.storage import sha256_file

from .conftest import ROOT, Project

pytestmark = pytest.mark.slow

SPACE = 64 << 20
RULES = set(re.findall(r"^rule (\w+):", "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk"))), re.M))
ONTOLOGY = "id\tlabel\txref\nX:1\tasthma\tICD10CM:J45\n"
TRANSFER = {"from": "demo_bc5cdr", "to": "demo_i2b2", "types": {"Disease": "problem"}}
SEARCH = {"model": "plain", "dataset": "demo_bc5cdr", "protocol": "kfold3", "trials": 1, "parallel": 1, "startup": 1}
OVERLAY: dict[str, Any] = {
    "mirror": "mirror",
    "ontologies": {"small": {"title": "Small", "licence": "none", "files": [{"path": "terms.tsv", "url": "https://none.invalid/t"}]}},
    "datasets": {"demo_i2b2": {"documents": 15}},
    "adaptations": {"more": {"encoder": "minilm", "epochs": 1, "window": 64, "batch_pieces": 512}},
    "searches": {"rates": SEARCH | {"space": {"training.batch_pieces": {"choices": [128, 256]}}}},
    "models": {"refined": {"encoder": "minilm", "adaptation": "more", "values_from": "rates"}},
    "experiments": {
        "toy": {"models": ["feature_crf", "refined"], "linking": "small", "transfer": [TRANSFER], "attacks": ["typos"], "seeds": [1]}
    },
}
TIMED = {"run.json", "runs.csv", "index.html", "errors.html", "adaptation.json", ".snakemake_timestamp"}
"""Files that hold times, and Snakemake's own mark in an output folder."""


@dataclass(frozen=True)
class Job:
    """A command that Snakemake ran, its outputs, and the output folders that hold nothing else of use to it."""

    rule: str
    line: str
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.rule} {self.outputs[0]}"


def recorded_jobs(project: Project) -> list[Job]:
    """One job of each rule, and each model's training, from Snakemake's records (a file for each output, named by it)."""
    records = project.folder / ".snakemake/metadata"
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(records.rglob("*")):
        if path.is_file():
            name = "".join(part.removeprefix("@") for part in path.relative_to(records).parts)
            record = json.loads(path.read_text())
            found.setdefault((record["rule"], record["shellcmd"]), []).append(base64.b64decode(name).decode())
    jobs = [Job(rule, re.sub(r" 2?>>? ?results/logs\S+| 2>&1", "", line), tuple(sorted(made))) for (rule, line), made in found.items()]
    chosen = {(job.rule, "feature_crf" in job.line): job for job in reversed(jobs)} if jobs else {}
    return [job for (rule, crf), job in chosen.items() if not crf or rule == "train" or (rule, False) not in chosen]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, toy_encoder: Path) -> Project:
    """A project that has been through every rule."""
    project = Project(tmp_path_factory.mktemp("every rule"), toy_encoder)
    (project.folder / "mirror").mkdir()
    (project.folder / "mirror/terms.tsv").write_text(ONTOLOGY)
    overlay = json.loads(json.dumps(OVERLAY)) | json.loads((project.folder / "encoder.json").read_text())
    overlay["ontologies"]["small"]["files"][0]["sha256"] = [hashlib.sha256(ONTOLOGY.encode()).hexdigest()]
    (project.folder / "encoder.json").write_text(json.dumps(overlay))
    project.run("all", "results/metrics.json", "results/agreement.json")
    return project


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system in memory at a folder; the test is skipped where none can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs to mount a file system in memory ({done.stderr.strip()}); test_a_limit_on_files_at_every_rule stands in")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def memory(everything: Project) -> Iterator[Path]:
    """The project's `results` on a small file system in memory."""
    results = everything.folder / "results"
    kept = results.rename(everything.folder / "kept")
    results.mkdir()
    try:
        with mounted(results):
            shutil.copytree(kept, results, dirs_exist_ok=True)
            yield results
    finally:
        results.rmdir()
        kept.rename(results)


def run(project: Project, job: Job, prepare: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """A job's command by itself, its messages where they can be read."""
    kept = {name: value for name, value in os.environ.items() if name not in ("BIONER_MIRROR", "PYTHONPATH")}
    # where files come from is in the environment of jobs, and in no command
    own = {
        "BIONER_MIRROR": OVERLAY["mirror"],
        "PYTHONPATH": str(project.folder / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    line = f"set -euo pipefail; {job.line}"
    return subprocess.run(
        ["bash", "-c", line], check=False, cwd=project.folder, env=kept | own, capture_output=True, text=True, preexec_fn=prepare
    )


def made_by(project: Project, job: Job) -> list[Path]:
    """All files of a job's outputs; of those that only name the files beside them, these too."""
    if job.rule in ("generate", "download", "fetch_encoder"):
        return files_of((project.folder / job.outputs[0]).parent)
    return [path for output in job.outputs for path in files_of(project.folder / output)]


def files_of(path: Path) -> list[Path]:
    return sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path]


def digests(project: Project, job: Job) -> dict[str, str]:
    """Digest of every file that a job made, but for those with times."""
    return {str(path): sha256_file(path) for path in made_by(project, job) if path.name not in TIMED}


def remove_outputs(project: Project, job: Job) -> list[int]:
    """Remove what a job made, checkpoints and finished files beside it too; returns the bytes of each file."""
    files = made_by(project, job)
    sizes = [path.stat().st_size for path in files]
    for path in files:
        path.unlink()
        for checkpoint in path.parent.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
    return sizes


def check_failure(project: Project, job: Job, done: subprocess.CompletedProcess[str], pattern: str) -> None:
    """That a job told what is wrong in one line, and left neither outputs that look whole nor files that nobody will use."""
    said = done.stderr.strip().splitlines()
    assert done.returncode != 0 and "Traceback" not in done.stderr, f"{job.name}: {done.stderr}"
    assert sum(line.startswith("error: ") for line in said) == 1 and re.search(pattern, said[-1]), f"{job.name}: {done.stderr}"
    # Snakemake removes the outputs of a failed job; those that would be used without it must be whole or not there
    left = [path for path in (project.folder / "results").rglob(".*.partial") if path.is_file()]
    assert not left or job.rule == "download", f"{job.name}: {left}"


def fill(folder: Path, left: int) -> Path:
    """A file that leaves so many bytes of a file system free, rounded down to pages."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free
    with open(filler, "wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, max(1, free - left // 4096 * 4096))
    return filler


def test_every_rule_is_tried(everything: Project) -> None:
    assert {job.rule for job in recorded_jobs(everything)} == RULES


def test_a_full_disk_at_every_rule(everything: Project, memory: Path) -> None:
    for job in recorded_jobs(everything):
        before = digests(everything, job)
        size = sum(remove_outputs(everything, job))
        # the larger outputs stop in their middle, the others find no room at all
        filler = fill(memory, size // 2 if size > 1 << 16 else 0)
        done = run(everything, job)
        filler.unlink()
        check_failure(everything, job, done, r"cannot be written \(No space left on device\); .* \([\d,]+ of [\d,]+ bytes are free there\)")
        again = run(everything, job)
        assert again.returncode == 0, f"{job.name}: {again.stderr}"
        assert digests(everything, job) == before, f"{job.name}: other bytes than on a disk with room"


def test_a_limit_on_files_at_every_rule(everything: Project) -> None:
    """What stands in where nothing can be mounted: a file may not grow over half of the job's largest output."""
    for job in recorded_jobs(everything):
        before = digests(everything, job)
        largest = max(remove_outputs(everything, job))

        def limit(size: int = largest // 2) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        if job.rule != "rulegraph":  # its Snakemake writes more than it does
            check_failure(everything, job, run(everything, job, limit), r"cannot be written \((File too large|CRFsuite left .* bytes)\)")
        again = run(everything, job)
        assert again.returncode == 0, f"{job.name}: {again.stderr}"
        assert digests(everything, job) == before, job.name


def test_a_workflow_on_a_full_disk_says_so_and_goes_on(fresh: Project, tmp_path: Path) -> None:
    """Snakemake itself, its records and its logs on the full disk too."""
    disk = tmp_path / "small disk"
    disk.mkdir()
    with mounted(disk):
        arguments = ["--directory", str(disk)]
        fresh.run("results/corpora/demo_bc5cdr.jsonl", *arguments)
        whole = sha256_file(disk / "results/corpora/demo_bc5cdr.jsonl")
        filler = fill(disk, 16 << 10)
        done = fresh.snakemake("--keep-going", *arguments)
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert "bytes are free on its disk" in said or "No space left on device" in said, said
        assert sha256_file(disk / "results/corpora/demo_bc5cdr.jsonl") == whole
        filler.unlink()
        fresh.snakemake("--unlock", *arguments)
        fresh.run("--rerun-incomplete", *arguments)
        assert (disk / "results/toy/report/index.html").is_file()
        assert "Nothing to be done" in fresh.run("--dry-run", *arguments)


def test_two_workflows_in_one_folder(finished: Project) -> None:
    """The second one says what is going on, and touches nothing."""
    locks = finished.folder / ".snakemake/locks"
    first = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--forceall", "--configfile", "toy.yaml", "encoder.json"],
        cwd=finished.folder,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BIONER_MIRROR")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while first.poll() is None and not (locks.is_dir() and any(locks.iterdir())):
            time.sleep(0.05)
        second = finished.snakemake("--forceall")
        assert first.poll() is None, "the first one was over too soon; the test shows nothing"
        said = second.stdout + second.stderr
        assert second.returncode != 0 and "Directory cannot be locked" in said and "--unlock" in said, said
    finally:
        first.send_signal(signal.SIGINT)
        first.wait()
