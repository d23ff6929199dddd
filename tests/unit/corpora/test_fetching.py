"""Fetching from a real server on this machine that follows a script of misbehaviour, and from places where none is."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioner.corpora import fetching
from bioner.corpora.download import download
from bioner.corpora.fetching import Patience, fetch
from bioner.corpora.partial import Partial
from bioner.errors import BionerError

CONTENT = b"".join(b"%d|t|Zorvamab of lot %d\n" % (n, n) for n in range(40))
HALF = len(CONTENT) // 2
QUICK = Patience(tries=3, pause=0.0, timeout=5.0)
HASTY = Patience(tries=2, pause=0.0, timeout=0.2)
PARTIAL = ".a.txt.partial"

Step = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes the request and takes the next step of the script; where that has ended, serves the content with ranges."""

    def do_GET(self) -> None:
        site: Any = self.server
        site.asked.append((self.path, dict(self.headers)))
        (site.script.pop(0) if site.script else body())(self)

    def log_message(self, *arguments: Any) -> None:
        pass


class Site(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Step] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.asked]


def body(
    content: bytes = CONTENT,
    *,
    ranges: bool = True,
    sent: int | None = None,
    stall: bool = False,
    length: bool = True,
    **headers: str,
) -> Step:
    """Serve content as a right server does, but `sent` bytes of the answer alone, then closing or stalling."""

    def step(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if ranges else None
        if asked and handler.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag"):
            asked = None
        first = int(asked[1]) if asked else 0
        if asked and first >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if length:
            handler.send_header("Content-Length", str(len(content) - first))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content[first:] if sent is None else content[first : first + sent])
        if stall:
            handler.server.over.wait(30)  # type: ignore[attr-defined]

    return step


