"""A fetched encoder's folder: its manifest holds, and none of its files asks to run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file

MANIFEST = "encoder.json"


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
