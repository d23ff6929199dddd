"""Adaptation and search in the real workflow, on the toy corpus: what runs, what a kill costs, and what a change makes anew."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bioner.documents import read_documents
from bioner.storage import read_json, sha256_file

from .conftest import Project
from .test_trace import trace_rows

FOLD = "demo_bc5cdr/kfold3"
SPACE = {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "training.batch_pieces": {"choices": [128, 256]}}
REFINED: dict[str, Any] = {
    "adaptations": {"more": {"encoder": "minilm", "epochs": 2, "window": 64, "batch_pieces": 512}},
    "searches": {
        "rates": {
            "model": "plain",
            "dataset": "demo_bc5cdr",
            "protocol": "kfold3",
            "trials": 5,
            "parallel": 2,
            "startup": 2,
            "space": SPACE,
        }
    },
    "models": {"refined": {"encoder": "minilm", "adaptation": "more", "values_from": "rates"}},
    "experiments": {"toy": {"models": ["plain", "refined"], "attacks": []}},
}


@pytest.fixture
def refined(fresh: Project) -> Project:
    """A project in which nothing has run, with an adapted model that takes the values of a search."""
    settings = read_json(fresh.folder / "encoder.json") | REFINED
    (fresh.folder / "encoder.json").write_text(json.dumps(settings))
    return fresh


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow
def test_an_adapted_model_takes_the_values_of_a_search(refined: Project) -> None:
    planned = refined.planned()
    assert {rule: planned[rule] for rule in ("adapt", "audit", "trial", "search", "train")} == {
        "adapt": 1, "audit": 2, "trial": 5, "search": 1, "train": 2
    }  # fmt: skip
    refined.run()
    results = refined.folder / "results"
    best, recipe = read_json(results / "searches/rates/best.json"), read_json(results / "recipes/refined.json")
    trials = [read_json(results / f"searches/rates/trial{number}.json") for number in range(5)]
    assert best["validation_f1"] == max(trial["validation_f1"] for trial in trials) and best["trials"] == 5
    assert best["values"] == trials[best["trial"]]["values"]
    assert recipe["training"]["learning_rate"] == best["values"]["training.learning_rate"]
    assert {key: recipe["searched"][key] for key in ("search", "trial", "validation_f1")} == {
        "search": "rates", "trial": best["trial"], "validation_f1": best["validation_f1"]
    }  # fmt: skip
    assert [row["trial"] for row in rows(results / "searches/rates/trials.csv")] == ["0", "1", "2", "3", "4"]
    run = read_json(results / f"runs/{FOLD}/refined/fold0/seed1/run.json")
    assert run["recipe"] == recipe and run["encoder"] == read_json(results / f"adapted/{FOLD}/more/fold0/encoder.json")
    text = sha256_file(results / f"folds/{FOLD}/fold0/train.jsonl")
    assert run["encoder"]["source"]["text"] == [text] and run["encoder"]["source"]["adaptation"] == "more"
    # trials read no test part, and leave no weights
    assert not {"test.jsonl"} & best["data"].keys() and best["data"]["train.jsonl"] == text
    kept = {path.parent.name for path in results.rglob("model.safetensors")}
    assert kept == {"minilm", "fold0", "seed1", "finished"}  # links to those of finished trainings
    assert not list(results.rglob("*_trial*"))
    words = {word for document in read_documents(results / f"folds/{FOLD}/fold0/train.jsonl") for word in document.text.split()}
    told = set((results / f"logs/adapt/{FOLD}/more/fold0.log").read_text().split())
    assert not {word for word in told & words if len(word) > 9}
    page = (results / "toy/tables/table1.md").read_text(encoding="utf-8")
    assert "encoder minilm adapted on the training part" in page
    assert {"encoder", "encoder before"} <= trace_rows(results / "toy/tables/table1.csv")
    assert "Nothing to be done" in refined.run()


def test_changes_make_anew_what_they_must(refined: Project) -> None:
    target = ["results/searches/rates/best.json"]
    assert refined.planned(*target)["trial"] == 5 and "adapt" not in refined.planned(*target)
    more = refined.planned(*target, "--config", 'searches={"rates": {"trials": 7}}')
    assert more["trial"] == 7
    untouched = refined.planned("results/runs/demo_bc5cdr/kfold3/plain/fold0/seed1/run.json")
    assert not untouched.keys() & {"adapt", "trial", "search"} and untouched["audit"] == 1


def test_an_adaptation_on_test_text_fails_by_name(refined: Project) -> None:
    """Another fold's training part of the same corpus has this fold's test documents."""
    refined.run(f"results/folds/{FOLD}/fold0/test.jsonl", "results/folds/demo_i2b2/official/fold0/train.jsonl")
    results = refined.folder / "results"
    planted = results / "folds/demo_i2b2/official/fold0/train.jsonl"
    (line, *_) = (results / f"folds/{FOLD}/fold0/test.jsonl").read_text(encoding="utf-8").splitlines()
    planted.write_text(planted.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    target = f"results/adapted/{FOLD}/more/fold0/encoder.json"
    text = 'adaptations={"more": {"text": ["demo_i2b2"]}}'
    done = refined.snakemake(target, "--config", text, "--show-failed-logs", "--rerun-triggers", "params")
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "test_text_in_adaptation: 1, allowed 0" in output, output
    assert not (refined.folder / target).exists()


def processes(folder: Path) -> list[int]:
    """Processes of this project's jobs, which end by themselves some time after Snakemake was killed."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_result(refined: Project, tmp_path_factory: pytest.TempPathFactory, toy_encoder: Path) -> None:
    whole = Project(tmp_path_factory.mktemp("whole"), toy_encoder)
    (whole.folder / "encoder.json").write_text((refined.folder / "encoder.json").read_text())
    target = "results/searches/rates/best.json"
    whole.run(target)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", target, "--configfile", "toy.yaml", "encoder.json"]
    process = subprocess.Popen(command, cwd=refined.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    searches = refined.folder / "results/searches/rates"
    end = time.monotonic() + 300
    while len(list(searches.glob("trial*.json"))) < 3:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for job in processes(refined.folder):
        os.kill(job, signal.SIGKILL)
    assert not (searches / "best.json").exists()
    done = {path.name: path.stat().st_mtime_ns for path in searches.glob("trial*.json")}
    refined.snakemake("--unlock")
    planned = refined.planned(target, "--rerun-incomplete")
    assert 0 < planned["trial"] < 5
    refined.run(target, "--rerun-incomplete")
    kept = {name: stamp for name, stamp in done.items() if (searches / name).stat().st_mtime_ns == stamp}
    assert len(kept) >= 2  # of the third, Snakemake may not have noted that it is whole
    for path in (whole.folder / "results/searches/rates").iterdir():
        if path.suffix in (".json", ".csv"):
            assert sha256_file(path) == sha256_file(searches / path.name), path.name
