"""How large corpora are, and the parts that a protocol makes of them."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from bioner.corpora.demo import generate
from bioner.corpora.harmonize import harmonize
from bioner.documents import read_documents
from bioner.entities import SPLITS
from bioner.preparation.protocols import Protocol
from bioner.preparation.split import VALIDATION_SHARE
from bioner.words import count_words

TABLE = Path(__file__).parent / "words.csv"
BYTES_A_WORD = {"conll": 8.2, "pubtator": 9.6}
"""Bytes of a raw file for a word of text: BC2GM's and BC5CDR's training files. Where nothing better is known."""


@dataclass(frozen=True, slots=True)
class Size:
    """Documents, words (bioner.words) and mentions; fractions are means over folds."""

    documents: float = 0.0
    words: float = 0.0
    mentions: float = 0.0

    def __add__(self, other: Size) -> Size:
        return Size(self.documents + other.documents, self.words + other.words, self.mentions + other.mentions)

    def scaled(self, factor: float) -> Size:
        return Size(factor * self.documents, factor * self.words, factor * self.mentions)

    @property
    def json_bytes(self) -> float:
        """Bytes of the documents as JSON Lines: text, what is around a mention and a document (fits BC5CDR, NCBI-Disease, JNLPBA)."""
        return 6.3 * self.words + 75 * self.mentions + 60 * self.documents


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus: `parts` of its official split by name, `rest` of documents without one, how many types it has, and where that is from."""

    parts: dict[str, Size] = field(default_factory=dict)
    rest: Size = field(default_factory=Size)
    types: int = 1
    source: str = ""

    @property
    def whole(self) -> Size:
        return reduce(Size.__add__, self.parts.values(), self.rest)


def corpus(name: str, entry: Mapping[str, Any], results: Path, words: Mapping[str, float]) -> Corpus | None:
    """The size of a dataset of the config; None where nothing tells it.

    Sources, the first that is there: what its user gave; the corpus as read, in `results`; the demo's generator; the table of known
    sizes; the bytes of its files.

    Args:
        words: words of whole corpora by name, as their user gave them.
    """
    types = len({kind for kind in entry.get("groups", {})}) or 1
    path = results / "corpora" / f"{name}.jsonl"
    if name in words:
        return _spread(entry, words[name], types, "given")
    if path.is_file():
        return _counted(path, types, "counted")
    if entry["source"] == "demo":
        return _generated(name, entry, types)
    if name in (known := _table()):
        return Corpus(known[name], types=types, source="table of known sizes")
    return _from_bytes(entry, types)


def _counted(path: Path, types: int, source: str) -> Corpus:
    parts: dict[str, Size] = {}
    rest = Size()
    for document in read_documents(path):
        size = Size(1, count_words(document.text), len(document.mentions))
        if document.split is None:
            rest += size
        else:
            parts[document.split] = parts.get(document.split, Size()) + size
    return Corpus(parts, rest, types, source)


def _generated(name: str, entry: Mapping[str, Any], types: int) -> Corpus:
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        made = Path(folder)
        generate(name, entry, made / "manifest.json")
        harmonize(name, entry, raw=made / "manifest.json", output=made / "corpus.jsonl", quality=made / "quality.json")
        return _counted(made / "corpus.jsonl", types, "generated")


def _table() -> dict[str, dict[str, Size]]:
    found: dict[str, dict[str, Size]] = {}
    with open(TABLE, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found.setdefault(row["dataset"], {})[row["part"]] = Size(*(float(row[key]) for key in ("documents", "words", "mentions")))
    return found


def _spread(entry: Mapping[str, Any], words: float, types: int, source: str) -> Corpus:
    """A corpus of so many words, in parts of the documents that the config's `counts` say; without counts, of no part."""
    counts = {part: entry["counts"][part] for part in SPLITS if "documents" in entry["counts"].get(part, {})}
    documents = sum(part["documents"] for part in counts.values())
    if not documents:
        whole = entry["counts"].get("all", {})
        return Corpus(
            {}, Size(float(whole.get("documents", max(words / 200, 1))), words, float(whole.get("mentions", words / 13))), types, source
        )
    parts = {
        name: Size(part["documents"], words * part["documents"] / documents, float(part.get("mentions", 0)))
        for name, part in counts.items()
    }
    return Corpus(parts, types=types, source=source)


def _from_bytes(entry: Mapping[str, Any], types: int) -> Corpus | None:
    rate = BYTES_A_WORD.get(entry["format"])
    files = [file for file in entry["files"] if file.get("role", "text") == "text"]
    if rate is None or not files or any("bytes" not in file or file["path"].endswith((".gz", ".zip")) for file in files):
        return None
    return _spread(entry, sum(file["bytes"] for file in files) / rate, types, "estimated from the bytes of its files")


def fold_parts(whole: Corpus, protocol: Protocol, *, variants: int = 0, smallest: float | None = None) -> dict[str, Size] | None:
    """Training, validation and test part of a fold, on average over folds; None for an official split of unknown parts.

    Args:
        variants: kinds of variants made once a document, which `augment_first` divides too.
        smallest: words of the smallest training part that an `_equal` protocol is cut to.
    """
    if protocol.kind == "official":
        if "train" not in whole.parts or "test" not in whole.parts:
            return None
        train, validation, test = (whole.parts.get(name, Size()) for name in SPLITS)
        if not validation.documents:
            validation, train = train.scaled(VALIDATION_SHARE), train.scaled(1 - VALIDATION_SHARE)
    else:
        everything = whole.whole.scaled(1 + variants * (protocol.kind == "augment_first"))
        validation = test = everything.scaled(1 / protocol.k)
        train = everything.scaled((protocol.k - 2) / protocol.k)
    if protocol.train_on_validation:
        train += validation
    limit = smallest if protocol.words == "equal" else float(protocol.words.removesuffix("words")) if protocol.words else None
    if limit is not None and train.words > limit:
        train = train.scaled(limit / train.words)
    return {"train": train, "validation": validation, "test": test}


def pieces(size: Size, per_word: float, *, window: int, overlap: int, special: int = 2) -> float:
    """Word pieces in the windows of documents: overlaps and special tokens counted, padding not. All documents count as of mean length."""
    if not size.documents:
        return 0.0
    length = size.words * per_word / size.documents
    room = window - special
    windows = 1 if length <= room else math.ceil((length - overlap) / (room - overlap))
    return size.documents * (length + (windows - 1) * overlap + windows * special)
