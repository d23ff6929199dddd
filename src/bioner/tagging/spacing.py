"""Words one by one, each with the blank before it where the text has one.

SentencePiece and byte BPE mark the blank: `IL-2 is` is `▁IL - 2 ▁is`, or `IL - 2 Ġis`, in what a model was trained on. Given words by
themselves, transformers marks all of them (SentencePiece) or none (byte BPE).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from bioner.entities import Span


def word_tokenizer(tokenizer: Any) -> Tokenizer:
    """A copy of a fast tokenizer's backend that adds no blank to a word and removes none; it neither cuts nor pads."""
    layout = json.loads(tokenizer.backend_tokenizer.to_str())
    layout["truncation"] = layout["padding"] = None
    layout["pre_tokenizer"] = _keep_blanks(layout["pre_tokenizer"])
    for part in _parts(layout["normalizer"]):
        if part["type"] == "Strip":
            part["strip_left"] = False
    return Tokenizer.from_str(json.dumps(layout))


def spaced(text: str, words: Sequence[Span]) -> list[str]:
    """The words of a text, with one blank before those that follow white space or begin the text."""
    return [f"{' ' if start == 0 or text[start - 1].isspace() else ''}{text[start:end]}" for start, end in words]


def _keep_blanks(layout: dict[str, Any] | None) -> dict[str, Any] | None:
    """A pre-tokenizer that marks the blanks that are there; what splits at blanks and drops them goes, where others mark them."""
    parts = _parts(layout)
    if layout is None or not any(part["type"] in ("Metaspace", "ByteLevel") for part in parts):
        return layout
    for part in parts:
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        elif part["type"] == "ByteLevel":
            part["add_prefix_space"] = False
    return {"type": "Sequence", "pretokenizers": [part for part in parts if not part["type"].startswith("Whitespace")]}


def _parts(layout: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of a normalizer or pre-tokenizer, those of sequences in sequences too."""
    if layout is None:
        return []
    if layout["type"] != "Sequence":
        return [layout]
    inner = layout.get("normalizers") or layout.get("pretokenizers") or []
    return [part for step in inner for part in _parts(step)]
