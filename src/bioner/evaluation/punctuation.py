"""Marks that come and go: hyphens between words, and commas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from bioner.entities import Document
from bioner.evaluation.edits import Edit, Ground
from bioner.evaluation.sources import Sources

_PLACE = re.compile(r"(?<=[^\W_])(?P<hyphen>[-\u2010-\u2013])(?=[^\W_])|(?P<mark>[,;:])(?=\s)|(?<=[^\W_])(?P<blank> )(?=[^\W_])")


def punctuation(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """At a hyphen between letters or digits, a blank or nothing in its place; a mark before white space left out; at a blank, a comma
    before it or a hyphen in its place.

    Marks and commas change only where no mention is. Words grow together only where no mention begins or ends.
    """
    random = Random(f"{settings['seed']}:punctuation:{document.id}")
    ground = Ground(document)
    for match in _PLACE.finditer(document.text):
        draw, second = random.random(), random.random() < 0.5
        start, end = match.span()
        free = not ground.at_border(start) and not ground.at_border(end)
        if match["hyphen"]:
            yield draw, Edit((start, end), "" if second and free else " ")
        elif match["mark"] and not ground.mentioned((start, end)):
            yield draw, Edit((start, end), "")
        elif match["blank"] and second and not ground.mentioned((start, start)):
            yield draw, Edit((start, start), ",")
        elif match["blank"]:
            yield draw, Edit((start, end), "-")
