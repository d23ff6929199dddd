"""Leakage: whether anything of validation or test has found its way into training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import from_json
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.leaks import (
    CHECKS,
    FoldSets,
    external_lexicon_entries,
    shared_sentences,
    test_text_in_adaptation,
    validation_in_training,
)
from bioner.preparation.near_duplicates import THRESHOLD
from bioner.preparation.protocols import Protocol
from bioner.storage import read_json, write_json

EXAMPLES = 5
TRAINED_ON_VALIDATION = "declared: train_on_validation"
EXTERNAL = "declared: lexicon: external"
NO_ADAPTATION = "not checked: the encoder was not adapted on any text"
ONE_SENTENCE = "reported: folds keep documents whole, single sentences may recur"


def audit_fold(sets: FoldSets, allowed: Mapping[str, int], protocol: Protocol) -> dict[str, Any]:
    """The verdict on a fold, with one entry for each check.

    A check is passed by finding nothing, by exactly the number of documents that `allowed` records
    for it, or where the protocol declares it: then its note says so. An unsafe protocol is never
    clean and never a leak: the verdict is "unsafe", whatever is found. `allowed` is of the official
    split, and excuses nothing under another protocol. Examples are ids of documents, never text.
    """
    declared = sets
    if protocol.train_on_validation:  # validation is part of training: only what it does to the test part is a leak
        declared = replace(sets, validation=[])
    entries = []
    for name, check in CHECKS.items():
        examples = check(sets if check is validation_in_training else declared)
        expected = allowed.get(name, 0) if protocol.kind == "official" else 0
        if protocol.words:  # of a training part that was cut, a part of the recorded leaks is left
            expected = min(expected, len(examples))
        entries.append(_entry(name, examples, expected, _declaration(check, protocol, adapted=bool(sets.adaptation))))
    verdict = "unsafe" if protocol.unsafe else "clean" if all(map(_acceptable, entries)) else "leak"
    return {"verdict": verdict, "checks": entries}


def _declaration(check: Callable[[FoldSets], list[str]], protocol: Protocol, *, adapted: bool) -> str:
    """Why whatever a check finds is accepted under a protocol; empty when it is not."""
    if check is validation_in_training and protocol.train_on_validation:
        return TRAINED_ON_VALIDATION
    if check is test_text_in_adaptation and not adapted:
        return NO_ADAPTATION
    if check is external_lexicon_entries:
        return EXTERNAL
    return ONE_SENTENCE if check is shared_sentences and protocol.kind != "official" else ""


def _entry(name: str, examples: list[str], expected: int, declaration: str) -> dict[str, Any]:
    note = ""
    if declaration:
        expected, note = len(examples), declaration if examples or declaration == NO_ADAPTATION else ""
    elif expected and len(examples) == expected:
        note = f"known: {expected} recorded in the config"
    elif expected:
        note = f"{expected} recorded in the config, {len(examples)} found"
    return {"name": name, "found": len(examples), "examples": examples[:EXAMPLES], "allowed": expected, "note": note}


def audit_folder(folder: Path, settings: Any, output: Path, adaptation: Sequence[Path] = ()) -> None:
    """Audit the files of a fold and write the verdict; print what was found and allowed.

    Args:
        adaptation: files with the documents that the encoder was adapted on.

    Raises:
        BionerError: after writing, when there is a leak: check, count and first ids; unknown settings.
    """
    allowed, threshold = _settings(settings)
    composition = read_json(folder / "composition.json")
    protocol = Protocol.parse(composition["protocol"])
    sets = FoldSets(
        train=_read(folder / "train.jsonl"),
        variants=_read(folder / "variants.jsonl"),
        validation=_read(folder / "validation.jsonl"),
        test=_read(folder / "test.jsonl"),
        lexicon=read_json(folder / "lexicon.json"),
        steps=composition["normalize"],
        adaptation=[document for path in adaptation for document in _read(path)],
        threshold=threshold,
    )
    report = audit_fold(sets, allowed, protocol)
    told = {"training_words": composition["training_words"], "lost_by_cutting": composition["lost_by_cutting"]}
    write_json(output, {"protocol": protocol.name, "unsafe": protocol.unsafe, **told, **report})
    for entry in report["checks"]:
        if entry["note"] and entry["note"] != NO_ADAPTATION:
            say(f"{folder}: {entry['name']}: {entry['note']} ({', '.join(entry['examples'])})")
    leaks = [_told(entry) for entry in report["checks"] if not _acceptable(entry)]
    if leaks and protocol.unsafe:
        say(f"{folder}: unsafe protocol {protocol.name}, {protocol.unsafe}: {'; '.join(leaks)}")
    elif leaks:
        raise BionerError(
            f"{folder}: expected nothing of validation or test in training, found {'; '.join(leaks)}; "
            "set the dataset's `deduplicate` to shared where its own split has them, correct split or compose, or record the count "
            "in its `allowed_leaks`"
        )


def _acceptable(entry: Mapping[str, Any]) -> bool:
    return entry["found"] in (0, entry["allowed"])


def _told(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}: {entry['found']}, allowed {entry['allowed']} ({', '.join(entry['examples'])})"


def _settings(settings: Any) -> tuple[dict[str, int], float]:
    """Allowed counts, and the similarity above which documents are near-duplicates."""
    known = isinstance(settings, dict) and not set(settings) - {"allowed", "near_duplicates"}
    allowed, threshold = (settings.get("allowed", {}), settings.get("near_duplicates", THRESHOLD)) if known else (None, None)
    named = isinstance(allowed, dict) and not set(allowed) - CHECKS.keys() and all(type(n) is int and n >= 0 for n in allowed.values())
    if allowed is None or not named or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        expected = f'{{"allowed": {{check: count}}, "near_duplicates": 0.8}} with checks among {", ".join(CHECKS)}'
        raise BionerError(f"expected audit settings {expected}, got {settings!r:.120}; change them in the config")
    return dict(allowed), float(threshold)


def _read(path: Path) -> list[Document]:
    """Documents of a file; unlike elsewhere an id may come twice, because finding that is a check of its own."""
    documents: list[Document] = []
    try:
        with open(path, encoding="utf-8", newline="\n") as handle:
            for line in handle:
                documents.append(from_json(json.loads(line)))
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected a file of documents, found none; run the rule compose") from error
    except ValueError as error:
        raise BionerError(f"{path}:{len(documents) + 1}: not a document: {error}; run the rule compose again") from error
    return documents
