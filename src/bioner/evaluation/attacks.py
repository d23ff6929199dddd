"""Text attacks that need no victim: they change the words of test documents, and gold moves exactly along.

An attack gives the edits that it could make, each with a draw in [0, 1); a budget takes those of the smallest draws. So what a smaller
budget changes, a larger one changes too. One entry of `_KINDS` and one of `SETTINGS` add a kind. Attacks that query the model (`search`)
or read its gradients (`WHITE_BOX_ATTACKS`) run inside predict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.abbreviating import abbreviation
from bioner.evaluation.attack_settings import complete
from bioner.evaluation.casing import case
from bioner.evaluation.context import context, fill
from bioner.evaluation.edits import Edit, Ground, attacked_document
from bioner.evaluation.inserting import boundary_insertion, concatenation
from bioner.evaluation.ocr import ocr
from bioner.evaluation.punctuation import punctuation
from bioner.evaluation.renaming import entities_other_type, entities_seen, entities_unseen, synonyms
from bioner.evaluation.sources import Sources
from bioner.evaluation.typos import typos

Candidates = Iterable[tuple[float, Edit]]

_KINDS: dict[str, Callable[[Document, Mapping[str, Any], Sources], Candidates]] = {
    "abbreviation": abbreviation,
    "boundary_insertion": boundary_insertion,
    "case": case,
    "concatenation": concatenation,
    "context": context,
    "entities_other_type": entities_other_type,
    "entities_seen": entities_seen,
    "entities_unseen": entities_unseen,
    "ocr": ocr,
    "punctuation": punctuation,
    "synonyms": synonyms,
    "typos": typos,
}

TEXT_ATTACKS = tuple(sorted(_KINDS))
"""Kinds of attack that change the text, before and without any model under attack."""

NAME_ATTACKS = ("context", "entities_other_type", "entities_seen", "entities_unseen", "synonyms")
"""Those that look at the names of the fold's other parts."""

WHITE_BOX_ATTACKS = ("fgsm", "fgm", "pgd")
"""Kinds of attack on a model's embeddings; the text and its gold stay as they are."""


def attack_file(test: str | Path, output: str | Path, *, name: str, settings: Mapping[str, Any], sources: Sources | None = None) -> None:
    """Attack every document of a file; write them in the same order.

    Raises:
        BionerError: as `attack_document`, and for a file that is not as promised.
    """
    attacked = [attack_document(document, name, settings, sources) for document in read_documents(test)]
    write_documents(output, attacked)
    say(describe(name, attacked))


def describe(name: str, attacked: Iterable[Document]) -> str:
    """What an attack did, in a line for the log."""
    metas = [document.meta for document in attacked]
    edits, queries = (sum(meta[key] for meta in metas) for key in ("edits_made", "queries"))
    checked, edited, added = (sum(meta["labels"][key] for meta in metas) for key in ("checked", "edited", "added"))
    changed = sum(meta["edits_made"] > 0 for meta in metas)
    valid = sum(meta["label_validity"] * meta["labels"]["checked"] for meta in metas) / checked if checked else 1.0
    told = [f"{edits} edits in {changed} of {len(metas)} documents"]
    told += [f"{queries} queries"] * bool(queries)
    told += [f"{checked} labels checked, {100 * valid:.2f} % valid, {edited} with edited text, {added} added"]
    return f"attack {name}: {'; '.join(told)}"


def attack_document(document: Document, name: str, settings: Mapping[str, Any], sources: Sources | None = None) -> Document:
    """The document under a text attack: the same id and mentions, in offsets of the attacked text.

    Args:
        document: a test document as harmonized.
        name: what the attack is called in the config; it goes into `meta` (see `attacked_document`).
        settings: `kind` (one of `TEXT_ATTACKS`) and what that kind takes (see `SETTINGS`).
        sources: what the kind draws on.

    Raises:
        BionerError: an unknown kind or setting, a normalized document, or an attack that does not
            keep the labels exact.
    """
    kind = settings.get("kind") if isinstance(settings, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(TEXT_ATTACKS)
        raise BionerError(f"attack {name}: expected kind {known}, got {kind!r}; search, {', '.join(WHITE_BOX_ATTACKS)} run inside predict")
    refuse_normalized(document, name)
    values = complete(kind, {key: value for key, value in settings.items() if key != "kind"})
    drawn = sources or Sources()
    chosen = within_budget(candidates(document, kind, values, drawn), values["rate"], values["edits"])
    if kind == "context":
        chosen = fill(document, chosen, values, drawn)
    return attacked_document(document, chosen, name)


def refuse_normalized(document: Document, name: str) -> None:
    """BionerError for a document whose text is not the original one."""
    if "edits" in document.meta:
        raise BionerError(
            f"attack {name}: expected document {document.id!r} as harmonized, got a normalized one; pass the fold's test.jsonl"
        )


def candidates(document: Document, kind: str, settings: Mapping[str, Any], sources: Sources) -> list[tuple[float, Edit]]:
    """The edits that a kind could make in its target, each with its draw; disjoint, and none touches the border of a mention.

    Args:
        settings: complete ones of the kind; `target` `context` leaves out what a mention reaches over, `mentions` all else.
    """
    ground, target = Ground(document), settings.get("target", "all")
    return [
        (draw, edit)
        for draw, edit in _KINDS[kind](document, settings, sources)
        if ground.allows(edit) and (target == "all" or ground.mentioned(edit.span) == (target == "mentions"))
    ]


def within_budget(possible: Candidates, rate: float, most: int | None) -> list[Edit]:
    """Of the edits with a draw below the rate those of the smallest draws, `most` at most (None: all), in the order of the text."""
    wanted = sorted(((draw, edit) for draw, edit in possible if draw < rate), key=lambda item: (item[0], item[1].span))
    return sorted((edit for _, edit in wanted[:most]), key=lambda edit: edit.span)
