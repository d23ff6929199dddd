"""Download: mirror folders and a real server on this machine, right and wrong; nothing half-written under a final name."""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bioner.commands.download import main
from bioner.corpora.download import Patience, download, git_blob
from bioner.errors import BionerError

CONTENT = b"7|t|Zorvamab\n7|a|\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(tries=3, pause=0.0, timeout=5.0)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; `asked` counts requests, `/flaky` fails twice and `/cut` promises more than it sends."""

    asked: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        self.asked[self.path] = self.asked.get(self.path, 0) + 1
        if self.path.endswith("missing.txt"):
            self.send_error(404)
            return
        if self.path == "/flaky" and self.asked[self.path] < 3:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) + (5 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Handler.asked = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def entry(**more: Any) -> dict[str, Any]:
    return {"path": "some/a.txt", "split": "train", "sha256": ["0" * 64, DIGEST]} | more


def settings(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"source": "download", "licence": "CC0", "files": list(entries)}


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_from_a_url_with_manifest_licence_once_and_no_second_fetch(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "raw"
    for _ in range(2):
        download("x", settings(entry(url=f"{server}/a.txt")), out / "manifest.json", patience=QUICK)
    assert manifest(out) == {
        "dataset": "x",
        "licence": "CC0",
        "files": [{"name": "a.txt", "sha256": DIGEST, "bytes": len(CONTENT), "split": "train", "role": "text"}],
    }
    assert names(out) == ["a.txt", "manifest.json"]
    assert Handler.asked == {"/a.txt": 1}
    assert capsys.readouterr().err.count("CC0") == 2


def test_a_damaged_file_is_fetched_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"damaged")
    download("x", settings(entry(url=f"{server}/a.txt")), tmp_path / "manifest.json", patience=QUICK)
    assert (tmp_path / "a.txt").read_bytes() == CONTENT


def test_from_mirrors(server: str, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror" / "some"
    mirror.mkdir(parents=True)
    (mirror / "a.txt").write_bytes(CONTENT)
    for name, place in (("folder", str(mirror.parent)), ("url", f"{server}/x/"), ("file", (tmp_path / "mirror").as_uri())):
        download("x", settings(entry(url="http://127.0.0.1:1/")), tmp_path / name / "manifest.json", mirror=place, patience=QUICK)
        assert (tmp_path / name / "a.txt").read_bytes() == CONTENT
    assert Handler.asked == {"/x/some/a.txt": 1}


def test_the_environment_names_the_mirror_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror/some").mkdir(parents=True)
    (tmp_path / "mirror/some/a.txt").write_bytes(CONTENT)
    monkeypatch.setenv("BIONER_MIRROR", str(tmp_path / "mirror"))
    out = tmp_path / "raw/manifest.json"
    main(["--dataset", "x", "--settings", json.dumps(settings(entry())), "--mirror", "", "--output", str(out)])
    assert names(out.parent) == ["a.txt", "manifest.json"]


def test_a_server_that_recovers(server: str, tmp_path: Path) -> None:
    download("x", settings(entry(url=f"{server}/flaky")), tmp_path / "manifest.json", patience=QUICK)
    assert Handler.asked == {"/flaky": 3}


def test_git_blob_where_no_sha256_is_known(server: str, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"what is up, doc?")
    assert git_blob(plain) == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    plain.write_bytes(CONTENT)
    good = {"path": "a.txt", "url": f"{server}/a", "git_blob": git_blob(plain)}
    download("x", settings(good), tmp_path / "raw/manifest.json", patience=QUICK)
    with pytest.raises(BionerError, match="git blob 0000"):
        download("x", settings(good | {"git_blob": "0" * 40}), tmp_path / "other/manifest.json", patience=QUICK)
    assert names(tmp_path / "other") == []


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("place", "found"),
    [("/some/missing.txt", "HTTP 404"), ("/cut", "of 23 bytes"), ("closed", "refused"), ("gopher://x/a", "url of http"), (None, "neither")],
)
def test_each_failure_is_one_error_and_leaves_no_file(server: str, tmp_path: Path, place: str | None, found: str) -> None:
    url = f"http://127.0.0.1:{closed_port()}/a.txt" if place == "closed" else f"{server}{place}" if place and place[0] == "/" else place
    with pytest.raises(BionerError, match=found) as caught:
        download("x", settings(entry(url=url)), tmp_path / "raw/manifest.json", patience=QUICK)
    message = str(caught.value)
    assert "some/a.txt" in message and "\n" not in message
    assert names(tmp_path / "raw") == []
    if place == "/some/missing.txt":
        assert Handler.asked == {place: 1}


def test_wrong_checksum_names_both_digests_and_leaves_no_file(server: str, tmp_path: Path) -> None:
    with pytest.raises(BionerError, match=f"expected sha256 {'1' * 64}, found {DIGEST}"):
        download("x", settings(entry(url=f"{server}/a", sha256="1" * 64)), tmp_path / "raw/manifest.json", patience=QUICK)
    assert names(tmp_path / "raw") == []


def test_missing_in_the_mirror_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match=r"some/a\.txt.*in the mirror.*BIONER_MIRROR"):
        download("x", settings(entry(url="http://127.0.0.1:1/")), tmp_path / "raw/manifest.json", mirror=str(tmp_path))
    assert names(tmp_path / "raw") == []


@pytest.mark.parametrize("entries", [(), (entry(sha256=[]),), (entry(), entry(path="other/a.txt"))])
def test_entries_that_cannot_be_verified_or_would_collide(entries: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected"):
        download("x", settings(*entries), tmp_path / "manifest.json", mirror=str(tmp_path))


PROVIDED = {"source": "provided", "format": "i2b2", "agreement": "sign the agreement at the portal", "licence": "agreement"}


def test_provided_files_are_listed_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in (
        "train/txt/a.txt",
        "train/concept/a.con",
        "test_data/b.txt",
        "c/d.txt",
        "train/txt/._a.txt",
        ".DS_Store",
        "train/rel/a.rel",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    out = tmp_path / "raw/manifest.json"
    download("x", PROVIDED | {"folder": str(folder)}, out)
    found = manifest(out.parent)
    assert found["root"] == str(folder) and names(out.parent) == ["manifest.json"]
    assert [(file["name"], file["split"], file["role"]) for file in found["files"]] == [
        ("c/d.txt", None, "text"),
        ("test_data/b.txt", "test", "text"),
        ("train/concept/a.con", "train", "annotations"),
        ("train/txt/a.txt", "train", "text"),
    ]


def test_provided_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("absent", "empty"):
        with pytest.raises(BionerError, match=rf"{folder}.*sign the agreement at the portal; then put the files there"):
            download("x", PROVIDED | {"folder": str(tmp_path / folder)}, tmp_path / "raw/manifest.json")
    with pytest.raises(BionerError, match="expected `folder`"):
        download("x", PROVIDED, tmp_path / "raw/manifest.json")
    with pytest.raises(BionerError, match="use generate"):
        download("x", {"source": "demo"}, tmp_path / "raw/manifest.json")
