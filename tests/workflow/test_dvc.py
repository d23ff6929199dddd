"""DVC around the workflow, in git repositories made for the test: what is cached, what comes back, what is never copied."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from .conftest import ROOT, Project, planned_jobs

RUNS = "results/runs/demo_bc5cdr/kfold3"


def merge(value: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """As Snakemake lays one configuration over another: mappings merge, all else is replaced."""
    for key, part in overlay.items():
        value[key] = merge(value[key], part) if isinstance(part, dict) and isinstance(value.get(key), dict) else part
    return value


class Repository(Project):
    """A git repository of the project whose config.yaml has the toy experiment and the overlays; DVC knows only this file."""

    def __init__(self, folder: Path, encoder: Path, *overlays: dict[str, Any]) -> None:
        folder.mkdir()
        super().__init__(folder, encoder)
        for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / ".dvc").mkdir()
        for name in ("config", ".gitignore"):
            shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
        (folder / "data").mkdir()
        shutil.copy(ROOT / "data" / "README.md", folder / "data" / "README.md")
        config: dict[str, Any] = yaml.safe_load((folder / "config.yaml").read_text())
        parts = (yaml.safe_load((folder / "toy.yaml").read_text()), json.loads((folder / "encoder.json").read_text()))
        for overlay in (*parts, *overlays):
            merge(config, overlay)
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("start")

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """The repository that already is in a folder."""
        repository = cls.__new__(cls)
        repository.folder = folder
        return repository

    def clone(self, folder: Path) -> Repository:
        self.git("clone", "--quiet", ".", str(folder))
        return Repository.at(folder)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BIONER_MIRROR", "DVC_STAGE")}
        names = {f"GIT_{who}_{what}": f"{who}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        own = {f"DVC_{kind}_DIR": str(self.folder / ".dvc" / "tmp" / kind) for kind in ("SITE_CACHE", "GLOBAL_CONFIG", "SYSTEM_CONFIG")}
        path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        environment = kept | names | own | path | {"DVC_NO_ANALYTICS": "1"}
        return subprocess.run(arguments, check=False, cwd=self.folder, env=environment, capture_output=True, text=True)

    def call(self, *arguments: str) -> str:
        done = self.command(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def git(self, *arguments: str) -> str:
        return self.call("git", *arguments)

    def dvc(self, *arguments: str) -> str:
        return self.call("dvc", *arguments)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def publish(self, remote: Path) -> None:
        """Commit what `dvc repro` recorded and push the cache to a folder."""
        self.dvc("remote", "add", "--default", "folder", str(remote))
        self.commit("results")
        self.dvc("push")

    def nothing_to_do(self, *targets: str) -> None:
        done = self.command("snakemake", "--workflow-profile", "workflow/profiles/local", "--dry-run", *targets)
        assert "Nothing to be done" in done.stdout + done.stderr, done.stdout + done.stderr

    def metrics(self) -> dict[str, Any]:
        shown = json.loads(self.dvc("metrics", "show", "--json"))
        (data,) = (entry["data"] for entry in shown[""]["data"].values())
        return dict(data)


@pytest.fixture(scope="session")
def published_folder(tmp_path_factory: pytest.TempPathFactory, toy_encoder: Path) -> Path:
    repository = Repository(tmp_path_factory.mktemp("repository") / "toy project", toy_encoder)
    repository.dvc("repro")
    repository.publish(tmp_path_factory.mktemp("remote"))
    return repository.folder


@pytest.fixture
def published(published_folder: Path) -> Repository:
    """A repository after `dvc repro` and `dvc push`; not to be changed."""
    return Repository.at(published_folder)


@pytest.fixture
def pulled(published: Repository, tmp_path: Path) -> Repository:
    """A fresh clone of it after `dvc pull`."""
    clone = published.clone(tmp_path / "clone")
    clone.dvc("pull")
    return clone


SEARCHED: dict[str, Any] = {
    "searches": {
        "rates": {
            "model": "plain",
            "dataset": "demo_medmentions",
            "protocol": "kfold5",
            "trials": 2,
            "space": {"training.learning_rate": {"low": 1e-4, "high": 1e-3}},
        }
    },
    "models": {"adaptive": {"values_from": "rates", "adaptation": "minilm_text"}},
}


@pytest.mark.parametrize("closed", [False, True])
def test_all_that_models_are_made_of_is_made_by_the_stage_before(fresh: Project, closed: bool) -> None:
    """Folds of searches, texts of adaptations and their audits lie in folders that belong to the stage `data`."""
    overlay = copy.deepcopy(SEARCHED)
    if closed:  # what is searched on an open corpus, for runs on one under agreement alone
        overlay["datasets"] = {"demo_bc5cdr": {"agreement": "sign it"}}
        overlay["models"]["adaptive"]["adaptation"] = None
    (fresh.folder / "more.json").write_text(json.dumps(overlay))
    arguments = ("--configfile", "toy.yaml", "encoder.json", "more.json")
    done = {target: fresh.snakemake(target, "--dry-run", *arguments, toy=False) for target in ("data", "models")}
    data, models = (planned_jobs(call.stdout + call.stderr) for call in done.values())
    assert models["trial"] == 2 and models.get("adapt", 0) == int(not closed)
    before = {"generate", "harmonize", "normalize", "augment", "split", "compose", "audit"}
    assert {rule: models[rule] for rule in before} == {rule: data.get(rule) for rule in before}


@pytest.mark.slow
def test_metrics_are_the_figures_of_table1(published: Repository) -> None:
    with open(published.folder / "results/toy/tables/table1.csv", newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["source"] == "reproduced"]
    figures = {row["model"]: {metric: float(row[metric]) for metric in ("precision", "recall", "f1")} for row in rows}
    assert published.metrics() == {"toy": {"demo_bc5cdr": figures}}
    assert set(figures) == {"plain", "adaptive"} and all(model["f1"] > 0 for model in figures.values())


@pytest.mark.slow
def test_a_second_repro_calls_nothing(published: Repository) -> None:
    assert "Running stage" not in published.dvc("repro")
    assert "up to date" in published.dvc("status")
    assert published.git("status", "--short") == ""


@pytest.mark.slow
def test_a_clone_has_everything_and_nothing_to_do(published: Repository, pulled: Repository) -> None:
    assert "up to date" in pulled.dvc("status")
    assert pulled.git("status", "--short") == ""
    targets = ("all", "data", "models", "results/agreement.json", "results/metrics.json")
    pulled.nothing_to_do(*targets)
    pulled.call("bioner", "trace", "results/toy/tables/table1.csv", "source=reproduced", "model=plain")  # each digest of the chain holds
    made, brought = (
        {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
        for folder in (published.folder / "results", pulled.folder / "results")
    )
    assert {path for path in made if path.parts[0] not in ("logs", "benchmarks")} == brought


@pytest.mark.slow
def test_a_changed_seed_retrains_in_a_clone_and_the_metrics_change(published: Repository, pulled: Repository) -> None:
    # a seed that is in no path: without Snakemake's records the clone would keep the old models and their score
    before = {path.name: (path / "fold0/seed1/model.safetensors").read_bytes() for path in (pulled.folder / RUNS).iterdir()}
    pulled.dvc("exp", "run", "--set-param", "config.yaml:+preparation.split_seed=2")
    assert yaml.safe_load((pulled.folder / "config.yaml").read_text())["preparation"]["split_seed"] == 2
    after = {path.name: (path / "fold0/seed1/model.safetensors").read_bytes() for path in (pulled.folder / RUNS).iterdir()}
    assert before.keys() == after.keys() == {"plain", "adaptive"}
    assert all(before[model] != after[model] for model in before)
    assert pulled.metrics() != published.metrics()
    assert "toy.demo_bc5cdr.plain.f1" in pulled.dvc("metrics", "diff")
    done = pulled.command("snakemake", "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.slow
def test_a_changed_learning_rate_trains_its_model_and_no_more(published: Repository, pulled: Repository) -> None:
    config = yaml.safe_load((pulled.folder / "config.yaml").read_text())
    config["models"]["adaptive"]["training"] = {"learning_rate": 0.0011}
    (pulled.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    # without toy.yaml as an overlay: DVC's stages have none
    dry = pulled.command("snakemake", "--workflow-profile", "workflow/profiles/local", "--dry-run", "all", "results/metrics.json")
    jobs = planned_jobs(dry.stdout + dry.stderr)
    once = ("recipe", "train", "predict", "postprocess", "score", "collect", "table1", "tabulate", "figures", "report", "metrics")
    assert jobs == dict.fromkeys(once, 1)
    pulled.dvc("repro")
    runs = {model: f"{RUNS}/{model}/fold0/seed1/model.safetensors" for model in ("plain", "adaptive")}
    same = {model: (pulled.folder / path).read_bytes() == (published.folder / path).read_bytes() for model, path in runs.items()}
    assert same == {"plain": True, "adaptive": False}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server of this test (moto), with an empty bucket `lab`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {"ACCESS_KEY_ID": "user", "SECRET_ACCESS_KEY": SECRET, "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="lab")
    yield address
    server.stop()


SECRET = "a-secret-key-of-this-test"


@pytest.mark.slow
def test_an_s3_remote_brings_everything_to_a_clone(published: Repository, bucket: str, tmp_path: Path) -> None:
    there = published.clone(tmp_path / "there")
    there.dvc("pull")
    there.dvc("remote", "add", "--default", "s3", "s3://lab/bioner")
    there.dvc("remote", "modify", "s3", "endpointurl", bucket)
    there.commit("a remote on S3")
    assert "pushed" in there.dvc("push")
    here = there.clone(tmp_path / "here")
    here.dvc("pull")
    assert "up to date" in here.dvc("status")
    here.nothing_to_do("all", "data", "models", "results/agreement.json", "results/metrics.json")
    for path in files_below(here.folder):
        assert SECRET.encode() not in path.read_bytes(), path


HOSPITAL = {
    "title": "Hospital notes",
    "format": "i2b2",
    "source": "provided",
    "folder": "data/hospital",
    "licence": "an agreement",
    "agreement": "sign the agreement",
    "groups": {"problem": "diseases", "treatment": "drugs_chemicals", "test": "other"},
}
WITH_HOSPITAL = {
    "datasets": {"hospital": HOSPITAL},
    "experiments": {"toy": {"datasets": ["demo_bc5cdr", "hospital"], "models": ["plain"], "missing": "row"}},
}
HIDDEN = "/results/*/hospital/\n/results/*/hospital.*\n"
MARK = "zorvex"


def provide_notes(repository: Repository) -> list[str]:
    """Invented notes under data/hospital, each ending in a line of its own; their longer lines."""
    raw = repository.folder.parent / "notes"
    settings = json.dumps({"format": "i2b2", "licence": "synthetic", "documents": 15, "seed": 99})
    command = [sys.executable, "-m", "bioner.commands.generate", "--dataset", "demo_i2b2"]
    repository.call(*command, "--settings", settings, "--output", str(raw / "manifest.json"))
    (raw / "manifest.json").unlink()
    for number, note in enumerate(sorted(raw.rglob("*.txt"))):
        with open(note, "a", encoding="utf-8") as handle:
            handle.write(f"\n{' '.join(f'{MARK}{number}{word}' for word in range(20))} .\n")
    shutil.move(raw, repository.folder / "data/hospital")
    lines = {line for note in (repository.folder / "data/hospital").rglob("*.txt") for line in note.read_text("utf-8").splitlines()}
    return sorted(line for line in lines if len(line) > 40)


def files_below(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_nothing_of_a_corpus_under_agreement_is_cached_pushed_or_committed(tmp_path: Path, toy_encoder: Path) -> None:
    repository = Repository(tmp_path / "lab", toy_encoder, WITH_HOSPITAL)
    with open(repository.folder / ".dvcignore", "a", encoding="utf-8") as handle:
        handle.write(HIDDEN)
    repository.commit("a corpus under agreement")
    repository.dvc("repro")
    assert json.loads((repository.folder / "results/agreement.json").read_text()) == {}
    assert repository.metrics()["toy"].keys() == {"demo_bc5cdr"}

    lines = provide_notes(repository)
    assert "Running stage 'agreement'" in repository.dvc("repro")
    repository.publish(tmp_path / "remote")
    results = repository.folder / "results"
    score = "results/scores/hospital/kfold3/plain/fold0/seed1/scores.csv"
    assert json.loads((results / "agreement.json").read_text()).keys() == {score}
    assert repository.metrics()["toy"].keys() == {"demo_bc5cdr", "hospital"}

    below = [path.relative_to(results) for path in files_below(results)]
    secret = {path for path in below if "hospital" in str(path) and path.parts[0] not in ("toy", "logs", "benchmarks")}
    told = {path.parts[0] for path in secret if MARK in (results / path).read_bytes().decode("utf-8", "replace").lower()}
    assert told >= {"corpora", "normalized", "augmented", "folds", "attacks"}
    assert {"runs", "predictions", "scores"} <= {path.parts[0] for path in secret}
    stored = files_below(repository.folder / ".dvc", tmp_path / "remote")
    cached = {path.parent.name + path.name for path in stored}
    digests = {path: hashlib.md5((results / path).read_bytes()).hexdigest() for path in below}
    others = {digest for path, digest in digests.items() if path not in secret}
    assert digests[Path("corpora/demo_bc5cdr.jsonl")] in cached
    assert not [path for path in secret if digests[path] in cached - others]
    committed = [repository.folder / name for name in repository.git("ls-files").splitlines()]
    for path in [*stored, *committed]:
        assert MARK not in path.read_bytes().decode("utf-8", "replace").lower(), path
    for path in stored:  # not among the committed files, where the generator has its sentences
        text = path.read_bytes().decode("utf-8", "replace")
        assert not any(line in text for line in lines), path
    assert not [path for path in committed if "hospital" in path.name]
