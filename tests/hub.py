"""A stand-in of the hub for tests: its listing, its redirect of large files to another origin, and its errors.

It answers the requests that huggingface_hub makes for `model_info` and for files, as the public hub does, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """Files by commit, commits by branch or tag; gated files and private repositories need the hub's token."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False

    def commit(self, files: dict[str, bytes], *branches: str) -> str:
        """Add a commit and let branches point to it."""
        sha = hashlib.sha1(repr((sorted(files.items()), len(self.commits))).encode()).hexdigest()
        self.commits[sha] = files
        self.branches |= dict.fromkeys(branches or ("main",), sha)
        return sha


@dataclass
class Fault:
    """What goes wrong with an answer, once: after some bytes of its body, it is cut, reset or stalls; or another status."""

    kind: str
    after: int = 0


class Hub(ThreadingHTTPServer):
    """The stand-in. `requests` holds what was asked: path, Range and Authorization; `faults` what goes wrong, by file name."""

    daemon_threads = True
    token = "hf_of_the_test"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.faults: dict[str, list[Fault]] = {}
        self.closing = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """The environment of a process that talks to this hub and has no token nor cache of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_") and "proxy" not in name.lower()}
        return kept | {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DOWNLOAD_TIMEOUT": "5"} | more

    def asked(self, name: str) -> list[str | None]:
        """The Range of each request for a file's bytes."""
        return [wanted for path, wanted, _ in self.requests if path.endswith(f"/{name}") and not (is_large(name) and "/resolve/" in path)]


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *arguments: object) -> None:
        """Keep standard error for the tests' own output."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((path, self.headers["Range"], self.headers["Authorization"]))
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self.list_files(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.resolve(*found.groups())
        elif found := re.fullmatch(r"/storage/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            self.store(*found.groups())
        else:
            self.answer(404)

    def answer(self, status: int, body: bytes = b"", fault: Fault | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body if fault is None else body[: fault.after])
        if fault is not None:
            self.wfile.flush()
            self.break_off(fault)

    def break_off(self, fault: Fault) -> None:
        if fault.kind == "stall":
            self.server.closing.wait()
        elif fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def find(self, name: str, revision: str | None) -> tuple[str, dict[str, bytes]] | None:
        """The commit and its files, or None after an answer that says what is wrong."""
        repository = self.server.repositories.get(name)
        token = self.headers["Authorization"]
        if repository is None or (repository.private and token != f"Bearer {self.server.token}"):
            if token:
                self.answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
            else:
                self.answer(401, X_Error_Message="Invalid username or password.")
            return None
        commit = repository.branches.get(revision or "main", revision or "")
        if commit not in repository.commits:
            self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {revision}")
            return None
        return commit, repository.commits[commit]

    def fault(self, name: str) -> Fault | None:
        waiting = self.server.faults.get(name)
        return waiting.pop(0) if waiting else None

    def list_files(self, name: str, revision: str | None) -> None:
        fault = self.fault("listing")
        if fault is not None and fault.kind.isdigit():
            self.answer(int(fault.kind))
        elif fault is not None and fault.kind == "page":
            self.answer(200, b"<html>Please sign in</html>", Content_Type="text/html")
        elif found := self.find(name, revision):
            siblings = [describe(file, content) for file, content in found[1].items()]
            body = {"id": name, "modelId": name, "sha": found[0], "tags": [], "siblings": siblings}
            self.answer(200, json.dumps(body).encode(), fault, Content_Type="application/json")

    def resolve(self, name: str, revision: str, file: str) -> None:
        if (found := self.find(name, revision)) is None:
            return
        commit, files = found
        token = self.headers["Authorization"]
        if self.server.repositories[name].gated and token != f"Bearer {self.server.token}":
            self.answer(403 if token else 401, X_Error_Code="GatedRepo", X_Error_Message=f"Access to model {name} is restricted.")
        elif file not in files:
            self.answer(404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found")
        elif is_large(file):
            place = f"http://localhost:{self.server.server_port}/storage/{name}/{commit}/{file}"
            self.answer(302, Location=place, X_Repo_Commit=commit, X_Linked_Size=str(len(files[file])))
        else:
            self.send(file, files[file], X_Repo_Commit=commit)

    def store(self, name: str, commit: str, file: str) -> None:
        if self.headers["Authorization"]:  # signed addresses refuse a second credential, and it should not come here
            self.answer(400)
        else:
            self.send(file, self.server.repositories[name].commits[commit][file])

    def send(self, file: str, content: bytes, **headers: str) -> None:
        fault = self.fault(file)
        if fault is not None and fault.kind.isdigit():
            self.answer(int(fault.kind))
            return
        if fault is not None and fault.kind == "damage":
            content, fault = bytes(len(content)), None
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or ""):
            start = int(found[1])
            headers |= {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.answer(206, content[start:], fault, **headers)
        else:
            self.answer(200, content, fault, **headers)


def describe(file: str, content: bytes) -> dict[str, object]:
    """A file in the listing, as the hub gives it with `blobs=True`."""
    sha256 = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
    kept = pointer if is_large(file) else content
    entry: dict[str, object] = {"rfilename": file, "size": len(content)}
    entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()
    if is_large(file):
        entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": len(pointer)}
    return entry


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub that answers until the block ends."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            hub.closing.set()
            hub.shutdown()
            thread.join()
