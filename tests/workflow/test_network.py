"""Only fetch_encoder goes to the network: every other job runs on a node that has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioner.storage import read_json, sha256_file

from ..hub import Hub, files_of, serve
from .conftest import Project

ALONE = ("unshare", "--map-root-user", "--net", "--")
NAME = "someone/toy-bert"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        yield server


def run_alone(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Snakemake in a network namespace of its own, in which not even the loopback device is up."""
    command = [*ALONE, sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", "toy.yaml", "encoder.json"]
    hidden = ("PYTHONPATH", "BIONER_MIRROR", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(command, check=False, cwd=project.folder, env=environment, capture_output=True, text=True)


def use_hub(project: Project, hub: Hub, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's encoder come from the stand-in of the hub."""
    commit = hub.repository(NAME).commit(files_of(encoder))
    sources = {"sha256": sha256_file(encoder / "model.safetensors"), "sources": [{"hub": NAME, "revision": commit}]}
    (project.folder / "encoder.json").write_text(json.dumps({"encoders": {"minilm": sources}}))
    for name, value in hub.environment(project.folder / "home").items():
        monkeypatch.setenv(name, value)


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode != 0,
    reason="needs network namespaces of unprivileged users (unshare --map-root-user --net)",
)
def test_the_workflow_needs_no_network_once_encoders_are_fetched(
    fresh: Project, toy_encoder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub(fresh, hub, toy_encoder, monkeypatch)
    manifest = fresh.folder / "results/encoders/minilm/encoder.json"
    failed = run_alone(fresh, str(manifest.relative_to(fresh.folder)), "--show-failed-logs")
    assert failed.returncode != 0 and f"{NAME}@" in failed.stdout + failed.stderr, "the network is open; the rest shows nothing"
    fresh.run(str(manifest.relative_to(fresh.folder)))
    assert read_json(manifest)["source"]["hub"] == NAME and hub.asked("model.safetensors") == [None]
    done = run_alone(fresh, "--show-failed-logs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (fresh.folder / "results/toy/report/index.html").is_file()


def test_a_user_who_is_offline_stays_offline(fresh: Project, toy_encoder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hub(fresh, hub, toy_encoder, monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = fresh.snakemake("results/encoders/minilm/encoder.json", "--show-failed-logs")
    assert done.returncode != 0 and "found HF_HUB_OFFLINE set; unset it" in done.stdout + done.stderr
    assert hub.requests == []
