"""Leakage: whether anything of validation or test has found its way into training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import from_json
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.fingerprint import text_digest
from bioner.preparation.normalize import normalize_text
from bioner.storage import read_json, write_json

EXAMPLES = 5


@dataclass
class FoldSets:
    """What a fold is made of; validation and test follow training in the order in which sharing is looked for."""

    train: list[Document]
    variants: list[Document]
    validation: list[Document]
    test: list[Document]
    lexicon: Mapping[str, Any]
    steps: Sequence[str]

    @property
    def originals(self) -> list[Document]:
        return [document for document in self.train if not is_variant(document)]

    @property
    def derived(self) -> list[Document]:
        """Variants, wherever on the training side they are."""
        return self.variants + [document for document in self.train if is_variant(document)]

    @cached_property
    def train_keys(self) -> set[str]:
        return _keys(self.originals)

    @cached_property
    def validation_keys(self) -> set[str]:
        return _keys(self.validation)

    @cached_property
    def test_keys(self) -> set[str]:
        return _keys(self.test, self.steps)

    @cached_property
    def train_ids(self) -> set[str]:
        return {document.id for document in self.originals}


def is_variant(document: Document) -> bool:
    """Whether a document was made from another one by augmentation."""
    return "augmentation" in document.meta or document.source != document.id


def _keys(documents: Sequence[Document], steps: Sequence[str] = ()) -> set[str]:
    return {key for document in documents for key in _keys_of(document, steps)}


def _keys_of(document: Document, steps: Sequence[str] = ()) -> set[str]:
    """By what a document is known again: its id, its source and its text as normalized."""
    text = normalize_text(document.text, steps)[0]
    keys = {f"id:{document.id}", f"id:{document.source}"}
    return keys | {f"text:{text_digest(text)}"} if text.strip() else keys  # empty texts have nothing to leak


def shared_documents(sets: FoldSets) -> list[str]:
    """Validation documents that training has, and test documents that training or validation has, by id, source or text."""
    held_out = [document.id for document in sets.validation if _keys_of(document) & sets.train_keys]
    seen = sets.train_keys | sets.validation_keys
    return held_out + [document.id for document in sets.test if _keys_of(document, sets.steps) & seen]


def _variants_of(sets: FoldSets, evaluated: Sequence[Document], keys: set[str]) -> list[str]:
    """Variants that name an evaluated document as source, or have its text though their training source does not."""
    ids = {name for document in evaluated for name in (document.id, document.source)}
    texts = {document.id: f"text:{text_digest(document.text)}" for document in sets.originals}

    def leaks(variant: Document) -> bool:
        return variant.source in ids or (f"text:{text_digest(variant.text)}" in keys and texts.get(variant.source) not in keys)

    return [variant.id for variant in sets.derived if leaks(variant)]


def variant_of_test(sets: FoldSets) -> list[str]:
    """Training variants made from a test document."""
    return _variants_of(sets, sets.test, sets.test_keys)


def variant_of_validation(sets: FoldSets) -> list[str]:
    """Training variants made from a validation document."""
    return _variants_of(sets, sets.validation, sets.validation_keys)


def variant_of_unknown(sets: FoldSets) -> list[str]:
    """Training variants whose source is in none of the fold's sets, so that nobody can tell what they hold."""
    known = {name for document in (*sets.originals, *sets.validation, *sets.test) for name in (document.id, document.source)}
    return [variant.id for variant in sets.derived if variant.source not in known]


def variant_in_evaluation(sets: FoldSets) -> list[str]:
    """Variants among the validation and test documents."""
    return [document.id for document in (*sets.validation, *sets.test) if is_variant(document)]


