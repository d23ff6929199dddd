"""The training, validation and test sets of one fold, with variants and lexicon of its training part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bioner.documents import read_documents, write_documents
from bioner.entities import SPLITS, Document, entity_types
from bioner.errors import BionerError
from bioner.preparation.lexicons import ExternalLexicon, external_synonyms, read_lexicon
from bioner.preparation.parts import training_part, unsafe_units, word_limit
from bioner.preparation.protocols import Protocol
from bioner.preparation.settings import seeded_rate
from bioner.preparation.shuffling import names_by_type, shuffle_from, shuffling_of
from bioner.preparation.synonyms import Lexicon, build_lexicon, merge_lexicons, replace_synonyms
from bioner.storage import read_json, write_json
from bioner.words import split_words


@dataclass(frozen=True, slots=True)
class Settings:
    """What a fold is composed by: normalization steps, and rate and seed of what draws on the training part, None for none.

    `lexicons` are the external ones, whose names the mentions get with the rate and seed of `synonyms`.
    """

    normalize: Sequence[str] = ()
    synonyms: tuple[float, int] | None = None
    shuffling: tuple[float, int] | None = None
    lexicons: Sequence[ExternalLexicon] = ()


@dataclass(frozen=True, slots=True)
class Composition:
    """Training, its variants and validation are normalized; the test part is as harmonized."""

    train: list[Document]
    variants: list[Document]
    validation: list[Document]
    test: list[Document]
    lexicon: Lexicon
    external: Mapping[str, Lexicon]


def compose_fold(
    corpus: Mapping[str, Document],
    normalized: Mapping[str, Document],
    variants: Iterable[Document],
    fold: Mapping[str, Sequence[str]],
    settings: Settings,
) -> Composition:
    """Gather the sets of a fold from documents by id.

    Variants follow their source: those of validation and test documents are left out. Names come
    from the fold's own training part, or from the external lexicons for concepts that it mentions.
    """
    train = [normalized[id] for id in fold["train"]]
    lexicon = build_lexicon(train)
    external = {source.name: external_synonyms(lexicon, source, settings.normalize) for source in settings.lexicons}
    kept = set(fold["train"])
    following = [variant for variant in variants if variant.source in kept]
    for vary in _variations(train, lexicon, external.values(), settings):
        following += [variant for document in train if (variant := vary(document)) is not None]
    validation, test = [normalized[id] for id in fold["validation"]], [corpus[id] for id in fold["test"]]
    return Composition(train, following, validation, test, lexicon, external)


def _variations(
    train: Sequence[Document], lexicon: Lexicon, external: Iterable[Lexicon], settings: Settings
) -> Iterator[Callable[[Document], Document | None]]:
    """What makes a variant of a training document with the help of others, one for each kind."""
    if settings.synonyms is not None:
        rate, seed = settings.synonyms
        yield lambda document: replace_synonyms(document, lexicon, rate, seed)
        if union := merge_lexicons(external):
            yield lambda document: replace_synonyms(document, union, rate, seed, "external_synonyms")
    if settings.shuffling is not None:
        names = names_by_type(train)
        share, start = settings.shuffling
        yield lambda document: shuffle_from(document, names, share, start)


def compose_files(
    *,
    corpus: Path,
    normalized: Path,
    variants: Sequence[Path],
    splits: Path,
    fold: int,
    settings: Any,
    output_folder: Path,
    protocol: str | None = None,
    equal_to: Sequence[Path] = (),
) -> None:
    """Write the six files of a fold.

    Args:
        protocol: what is done to the division (see `Protocol`); None for nothing.
        equal_to: divisions to the smallest training part of which an `_equal` protocol cuts its own.

    Raises:
        BionerError: unknown settings, a fold that the splits do not have, documents that are in the
            splits and not in the corpus or its normalized form, or variants that name no source.
    """
    chosen_settings = settings_of(settings)
    division = read_json(splits)
    if not isinstance(division, dict) or not isinstance(division.get("folds"), list):
        raise BionerError(f"{splits}: expected an object with folds, found another; delete the file and run the rule split")
    if not 0 <= fold < len(division["folds"]):
        raise BionerError(f"{splits}: expected fold 0 to {len(division['folds']) - 1}, got {fold}; correct `folds` in the config")
    named = Protocol.parse(protocol or division["protocol"])
    if named.division != division["protocol"]:
        raise BionerError(f"{splits}: expected the division {named.division}, found {division['protocol']}; give its file")
    originals = {document.id: document for document in read_documents(corpus)}
    prepared = {document.id: document for document in read_documents(normalized)}
    chosen = division["folds"][fold]
    following = list(_variants(variants))
    if named.unsafe:  # its units are what variants would be made of: none are made, and no lexicon
        originals, prepared = unsafe_units(named, originals.values(), following, chosen_settings.normalize)
        chosen_settings, following = Settings(chosen_settings.normalize), []
    for path, documents in ((corpus, originals), (normalized, prepared)):
        missing = sorted({id for part in SPLITS for id in chosen[part]} - documents.keys())
        if missing:
            told = f"{len(missing)} missing ({', '.join(missing[:3])})"
            raise BionerError(f"{path}: expected every document of {splits}, found {told}; split again")
    chosen = chosen | {"train": training_part(named, chosen, originals, word_limit(named, equal_to), division["seed"])}
    composition = compose_fold(originals, prepared, following, chosen, chosen_settings)
    if named.unsafe:
        composition = replace(composition, lexicon=build_lexicon(()))
    write_documents(output_folder / "train.jsonl", composition.train)
    write_documents(output_folder / "variants.jsonl", composition.variants)
    write_documents(output_folder / "validation.jsonl", composition.validation)
    write_documents(output_folder / "test.jsonl", composition.test)
    write_json(output_folder / "lexicon.json", composition.lexicon.to_json() | _external(composition, chosen_settings.lexicons))
    lost = {part: sum(_lost(prepared[id]) for id in chosen[part]) for part in SPLITS}
    summary = {
        "dataset": corpus.stem,
        "protocol": named.name,
        "fold": fold,
        "normalize": chosen_settings.normalize,
        "types": entity_types(originals.values()),
        "counts": _counts(composition, lost),
        "lost_by_normalization": sum(lost.values()),
        # of the test part alone: each mention is tested once
        "lost_by_cutting": sum(originals[id].meta.get("lost_by_cutting", 0) for id in chosen["test"]),
        "training_words": sum(len(split_words(originals[id].text)) for id in chosen["train"]),
    }
    if composition.external:
        summary["external"] = sorted(composition.external)
    write_json(output_folder / "composition.json", summary)


def settings_of(settings: Any) -> Settings:
    """Checked settings, external lexicons read; BionerError for what is not as expected."""
    known = {"normalize", "synonyms", "shuffling", "lexicons"}
    if not isinstance(settings, dict) or set(settings) - known or not isinstance(settings.get("normalize"), list):
        expected = '{"normalize": ["unicode"], "synonyms": {"rate": 0.3, "seed": 1}}'
        raise BionerError(f"expected compose settings such as {expected}, got {settings!r:.120}; change them in the config")
    synonyms, shuffling, lexicons = (settings.get(key) for key in ("synonyms", "shuffling", "lexicons"))
    if lexicons and synonyms is None:
        raise BionerError("expected `synonyms` beside `lexicons`, for its rate and seed, got none; set it in the config")
    rate, seed, within = (0.0, 0, "document") if shuffling is None else shuffling_of(shuffling)
    return Settings(
        normalize=settings["normalize"],
        synonyms=None if synonyms is None else seeded_rate("synonyms", synonyms),
        shuffling=(rate, seed) if within == "training" else None,
        lexicons=[read_lexicon(name, source) for name, source in sorted((lexicons or {}).items())],
    )


def _external(composition: Composition, sources: Sequence[ExternalLexicon]) -> dict[str, Any]:
    """What `lexicon.json` says of each external lexicon: its file's digest, and the names offered for each concept; nothing without any."""
    told = {source.name: {"sha256": source.sha256, "entries": composition.external[source.name].to_json()["entries"]} for source in sources}
    return {"external": told} if told else {}


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
