"""The ways in which validation or test find their way into training, one function each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from bioner.entities import Document
from bioner.fingerprint import text_digest
from bioner.preparation.near_duplicates import THRESHOLD, near_pairs, sentence_keys
from bioner.preparation.normalize import normalize, normalize_text

ALTERED = 0.5
"""Share of words that a sentence of a variant has in common with that of its source, at least."""
RENAMING = ("synonyms", "external_synonyms", "shuffling")
"""Kinds of variants in which mentions get other names."""


@dataclass
class FoldSets:
    """What a fold is made of; validation and test follow training in the order in which sharing is looked for."""

    train: list[Document]
    variants: list[Document]
    validation: list[Document]
    test: list[Document]
    lexicon: Mapping[str, Any]
    steps: Sequence[str]
    adaptation: Sequence[Document] = ()
    threshold: float = THRESHOLD

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
        return _keys(self.prepared_test)

    @cached_property
    def train_ids(self) -> set[str]:
        return {document.id for document in self.originals}

    @cached_property
    def prepared_test(self) -> list[Document]:
        """The test part, normalized as the others are."""
        return [document if "edits" in document.meta else normalize(document, self.steps) for document in self.test]

    @cached_property
    def shared(self) -> list[str]:
        """Ids of test documents that training or validation has, by id, source or text."""
        seen = self.train_keys | self.validation_keys
        return [document.id for document in self.prepared_test if _keys_of(document) & seen]

    @cached_property
    def near(self) -> list[str]:
        """Ids of test documents that are nearly, and not by id, source or text, one of training or validation."""
        found = _near(self.prepared_test, [*self.originals, *self.validation], self.threshold)
        return [id for id in found if id not in set(self.shared)]


def is_variant(document: Document) -> bool:
    """Whether a document was made by augmentation; a sentence that was cut from one is none, nor one part of a larger source."""
    return "augmentation" in document.meta


def _keys(documents: Sequence[Document]) -> set[str]:
    return {key for document in documents for key in _keys_of(document)}


def _keys_of(document: Document) -> set[str]:
    """By what a normalized document is known again: its id, its source and its text."""
    keys = {f"id:{document.id}", f"id:{document.source}"}
    return keys | {f"text:{text_digest(document.text)}"} if document.text.strip() else keys  # empty texts have nothing to leak


def shared_documents(sets: FoldSets) -> list[str]:
    """Test documents that training or validation has, by id, source or text."""
    return sets.shared


def validation_in_training(sets: FoldSets) -> list[str]:
    """Validation documents that training has, by id, source or text."""
    return [document.id for document in sets.validation if _keys_of(document) & sets.train_keys]


def near_duplicates(sets: FoldSets) -> list[str]:
    """Test documents that are nearly one of training or validation; those that share id, source or text are left to another check."""
    return sets.near


def validation_near_training(sets: FoldSets) -> list[str]:
    """Validation documents that are nearly one of training; those that share id, source or text are left to another check."""
    known = set(validation_in_training(sets))
    return [id for id in _near(sets.validation, sets.originals, sets.threshold) if id not in known]


def _near(documents: Sequence[Document], seen: Sequence[Document], threshold: float) -> list[str]:
    pairs = near_pairs([document.text for document in documents], [document.text for document in seen], threshold)
    return [documents[place].id for place in dict.fromkeys(place for place, _ in pairs)]


def shared_sentences(sets: FoldSets) -> list[str]:
    """One test document for each sentence of more than five words that training or validation has too.

    Documents that are shared or nearly so are left out: they are counted as documents.
    """
    whole = {*sets.shared, *sets.near}
    seen = {key for document in (*sets.originals, *sets.validation) for key in sentence_keys(document)}
    found: dict[str, str] = {}
    for document in sets.prepared_test:
        if document.id not in whole:
            for key in sentence_keys(document):
                if key in seen:
                    found.setdefault(key, document.id)
    return list(found.values())


def test_text_in_adaptation(sets: FoldSets) -> list[str]:
    """Test documents that the text which the encoder was adapted on has, by id, source, text, nearly so or in a sentence.

    Training documents among that text are left to the other checks, sentences that training has too.
    """
    prepared = [document if "edits" in document.meta else normalize(document, sets.steps) for document in sets.adaptation]
    foreign = [document for document in prepared if f"text:{text_digest(document.text)}" not in sets.train_keys]
    keys = _keys(foreign)
    near = set(_near(sets.prepared_test, foreign, sets.threshold))
    known = {key for document in sets.originals for key in sentence_keys(document)}
    sentences = {key for document in foreign for key in sentence_keys(document)} - known

    def leaks(document: Document) -> bool:
        return document.id in near or bool(_keys_of(document) & keys) or not sentences.isdisjoint(sentence_keys(document))

    return [document.id for document in sets.prepared_test if leaks(document)]


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


def foreign_text_in_variants(sets: FoldSets) -> list[str]:
    """Training variants with a sentence of more than five words of a validation or test document, or nearly one of these as a whole.

    What the variant's training source has of that itself, and whole texts, are left to the other checks. A sentence that is one of the
    source's with other names or words in it, half of its words or more being the same, was made of it and meets the other by chance.
    """
    held = [*sets.validation, *sets.prepared_test]
    sources = {document.id: document for document in sets.originals}
    sentences = {key for document in held for key in sentence_keys(document)}
    near = set(_near(sets.derived, held, sets.threshold))
    known = set(_near(sets.originals, held, sets.threshold))
    whole = {*variant_of_test(sets), *variant_of_validation(sets)}

    def leaks(variant: Document) -> bool:
        if variant.id in near and variant.source not in known:
            return True
        strange = sentences.intersection(sentence_keys(variant))
        own = [key.split() for key in sentence_keys(sources[variant.source])] if strange else []
        return any(all(SequenceMatcher(None, key.split(), words).ratio() < ALTERED for words in own) for key in strange)

    return [variant.id for variant in sets.derived if variant.source in sources and variant.id not in whole and leaks(variant)]


def foreign_names_in_variants(sets: FoldSets) -> list[str]:
    """Training variants by synonyms or shuffling with a mention under a name of no training document and no external lexicon."""
    names = {document.surface(mention) for document in sets.originals for mention in document.mentions}
    names.update(name for source in sets.lexicon.get("external", {}).values() for listed in source["entries"].values() for name in listed)

    def leaks(variant: Document) -> bool:
        renamed = variant.meta["augmentation"] in RENAMING
        return renamed and any(variant.surface(mention) not in names for mention in variant.mentions)

    return [variant.id for variant in sets.derived if leaks(variant)]


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


def external_lexicon_entries(sets: FoldSets) -> list[str]:
    """One test document for each name of an external lexicon that is a mention's there and of no training document."""
    offered = {name for source in sets.lexicon.get("external", {}).values() for names in source["entries"].values() for name in names}
    training = {document.surface(mention) for document in sets.originals for mention in document.mentions}
    found: dict[str, str] = {}
    for document in sets.prepared_test:
        for mention in document.mentions:
            found.setdefault(document.surface(mention), document.id)
    return [id for surface, id in found.items() if surface in offered and surface not in training]


def duplicate_ids(sets: FoldSets) -> list[str]:
    """Ids that two documents of training and its variants, of validation or of test have."""
    parts = ([*sets.train, *sets.variants], sets.validation, sets.test)
    return [id for part in parts for id, count in Counter(document.id for document in part).items() if count > 1]


CHECKS: dict[str, Callable[[FoldSets], list[str]]] = {
    check.__name__: check
    for check in (
        shared_documents,
        validation_in_training,
        near_duplicates,
        validation_near_training,
        shared_sentences,
        variant_of_test,
        variant_of_validation,
        variant_of_unknown,
        foreign_text_in_variants,
        foreign_names_in_variants,
        variant_in_evaluation,
        test_only_lexicon_entries,
        external_lexicon_entries,
        test_text_in_adaptation,
        duplicate_ids,
    )
}