def status(code: int, **headers: str) -> Step:
    def step(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return step


def part(content_range: str, data: bytes, **headers: str) -> Step:
    """A 206 whatever was asked for."""

    def step(handler: Handler) -> None:
        handler.send_response(206)
        for name, value in ({"Content-Range": content_range, "Content-Length": str(len(data))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return step


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    with Site() as site:
        threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture
def site(running: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    running.script, running.asked = [], []
    running.over.clear()
    yield running
    running.over.set()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def get(site: Site, folder: Path, *, patience: Patience = QUICK, url: str = "", **more: Any) -> None:
    """Download a.txt into a folder from the site, or from a url."""
    entry = {"path": "some/a.txt", "sha256": [hashlib.sha256(CONTENT).hexdigest()], "url": url or f"{site.url}/a.txt"}
    download("x", {"licence": "CC0", "files": [entry | more]}, folder / "manifest.json", patience=patience)


def failure(site: Site, folder: Path, **more: Any) -> str:
    """The one line that a failed download ends with; nothing is under the final name."""
    with pytest.raises(BionerError) as caught:
        get(site, folder, **more)
    assert not (folder / "a.txt").exists() and not (folder / "manifest.json").exists()
    message = str(caught.value)
    assert "\n" not in message and "some/a.txt" in message
    return message


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def complete(folder: Path) -> bool:
    return names(folder) == ["a.txt", "manifest.json"] and (folder / "a.txt").read_bytes() == CONTENT


def test_it_says_who_asks_and_wants_the_bytes_as_they_are(site: Site, tmp_path: Path) -> None:
    get(site, tmp_path)
    ((path, headers),) = site.asked
    assert path == "/a.txt"
    assert headers["User-Agent"] == f"bioner/{version('bioner')}" and headers["Accept-Encoding"] == "identity"
    assert "Range" not in headers and complete(tmp_path)


@pytest.mark.parametrize(("length", "size"), [(True, None), (False, len(CONTENT))])
def test_a_cut_body_is_resumed_where_it_ended(site: Site, tmp_path: Path, length: bool, size: int | None) -> None:
    site.script = [body(sent=HALF, length=length, ETag='"1"'), body(sent=3, ETag='"1"'), body(ETag='"1"')]
    get(site, tmp_path, bytes=size)
    assert site.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 3}-"]
    assert [headers.get("If-Range") for _, headers in site.asked] == [None, '"1"', '"1"']
    assert complete(tmp_path)


def test_a_part_that_is_less_than_asked_for_is_gone_on_from(site: Site, tmp_path: Path) -> None:
    site.script = [body(sent=HALF), part(f"bytes {HALF}-{HALF + 9}/{len(CONTENT)}", CONTENT[HALF : HALF + 10])]
    get(site, tmp_path)
    assert site.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 10}-"] and complete(tmp_path)


def test_the_date_identifies_a_body_where_its_tag_is_weak(site: Site, tmp_path: Path) -> None:
    date = "Thu, 01 Jan 2015 00:00:00 GMT"
    site.script = [body(sent=HALF, ETag='W/"1"', **{"Last-Modified": date})]
    get(site, tmp_path)
    assert site.asked[1][1]["If-Range"] == date and complete(tmp_path)


def test_a_file_that_changed_meanwhile_is_begun_anew(site: Site, tmp_path: Path) -> None:
    site.script = [body(b"z" * len(CONTENT), sent=HALF, ETag='"old"'), body(sent=3)]
    get(site, tmp_path / "untagged")
    assert [headers.get("If-Range") for _, headers in site.asked] == [None, '"old"', None] and complete(tmp_path / "untagged")
    site.asked.clear()
    site.script = [body(b"z" * len(CONTENT), sent=HALF, ETag='"old"'), body(ETag='"new"')]
    get(site, tmp_path / "tagged")
    assert site.ranges == [None, f"bytes={HALF}-"] and complete(tmp_path / "tagged")


@pytest.mark.parametrize(
    "wrong",
    [
        part(f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", CONTENT),
        part("bytes */9", b"123456789"),
        part(f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}", b"z" * (len(CONTENT) - HALF), ETag='"other"'),
    ],
)
def test_a_part_that_was_not_asked_for_is_not_taken(site: Site, tmp_path: Path, wrong: Step, capsys: pytest.CaptureFixture[str]) -> None:
    site.script = [body(sent=HALF, ETag='"1"'), wrong]
    get(site, tmp_path)
    assert site.ranges == [None, f"bytes={HALF}-", None] and complete(tmp_path)
    assert "another part" in capsys.readouterr().err


def test_a_server_without_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.script = [body(sent=HALF, ranges=False), body(ranges=False)]
    get(site, tmp_path)
    assert site.ranges == [None, f"bytes={HALF}-"] and complete(tmp_path)


@pytest.mark.parametrize("code", [400, 403, 412])
def test_a_server_that_refuses_ranges_is_asked_for_all(site: Site, tmp_path: Path, code: int) -> None:
    (tmp_path / PARTIAL).write_bytes(CONTENT[:HALF])
    site.script = [status(code)]
    get(site, tmp_path)
    assert site.ranges == [f"bytes={HALF}-", None] and complete(tmp_path)


def test_a_server_that_never_sends_more_is_given_up(site: Site, tmp_path: Path) -> None:
    site.script = [body(sent=9, ranges=False), body(sent=HALF, ranges=False)] * 9
    message = failure(site, tmp_path)
    assert f"connection closed after 9 of {len(CONTENT)} bytes (tried 3 times" in message
    assert len(site.asked) == 5 and names(tmp_path) == [PARTIAL]


@pytest.mark.parametrize(("left", "requests"), [(CONTENT[:HALF], 1), (CONTENT, 1), (CONTENT + b"more", 2), (b"z" * HALF, 2), (b"", 1)])
def test_what_an_earlier_process_left_is_used_if_it_makes_the_file(site: Site, tmp_path: Path, left: bytes, requests: int) -> None:
    (tmp_path / PARTIAL).write_bytes(left)
    get(site, tmp_path)
    assert site.ranges == [f"bytes={len(left)}-" if left else None, None][:requests] and complete(tmp_path)


def test_wrong_bytes_after_resuming_are_fetched_once_more_and_no_more(site: Site, tmp_path: Path) -> None:
    (tmp_path / PARTIAL).write_bytes(b"z" * HALF)
    site.script = [body(), body(b"y" * len(CONTENT)), body()]
    assert hashlib.sha256(b"y" * len(CONTENT)).hexdigest() in failure(site, tmp_path)
    assert site.ranges == [f"bytes={HALF}-", None] and names(tmp_path) == []


@pytest.mark.parametrize(
    ("size", "found"), [(None, "expected sha256 .*, found [0-9a-f]{64} from http"), (999, "expected 999 bytes, found 20 from")]
)
def test_a_page_in_place_of_the_file(site: Site, tmp_path: Path, size: int | None, found: str) -> None:
    site.script = [body(b"<html>hello</html>\r\n")]
    message = failure(site, tmp_path, bytes=size)
    assert re.search(found, message) and "BIONER_MIRROR" in message
    assert len(site.asked) == 1 and names(tmp_path) == []


def test_a_body_without_end_is_not_read_to_it(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SLACK", 10)
    site.script = [body(b"z" * 300_000, length=False, stall=True)]
    assert "expected 999 bytes, found " in (message := failure(site, tmp_path, bytes=999)) and "and more" in message
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(site: Site, tmp_path: Path, code: int) -> None:
    site.script = [status(code)] * 3
    assert f"HTTP {code}" in (message := failure(site, tmp_path)) and "not tried again" in message and "BIONER_MIRROR" in message
    assert len(site.asked) == 1 and names(tmp_path) == []


def test_a_busy_server_is_asked_again_when_it_wants(site: Site, tmp_path: Path, slept: list[float]) -> None:
    busy = [
        status(429, Retry_After="7"),
        status(503),
        status(503, Retry_After="9999"),
        status(500, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
    ]
    site.script = list(busy)
    get(site, tmp_path, patience=Patience(tries=5, pause=0.5))
    assert slept == [7, 1, 60, 4] and complete(tmp_path)


def test_a_busy_server_is_given_up(site: Site, tmp_path: Path) -> None:
    site.script = [status(503)] * 9
    assert "HTTP 503 Service Unavailable (tried 3 times" in failure(site, tmp_path)
    assert len(site.asked) == 3


@pytest.mark.parametrize(("sent", "requests"), [(0, 2), (HALF, 3)])
def test_a_stall_ends_by_the_timeout(site: Site, tmp_path: Path, sent: int, requests: int) -> None:
    site.script = [body(sent=sent, stall=True)] + [body(sent=0, stall=True)] * 9
    message = failure(site, tmp_path, patience=HASTY)
    assert f"no bytes for 0.2 s after {sent} of {len(CONTENT)} bytes" in message and "BIONER_MIRROR" in message
    assert site.ranges == [None, *([f"bytes={HALF}-"] * 2 if sent else [None])] and len(site.asked) == requests
    assert names(tmp_path) == ([PARTIAL] if sent else [])


def test_a_stall_is_resumed(site: Site, tmp_path: Path) -> None:
    site.script = [body(sent=HALF, stall=True)]
    get(site, tmp_path, patience=HASTY)
    assert site.ranges == [None, f"bytes={HALF}-"] and complete(tmp_path)


def test_a_port_that_accepts_and_never_answers(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = failure(site, tmp_path, url=f"http://127.0.0.1:{silent.getsockname()[1]}/a.txt", patience=HASTY, bytes=999)
    assert "no bytes for 0.2 s after 0 of 999 bytes" in message and names(tmp_path) == []


def test_places_that_are_not_there(site: Site, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}/a.txt"
        assert f"{closed}, found: Connection refused" in failure(site, tmp_path, url=closed)
    assert "no such host, or no network" in failure(site, tmp_path, url="http://no-such-host.invalid/a.txt")
    assert "not tried again" in failure(site, tmp_path, url="http://127.0.0.1/a b")
    assert names(tmp_path) == []


def test_redirects_lead_to_other_urls_and_never_to_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / PARTIAL).write_bytes(CONTENT[:HALF])
    site.script = [status(302, Location="/elsewhere")]
    get(site, tmp_path)
    assert [path for path, _ in site.asked] == ["/a.txt", "/elsewhere"] and site.ranges[1] == f"bytes={HALF}-" and complete(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    site.script = [status(302, Location=secret.as_uri())]
    assert "not allowed" in failure(site, tmp_path / "file")
    site.script = [status(302, Location="/a.txt")] * 20
    assert "redirect" in failure(site, tmp_path / "loop")


def test_a_mirror_by_url_is_the_sole_source(site: Site, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    entry = {"path": "some/a b.txt", "sha256": [digest], "url": f"{site.url}/origin"}
    download("x", {"files": [entry]}, tmp_path / "manifest.json", mirror=f"{site.url}/m/", patience=QUICK)
    assert (tmp_path / "a b.txt").read_bytes() == CONTENT
    site.script = [status(404)]
    with pytest.raises(BionerError, match=f"expected the file at {site.url}/m/some/a%20b.txt, found: HTTP 404"):
        download("x", {"files": [entry]}, tmp_path / "other/manifest.json", mirror=f"{site.url}/m", patience=QUICK)
    assert [path for path, _ in site.asked] == ["/m/some/a%20b.txt"] * 2


def test_progress_is_told_for_large_files_alone(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "TELL_EVERY", 0.0)
    get(site, tmp_path / "small")
    assert " bytes" not in capsys.readouterr().err
    monkeypatch.setattr(fetching, "LARGE", HALF)
    get(site, tmp_path / "large")
    assert f"x: some/a.txt: {len(CONTENT)} of {len(CONTENT)} bytes" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(site: Site, tmp_path: Path) -> None:
    (tmp_path / PARTIAL).symlink_to("/dev/full")
    with pytest.raises(BionerError) as caught:
        get(site, tmp_path)
    message = str(caught.value)
    assert len(site.asked) == 1 and names(tmp_path) == [] and "\n" not in message
    assert "No space left on device" in message and "free space" in message and str(tmp_path / "a.txt") in message


@settings(max_examples=25, deadline=None)
@given(
    content=st.binary(min_size=1, max_size=300),
    steps=st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.booleans()), max_size=6),
    left=st.integers(0, 300),
)
def test_however_it_is_cut_the_bytes_are_those_of_the_file(
    running: Site, tmp_path_factory: pytest.TempPathFactory, content: bytes, steps: list[tuple[int, bool, bool]], left: int
) -> None:
    final = tmp_path_factory.mktemp("cut") / "a.txt"
    final.with_name(PARTIAL).write_bytes(content[:left])
    running.script = [body(content, sent=sent, ranges=ranges, length=length) for sent, ranges, length in steps]
    running.script += [body(content)] * 20
    with Partial(final) as partial:
        fetch(f"{running.url}/a.txt", partial, "x", size=len(content), patience=Patience(tries=8, pause=0.0, timeout=5.0))
        partial.install()
    assert final.read_bytes() == content and names(final.parent) == ["a.txt"]


def test_a_killed_process_leaves_no_final_name_and_the_next_one_goes_on(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "raw"
    entry = {"path": "some/a.txt", "url": f"{site.url}/a.txt", "sha256": [hashlib.sha256(CONTENT).hexdigest()], "bytes": len(CONTENT)}
    command = [sys.executable, "-m", "bioner.commands.download", "--dataset", "x", "--output", str(out / "manifest.json")]
    command += ["--settings", json.dumps({"licence": "CC0", "files": [entry]})]
    environment = {name: value for name, value in os.environ.items() if name != "BIONER_MIRROR"}
    site.script = [body(sent=HALF, stall=True)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        partial, end = out / PARTIAL, time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end and not (partial.exists() and partial.stat().st_size == HALF):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert names(out) == [PARTIAL] and partial.read_bytes() == CONTENT[:HALF]
    again = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0 and again.stderr.count("licence") == 1
    assert site.ranges == [None, f"bytes={HALF}-"] and complete(out)
