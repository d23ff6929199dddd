"""What a protocol makes of a division: the documents that its ids stand for, and the training part that is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.normalize import normalize
from bioner.preparation.protocols import Protocol
from bioner.storage import read_json
from bioner.words import split_words


def unsafe_units(
    protocol: Protocol, documents: Iterable[Document], variants: Iterable[Document], steps: Sequence[str]
) -> tuple[dict[str, Document], dict[str, Document]]:
    """The units of an unsafe protocol by id, as they are and normalized; each is treated as a document that stands for itself."""
    units = {unit.id: unit for unit in protocol.units(documents, variants)}
    return units, {id: normalize(unit, steps) for id, unit in units.items()}


def word_limit(protocol: Protocol, splits: Iterable[Path]) -> int | None:
    """How many words a training part may have: as many as the smallest of the divisions `splits`, a number, or any (None).

    Raises:
        BionerError: equal training parts of no divisions.
    """
    if protocol.words != "equal":
        return int(protocol.words.removesuffix("words")) if protocol.words else None
    counts: list[int] = [count for path in splits for count in read_json(path)["training_words"]]
    if not counts:
        raise BionerError(f"expected the divisions whose training parts are to be equal under {protocol.name}, got none; give --equal-to")
    return min(counts)


def training_part(
    protocol: Protocol, fold: Mapping[str, Sequence[str]], documents: Mapping[str, Document], limit: int | None, seed: int
) -> list[str]:
    """Ids that are trained on, in the order of the fold: with `limit`, whole documents of so many words or a little fewer.

    Which ones are left out looks random and depends on the seed and the ids alone.

    Raises:
        BionerError: the training part has fewer words than the limit.
    """
    ids = [*fold["train"], *(fold["validation"] if protocol.train_on_validation else ())]
    if limit is None:
        return ids
    words = {id: len(split_words(documents[id].text)) for id in ids}
    if sum(words.values()) < limit:
        found = f"{sum(words.values())} in the training part of {protocol.division}"
        raise BionerError(f"expected {limit} training words or more, found {found}; lower `training_words` in the config")
    kept: set[str] = set()
    for id in sorted(ids, key=lambda id: hashlib.sha256(f"{seed}:words:{id}".encode()).hexdigest()):
        if words[id] <= limit:
            kept.add(id)
            limit -= words[id]
    return [id for id in ids if id in kept]
