"""When two texts count as the same."""

from __future__ import annotations

import hashlib


def text_digest(text: str) -> str:
    """SHA-256 of a text without regard to case and to the amount and kind of white space."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "surrogatepass")).hexdigest()