def test_only_lexicon_entries(sets: FoldSets) -> list[str]:
    """One document for each surface of the lexicon that is not a mention of a training document it names, or of a concept there.

    That is the document that the surface seems to come from: one it names outside of training,
    a test or validation document with such a mention, or "(unknown)".
    """
    training = {document.id: {document.surface(mention) for mention in document.mentions} for document in sets.originals}
    evaluated: dict[str, str] = {}
    for document in (*sets.validation, *sets.test):
        for mention in document.mentions:
            evaluated.setdefault(normalize_text(document.surface(mention), sets.steps)[0], document.id)
    provenance = sets.lexicon["provenance"]
    pairs = {
        (concept, document.surface(mention)) for document in sets.originals for mention in document.mentions for concept in mention.concepts
    }
    unpaired = {surface for concept, listed in sets.lexicon["entries"].items() for surface in listed if (concept, surface) not in pairs}
    surfaces = sorted({surface for listed in sets.lexicon["entries"].values() for surface in listed} | set(provenance))
    found: list[str] = []
    for surface in surfaces:
        named = provenance.get(surface, [])
        strangers = [id for id in named if id not in sets.train_ids]
        if strangers or surface in unpaired or not any(surface in training[id] for id in named):
            found.append(strangers[0] if strangers else evaluated.get(surface, "(unknown)"))
    return found


def duplicate_ids(sets: FoldSets) -> list[str]:
    """Ids that two documents of training and its variants, of validation or of test have."""
    parts = ([*sets.train, *sets.variants], sets.validation, sets.test)
    return [id for part in parts for id, count in Counter(document.id for document in part).items() if count > 1]


CHECKS: dict[str, Callable[[FoldSets], list[str]]] = {
    check.__name__: check
    for check in (
        shared_documents,
        variant_of_test,
        variant_of_validation,
        variant_of_unknown,
        variant_in_evaluation,
        test_only_lexicon_entries,
        duplicate_ids,
    )
}


def audit_fold(sets: FoldSets, allowed: Mapping[str, int]) -> dict[str, Any]:
    """The verdict on a fold, with one entry for each check.

    A check is passed by finding nothing, or exactly the number of documents that `allowed` records
    for it: then its note says so. Examples are ids of documents, never text.
    """
    entries = []
    for name, check in CHECKS.items():
        examples = check(sets)
        expected = allowed.get(name, 0)
        note = ""
        if expected and len(examples) == expected:
            note = f"known: {expected} recorded in the config"
        elif expected:
            note = f"{expected} recorded in the config, {len(examples)} found"
        entries.append({"name": name, "found": len(examples), "examples": examples[:EXAMPLES], "allowed": expected, "note": note})
    clean = all(map(_acceptable, entries))
    return {"verdict": "clean" if clean else "leak", "checks": entries}


def audit_folder(folder: Path, settings: Any, output: Path) -> None:
    """Audit the files of a fold and write the verdict; print what was found and allowed.

    Raises:
        BionerError: after writing, when there is a leak: check, count and first ids; unknown settings.
    """
    allowed = _allowed(settings)
    sets = FoldSets(
        train=_read(folder / "train.jsonl"),
        variants=_read(folder / "variants.jsonl"),
        validation=_read(folder / "validation.jsonl"),
        test=_read(folder / "test.jsonl"),
        lexicon=read_json(folder / "lexicon.json"),
        steps=read_json(folder / "composition.json")["normalize"],
    )
    report = audit_fold(sets, allowed)
    write_json(output, report)
    for entry in report["checks"]:
        if entry["note"]:
            say(f"{folder}: {entry['name']}: {entry['note']} ({', '.join(entry['examples'])})")
    leaks = [_told(entry) for entry in report["checks"] if not _acceptable(entry)]
    if leaks:
        raise BionerError(
            f"{folder}: expected nothing of validation or test in training, found {'; '.join(leaks)}; "
            "correct split or compose, or record the count as allowed"
        )


def _acceptable(entry: Mapping[str, Any]) -> bool:
    return entry["found"] in (0, entry["allowed"])


def _told(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}: {entry['found']}, allowed {entry['allowed']} ({', '.join(entry['examples'])})"


def _allowed(settings: Any) -> dict[str, int]:
    allowed = settings.get("allowed", {}) if isinstance(settings, dict) and not set(settings) - {"allowed"} else None
    known = isinstance(allowed, dict) and not set(allowed) - CHECKS.keys()
    if not isinstance(allowed, dict) or not known or not all(type(count) is int and count >= 0 for count in allowed.values()):
        expected = f'{{"allowed": {{check: count}}}} with checks among {", ".join(CHECKS)}'
        raise BionerError(f"expected audit settings {expected}, got {settings!r:.120}; change them in the config")
    return allowed


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
