"""Augmentation that depends on a document alone: typing noise, mentions shuffled inside it, back-translation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.back_translation import BackTranslation, Translate, back_translation_of
from bioner.preparation.noise import Noise, add_noise, noise_of
from bioner.preparation.shuffling import shuffle_within, shuffling_of

__all__ = ["KINDS", "Noise", "add_noise", "augment_corpus"]

KINDS = ("noise", "shuffling", "back_translation")


def augment_corpus(normalized: Path, settings: Any, output: Path, translate: Translate | None = None) -> None:
    """Write one kind of variants of the documents of a file; without settings, or at rate 0, none.

    Args:
        normalized: the documents.
        settings: one kind and its settings, such as `{"noise": {"rate": 0.05, "seed": 1}}`.
        output: the variants; of a document that did not change there is none.
        translate: for back-translation.

    Raises:
        BionerError: settings that are not as expected.
    """
    vary = _variation(settings, translate)
    write_documents(output, _changed(read_documents(normalized), vary) if vary is not None else ())
    if isinstance(vary, BackTranslation):
        say(f"back-translation: {vary.counts['variants']} variants, {vary.counts['unchanged']} unchanged, {vary.counts['dropped']} dropped")


def _changed(documents: Iterable[Document], vary: Callable[[Document], Document | None]) -> Iterator[Document]:
    for document in documents:
        variant = vary(document)
        if variant is not None and variant.text != document.text:
            yield variant


def _variation(settings: Any, translate: Translate | None) -> Callable[[Document], Document | None] | None:
    """What makes the variant of a document, or None when none are wanted."""
    if not isinstance(settings, dict) or set(settings) - set(KINDS) or len(settings) > 1:
        expected = f'one of {", ".join(KINDS)}, such as {{"noise": {{"rate": 0.05, "seed": 1}}}}'
        raise BionerError(f"expected augmentation settings of {expected}, got {settings!r:.80}; change them in the config")
    if settings.get("noise") is not None:
        noise = noise_of(settings["noise"])
        return (lambda document: add_noise(document, noise)) if noise.rate else None
    if settings.get("shuffling") is not None:
        rate, seed, within = shuffling_of(settings["shuffling"])
        return (lambda document: shuffle_within(document, rate, seed)) if within == "document" else None
    if settings.get("back_translation") is not None:
        if translate is None:
            raise BionerError("expected a translator for back_translation, got none; give two encoders, forward and backward")
        return BackTranslation(translate, *back_translation_of(settings["back_translation"]))
    return None
