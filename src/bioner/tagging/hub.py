"""The hub: what a repository holds at a commit, and its files, resumed where they stopped and verified.

HF_ENDPOINT, HF_TOKEN and HF_HUB_DOWNLOAD_TIMEOUT in the environment are heeded as everywhere in huggingface_hub.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read at the import; nothing is asked for but files

from httpx2 import HTTPError, ReadError
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import sha256_file
from bioner.tagging.manifest import WEIGHT_FILES

COMMIT = re.compile(r"[0-9a-f]{40}")
ELSEWHERE = "set HF_ENDPOINT to a mirror, or use a source {folder: ...} with the files"
TRIES = 3


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub lists it: its size in bytes, and the SHA-256 of a large file or else its git blob id."""

    name: str
    size: int
    sha256: str | None
    blob: str

    @property
    def expected(self) -> str:
        return f"sha256 {self.sha256}" if self.sha256 else f"git blob {self.blob}"

    def found(self, path: Path) -> str:
        """The digest of a file on disk, told as `expected` tells it."""
        return f"sha256 {sha256_file(path)}" if self.sha256 else f"git blob {git_blob(path)}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at a commit (40 hexadecimal digits): its files by name."""

    repository: str
    commit: str
    files: dict[str, HubFile]

    @property
    def weights(self) -> HubFile | None:
        """The weights that are taken: safetensors where there are any, else the pickle."""
        return next((self.files[name] for name in WEIGHT_FILES if name in self.files), None)


def git_blob(path: Path) -> str:
    """The git blob id of a file: SHA-1 of `blob <size>\\0` and its bytes."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def look_up(repository: str, revision: str | None = None) -> Snapshot:
    """What a repository holds at a revision: a commit, a branch or a tag; None for the default branch.

    Raises:
        BionerError: no such repository or revision, no right to see it, or no hub that answers.
    """
    with _told(repository, revision):
        try:
            info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
            files = [
                HubFile(file.rfilename, int(file.size), file.lfs.sha256 if file.lfs else None, str(file.blob_id)) for file in info.siblings
            ]
            if not COMMIT.fullmatch(info.sha):
                raise ValueError(f"sha {info.sha!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise BionerError(
                f"{_name(repository, revision)}: expected owner/name and the answer of a hub at {constants.ENDPOINT}, "
                f"found something else ({_line(error)}); check the name and HF_ENDPOINT"
            ) from error
    return Snapshot(repository, info.sha, {file.name: file for file in files})


def download(snapshot: Snapshot, names: Sequence[str], folder: Path) -> None:
    """Have files of a snapshot in a folder, verified against the hub's listing.

    A file that is there is not fetched again, and one that was cut goes on where it stopped, in a later process too.

    Raises:
        BionerError: the first file that cannot be had, or that is not as listed.
    """
    for file in (snapshot.files[name] for name in names):
        target, partial = folder / file.name, folder / f"{file.name}.partial"
        if target.is_file():
            continue
        say(f"downloading {snapshot.repository}@{snapshot.commit}: {file.name}, {file.size} bytes")
        with _told(snapshot.repository, snapshot.commit):
            folder.mkdir(parents=True, exist_ok=True)
            with open(partial, "ab") as handle:
                _stream(snapshot, file, handle)
        if (found := file.found(partial)) != file.expected:
            partial.unlink()
            raise BionerError(
                f"{_name(snapshot.repository, snapshot.commit)}: expected {file.expected} of {file.name}, as the hub lists it, "
                f"found {found}; it was damaged on its way: run again, or {ELSEWHERE}"
            )
        partial.replace(target)


def _stream(snapshot: Snapshot, file: HubFile, handle: IO[bytes]) -> None:
    """Append what is missing of a file; http_get goes on after cuts and stalls, but not after a reset connection."""
    if handle.tell() > file.size:
        handle.truncate(0)
        handle.seek(0)
    url = hf_hub_url(snapshot.repository, file.name, revision=snapshot.commit)
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    misses = 0
    while True:
        start = handle.tell()
        try:
            http_get(url, handle, resume_size=start, headers=headers, expected_size=file.size)
            return
        except ReadError:
            misses = misses + 1 if handle.tell() == start else 0
            if misses == TRIES:
                raise


UNKNOWN = "expected a repository at {page}, found none, or a private one; check the name, or set HF_TOKEN to a token that may read it"
EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (OfflineModeIsEnabled, "expected a network, found HF_HUB_OFFLINE set; unset it, or use a source {{folder: ...}} with the files"),
    (RevisionNotFoundError, "expected this revision in the repository, found none; check it, or run `bioner pin --update`"),
    (GatedRepoError, "expected access, found a gated repository; accept its terms at {page} and set HF_TOKEN to a token of that account"),
    (RepositoryNotFoundError, UNKNOWN),
)


@contextmanager
def _told(repository: str, revision: str | None) -> Iterator[None]:
    """Make one line of what goes wrong between here and the hub."""
    try:
        yield
    except (HTTPError, OSError) as error:
        raise BionerError(f"{_name(repository, revision)}: {_explain(error, repository)}") from error


def _explain(error: Exception, repository: str) -> str:
    page = f"{constants.ENDPOINT}/{repository}"
    for kind, text in EXPLANATIONS:
        if isinstance(error, kind):
            return text.format(page=page)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403, 404):
            return f"{UNKNOWN.format(page=page)} (HTTP {status})"
        return f"expected files from {constants.ENDPOINT}, found HTTP {status}; try later, {ELSEWHERE}"
    if isinstance(error, OSError) and error.errno is not None:
        place = error.filename or "the download"
        return f"expected to write {place}, found: {error.strerror}; free space or fix permissions, then run again"
    return (
        f"expected files from {constants.ENDPOINT}, found {type(error).__name__}: {_line(error)}; "
        f"check the network and run again (downloads go on where they stopped), {ELSEWHERE}"
    )


def _name(repository: str, revision: str | None) -> str:
    return f"{repository}@{revision}" if revision else repository


def _line(error: Exception) -> str:
    """The first line of an error's text, which servers and libraries fill with pages."""
    return str(error).strip().partition("\n")[0][:200]
