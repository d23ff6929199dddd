"""A trained run on texts of one's own: files in, documents with mentions, offsets and scores out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from bioner.documents import from_json
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.tagging.predicting import load_predictor, predict_originals

CHUNK = 256
"""Documents in memory at once."""


def read_texts(paths: Sequence[Path]) -> Iterator[Document]:
    """Documents of text files (UTF-8, one each, called as the file without its suffix), of folders with `.txt` files, and of JSON Lines.

    A line of JSON has `id` and `text`; mentions that it may have are left out. Line ends stay as they are: offsets are of the file's text.

    Raises:
        BionerError: a file or folder that is not there or holds no text, a line that is no document, or an id that was there before.
    """
    seen: dict[str, str] = {}
    for path in paths:
        for document, place in _documents(path):
            if document.id in seen:
                raise BionerError(
                    f"{place}: expected documents with ids of their own, found {document.id!r:.80} in {seen[document.id]} too; "
                    "rename one, or tag them by themselves"
                )
            seen[document.id] = place
            yield document


def _documents(path: Path) -> Iterator[tuple[Document, str]]:
    """Documents of a file or folder, and where each of them is."""
    if path.is_dir():
        files = sorted(inner for inner in path.rglob("*.txt") if inner.is_file() and not inner.name.startswith("."))
        if not files:
            raise BionerError(f"{path}: expected files that end in .txt, found none; name files, or another folder")
        for file in files:
            yield Document(file.relative_to(path).with_suffix("").as_posix(), _text(file)), str(file)
    elif path.suffix == ".jsonl":
        # of bytes, because a lone \r or U+2028 inside a text is not the end of a line
        with _opened(path) as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    yield _of_line(line, f"{path}:{number}"), f"{path}:{number}"
    else:
        yield Document(path.stem, _text(path)), str(path)


def _of_line(line: bytes, place: str) -> Document:
    try:
        value = json.loads(line)
        return from_json(value | {"mentions": []} if isinstance(value, dict) else value)
    except ValueError as error:
        raise BionerError(f"{place}: not a document: {error}; write a JSON object with id and text on each line") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise BionerError(
            f"{path}: expected a text file, a folder, or JSON Lines (.jsonl), found: {error.strerror}; correct the name"
        ) from error


def _text(path: Path) -> str:
    with _opened(path) as handle:
        content = handle.read()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BionerError(f"{path}: expected UTF-8, found byte {error.object[error.start]:#x} at {error.start}; convert it") from error


def tagged(run: Path, documents: Iterable[Document], *, threads: int, precision: str) -> Iterator[Document]:
    """The documents in their order, each with the mentions that a run's model finds, and scores as of `bioner.tagging.decoding.predict`.

    Args:
        run: a run folder, `results/runs/<dataset>/<protocol>/<model>/fold<k>/seed<s>`.
        threads: of the processor.
        precision: `fp32`, `bf16` or `auto` (bf16 where the device has units for it).

    Raises:
        BionerError: no run folder, or one that is damaged.
    """
    if not os.path.isfile(run / "run.json"):
        raise BionerError(f"{run}: expected the folder of a trained run, with run.json, found none; train it, or `dvc pull`")
    predictor, steps = load_predictor(run, threads=threads, precision=precision)
    waiting = iter(documents)
    while chunk := list(islice(waiting, CHUNK)):
        # what users keep in meta may have names that stand for something here
        found = predict_originals(predictor.guess, steps, [replace(document, meta={}) for document in chunk])
        yield from (replace(one, meta=document.meta) for one, document in zip(found, chunk, strict=True))
