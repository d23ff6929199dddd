"""Short and long forms that a document defines, each in the other's place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bioner.entities import Document, Span
from bioner.evaluation.edits import Edit, Ground
from bioner.evaluation.sources import Definition, Sources


def abbreviation(document: Document, settings: Mapping[str, Any], sources: Sources) -> Iterator[tuple[float, Edit]]:
    """Wherever a defined form stands as words of its own, outside of its definition: its other form.

    `direction` is `long` (short forms are written out), `short` (long forms are abbreviated) or `both`. A form with two meanings in
    the document is left alone, and so is a use across the border of a mention.
    """
    random = Random(f"{settings['seed']}:abbreviation:{document.id}")
    definitions = sources.definitions(document.text)
    forms = _forms(document.text, definitions, settings["direction"])
    if not forms:
        return
    taken = sorted(span for definition in definitions for span in (definition.short, definition.long))
    ground = Ground(document)
    pattern = re.compile("|".join(_as_words(form) for form in sorted(forms, key=lambda form: (-len(form), form))))
    for match in pattern.finditer(document.text):
        draw = random.random()
        edit = Edit(match.span(), forms[" ".join(match[0].split())])
        if ground.allows(edit) and not any(start < match.end() and match.start() < end for start, end in taken):
            yield draw, edit


def _forms(text: str, definitions: Sequence[Definition], direction: str) -> dict[str, str]:
    """What each form is replaced by; forms with two meanings left out."""
    meanings: dict[str, set[str]] = {}
    for definition in definitions:
        short, long = _clean(text, definition.short), _clean(text, definition.long)
        if direction in ("both", "long"):
            meanings.setdefault(short, set()).add(long)
        if direction in ("both", "short"):
            meanings.setdefault(long, set()).add(short)
    return {form: next(iter(found)) for form, found in meanings.items() if len(found) == 1}


def _clean(text: str, span: Span) -> str:
    return " ".join(text[slice(*span)].split())


def _as_words(form: str) -> str:
    """A form that is not part of a longer word or compound, with any white space between its words."""
    words = r"\s+".join(map(re.escape, form.split()))
    return rf"(?<![\w-]){words}(?![\w-])"
