"""What parts of a corpus share with themselves and each other: texts, and surface forms of mentions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from bioner.corpora.consistency import share
from bioner.corpora.quality import NO_SPLIT
from bioner.entities import SPLITS, Document
from bioner.fingerprint import text_digest

LISTED = 50
"""Pairs of ids that are listed."""


@dataclass(slots=True)
class Texts:
    """Digests of the texts of each split, with the id of the first document that has each; blank texts are left aside.

    Texts are the same whatever their case and white space; `identical` counts the repeats that are so to the character.
    """

    first: dict[str, dict[str, str]] = field(default_factory=dict)
    repeats: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    identical: Counter[str] = field(default_factory=Counter)
    characters: set[tuple[str, bytes]] = field(default_factory=set)

    def add(self, document: Document) -> None:
        """Enter a document."""
        split, text = document.split or NO_SPLIT, document.text
        known, repeats = self.first.setdefault(split, {}), self.repeats.setdefault(split, [])
        if text.strip():
            before = known.setdefault(text_digest(text), document.id)
            if before != document.id:
                repeats.append((before, document.id))
            exact = split, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            self.identical[split] += exact in self.characters
            self.characters.add(exact)

    def keeps(self, document: Document) -> bool:
        """Whether deduplication keeps an entered document: the first of its text in its split, and of no later one.

        Later than training are validation and test, later than validation is test: these are evaluated on.
        """
        split = document.split or NO_SPLIT
        if not document.text.strip():
            return True
        digest = text_digest(document.text)
        later = SPLITS[SPLITS.index(split) + 1 :] if split in SPLITS else ()
        return self.first[split][digest] == document.id and not any([digest in self.first.get(other, ()) for other in later])

    def to_json(self) -> dict[str, Any]:
        """Ids and numbers: `within` a split the documents that repeat an earlier one, `between` two splits the texts they share.

        `identical` are those of the former that repeat it to the character.

        `first` are pairs of ids, at most 50: a document and the one that repeats it, or the first of both splits with a text.
        """
        within = {
            split: {"documents": len(found), "identical": self.identical[split], "first": _listed(found)}
            for split, found in self.repeats.items()
            if found
        }
        between = []
        for one, other in combinations([split for split in SPLITS if split in self.first], 2):
            left, right = self.first[one], self.first[other]
            if pairs := [(left[digest], id) for digest, id in right.items() if digest in left]:
                between.append({"splits": [one, other], "texts": len(pairs), "first": _listed(pairs)})
        return {"within": within, "between": between}


def _listed(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [list(pair) for pair in pairs[:LISTED]]


@dataclass(slots=True)
class Seen:
    """Mentions of each split by surface, whatever its case and white space, and type."""

    mentions: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count the mentions of a document."""
        found = self.mentions.setdefault(document.split or NO_SPLIT, Counter())
        found.update([(" ".join(document.surface(mention).casefold().split()), mention.type) for mention in document.mentions])

    def to_json(self) -> dict[str, Any]:
        """For validation and test, how much of it training has: mentions and distinct surfaces with their type; shares in [0, 1].

        `other_type` are mentions whose surface training has under other types only.
        """
        train = self.mentions.get("train")
        told: dict[str, Any] = {}
        if train is None:
            return told
        surfaces = {surface for surface, _ in train}
        for split in SPLITS[1:]:
            if (found := self.mentions.get(split)) is not None:
                seen = [number for pair, number in found.items() if pair in train]
                others = [number for pair, number in found.items() if pair not in train and pair[0] in surfaces]
                told[split] = {
                    "mentions": found.total(),
                    "seen": sum(seen),
                    "share": share(sum(seen), found.total()),
                    "distinct": len(found),
                    "distinct_seen": len(seen),
                    "distinct_share": share(len(seen), len(found)),
                    "other_type": sum(others),
                }
        return told
