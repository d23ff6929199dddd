"""Text attacks that need no victim: they change the words of test documents, and gold moves exactly along.

An attack is a function from a document and its settings to replacements of disjoint spans of the
text; one entry of `_KINDS` adds one. Attacks that read a model's gradients (`WHITE_BOX_ATTACKS`) leave
the text alone and run inside predict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Span
from bioner.errors import BionerError
from bioner.evaluation.typos import typos
from bioner.rewriting import rewrite

Replacements = list[tuple[Span, str]]

_KINDS: dict[str, Callable[[Document, Mapping[str, Any]], Replacements]] = {"typos": typos}

TEXT_ATTACKS = tuple(sorted(_KINDS))
"""Kinds of attack that change the text, before and without any model."""

WHITE_BOX_ATTACKS = ("fgsm", "fgm", "pgd")
"""Kinds of attack on a model's embeddings; the text and its gold stay as they are."""


def attack_file(test: str | Path, output: str | Path, *, name: str, settings: Mapping[str, Any]) -> None:
    """Attack every document of a file; write them in the same order.

    Raises:
        BionerError: as `attack_document`, and for a file that is not as promised.
    """
    attacked = [attack_document(document, name, settings) for document in read_documents(test)]
    write_documents(output, attacked)
    say(f"attack {name}: {sum(document.meta['edits_made'] for document in attacked)} edits in {len(attacked)} documents")


def attack_document(document: Document, name: str, settings: Mapping[str, Any]) -> Document:
    """The document under a text attack: the same id and mentions, in offsets of the attacked text.

    Args:
        document: a test document as harmonized.
        name: what the attack is called in the config; it goes into `meta["attack"]`.
        settings: `kind` (one of `TEXT_ATTACKS`) and what that kind takes.

    Raises:
        BionerError: an unknown kind or setting, a normalized document, or an attack that does not
            keep the labels exact.
    """
    kind = settings.get("kind") if isinstance(settings, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(TEXT_ATTACKS)
        raise BionerError(f"attack {name}: expected kind {known}, got {kind!r}; {', '.join(WHITE_BOX_ATTACKS)} run inside predict")
    if "edits" in document.meta:
        raise BionerError(
            f"attack {name}: expected document {document.id!r} as harmonized, got a normalized one; pass the fold's test.jsonl"
        )
    options = {key: value for key, value in settings.items() if key != "kind"}
    replacements = _KINDS[kind](document, options)
    attacked = rewrite(document, replacements)
    check_labels(document, attacked, replacements)
    return replace(attacked, meta={**attacked.meta, "attack": name, "edits_made": len(replacements)})


def check_labels(original: Document, attacked: Document, replacements: Sequence[tuple[Span, str]]) -> None:
    """Check that an attack kept the labels exact.

    The mentions are the same ones (number, ids, types, concepts, parts), each with text of its own
    that is exactly its original text under the replacements inside it; hence a mention without
    replacements reads as before.

    Raises:
        BionerError: naming the document and the first mention that breaks this.
    """
    if len(original.mentions) != len(attacked.mentions):
        raise _broken(original, f"{len(original.mentions)} mentions", f"{len(attacked.mentions)}")
    backwards = sorted(replacements, reverse=True)
    for before, after in zip(original.mentions, attacked.mentions, strict=True):
        if before.at() != after.at() or len(before.spans) != len(after.spans):
            raise _broken(original, f"mention {before.id} ({before.type}, {len(before.spans)} spans)", f"mention {after.id} ({after.type})")
        for old, new in zip(before.spans, after.spans, strict=True):
            expected = _edited(original.text, old, backwards)
            found = attacked.text[new[0] : new[1]] if 0 <= new[0] < new[1] <= len(attacked.text) else ""
            if not found or found != expected:
                # never the text itself: the corpus may be under an agreement
                wanted = f"mention {before.id} at {old} to have its {len(expected)} characters at {new}"
                raise _broken(original, wanted, f"{len(found)} characters that differ")


def _edited(text: str, span: Span, backwards: Sequence[tuple[Span, str]]) -> str:
    """The text of a span under the replacements inside it, given last first."""
    letters = list(text[span[0] : span[1]])
    for (start, end), new in backwards:
        if span[0] <= start < end <= span[1]:
            letters[start - span[0] : end - span[0]] = new
    return "".join(letters)


def _broken(document: Document, expected: str, found: str) -> BionerError:
    return BionerError(f"attack on document {document.id!r}: expected {expected}, got {found}; correct the attack")
