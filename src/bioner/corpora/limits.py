"""How large a raw file, a line and a document may be: what is larger is refused before it fills the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bioner.entities import Document
from bioner.errors import BionerError

_UNITS = {
    "line_characters": "characters in a line",
    "document_characters": "characters in a document",
    "document_mentions": "annotations in a document",
    "unpacked_bytes": "bytes in a file, unpacked",
    "archive_members": "members in an archive",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest sizes that are read; a dataset's `limits` in the config raises or lowers them.

    Characters are code points; `unpacked_bytes` is the size of one raw file, after unpacking where it is packed.
    """

    line_characters: int = 10_000_000
    document_characters: int = 10_000_000
    document_mentions: int = 500_000
    unpacked_bytes: int = 4 << 30
    archive_members: int = 1_000_000

    @classmethod
    def of(cls, settings: Mapping[str, int] | None) -> Limits:
        """The limits of a dataset's `limits` entry; what is not there keeps its default."""
        unknown = sorted(set(settings or {}).difference(_UNITS))
        if unknown:
            raise BionerError(f"limits: expected {', '.join(_UNITS)}, found {unknown[0]!r}; correct it in the config")
        return cls(**(settings or {}))

    def exceeded(self, name: str, place: str) -> BionerError:
        """The error about something larger than limit `name`, found at `place` (`file:line`)."""
        return BionerError(
            f"{place}: expected at most {getattr(self, name):,} {_UNITS[name]}, found more; "
            f"repair the file, or raise {name} in the dataset's `limits` in the config"
        )

    def check(self, document: Document, place: str) -> None:
        """Raise BionerError when a document has more characters or mentions than allowed."""
        if len(document.text) > self.document_characters:
            raise self.exceeded("document_characters", place)
        if len(document.mentions) > self.document_mentions:
            raise self.exceeded("document_mentions", place)
