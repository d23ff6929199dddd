"""Dry runs of the workflow at about 100, 1,000 and 30,000 jobs, and what it takes to start a job's command.

A dry run is a Snakemake of its own on a configuration with so many runs. Beside it Snakemake is timed on a workflow of as many jobs that
has three rules, no functions and no checks: what it takes by itself. Light commands, those that never import torch, are started with
`--help`: interpreter, imports and the parsing of arguments.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from table import report, row

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).parent / "figures" / "scale.json"
SIZES: dict[int, tuple[int, int, int, int]] = {24: (1, 3, 4, 2), 300: (3, 5, 5, 4), 10_000: (10, 10, 10, 10)}
"""Runs -> datasets, models, folds and seeds."""
LARGEST_SECONDS = 30.0
START_SECONDS = 0.3
LIGHT = (
    "agreement", "attack", "audit", "augment", "collect", "compose", "download", "figures", "generate", "harmonize", "inspect", "link",
    "metrics", "normalize", "postprocess", "recipe", "report", "rulegraph", "score", "score_transfer", "search", "split", "table1",
    "tabulate",
)  # fmt: skip
"""Commands of rules without a model."""
BARE = """
RUNS = [(d, m, f, s) for d in range({0}) for m in range({1}) for f in range({2}) for s in range({3})]
rule all:
    input: [f"scored/{{d}}/{{m}}/{{f}}/{{s}}" for d, m, f, s in RUNS]
rule train:
    output: "trained/{{d}}/{{m}}/{{f}}/{{s}}"
    shell: "touch {{output}}"
rule predict:
    input: "trained/{{d}}/{{m}}/{{f}}/{{s}}"
    output: "predicted/{{d}}/{{m}}/{{f}}/{{s}}"
    shell: "touch {{output}}"
rule score:
    input: "predicted/{{d}}/{{m}}/{{f}}/{{s}}"
    output: "scored/{{d}}/{{m}}/{{f}}/{{s}}"
    shell: "touch {{output}}"
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", nargs="+", type=int, default=list(SIZES), choices=list(SIZES), help="sizes of dry runs")
    options.add_argument(
        "--repeats", type=int, default=3, help="interleaved repeats, of which medians are taken; the largest dry run has one"
    )
    options.add_argument("--profile", type=Path, help="write cProfile's statistics of the largest dry run here, and measure nothing else")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.profile:
            dry_run(folder, max(arguments.runs), ["-m", "cProfile", "-o", str(arguments.profile)])
            return
        rows = [line for runs in arguments.runs for line in dry_runs(folder, runs, 1 if runs == max(SIZES) else arguments.repeats)]
        rows += starts(arguments.repeats)
    report(rows, FIGURES)


def configuration(runs: int) -> dict[str, Any]:
    """An overlay of one experiment with so many runs, each of three jobs: train, predict, score."""
    datasets, models, folds, seeds = SIZES[runs]
    demo = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]["demo_bc5cdr"]
    experiment = {"title": "Scale", "scale": "demo", "attacks": ["typos"], "protocol": "kfold", "folds": {"k": folds}}
    names = {"datasets": [f"scale_{number}" for number in range(datasets)], "models": [f"scale_{number}" for number in range(models)]}
    return {
        "run": ["scale"],
        "datasets": {name: demo | {"title": name} for name in names["datasets"]},
        "models": {name: {"encoder": "minilm"} for name in names["models"]},
        "postprocessing": {"boundaries": [], "abbreviations": None, "overlaps": None},
        "experiments": {"scale": experiment | names | {"seeds": list(range(1, seeds + 1))}},
    }


def dry_run(folder: Path, runs: int, profiling: list[str] | None = None) -> tuple[float, int]:
    """Wall seconds of a dry run in a new folder, as quiet as the profiles have it, and its number of jobs."""
    overlay, work = folder / f"{runs}.yaml", folder / f"ours{runs}"
    overlay.write_text(yaml.safe_dump(configuration(runs)))
    return _snakemake(work, ROOT / "Snakefile", ["--configfile", str(overlay)], profiling)


def bare_run(folder: Path, runs: int) -> tuple[float, int]:
    """The same of Snakemake's own share: as many runs of three jobs."""
    path = folder / f"{runs}.smk"
    path.write_text(BARE.format(*SIZES[runs]))
    return _snakemake(folder / f"bare{runs}", path, [], None)


def _snakemake(work: Path, snakefile: Path, options: list[str], profiling: list[str] | None) -> tuple[float, int]:
    work.mkdir(exist_ok=True)
    command = [sys.executable, *(profiling or []), "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(work)]
    started = time.perf_counter()
    command += ["--dry-run", "--quiet", "rules", "--cores", "2", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    found = re.findall(r"^total\s+(\d+)", done.stdout + done.stderr, re.M)
    if done.returncode or not found:
        raise SystemExit(f"expected a dry run of {snakefile} to succeed, found exit status {done.returncode}:\n{done.stderr[-2000:]}")
    return seconds, int(found[-1])


def dry_runs(folder: Path, runs: int, repeats: int) -> list[dict[str, Any]]:
    """Our dry run against the bar for the largest, and against Snakemake's own share."""
    pairs = [(dry_run(folder, runs), bare_run(folder, runs)) for _ in range(repeats)]
    ours, theirs = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    jobs, bare_jobs = pairs[0][0][1], pairs[0][1][1]
    case = f"dry run of {runs:,} runs, {jobs:,} jobs, seconds"
    rows = [row(case, ours, f"bare Snakemake, {bare_jobs:,} jobs", theirs, goal=4.0, better="lower")]
    return [*rows, row(case, ours, "bar", LARGEST_SECONDS, goal=1.0, better="lower")]


def starts(repeats: int) -> list[dict[str, Any]]:
    """Starting each light command against starting Python."""
    commands = {name: ["-m", f"bioner.commands.{name}", "--help"] for name in LIGHT}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    seconds: dict[str, list[float]] = {}
    for _, (name, words) in itertools.product(range(max(repeats, 1) + 1), ({"python": ["-c", "pass"]} | commands).items()):
        started = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
        seconds.setdefault(name, []).append(time.perf_counter() - started)
    found = {name: statistics.median(values[1:]) for name, values in seconds.items()}  # the first one reads files that are not cached
    return [
        row(f"start of {name}, seconds", found[name], "bare Python", found["python"], ratio=found[name], goal=START_SECONDS, better="lower")
        for name in LIGHT
    ]


if __name__ == "__main__":
    main()
