"""Folds by source document: the corpus's official split, or k folds of our own.

The unsafe protocols of the leakage experiment divide sentences, or documents and their variants, as if they were strangers.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import SPLITS, Document
from bioner.errors import BionerError
from bioner.fingerprint import text_digest
from bioner.preparation.deduplication import KINDS, leave_out
from bioner.preparation.near_duplicates import THRESHOLD, near_pairs
from bioner.preparation.protocols import Protocol
from bioner.storage import write_json
from bioner.words import split_words

Fold = dict[str, list[str]]
VALIDATION_SHARE = 0.1
SMALLEST_K = 3


@dataclass(slots=True)
class Group:
    """Documents that must stay together, and how many mentions of each type they have."""

    ids: list[str] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    order: str = ""


@dataclass(frozen=True, slots=True)
class Likeness:
    """When texts belong together: `texts` by document id where not the document's own, `threshold` of `near_pairs`."""

    texts: Mapping[str, str] = field(default_factory=dict)
    threshold: float = THRESHOLD


def group_documents(documents: Iterable[Document], seed: int, likeness: Likeness | None = None) -> list[Group]:
    """Documents joined by the same source, the same text (whatever its case and white space) or nearly the same text.

    The groups come in an order that looks random and depends on the seed and their ids alone.
    """
    likeness = likeness or Likeness()
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    listed = list(documents)
    texts = [likeness.texts.get(document.id, document.text) for document in listed]
    for document, text in zip(listed, texts, strict=True):
        leader[find(f"text:{text_digest(text)}")] = find(f"source:{document.source}")
    for one, other in near_pairs(texts, texts, likeness.threshold):
        leader[find(f"source:{listed[one].source}")] = find(f"source:{listed[other].source}")
    groups: dict[str, Group] = {}
    for document in listed:
        _join(groups.setdefault(find(f"source:{document.source}"), Group()), document)
    return _ordered(groups.values(), seed)


def single_groups(documents: Iterable[Document], seed: int) -> list[Group]:
    """Every document a group of its own, whatever it shares with others: for the unsafe protocols."""
    groups = []
    for document in documents:
        groups.append(Group())
        _join(groups[-1], document)
    return _ordered(groups, seed)


def _join(group: Group, document: Document) -> None:
    group.ids.append(document.id)
    group.types.update(mention.type for mention in document.mentions)


def _ordered(groups: Iterable[Group], seed: int) -> list[Group]:
    listed = list(groups)
    for group in listed:
        group.order = hashlib.sha256(f"{seed}:{min(group.ids)}".encode()).hexdigest()
    return sorted(listed, key=lambda group: group.order)


def official(documents: Sequence[Document], seed: int, dataset: str, likeness: Likeness | None = None) -> Fold:
    """The corpus's own parts; a corpus without a validation part gives a tenth of its training part, by hash."""
    return official_parts(documents, seed, dataset, likeness, "none")[0]


def official_parts(documents: Sequence[Document], seed: int, dataset: str, likeness: Likeness | None, duplicates: str) -> tuple[Fold, Fold]:
    """The corpus's own parts, and what was left out of them as duplicates (see `leave_out`) before a validation part was made.

    Raises:
        BionerError: a part is missing, documents belong to none, or nothing is left of a part.
    """
    likeness = likeness or Likeness()
    parts: Fold = {name: [document.id for document in documents if document.split == name] for name in SPLITS}
    homeless = [document.id for document in documents if document.split is None]
    missing = [name for name in ("train", "test") if not parts[name]]
    if homeless or missing:
        found = ", ".join(f"{len(parts[name])} {name}" for name in SPLITS)
        raise BionerError(
            f"{dataset}: expected an official split with train and test, found {found} and {len(homeless)} documents of no part; "
            "use a k-fold protocol"
        )
    sizes = {name: len(ids) for name, ids in parts.items()}
    texts = {document.id: likeness.texts.get(document.id, document.text) for document in documents}
    sources = {document.id: document.source for document in documents}
    parts, left_out = leave_out(parts, texts, sources, duplicates, likeness.threshold)
    for name in SPLITS:
        if sizes[name] and not parts[name]:
            raise BionerError(f"{dataset}: expected a {name} part, found every one of its documents in a later part; use a k-fold protocol")
    if not parts["validation"]:
        _hold_out(documents, parts, seed, dataset, likeness)
    return parts, left_out


