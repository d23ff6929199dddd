"""The whole workflow with hostile values where people write freely, and with secrets planted: nothing is run, nothing leaks."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bioner.storage import sha256_file

from ..hub import Hub, files_of, serve
from .conftest import Project

HOSTILE = 'a\'; touch owned; $(touch owned) `touch owned` "&& touch owned" | touch owned\n</script><script>touch</script> {x} \\frac{ $ %s'
KEY = HOSTILE.replace("\n", " ")
"""The same for names, in which control characters are refused."""
USER, PASSWORD = "reader-of-mirror", "s3cr3t/öf mirror"
TOKEN = "hf_PlantedTokenOfTheTest0123456789"
PLANTED = {"HF_TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": "planted-aws-secret", "SOME_PASSWORD": "planted-in-the-environment"}
NAME = "someone/private-bert"
TERMS = b"id\tlabel\txref\nX:1\tasthma\tICD10CM:J45\n"


def secrets() -> set[bytes]:
    """All that must not be found, as written, as in URLs, and as sent."""
    sent = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    quoted = urllib.parse.quote(PASSWORD, safe="")
    return {text.encode() for text in (USER, PASSWORD, quoted, urllib.parse.quote(quoted, safe=""), sent, *PLANTED.values())}


def leaks(folder: Path, *said: str) -> list[str]:
    """Files below a folder, and messages, that hold a secret."""
    found = [str(path) for path in folder.rglob("*") if path.is_file() and any(secret in path.read_bytes() for secret in secrets())]
    return found + [text for text in said if any(secret in text.encode() for secret in secrets())]


class Mirror(BaseHTTPRequestHandler):
    """One file for who has the password."""

    def log_message(self, *arguments: object) -> None:
        """Keep standard error for what is tested."""

    def do_GET(self) -> None:
        said = self.headers["Authorization"] or ""
        known = said == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        body = TERMS if known and self.path == "/terms.tsv" else b""
        self.send_response(200 if body else 404 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def mirror() -> Iterator[str]:
    """URL prefix of a mirror, with its password."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://{USER}:{urllib.parse.quote(PASSWORD, safe='')}@127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        server.token = TOKEN
        yield server


def write_overlay(project: Project, **sections: Any) -> None:
    settings = json.loads((project.folder / "encoder.json").read_text())
    (project.folder / "encoder.json").write_text(json.dumps(settings | sections))


def ontology(path: str, folder: Path) -> dict[str, Any]:
    (folder / "terms").write_bytes(TERMS)
    entry = {"path": path, "url": "https://none.invalid/t", "sha256": [sha256_file(folder / "terms")]}
    return {"title": HOSTILE, "licence": HOSTILE, "files": [entry]}


def run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Snakemake with all of the environment, all of its messages shown."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--show-failed-logs", "--printshellcmds", "--verbose"]
    command += ["--configfile", "toy.yaml", "encoder.json"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, check=False, cwd=project.folder, env=kept, capture_output=True, text=True)


@pytest.mark.slow
def test_hostile_values_run_nothing_and_secrets_stay_where_they_are(
    fresh: Project, toy_encoder: Path, hub: Hub, mirror: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with a hub and a mirror that ask for credentials, every message of Snakemake shown; then one that fails."""
    aside = tmp_path_factory.mktemp("aside")
    repository = hub.repository(NAME)
    repository.private = True
    commit = repository.commit(files_of(toy_encoder))
    sources = {"sha256": sha256_file(toy_encoder / "model.safetensors"), "sources": [{"hub": NAME, "revision": commit}]}
    dataset = {"title": HOSTILE, "licence": HOSTILE, "groups": {KEY: "other"}, "types": {KEY: KEY, "Disease": KEY}}
    write_overlay(
        fresh,
        encoders={"minilm": sources},
        ontologies={"small": ontology("terms.tsv", aside)},
        datasets={"demo_bc5cdr": dataset, "demo_i2b2": {"agreement": HOSTILE, "documents": 15}},
        models={"plain": {"title": HOSTILE}},
        experiments={"toy": {"title": HOSTILE, "models": ["plain"], "attacks": ["typos"], "linking": "small"}},
    )
    for name, value in (hub.environment(aside / "home") | PLANTED | {"BIONER_MIRROR": mirror}).items():
        monkeypatch.setenv(name, value)
    done = run(fresh, "all", "results/metrics.json")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert any(asked == f"Bearer {TOKEN}" for _, _, asked in hub.requests)
    assert (fresh.folder / "results/raw/small/terms.tsv").read_bytes() == TERMS
    assert not list(fresh.folder.rglob("owned")) and leaks(fresh.folder, said) == []
    report = (fresh.folder / "results/toy/report/index.html").read_text()
    assert "<script>touch" not in report and "&lt;script&gt;touch" in report

    (fresh.folder / "results/raw/small/terms.tsv").unlink()
    write_overlay(fresh, ontologies={"small": ontology("missing.tsv", aside)})
    failed = run(fresh, "results/raw/small/manifest.json")
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0 and "***@127.0.0.1" in said and "HTTP 404" in said, said
    assert leaks(fresh.folder, said) == []


def test_a_password_in_the_configuration_is_refused_and_not_recorded(fresh: Project) -> None:
    done = fresh.snakemake("--dry-run", "--config", f"mirror=https://{USER}:{PASSWORD.replace(' ', '')}@host/")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "mirror: expected no user names, passwords or tokens" in said, said
    assert leaks(fresh.folder, said) == []
