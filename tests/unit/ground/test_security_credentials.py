"""Credentials: never in what is recorded or told, and sent to nobody but the host that they are for."""

from __future__ import annotations

import base64
import copy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bioner.config import load_plan
from bioner.corpora.download import download
from bioner.corpora.fetching import Patience
from bioner.credentials import check_recordable, redact, redact_url, split_url
from bioner.errors import BionerError, ConfigError
from bioner.storage import sha256_file
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.pinning import pin

ROOT = Path(__file__).resolve().parents[3]
NAME, PASSWORD = "reader", "open-sesame"
SECRETS = {
    "user and password": ("https://u:s3cr3t@host/a", "https://***@host/a"),
    "a token as user": ("https://s3cr3t@host:8080/a?b=c", "https://***@host:8080/a?b=c"),
    "an at in the password": ("ftp://u:s3@cr3t@host/a", "ftp://***@host/a"),
    "a slash in the password": ("https://u:s3/s3cr3t@host/a", "https://***@host/a"),
    "in a sentence": ("at https://u:s3cr3t@host/a, found", "at https://***@host/a, found"),
    "a signed address": (
        "https://h/a?X-Amz-Signature=s3cr3t&X-Amz-Date=1",
        "https://h/a?X-Amz-Signature=***&X-Amz-Date=1",
    ),
    "a token in a query": ("https://h/a?a=1&access_token=s3cr3t#x", "https://h/a?a=1&access_token=***#x"),
    "a token of the hub": ("hf_abcdefghijklmnopqrst", "***"),
}
HARMLESS = (
    "https://host/a@b",
    "https://host:8080/npm/@scope/x@1.2",
    "a@b.example, see https://host/",
    "C://x",
    "https://host/a?key_words=token",
    "https://github.com/a/b/raw/0123/x.txt?download=1",
    "user@host:/folder",
)


@pytest.mark.parametrize("name", SECRETS)
def test_messages_hide_secrets(name: str) -> None:
    text, told = SECRETS[name]
    assert redact(text) == told and redact(told) == told


@pytest.mark.parametrize("text", HARMLESS)
def test_messages_keep_what_is_no_secret(text: str) -> None:
    assert redact(text) == text


@given(st.text(st.characters(exclude_characters="/?#@ \t\r\n:\\[]", exclude_categories=("C", "Z")), min_size=1), st.booleans())
def test_no_password_survives(password: str, named: bool) -> None:
    secret = f"S3{password}3S"
    assert secret not in redact(f"found https://{'user' if named else ''}:{secret}@host.example/path: no")


@given(st.text(st.characters(exclude_characters="@", exclude_categories=("C",)), min_size=1).filter(lambda text: not text[:1].isdigit()))
def test_no_password_with_blanks_survives_in_a_url(password: str) -> None:
    secret = f"S3{password}3S"
    assert secret not in redact_url(f"https://user:{secret}@host.example/path")


@pytest.mark.parametrize("text", HARMLESS)
def test_urls_keep_what_is_no_secret(text: str) -> None:
    assert redact_url(text) == text


