"""fetch_encoder from a stand-in of the hub, as the command that the workflow runs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bioner.storage import read_json, sha256_file
from bioner.tagging.hub import git_blob

from ...hub import Fault, Hub, Repository, files_of, serve

NAME = "someone/toy-bert"
MEGABYTE = 1 << 20


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        yield server


@pytest.fixture
def repository(hub: Hub, bert: Path) -> Repository:
    """A BERT with two commits, and files that an encoder does not need."""
    made = hub.repository(NAME)
    files = files_of(bert)
    extra = {"README.md": b"# toy", "pytorch_model.bin": b"a pickle", "modeling_toy.py": b"raise SystemExit", "onnx/model.onnx": b"onnx"}
    made.commit(files | extra, "main", "old")
    made.commit(files | extra | {"README.md": b"# toy, again"}, "main")
    return made


def fetch(tmp_path: Path, hub: Hub, sources: list[dict[str, Any]], sha256: str | None = None, **more: str) -> tuple[int, str]:
    """Run fetch_encoder; its exit status and the last line of standard error."""
    settings = json.dumps({"sources": sources, "sha256": sha256})
    command = [sys.executable, "-m", "bioner.commands.fetch_encoder", "--encoder", "toy", "--settings", settings]
    command += ["--output", str(tmp_path / "encoders" / "toy" / "encoder.json")]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=hub.environment(tmp_path / "home", **more)
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.strip().rpartition("\n")[2]


def pinned(repository: Repository, branch: str = "main", name: str = NAME) -> list[dict[str, Any]]:
    return [{"hub": name, "revision": repository.branches[branch]}]


def test_an_encoder_is_fetched_verified_and_digested(tmp_path: Path, hub: Hub, repository: Repository, bert: Path) -> None:
    sources = pinned(repository, "old")
    assert fetch(tmp_path, hub, sources, sha256_file(bert / "model.safetensors"))[0] == 0
    folder = tmp_path / "encoders" / "toy"
    manifest = read_json(folder / "encoder.json")
    needed = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}
    assert manifest == {"encoder": "toy", "source": sources[0], "files": {file: sha256_file(bert / file) for file in needed}}
    assert {path.name for path in folder.iterdir()} == needed | {"encoder.json"}
    assert [path.name for path in (tmp_path / "encoders").iterdir()] == ["toy"]


def test_only_the_files_of_an_encoder_are_asked_for(tmp_path: Path, hub: Hub, repository: Repository) -> None:
    assert fetch(tmp_path, hub, pinned(repository))[0] == 0
    asked = [path.rpartition("/")[2] for path, _, _ in hub.requests]
    commit = repository.branches["main"]
    assert asked == [commit, "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "model.safetensors"]
    assert all(commit in path for path, _, _ in hub.requests)


def test_a_pickle_is_taken_where_there_are_no_safetensors(tmp_path: Path, hub: Hub) -> None:
    made = hub.repository("someone/pickled")
    made.commit({"config.json": b"{}", "vocab.txt": b"[PAD]\n", "pytorch_model.bin": b"weights"})
    assert fetch(tmp_path, hub, pinned(made, name="someone/pickled"))[0] == 0
    assert set(read_json(tmp_path / "encoders/toy/encoder.json")["files"]) == {"config.json", "vocab.txt", "pytorch_model.bin"}


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_download_that_is_broken_off_goes_on(tmp_path: Path, hub: Hub, kind: str) -> None:
    weights = random.Random(1).randbytes(20 * MEGABYTE)
    made = hub.repository("someone/large")
    made.commit({"config.json": b"{}", "model.safetensors": weights})
    hub.faults["model.safetensors"] = [Fault(kind, 19 * MEGABYTE)]
    status, said = fetch(tmp_path, hub, pinned(made, name="someone/large"), HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert status == 0, said
    assert (tmp_path / "encoders/toy/model.safetensors").read_bytes() == weights
    first, second = hub.asked("model.safetensors")
    assert first is None and second == f"bytes={10 * MEGABYTE}-"  # huggingface_hub writes 10 MiB at a time


def test_what_a_failed_fetch_had_is_not_fetched_again(tmp_path: Path, hub: Hub) -> None:
    weights = random.Random(2).randbytes(20 * MEGABYTE)
    made = hub.repository("someone/large")
    made.commit({"config.json": b"{}", "model.safetensors": weights})
    sources = pinned(made, name="someone/large")
    hub.faults["model.safetensors"] = [Fault("reset", 19 * MEGABYTE), Fault("503")]
    status, said = fetch(tmp_path, hub, sources)
    assert status == 1 and "found HTTP 503; try later" in said
    assert not (tmp_path / "encoders/toy/encoder.json").exists()
    hub.requests.clear()
    assert fetch(tmp_path, hub, sources)[0] == 0
    assert (tmp_path / "encoders/toy/model.safetensors").read_bytes() == weights
    assert hub.asked("model.safetensors") == [f"bytes={10 * MEGABYTE}-"] and hub.asked("config.json") == []
    assert [path.name for path in (tmp_path / "encoders").iterdir()] == ["toy"]


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_file_that_is_not_as_listed_is_refused_and_forgotten(tmp_path: Path, hub: Hub, repository: Repository, file: str) -> None:
    hub.faults[file] = [Fault("damage")]
    status, said = fetch(tmp_path, hub, pinned(repository))
    kind = "sha256" if file == "model.safetensors" else "git blob"
    assert status == 1 and f"{NAME}@{repository.branches['main']}: expected {kind} " in said and f"of {file}, as the hub lists it" in said
    assert fetch(tmp_path, hub, pinned(repository))[0] == 0


def test_the_token_opens_a_gated_repository_and_stays_with_the_hub(tmp_path: Path, hub: Hub, repository: Repository) -> None:
    repository.gated = repository.private = True
    assert fetch(tmp_path, hub, pinned(repository), HF_TOKEN=hub.token)[0] == 0
    stored = [token for path, _, token in hub.requests if path.startswith("/storage/")]
    assert stored == [None]
    assert {token for path, _, token in hub.requests if not path.startswith("/storage/")} == {f"Bearer {hub.token}"}


ABSENT = "0123456789abcdef0123456789abcdef01234567"
FAILURES: dict[str, tuple[dict[str, Any], str, str]] = {
    # change; what was found; what to do
    "gated": ({"gated": True}, "found a gated repository; accept its terms at", f"{NAME} and set HF_TOKEN"),
    "gated, other token": ({"gated": True, "HF_TOKEN": "hf_other"}, "found a gated repository", "set HF_TOKEN"),
    "private": ({"private": True}, "found none, or a private one", "set HF_TOKEN"),
    "private, other token": ({"private": True, "HF_TOKEN": "hf_other"}, "found none, or a private one", "set HF_TOKEN"),
    "unknown repository": ({"name": "someone/else"}, "expected a repository at http://127.0.0.1", "check the name"),
    "no repository's name": ({"name": "a/b/c"}, "expected owner/name", "check the name"),
    "unknown revision": ({"revision": ABSENT}, "expected this revision in the repository, found none", "bioner pin --update"),
    "unpinned": ({"revision": None}, f"name a commit of {NAME}, revision is null", "run `bioner pin`"),
    "another digest": ({"sha256": "0" * 64}, f"expected sha256 {'0' * 64}, found ", "correct encoders.toy.sha256"),
    "unreachable": ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "from http://127.0.0.1:9, found ConnectError", "set HF_ENDPOINT to a mirror"),
    "stalled": ({"fault": Fault("stall"), "HF_HUB_DOWNLOAD_TIMEOUT": "1"}, "found ReadTimeout", "{folder: ...}"),
    "no hub": ({"fault": Fault("page")}, "the answer of a hub at http://127.0.0.1", "check the name and HF_ENDPOINT"),
    "broken hub": ({"fault": Fault("500")}, "found HTTP 500", "try later, set HF_ENDPOINT"),
    "forbidden": ({"fault": Fault("403")}, "found none, or a private one", "(HTTP 403)"),
    "offline": ({"HF_HUB_OFFLINE": "1"}, "found HF_HUB_OFFLINE set", "unset it"),
    "no weights": ({"files": {"config.json": b"{}", "rust_model.ot": b""}}, "with config.json, rust_model.ot", "{folder: ...}"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_one_line_that_says_what_to_do(tmp_path: Path, hub: Hub, repository: Repository, name: str) -> None:
    change, found, remedy = FAILURES[name]
    change = dict(change)
    repository.gated, repository.private = change.pop("gated", False), change.pop("private", False)
    if "files" in change:
        repository.commit(change.pop("files"))
    if "fault" in change:
        hub.faults["listing"] = [change.pop("fault")]
    source = {"hub": change.pop("name", NAME), "revision": change.pop("revision", repository.branches["main"])}
    status, said = fetch(tmp_path, hub, [source], change.pop("sha256", None), **change)
    assert status == 1
    assert said.startswith("error: encoder toy: ") and found in said and remedy in said, said
    assert source["hub"] in said
    assert not (tmp_path / "encoders/toy/encoder.json").exists()


def test_the_hub_is_asked_only_after_the_sources_before_it(tmp_path: Path, hub: Hub, repository: Repository, bert: Path) -> None:
    assert fetch(tmp_path, hub, [{"folder": str(bert)}, *pinned(repository)])[0] == 0
    assert hub.requests == []


def test_a_git_blob_is_what_git_calls_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello\n")
    assert git_blob(tmp_path / "file") == "ce013625030ba8dba906f756967f9e9ca394464a"
