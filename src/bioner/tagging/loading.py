"""Models as transformers loads them: from disk only, without code of their own, pickles as weights only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import read_json
from bioner.tagging.manifest import refuse_code

UNREADABLE = (
    ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError, SafetensorError, StrictDataclassError, UnpicklingError,
)  # fmt: skip


def load_config(folder: Path) -> Any:
    """The configuration of an encoder or run folder; a BionerError where transformers does not know its kind."""
    refuse_code(folder)
    with _told(folder / "config.json"):
        return AutoConfig.from_pretrained(folder, local_files_only=True)


def load_network(folder: Path, *, kind: Any = AutoModelForTokenClassification, **options: Any) -> Any:
    """What transformers' `from_pretrained` gives, for token classification or another `kind`; a BionerError where it fails.

    A pickle that holds anything but tensors is refused before any of it is run.
    """
    with _told(folder):
        return kind.from_pretrained(folder, local_files_only=True, weights_only=True, **options)


def read_tokenizer(folder: Path, size: int) -> Any:
    """The tokenizer of an encoder or run folder, checked against the number of pieces that the model has embeddings for.

    transformers 5 builds a tokenizer of five tokens, in silence, from files that it cannot read, and lower-cases by default, which
    leaves a third of a cased vocabulary without use: where nothing says otherwise, a cased `vocab.txt` is read as cased.

    Raises:
        BionerError: files that are no tokenizer, fewer than 90 % or more than 100 % of `size` pieces, pieces that text never
            becomes (merges that are gone), or no fast implementation.
    """
    options = {}
    if not _says_case(folder) and is_cased(_pieces(folder / "vocab.txt")):
        say(f"{folder}: the vocabulary is cased and nothing says do_lower_case, which is taken as false")
        options["do_lower_case"] = False
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # the tokenizers library raises nothing more special
        raise BionerError(
            f"{folder}: expected a tokenizer that transformers {version('transformers')} can load, found {first_line(error)}; "
            "check the tokenizer files and fetch the encoder again"
        ) from error
    if not 0.9 * size <= len(tokenizer) <= size:
        raise BionerError(
            f"{folder}: expected a vocabulary of about {size} pieces (config.json), the tokenizer has {len(tokenizer)}; "
            "check the tokenizer files and fetch the encoder again"
        )
    if not tokenizer.is_fast:
        raise BionerError(f"{folder}: expected a tokenizer with a fast implementation (tokenizer.json); convert it with transformers")
    _check_use(folder, tokenizer)
    return tokenizer


def is_cased(pieces: Sequence[str]) -> bool:
    """Whether more than one piece of a vocabulary in twenty has capitals."""
    return sum(piece != piece.lower() for piece in pieces) > len(pieces) / 20


def _pieces(path: Path) -> list[str]:
    """Word pieces of a file with one a line; none without such a file."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []


def _says_case(folder: Path) -> bool:
    path = folder / "tokenizer_config.json"
    return (folder / "tokenizer.json").is_file() or (path.is_file() and "do_lower_case" in read_json(path))


PROBED = 200
"""Pieces of a vocabulary that are looked at, evenly spread over it."""


def _check_use(folder: Path, tokenizer: Any) -> None:
    """Raise a BionerError unless some of the longer pieces come back when their own text is split.

    With another vocabulary's merges, or none, the size is right and text still falls into single characters.
    """
    pieces = [piece for piece in tokenizer.get_vocab() if len(piece) > 3 and piece not in tokenizer.all_special_tokens]
    probed = sorted(pieces)[:: max(1, len(pieces) // PROBED)]
    texts = [str(tokenizer.convert_tokens_to_string([piece])).strip() for piece in probed]
    back = sum(piece in tokenizer.tokenize(text) for piece, text in zip(probed, texts, strict=True))
    if probed and back < len(probed) / 10:
        raise BionerError(
            f"{folder}: expected the vocabulary's pieces to come back from their own text, {back} of {len(probed)} did; "
            "check the tokenizer files (are the merges the vocabulary's own?) and fetch the encoder again"
        )


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of its text, which libraries fill with pages."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise BionerError(
            f"{path}: expected a model that transformers {version('transformers')} can load, found {first_line(error)}; "
            "check the encoder's files, or use another encoder"
        ) from error