@pytest.mark.parametrize(
    "mirror", ["https://user:ge[heim]x@host/c", "https://user:geheim\u2100x@host/c", "https://user:ge heim@host:port/c"]
)
def test_a_mirror_that_is_no_url_is_refused_without_its_password(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIONER_MIRROR", mirror)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    with pytest.raises(ConfigError, match=r"^BIONER_MIRROR: expected a url, found https://\*\*\*@host") as told:
        load_plan(config, ROOT)
    assert "heim" not in str(told.value)


def test_a_url_and_its_credentials_are_parted() -> None:
    url, said = split_url("https://us%40er:p%3Aw@host:81/a%20b?c#d")
    assert url == "https://host:81/a%20b?c#d"
    assert said == "Basic " + base64.b64encode(b"us@er:p:w").decode()
    assert split_url("https://host/a@b") == ("https://host/a@b", None)
    with pytest.raises(ValueError, match="no port") as caught:
        split_url("https://user:s3cr3t/x@host/")
    assert "s3cr3t" not in str(caught.value)


CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_the_configuration_of_the_project_can_be_recorded() -> None:
    check_recordable(CONFIG)


@pytest.mark.parametrize("place", ["mirror", "url", "key", "stray", "list"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_configuration_with_secrets_is_refused_before_anything_is_recorded(place: str, name: str) -> None:
    secret = SECRETS[name][0]
    settings: dict[str, Any] = copy.deepcopy(CONFIG)
    match place:
        case "mirror":
            settings["mirror"] = secret
        case "url":
            settings["datasets"]["bc5cdr"]["files"][0]["url"] = secret
        case "key":
            settings["encoders"] = {secret: {"sources": [{"folder": "x"}]}}
        case "stray":
            settings[secret] = 1
        case "list":
            settings["run"] = [secret]
    with pytest.raises(ConfigError, match="expected no user names, passwords or tokens") as caught:
        load_plan(settings, ROOT)
    assert "s3cr3t" not in str(caught.value) and "hf_abc" not in str(caught.value) and "\n" not in str(caught.value)


def test_control_characters_are_refused() -> None:
    for changes in ({"title\n": 1}, {"mirror": "a\0b"}, {"datasets": {"x\x1b[2J": {}}}):
        with pytest.raises(ConfigError, match="control characters") as caught:
            check_recordable(changes)
        assert str(caught.value).isprintable()
    check_recordable({"agreement": "two\nlines\tand a tab"})


class Guarded(ThreadingHTTPServer):
    """Gives files to who has the password; `/away/...` redirects to `away`, `/here/...` to itself. `heard` is what it was told."""

    daemon_threads = True

    def __init__(self, content: bytes, *, guarded: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.guarded, self.away = content, guarded, ""
        self.heard: list[str | None] = []


class Answer(BaseHTTPRequestHandler):
    server: Guarded

    def log_message(self, *arguments: object) -> None:
        """Keep standard error for what is tested."""

    def do_GET(self) -> None:
        said = self.headers["Authorization"]
        self.server.heard.append(said)
        wanted = "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        if self.server.guarded and said != wanted:
            self.send_response(401)
        elif self.path.startswith(("/away/", "/here/")):
            self.send_response(302)
            place = self.server.away if self.path.startswith("/away/") else f"http://127.0.0.1:{self.server.server_port}"
            self.send_header("Location", f"{place}/x.txt")
        elif "missing" in self.path:
            self.send_response(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.content)))
            self.end_headers()
            self.wfile.write(self.server.content)
            return
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def servers() -> Iterator[tuple[Guarded, Guarded]]:
    with Guarded(b"text\n") as ours, Guarded(b"text\n", guarded=False) as other:
        for server in (ours, other):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        ours.away = f"http://127.0.0.1:{other.server_port}"
        yield ours, other
        for server in (ours, other):
            server.shutdown()


def fetch(tmp_path: Path, server: Guarded, path: str, *, password: str = PASSWORD) -> None:
    (tmp_path / "text").write_bytes(server.content)
    entry = {"path": path, "sha256": [sha256_file(tmp_path / "text")]}
    settings = {"source": "download", "licence": "none", "files": [entry]}
    mirror = f"http://{NAME}:{password}@127.0.0.1:{server.server_port}"
    download("toy", settings, tmp_path / "raw/manifest.json", mirror=mirror, patience=Patience(tries=1, timeout=5))


@pytest.mark.parametrize("path", ["x.txt", "here/x.txt"])
def test_a_mirror_with_a_password_is_used_and_not_told(
    tmp_path: Path, servers: tuple[Guarded, Guarded], path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(tmp_path, servers[0], path)
    assert (tmp_path / "raw/x.txt").read_bytes() == b"text\n"
    told = capfd.readouterr()
    assert "http://***@127.0.0.1" in told.err and PASSWORD not in told.out + told.err
    assert PASSWORD not in (tmp_path / "raw/manifest.json").read_text()


def test_a_redirect_takes_the_password_to_no_other_host(tmp_path: Path, servers: tuple[Guarded, Guarded]) -> None:
    ours, other = servers
    fetch(tmp_path, ours, "away/x.txt")
    assert ours.heard[0] is not None and other.heard == [None]


@pytest.mark.parametrize(("path", "password"), [("missing.txt", PASSWORD), ("x.txt", "wr0ng-secret"), ("x.txt", "x/wr0ng-secret")])
def test_what_goes_wrong_is_told_without_the_password(
    tmp_path: Path, servers: tuple[Guarded, Guarded], path: str, password: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BionerError) as caught:
        fetch(tmp_path, servers[0], path, password=password)
    told = str(caught.value) + "".join(capfd.readouterr())
    assert "***@127.0.0.1" in told and password.rpartition("/")[2] not in told


def test_a_hub_with_a_password_in_its_address_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://u:s3cr3t@127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", "http://u:s3cr3t@127.0.0.1:9")
    source = {"hub": "someone/bert", "revision": "0" * 40}
    with pytest.raises(BionerError) as caught:
        fetch_encoder("x", {"sources": [source], "sha256": None}, tmp_path / "encoder.json")
    assert "***@127.0.0.1" in str(caught.value) and "s3cr3t" not in str(caught.value)
    path = tmp_path / "config.yaml"
    path.write_text("encoders: {x: {sources: [{hub: someone/bert, revision: null}]}}\n")
    with pytest.raises(BionerError) as caught:
        pin(path, [], update=False)
    assert "***@127.0.0.1" in str(caught.value) and "s3cr3t" not in str(caught.value)
