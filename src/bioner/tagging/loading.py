"""Models as transformers loads them: from disk only, without code of their own, pickles as weights only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForTokenClassification

from bioner.errors import BionerError
from bioner.tagging.manifest import refuse_code

UNREADABLE = (
    ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError, SafetensorError, StrictDataclassError, UnpicklingError,
)  # fmt: skip


def load_config(folder: Path) -> Any:
    """The configuration of an encoder or run folder; a BionerError where transformers does not know its kind."""
    refuse_code(folder)
    with _told(folder / "config.json"):
        return AutoConfig.from_pretrained(folder, local_files_only=True)


def load_network(folder: Path, **options: Any) -> Any:
    """What transformers' `from_pretrained` gives for token classification; a BionerError where it fails.

    A pickle that holds anything but tensors is refused before any of it is run.
    """
    with _told(folder):
        return AutoModelForTokenClassification.from_pretrained(folder, local_files_only=True, weights_only=True, **options)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        found = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
        raise BionerError(
            f"{path}: expected a model that transformers {version('transformers')} can load, found {found}; "
            "check the encoder's files, or use another encoder"
        ) from error
