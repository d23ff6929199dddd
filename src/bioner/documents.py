"""Documents as JSON Lines, one document a line (the format is a contract: docs/formats.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from operator import index
from pathlib import Path
from typing import Any

import orjson

from bioner.entities import SPLITS, Document, Mention, Passage
from bioner.errors import BionerError
from bioner.storage import atomic_path


def to_json(document: Document) -> dict[str, Any]:
    """The JSON object of a document; `score` appears on mentions that have one."""
    mentions: list[dict[str, Any]] = [
        {"id": name, "spans": spans, "type": kind, "concepts": concepts} for name, spans, kind, concepts, _ in document.mentions
    ]
    for value, mention in zip(mentions, document.mentions, strict=True):
        if mention.score is not None:
            value["score"] = round(mention.score, 6)
    return {
        "id": document.id,
        "split": document.split,
        "text": document.text,
        "passages": [{"start": p.start, "end": p.end, "kind": p.kind} for p in document.passages],
        "mentions": mentions,
        "meta": document.meta,
    }


def to_line(document: Document) -> bytes:
    """The JSON line of a document in UTF-8, its end included."""
    value = to_json(document)
    # what users' own files bring may be more than orjson takes: numbers beyond 64 bits
    meta = json.dumps(value.pop("meta"), ensure_ascii=False, separators=(",", ":")).encode()
    return b'%b,"meta":%b}\n' % (orjson.dumps(value)[:-1], meta)


def from_json(value: Any) -> Document:
    """The document of a JSON object; ValueError names the first field that is not as promised."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    for key, kind in (("id", str), ("text", str), ("mentions", list)):
        if not isinstance(value.get(key), kind):
            raise ValueError(f"expected '{key}' of type {kind.__name__}, got {type(value.get(key)).__name__}")
    for key, kind in (("passages", list), ("meta", dict)):  # type: ignore[assignment]
        if not isinstance(value.get(key, kind()), kind):
            raise ValueError(f"expected '{key}' of type {kind.__name__}, got {type(value[key]).__name__}")
    split = value.get("split")
    if split is not None and split not in SPLITS:
        raise ValueError(f"expected 'split' null or one of {', '.join(SPLITS)}, got {split!r:.40}")
    length = len(value["text"])
    return Document(
        id=value["id"],
        text=value["text"],
        split=split,
        passages=tuple(_passage(item, length) for item in value.get("passages", ())),
        mentions=tuple(_mention(item, length) for item in value["mentions"]),
        meta=dict(value.get("meta", {})),
    )


def _passage(value: Any, length: int) -> Passage:
    try:
        passage = Passage(index(value["start"]), index(value["end"]), str(value["kind"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("expected a passage with start, end and kind, got something else") from error
    if not 0 <= passage.start <= passage.end <= length:
        raise ValueError(f"expected a passage inside the text (length {length}), got {passage}")
    return passage


def _mention(value: Any, length: int) -> Mention:
    try:
        spans = tuple((index(start), index(end)) for start, end in value["spans"])
        score = None if value.get("score") is None else float(value["score"])
        mention = Mention(str(value["id"]), spans, str(value["type"]), tuple(map(str, value.get("concepts", ()))), score)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("expected a mention with id, spans and type, got something else") from error
    previous = 0
    if not spans:
        raise ValueError(f"expected mention {mention.id} to have a span, got none")
    for start, end in spans:
        if not previous <= start < end <= length:
            raise ValueError(f"expected spans of mention {mention.id} sorted, not empty and inside the text (length {length}), got {spans}")
        previous = end
    return mention


def write_documents(path: str | Path, documents: Iterable[Document]) -> int:
    """Write documents as JSON Lines, atomically; returns their number."""
    count = 0
    with atomic_path(path) as temporary, open(temporary, "wb", buffering=1 << 20) as handle:
        for document in documents:
            handle.write(to_line(document))
            count += 1
    return count


def read_documents(path: str | Path) -> Iterator[Document]:
    """Read documents from JSON Lines, one at a time.

    Raises BionerError naming file and line for a missing file, malformed JSON, a field that is
    not as promised, or an id seen before.
    """
    seen: set[str] = set()
    try:
        # newline="\n": a lone \r or U+2028 inside a text is not the end of a line
        with open(path, encoding="utf-8", newline="\n") as handle:
            for number, line in enumerate(handle, 1):
                if not line.strip():
                    continue
                try:
                    document = from_json(json.loads(line))
                except ValueError as error:
                    raise BionerError(f"{path}:{number}: not a document: {error}; make the file again") from error
                if document.id in seen:
                    raise BionerError(f"{path}:{number}: expected ids to be unique, got {document.id!r} again")
                seen.add(document.id)
                yield document
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BionerError(f"{path}: expected a file of documents, found none; run the rule that makes it") from error
    except UnicodeDecodeError as error:
        raise BionerError(
            f"{path}: expected UTF-8, found byte {error.object[error.start]:#x} at {error.start}; make the file again"
        ) from error
