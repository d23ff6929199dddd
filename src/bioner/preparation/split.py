"""Folds by source document: the corpus's official split, or k folds of our own."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioner.documents import read_documents
from bioner.entities import SPLITS, Document
from bioner.errors import BionerError
from bioner.preparation.fingerprint import text_digest
from bioner.storage import write_json

Fold = dict[str, list[str]]
VALIDATION_SHARE = 0.1
SMALLEST_K = 3


@dataclass(slots=True)
class Group:
    """Documents that must stay together, and how many mentions of each type they have."""

    ids: list[str] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    order: str = ""


def group_documents(documents: Iterable[Document], seed: int) -> list[Group]:
    """Documents joined by the same source or the same text (whatever its case and white space).

    The groups come in an order that looks random and depends on the seed and their ids alone.
    """
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    listed = list(documents)
    for document in listed:
        leader[find(f"text:{text_digest(document.text)}")] = find(f"source:{document.source}")
    groups: dict[str, Group] = {}
    for document in listed:
        group = groups.setdefault(find(f"source:{document.source}"), Group())
        group.ids.append(document.id)
        group.types.update(mention.type for mention in document.mentions)
    for group in groups.values():
        group.order = hashlib.sha256(f"{seed}:{min(group.ids)}".encode()).hexdigest()
    return sorted(groups.values(), key=lambda group: group.order)


def official(documents: Sequence[Document], seed: int, dataset: str) -> Fold:
    """The corpus's own parts; a corpus without a validation part gives a tenth of its training part, by hash.

    Raises:
        BionerError: a part is missing, or documents belong to none.
    """
    parts: Fold = {name: [document.id for document in documents if document.split == name] for name in SPLITS}
    homeless = [document.id for document in documents if document.split is None]
    missing = [name for name in ("train", "test") if not parts[name]]
    if homeless or missing:
        found = ", ".join(f"{len(parts[name])} {name}" for name in SPLITS)
        raise BionerError(
            f"{dataset}: expected an official split with train and test, found {found} and {len(homeless)} documents of no part; "
            "use a k-fold protocol"
        )
    if not parts["validation"]:
        _hold_out(documents, parts, seed, dataset)
    return parts


def _hold_out(documents: Sequence[Document], parts: Fold, seed: int, dataset: str) -> None:
    """Move a tenth of the training part, whole groups of it, to validation."""
    groups = group_documents((document for document in documents if document.split == "train"), seed)
    if len(groups) < 2:
        raise BionerError(f"{dataset}: expected two training documents or more to take a validation part from, found {len(parts['train'])}")
    wanted = math.ceil(VALIDATION_SHARE * len(parts["train"]))
    chosen: set[str] = set()
    for group in groups[:-1]:
        if len(chosen) >= wanted:
            break
        chosen.update(group.ids)
    parts["validation"] = [id for id in parts["train"] if id in chosen]
    parts["train"] = [id for id in parts["train"] if id not in chosen]


def k_folds(documents: Sequence[Document], k: int, seed: int, dataset: str) -> list[Fold]:
    """k folds: the i-th tests on part i, validates on part i+1 (mod k) and trains on the rest.

    Parts are disjoint, hold whole groups, are of equal size as far as groups allow, and have
    similar numbers of mentions of each entity type.

    Raises:
        BionerError: k below 3 (nothing would be left to train on) or above the number of groups.
    """
    if k < SMALLEST_K:
        raise BionerError(f"{dataset}: expected k >= {SMALLEST_K} folds (test, validation, training), got {k}; raise k")
    groups = group_documents(documents, seed)
    if k > len(groups):
        raise BionerError(f"{dataset}: expected at most {len(groups)} folds, one distinct document each, got k = {k}; lower k")
    place = {id: part for part, ids in enumerate(_stratify(groups, k)) for id in ids}
    parts = [[document.id for document in documents if place[document.id] == part] for part in range(k)]
    return [
        {
            "train": [document.id for document in documents if place[document.id] not in (i, (i + 1) % k)],
            "validation": parts[(i + 1) % k],
            "test": parts[i],
        }
        for i in range(k)
    ]


def _stratify(groups: Sequence[Group], k: int) -> list[list[str]]:
    """Parts of groups: heaviest group first, each to the part where it least adds to the imbalance.

    A mention weighs one over the number of mentions of its type, so that rare types count as much as
    common ones; imbalance is the sum of squares of the parts' weights of each type. Parts close once
    they have their share of documents.
    """
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group.types)
    parts: list[list[str]] = [[] for _ in range(k)]
    counts: list[Counter[str]] = [Counter() for _ in range(k)]
    share, extra = divmod(sum(len(group.ids) for group in groups), k)
    weights = {group.order: sum(count / totals[kind] for kind, count in sorted(group.types.items())) for group in groups}
    ordered = sorted(groups, key=lambda group: (-weights[group.order], group.order))
    for done, group in enumerate(ordered):
        open_parts = _open_parts(parts, share, extra, len(groups) - done)
        *_, best = min((_added(counts[part], group.types, totals), len(parts[part]), part) for part in open_parts)
        parts[best] += group.ids
        counts[best].update(group.types)
    return parts


def _added(counts: Counter[str], more: Counter[str], totals: Counter[str]) -> float:
    """By how much the sum of squares grows: (c + m)^2 - c^2 = m (2c + m) for each type, over the square of its total."""
    return sum(count * (2 * counts[kind] + count) / totals[kind] ** 2 for kind, count in sorted(more.items()))


def _open_parts(parts: Sequence[Sequence[str]], share: int, extra: int, groups_left: int) -> list[int]:
    """Parts that may take another group: empty ones while these could stay empty, then those below their share."""
    sizes = [len(part) for part in parts]
    empty = [part for part, size in enumerate(sizes) if size == 0]
    if empty and len(empty) >= groups_left:
        return empty
    spare = extra - sum(max(0, size - share) for size in sizes)
    below = [part for part, size in enumerate(sizes) if size < share or (size == share and spare > 0)]
    return below or [part for part, size in enumerate(sizes) if size == min(sizes)]


def split_corpus(corpus: Path, protocol: str, settings: Any, output: Path) -> None:
    """Write the folds of a corpus under a protocol, `official` or `kfold<k>`.

    Raises:
        BionerError: an unknown protocol or setting, or what `official` and `k_folds` raise.
    """
    seed = settings.get("seed", 1) if isinstance(settings, dict) and not set(settings) - {"seed"} else None
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise BionerError(f'expected split settings such as {{"seed": 1}}, got {settings!r:.80}; change them in the config')
    dataset = corpus.stem
    matched = re.fullmatch(r"official|kfold(\d+)", protocol)
    if matched is None:
        raise BionerError(f"{dataset}: expected protocol official or kfold<k>, got {protocol!r}; change it in the config")
    documents = list(read_documents(corpus))
    folds = [official(documents, seed, dataset)] if matched[1] is None else k_folds(documents, int(matched[1]), seed, dataset)
    write_json(output, {"dataset": dataset, "protocol": protocol, "seed": seed, "folds": folds})
