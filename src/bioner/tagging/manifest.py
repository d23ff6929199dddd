"""A fetched encoder's folder: its manifest holds, and none of its files asks to run code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.provenance import value_digest
from bioner.storage import read_json, sha256_file

MANIFEST = "encoder.json"
CONFIG = "config.json"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Weights; the first that is there is taken."""
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "spm.model", "sentencepiece.bpe.model",
    "source.spm", "target.spm", "target_vocab.json", "generation_config.json",
)  # fmt: skip


def files_of(folder: Path) -> list[str]:
    """Names of the files in a folder that an encoder consists of, the configuration first, the weights last; none without weights."""
    # of os.path, because it is false where a file cannot be looked at, or its name is too long
    weights = [file for file in WEIGHT_FILES if os.path.isfile(folder / file)][:1]
    return [file for file in (CONFIG, *TOKENIZER_FILES, *weights) if os.path.isfile(folder / file)] if weights else []


def folders_state(settings: Mapping[str, Any], manifest: Path, digests: Callable[[Sequence[Path]], list[str]]) -> str:
    """Digest of what lies in an encoder's source folders: another one when one of its files came, went, or changed by a byte.

    Of a folder that is not there or cannot be read, but that the encoder was fetched from, it is that of the files as fetched.

    Args:
        settings: as of `fetch_encoder`.
        manifest: what it wrote, or will write.
        digests: gives the SHA-256 of files.
    """
    found = []
    for source in settings["sources"]:
        if "folder" in source:
            folder = Path(os.path.expanduser(source["folder"]))
            names = files_of(folder)
            try:
                listed = dict(zip(names, digests([folder / name for name in names]), strict=True))
            except OSError:  # fetch_encoder tells, if it needs them
                listed = {}
            found.append(listed or _fetched(manifest, source))
    return value_digest(found) if found else ""


def _fetched(manifest: Path, source: Mapping[str, Any]) -> dict[str, str]:
    """The digests of files that were fetched from a source; none where there is no such manifest, which is then made."""
    try:
        value = read_json(manifest) if os.path.isfile(manifest) else {}
    except BionerError:
        return {}
    return dict(value["files"]) if isinstance(value, dict) and value.get("source") == source else {}


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


def refuse_code(folder: Path) -> None:
    """Raise a BionerError if a model folder names code outside of transformers, which transformers would offer to run."""
    for path in (folder / "config.json", folder / "tokenizer_config.json"):
        settings = read_json(path) if path.is_file() else {}
        if not isinstance(settings, dict):
            raise BionerError(f"{path}: expected a JSON object, found {type(settings).__name__}; fetch the encoder again")
        kernels = [key for key, value in settings.items() if key.endswith("attn_implementation") and "/" in str(value)]
        if found := [key for key in settings if key == "auto_map"] + kernels:
            raise BionerError(
                f"{path}: expected a model that transformers itself knows, found {found[0]}, which names code to run; "
                "code of a model is never run here: use another encoder"
            )
