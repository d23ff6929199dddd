"""Normalization of a document's text, with a map back to every original character."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError
from bioner.preparation.characters import LIGATURES, TABLES, normal_form, translate, unify_characters
from bioner.preparation.offsets import Edit, OffsetMap, compose, map_spans
from bioner.preparation.shorthand import expand_clinical, expand_shorthand
from bioner.storage import read_json

Function = Callable[[str], tuple[str, list[Edit]]]
Step = str | dict[str, Any]
"""A step's name, or its name and settings as a mapping with one key."""

STEPS: dict[str, Function | str] = {
    "unicode": unify_characters,
    "nfc": partial(normal_form, form="NFC"),
    "nfkc": partial(normal_form, form="NFKC"),
    **{name: partial(translate, table=table) for name, table in (TABLES | {"ligatures": LIGATURES}).items()},
    "greek": "bioner.preparation.greek:name_greek",
    "shorthand": expand_shorthand,
    "shorthand_clinical": expand_clinical,
    "abbreviations": "bioner.preparation.abbreviations:expand_abbreviations",
    "spelling": "bioner.preparation.spelling:spelling_step",
}
"""Name -> the step, or for one that few configs name its module and function, imported when it is used.

So the digests of commands that only apply the steps of a finished run (`predict`, `audit`) hold the default steps alone;
that of `normalize`, on whose output both depend, holds all.
"""

WITH_SETTINGS = {"spelling"}
"""Steps whose function makes the step of its settings."""


def normalize_text(text: str, steps: Sequence[Step]) -> tuple[str, list[Edit]]:
    """Text after the steps, in their order, and one offset map for all of them.

    Raises:
        BionerError: a step that does not exist, or settings that are not as it expects.
    """
    edits: list[Edit] = []
    for step in steps:
        text, more = _function(step)(text)
        edits = compose(edits, more) if edits else more
    return text, edits


def normalizer(composition: str | Path) -> Callable[[str], str]:
    """A function that brings a text into the shape of a fold's training texts, by the steps of its composition.json.

    Steps that need a whole document (abbreviations) see what they are given alone.

    Raises:
        BionerError: the file is no composition.
    """
    facts = read_json(composition)
    if not isinstance(facts, dict) or not isinstance(facts.get("normalize"), list):
        raise BionerError(f"{composition}:1: expected a composition with the steps of normalization, found another file; run compose again")
    return lambda text: normalize_text(text, facts["normalize"])[0]


def _function(step: Step) -> Function:
    name, settings = next(iter(step.items())) if isinstance(step, dict) and len(step) == 1 else (step, None)
    if not isinstance(name, str) or name not in STEPS:
        raise BionerError(f"expected normalization steps among {', '.join(STEPS)}, got {step!r:.120}; change `normalize` in the config")
    if (settings is None) == (name in WITH_SETTINGS):
        expected = f"{{{name}: its settings}}" if name in WITH_SETTINGS else f"{name!r} without settings"
        raise BionerError(f"expected the normalization step {expected}, got {step!r:.120}; change `normalize` in the config")
    found = STEPS[name]
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        function: Any = getattr(import_module(module), attribute)
        chosen: Function = function(settings) if name in WITH_SETTINGS else function
        return chosen
    return found


def normalize(document: Document, steps: Sequence[Step]) -> Document:
    """The document with its text normalized, and its mentions and passages moved with it.

    `meta["edits"]` holds the offset map. The steps never look at mentions (a text to be tagged has
    none), so an edit may lie across a mention's border; that mention is widened to the whole edit,
    counted in `meta["lost_by_normalization"]`, and its true spans are kept in
    `meta["original_spans"]` by its position among the mentions. A mention of which nothing is left
    is dropped and counted.

    Raises:
        BionerError: an unknown step, or a document that is normalized already.
    """
    if "edits" in document.meta:
        raise BionerError(f"expected document {document.id} as harmonized, got a normalized one; give the file of results/corpora")
    text, edits = normalize_text(document.text, steps)
    offsets = OffsetMap(edits)
    mentions: list[Mention] = []
    original_spans: dict[str, list[list[int]]] = {}
    lost = 0
    for mention in document.mentions:
        spans = map_spans(offsets.to_new, mention.spans)
        exact = offsets.exact(mention.spans)
        lost += not exact
        if spans and not exact:
            original_spans[str(len(mentions))] = [list(span) for span in mention.spans]
        if spans:
            mentions.append(mention.at(*spans))
    meta = {**document.meta, "edits": edits, "lost_by_normalization": lost}
    if original_spans:
        meta["original_spans"] = original_spans
    passages = tuple(Passage(*offsets.to_new((p.start, p.end)), p.kind) for p in document.passages)
    return replace(document, text=text, mentions=tuple(mentions), passages=passages, meta=meta)


def restore(document: Document, mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Mentions found in a normalized document, in the offsets of its original text.

    Only the map is used, never what is known of the document's own mentions, so that predictions
    stay predictions. Parts of a discontiguous mention that meet in one edit become one part.

    Raises:
        BionerError: a document that was not normalized.
    """
    if "edits" not in document.meta:
        raise BionerError(f"expected document {document.id} to be normalized (meta.edits), got one that is not; normalize it first")
    offsets = OffsetMap(document.meta["edits"])
    return tuple(mention.at(*map_spans(offsets.to_original, mention.spans)) for mention in mentions)


def original_mentions(document: Document) -> tuple[Mention, ...]:
    """A normalized document's own mentions in the offsets of its original text, every one exactly."""
    kept = document.meta.get("original_spans", {})
    return tuple(
        mention.at(*(tuple(span) for span in kept[str(index)])) if str(index) in kept else mention
        for index, mention in enumerate(restore(document, document.mentions))
    )


def normalize_corpus(corpus: Path, steps: Sequence[Step], output: Path) -> None:
    """Normalize the documents of a file into another one.

    Raises:
        BionerError: as `normalize`; `steps` that are not a list of names.
    """
    if not isinstance(steps, list):
        raise BionerError(f"expected a list of normalization steps, got {steps!r}; change `normalize` in the config")
    write_documents(output, (normalize(document, steps) for document in read_documents(corpus)))
