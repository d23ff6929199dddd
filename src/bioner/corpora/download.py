"""Raw files from a mirror or their origin, verified before they appear under their names."""

from __future__ import annotations

import hashlib
import os
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bioner.commandline import say
from bioner.corpora.fetching import CHUNK, REMEDY, Patience, fetch, largest
from bioner.corpora.partial import Partial
from bioner.corpora.provided import list_provided
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.credentials import redact_url, split_url
from bioner.errors import BionerError
from bioner.storage import sha256_file

SCHEMES = ("http", "https", "file")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to have: its path under a mirror, its origin, its accepted digests, and its size in bytes if known."""

    path: str
    url: str | None
    sha256: tuple[str, ...]
    git_blob: str | None
    size: int | None

    @classmethod
    def of(cls, dataset: str, entry: Mapping[str, Any]) -> Wanted:
        """The file of a config entry; BionerError when nothing says how to verify it."""
        digests = entry.get("sha256") or ()
        accepted = (digests,) if isinstance(digests, str) else tuple(digests)
        if not entry.get("path") or not (accepted or entry.get("git_blob")):
            raise BionerError(
                f"{dataset}: expected a path and a sha256 or git_blob for every file, found {dict(entry)}; complete the config"
            )
        return cls(str(entry["path"]), entry.get("url"), accepted, entry.get("git_blob"), entry.get("bytes"))

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def objection(self, path: Path) -> str:
        """What was expected and what was found, when a file's digest is none of the accepted ones; else nothing."""
        if self.sha256:
            kind, accepted, digest = "sha256", self.sha256, sha256_file(path)
        else:
            kind, accepted, digest = "git blob", (str(self.git_blob),), git_blob(path)
        return "" if digest in accepted else f"expected {kind} {' or '.join(accepted)}, found {digest}"


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
    wanted = _wanted(dataset, settings, Path(output))
    folder = Path(output).parent
    licence = str(settings.get("licence", ""))
    lacking = [file for file in wanted if _lacks(folder / file.name, file)]
    if lacking or not Path(output).exists():
        say(f"{dataset}: licence: {licence or 'not stated'}")
    for file in lacking:
        _have(dataset, file, folder / file.name, mirror, patience or Patience())
    rows = [
        manifest_entry(folder, file.name, entry.get("split"), entry.get("role", "text"))
        for file, entry in zip(wanted, settings["files"], strict=True)
    ]
    write_manifest(output, dataset, licence, rows)


def _wanted(dataset: str, settings: Mapping[str, Any], output: Path) -> list[Wanted]:
    wanted = [Wanted.of(dataset, entry) for entry in settings.get("files") or []]
    names = {file.name for file in wanted}
    if not wanted or len(names) < len(wanted) or output.name in names:
        raise BionerError(f"{dataset}: expected files with names of their own, found {[file.path for file in wanted]}; correct the config")
    return wanted


def _lacks(target: Path, file: Wanted) -> bool:
    try:
        return not target.is_file() or bool(file.objection(target))
    except OSError as error:
        raise BionerError(
            f"{target}: cannot be read ({error.strerror or error}); fix its permissions or delete it, then run again"
        ) from error


def _have(dataset: str, file: Wanted, target: Path, mirror: str, patience: Patience) -> None:
    """Fetch one file; it appears under its name only when its size and digest are as expected."""
    what = f"{dataset}: {file.path}"
    origin = _origin(what, file, mirror)
    with Partial(target) as partial:
        say(f"{dataset}: {redact_url(str(origin))} → {target}")
        kept = _bring(origin, partial, what, file.size, patience)
        objection = _objection(partial, file)
        if objection and kept:
            say(f"{what}: {objection}, which bytes of an earlier try may explain; fetching all of it")
            partial.empty()
            _bring(origin, partial, what, file.size, patience)
            objection = _objection(partial, file)
        if objection:
            partial.empty()
            raise BionerError(f"{what}: {objection} from {redact_url(str(origin))}; {REMEDY} unchanged")
        partial.install()


def _objection(partial: Partial, file: Wanted) -> str:
    if file.size is not None and partial.size != file.size:
        return f"expected {file.size} bytes, found {partial.size}{' and more' if partial.size > largest(file.size) else ''}"
    return file.objection(partial.path)


def _bring(origin: str | Path, partial: Partial, what: str, size: int | None, patience: Patience) -> bool:
    """Fill a partial file from a URL or from a file; whether earlier bytes were kept."""
    if isinstance(origin, str):
        return fetch(origin, partial, what, size=size, patience=patience)
    partial.empty()
    try:
        with open(origin, "rb") as source:
            while partial.size <= largest(size) and (chunk := source.read(CHUNK)):
                partial.write(chunk)
    except OSError as error:
        raise BionerError(f"{what}: expected the file {origin}, found: {error.strerror or error}; {REMEDY}") from error
    return False


def _origin(what: str, file: Wanted, mirror: str) -> str | Path:
    """Where a file comes from: a URL of http or https, or a path; of the mirror alone if there is one."""
    if not mirror:
        if not file.url:
            raise BionerError(f"{what}: expected a url or a mirror, found neither; {REMEDY}")
        return _place(what, file.url)
    place = _place(what, mirror) if "://" in mirror else Path(os.path.expanduser(mirror))
    if isinstance(place, str):
        return f"{place.rstrip('/')}/{urllib.parse.quote(file.path)}"
    # of os.path, because these are false where there can be no such place, as when the name is too long
    if not os.path.isdir(place):
        found = "a file" if os.path.exists(place) else "nothing"
        raise BionerError(
            f"{what}: expected a folder or a URL prefix as mirror, found {found} at {place}; correct `mirror:` or BIONER_MIRROR"
        )
    return place / file.path


def _place(what: str, url: str) -> str | Path:
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in SCHEMES or not rest:
        raise BionerError(f"{what}: expected a url of {', '.join(SCHEMES)}, found {redact_url(url)}; correct the config")
    if scheme.lower() != "file":
        try:
            split_url(url)
        except ValueError as error:
            raise BionerError(f"{what}: expected a url, found {redact_url(url)} ({error}); correct the config or BIONER_MIRROR") from None
        return url
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise BionerError(f"{what}: expected a file of this machine (file:///...), found {redact_url(url)}; correct the config")
    return Path(urllib.request.url2pathname(f"/{path}"))