def _hold_out(documents: Sequence[Document], parts: Fold, seed: int, dataset: str, likeness: Likeness | None) -> None:
    """Move a tenth of the training part, whole groups of it, to validation."""
    kept = set(parts["train"])
    groups = group_documents((document for document in documents if document.id in kept), seed, likeness)
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


def k_folds(documents: Sequence[Document], k: int, seed: int, dataset: str, groups: Sequence[Group] | None = None) -> list[Fold]:
    """k folds: the i-th tests on part i, validates on part i+1 (mod k) and trains on the rest.

    Parts are disjoint, hold whole groups (those of `group_documents` when None), are of equal size as far as groups allow, and have
    similar numbers of mentions of each entity type.

    Raises:
        BionerError: k below 3 (nothing would be left to train on) or above the number of groups.
    """
    if k < SMALLEST_K:
        raise BionerError(f"{dataset}: expected k >= {SMALLEST_K} folds (test, validation, training), got {k}; raise k")
    groups = group_documents(documents, seed) if groups is None else groups
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


def split_corpus(*, corpus: Path, normalized: Path | None, variants: Sequence[Path], protocol: str, settings: Any, output: Path) -> None:
    """Write the folds of a corpus under a protocol, and how many words the training part of each fold has.

    Documents are alike by their normalized text, where it is given: it is what is trained on and audited. Of an official split
    the documents that `deduplicate` leaves out are listed by part under `left_out`; folds of our own keep what is alike together.

    Raises:
        BionerError: an unknown protocol or setting, or what `official` and `k_folds` raise.
    """
    seed, threshold, duplicates = _settings(settings)
    division, dataset = Protocol.parse(protocol), corpus.stem
    if division.division != protocol:
        raise BionerError(f"{dataset}: expected the protocol of a division, {division.division}, got {protocol!r}; split by the former")
    documents = division.units(read_documents(corpus), (variant for path in variants for variant in read_documents(path)))
    likeness = Likeness({document.id: document.text for document in read_documents(normalized)} if normalized else {}, threshold)
    left_out: Fold = {}
    if division.kind == "official":
        fold, left_out = official_parts(documents, seed, dataset, likeness, duplicates)
        folds = [fold]
    else:
        groups = single_groups(documents, seed) if division.unsafe else group_documents(documents, seed, likeness)
        folds = k_folds(documents, division.k, seed, dataset, groups)
    words = {document.id: len(split_words(document.text)) for document in documents}
    counted = [sum(words[id] for id in fold["train"]) for fold in folds]
    told = {"training_words": counted, "left_out": left_out}
    write_json(output, {"dataset": dataset, "protocol": protocol, "seed": seed, **told, "folds": folds})
    if any(left_out.values()):
        say(f"{dataset}: left out as duplicates: {', '.join(f'{len(ids)} {part}' for part, ids in left_out.items())} documents")


def _settings(settings: Any) -> tuple[int, float, str]:
    """Seed, similarity of near-duplicates, and which duplicates of an official split are left out."""
    known = isinstance(settings, dict) and not set(settings) - {"seed", "near_duplicates", "deduplicate"}
    found = settings if known else {"seed": None}
    seed, threshold, kind = found.get("seed", 1), found.get("near_duplicates", THRESHOLD), found.get("deduplicate", "none")
    if type(seed) is not int or not isinstance(threshold, int | float) or not 0 < threshold <= 1 or kind not in KINDS:
        expected = 'such as {"seed": 1, "near_duplicates": 0.8, "deduplicate": "none"}, the second above 0 and at most 1'
        raise BionerError(f"expected split settings {expected}, got {settings!r:.120}; change them in the config")
    return seed, float(threshold), kind
