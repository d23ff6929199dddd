"""Raw files from a mirror or their origin, verified before they appear under their names."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bioner.commandline import say
from bioner.corpora.provided import list_provided
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.errors import BionerError
from bioner.storage import atomic_path, sha256_file

SCHEMES = ("http", "https", "ftp", "file")
REMEDY = "set `mirror:` in the config or BIONER_MIRROR to a folder or URL prefix that has this file"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to have: its path under a mirror, its origin, and its accepted digests."""

    path: str
    url: str | None
    sha256: tuple[str, ...]
    git_blob: str | None

    @classmethod
    def of(cls, dataset: str, entry: Mapping[str, Any]) -> Wanted:
        """The file of a config entry; BionerError when nothing says how to verify it."""
        digests = entry.get("sha256") or ()
        accepted = (digests,) if isinstance(digests, str) else tuple(digests)
        if not entry.get("path") or not (accepted or entry.get("git_blob")):
            raise BionerError(
                f"{dataset}: expected a path and a sha256 or git_blob for every file, found {dict(entry)}; complete the config"
            )
        return cls(str(entry["path"]), entry.get("url"), accepted, entry.get("git_blob"))

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def found(self, path: Path) -> str:
        """The digest of a file, of the kind by which this one is verified."""
        return sha256_file(path) if self.sha256 else git_blob(path)

    def accepts(self, digest: str) -> bool:
        return digest in self.sha256 if self.sha256 else digest == self.git_blob

    @property
    def expected(self) -> str:
        return f"sha256 {' or '.join(self.sha256)}" if self.sha256 else f"git blob {self.git_blob}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try a URL, the pause before the second try (s, doubling), and the wait for an answer (s)."""

    tries: int = 3
    pause: float = 1.0
    timeout: float = 60.0


def git_blob(path: Path) -> str:
    """The git blob id of a file: SHA-1 of `blob <size>\\0` and its bytes."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def download(dataset: str, settings: Mapping[str, Any], output: str | Path, *, mirror: str = "", patience: Patience | None = None) -> None:
    """Have all raw files of a dataset beside its manifest, verified, and write the manifest.

    A file that is there with an accepted digest is not fetched again. With a mirror, files come from `<mirror>/<path>` only;
    without, from their `url`. A dataset of `source: provided` is listed where it lies.

    Raises:
        BionerError: the first file that is missing, unreachable or not as expected.
    """
    source = settings.get("source", "download")
    if source == "provided":
        list_provided(dataset, settings, output)
        return
    if source != "download":
        raise BionerError(f"{dataset}: expected source download or provided, found {source!r}; use generate for a demo corpus")
    licence = str(settings.get("licence", ""))
    say(f"{dataset}: licence: {licence or 'not stated'}")
    folder = Path(output).parent
    entries = settings.get("files") or []
    wanted = [Wanted.of(dataset, entry) for entry in entries]
    if not wanted or len({file.name for file in wanted}) < len(wanted):
        raise BionerError(f"{dataset}: expected files with names of their own, found {[file.path for file in wanted]}; correct the config")
    for file in wanted:
        target = folder / file.name
        if not (target.is_file() and file.accepts(file.found(target))):
            _have(dataset, file, target, mirror, patience or Patience())
    rows = [
        manifest_entry(folder, file.name, entry.get("split"), entry.get("role", "text"))
        for file, entry in zip(wanted, entries, strict=True)
    ]
    write_manifest(output, dataset, licence, rows)


def _have(dataset: str, file: Wanted, target: Path, mirror: str, patience: Patience) -> None:
    """Fetch one file; it appears under its name only when its digest is an accepted one."""
    origin = _origin(dataset, file, mirror)
    say(f"{dataset}: {origin} → {target}")
    with atomic_path(target) as temporary:
        if _is_url(origin):
            _fetch(origin, temporary, f"{dataset}: {file.path}", patience)
        else:
            _copy(origin, temporary, f"{dataset}: {file.path}")
        digest = file.found(temporary)
        if not file.accepts(digest):
            raise BionerError(f"{dataset}: {file.path}: expected {file.expected}, found {digest} from {origin}; {REMEDY} unchanged")


def _origin(dataset: str, file: Wanted, mirror: str) -> str:
    if mirror:
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(file.path) if _is_url(mirror) else file.path}"
    if not file.url:
        raise BionerError(f"{dataset}: {file.path}: expected a url or a mirror, found neither; {REMEDY}")
    if not _is_url(file.url) or file.url.split(":")[0] not in SCHEMES:
        raise BionerError(f"{dataset}: {file.path}: expected a url of {', '.join(SCHEMES)}, found {file.url}; correct the config")
    return file.url


def _is_url(place: str) -> bool:
    return "://" in place


def _copy(origin: str, target: Path, what: str) -> None:
    try:
        data = Path(origin).expanduser().read_bytes()
    except OSError as error:
        raise BionerError(f"{what}: expected it in the mirror as {origin}, found {error.strerror or error}; {REMEDY}") from error
    target.write_bytes(data)


def _fetch(url: str, target: Path, what: str, patience: Patience) -> None:
    """Download a URL, trying again after what may pass: no answer, a cut connection, a server's error."""
    found = ""
    for attempt in range(patience.tries):
        if attempt:
            time.sleep(patience.pause * 2 ** (attempt - 1))
        try:
            _stream(url, target, patience.timeout)
            return
        except urllib.error.HTTPError as error:
            found = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            found = str(getattr(error, "reason", error)) or type(error).__name__
    raise BionerError(f"{what}: expected the file at {url}, found: {found}; check the network, or {REMEDY}")


def _stream(url: str, target: Path, timeout: float) -> None:
    with urllib.request.urlopen(url, timeout=timeout) as answer, open(target, "wb") as handle:
        shutil.copyfileobj(answer, handle)
        promised = answer.headers.get("Content-Length")
        if promised and promised.isdigit() and handle.tell() < int(promised):
            raise ConnectionError(f"{handle.tell()} of {promised} bytes before the connection closed")
