"""Documents that are left out by stated criteria once they are read; all criteria are off by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.words import count_words


@dataclass(frozen=True, slots=True)
class Filters:
    """The criteria of a dataset's `filters` in the config; words are those of `bioner.words`, numbers of them inclusive bounds."""

    empty: bool = False
    incomplete: bool = False
    minimum_words: int | None = None
    maximum_words: int | None = None
    without_mentions: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Filters:
        """The criteria of a config entry; BionerError for one that does not exist, or bounds between which nothing is."""
        known = [criterion.name for criterion in fields(cls)]
        if unknown := sorted(set(settings or {}).difference(known)):
            raise BionerError(f"filters: expected {', '.join(known)}, found {unknown[0]!r}; correct it in the config")
        filters = cls(**(settings or {}))
        low, high = filters.minimum_words, filters.maximum_words
        if low is not None and high is not None and low > high:
            raise BionerError(f"filters: expected minimum_words of at most maximum_words, {high}, found {low}; correct it in the config")
        return filters

    def reason(self, document: Document) -> str | None:
        """The first criterion, in the order above, by which a document is left out; None for one that is kept."""
        if self.empty and is_empty(document):
            return "empty"
        if self.incomplete and is_incomplete(document):
            return "incomplete"
        if self.minimum_words is not None or self.maximum_words is not None:
            words = count_words(document.text)
            if self.minimum_words is not None and words < self.minimum_words:
                return "minimum_words"
            if self.maximum_words is not None and words > self.maximum_words:
                return "maximum_words"
        return "without_mentions" if self.without_mentions and not document.mentions else None


def is_empty(document: Document) -> bool:
    """Whether a text is nothing but white space."""
    return not document.text.strip()


def is_incomplete(document: Document) -> bool:
    """Whether a document has a title without an abstract, or the reverse.

    That is: its passages with more than white space are all of kind `title`, or all of kind `abstract`. Formats without such
    passages (notes, sentences, plain texts) have no incomplete documents, nor has a full text, with its passages of other kinds.
    """
    kinds = {passage.kind.lower() for passage in document.passages if document.text[passage.start : passage.end].strip()}
    return kinds in ({"title"}, {"abstract"})
