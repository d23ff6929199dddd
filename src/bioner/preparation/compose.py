"""The training, validation and test sets of one fold, with variants and lexicon of its training part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioner.documents import read_documents, write_documents
from bioner.entities import SPLITS, Document, entity_types
from bioner.errors import BionerError
from bioner.preparation.settings import seeded_rate
from bioner.preparation.synonyms import Lexicon, build_lexicon, replace_synonyms
from bioner.storage import read_json, write_json


@dataclass(frozen=True, slots=True)
class Composition:
    """Training, its variants and validation are normalized; the test part is as harmonized."""

    train: list[Document]
    variants: list[Document]
    validation: list[Document]
    test: list[Document]
    lexicon: Lexicon


def compose_fold(
    corpus: Mapping[str, Document],
    normalized: Mapping[str, Document],
    variants: Iterable[Document],
    fold: Mapping[str, Sequence[str]],
    synonyms: tuple[float, int] | None,
) -> Composition:
    """Gather the sets of a fold from documents by id.

    Variants follow their source: those of validation and test documents are left out. `synonyms` is
    a rate and a seed; the names come from the fold's own training part.
    """
    train = [normalized[id] for id in fold["train"]]
    lexicon = build_lexicon(train)
    kept = set(fold["train"])
    following = [variant for variant in variants if variant.source in kept]
    if synonyms is not None:
        renamed = (replace_synonyms(document, lexicon, *synonyms) for document in train)
        following += [variant for variant in renamed if variant is not None]
    return Composition(train, following, [normalized[id] for id in fold["validation"]], [corpus[id] for id in fold["test"]], lexicon)


def compose_files(
    *, corpus: Path, normalized: Path, variants: Sequence[Path], splits: Path, fold: int, settings: Any, output_folder: Path
) -> None:
    """Write the six files of a fold.

    Raises:
        BionerError: unknown settings, a fold that the splits do not have, documents that are in the
            splits and not in the corpus or its normalized form, or variants that name no source.
    """
    steps, synonyms = _settings(settings)
    division = read_json(splits)
    if not isinstance(division, dict) or not isinstance(division.get("folds"), list):
        raise BionerError(f"{splits}: expected an object with folds, found another; delete the file and run the rule split")
    if not 0 <= fold < len(division["folds"]):
        raise BionerError(f"{splits}: expected fold 0 to {len(division['folds']) - 1}, got {fold}; correct `folds` in the config")
    originals = {document.id: document for document in read_documents(corpus)}
    prepared = {document.id: document for document in read_documents(normalized)}
    chosen = division["folds"][fold]
    for path, documents in ((corpus, originals), (normalized, prepared)):
        missing = sorted({id for part in SPLITS for id in chosen[part]} - documents.keys())
        if missing:
            told = f"{len(missing)} missing ({', '.join(missing[:3])})"
            raise BionerError(f"{path}: expected every document of {splits}, found {told}; split again")
    composition = compose_fold(originals, prepared, _variants(variants), chosen, synonyms)
    write_documents(output_folder / "train.jsonl", composition.train)
    write_documents(output_folder / "variants.jsonl", composition.variants)
    write_documents(output_folder / "validation.jsonl", composition.validation)
    write_documents(output_folder / "test.jsonl", composition.test)
    write_json(output_folder / "lexicon.json", composition.lexicon.to_json())
    lost = {part: sum(_lost(prepared[id]) for id in chosen[part]) for part in SPLITS}
    summary = {
        "dataset": corpus.stem,
        "protocol": division["protocol"],
        "fold": fold,
        "normalize": steps,
        "types": entity_types(originals.values()),
        "counts": _counts(composition, lost),
        "lost_by_normalization": sum(lost.values()),
    }
    write_json(output_folder / "composition.json", summary)


def _settings(settings: Any) -> tuple[list[str], tuple[float, int] | None]:
    if not isinstance(settings, dict) or set(settings) - {"normalize", "synonyms"} or not isinstance(settings.get("normalize"), list):
        expected = '{"normalize": ["unicode"], "synonyms": {"rate": 0.3, "seed": 1}}'
        raise BionerError(f"expected compose settings such as {expected}, got {settings!r:.120}; change them in the config")
    synonyms = settings.get("synonyms")
    return settings["normalize"], None if synonyms is None else seeded_rate("synonyms", synonyms)


def _variants(paths: Sequence[Path]) -> Iterable[Document]:
    for path in paths:
        for document in read_documents(path):
            if document.source == document.id or "augmentation" not in document.meta:
                raise BionerError(f"{path}: expected variants that name source and augmentation, got {document.id} without; augment again")
            yield document


def _lost(document: Document) -> int:
    if "edits" not in document.meta:
        raise BionerError(f"expected document {document.id} to be normalized (meta.edits), got one that is not; normalize the corpus again")
    return int(document.meta.get("lost_by_normalization", 0))


def _counts(composition: Composition, lost: Mapping[str, int]) -> dict[str, Any]:
    """Documents, and mentions by entity type, of each set; what normalization lost; variants by kind."""
    counts: dict[str, Any] = {}
    for name in (*SPLITS, "variants"):
        documents = getattr(composition, name)
        types = Counter(mention.type for document in documents for mention in document.mentions)
        counts[name] = {"documents": len(documents), "mentions": types.total(), "types": dict(types)}
        if name in lost:
            counts[name]["lost_by_normalization"] = lost[name]
    counts["variants"]["kinds"] = dict(Counter(str(document.meta["augmentation"]) for document in composition.variants))
    concepts = {concept for concept, _ in composition.lexicon.surfaces}
    counts["lexicon"] = {"concepts": len(concepts), "surfaces": len(composition.lexicon.provenance)}
    return counts
