"""Documents in brat's standoff format, for people to look at."""

from __future__ import annotations

import re

from bioner.entities import Document, Span


def brat_annotations(document: Document) -> str:
    """The `.ann` file of a document: a line `T1<tab>Type start end;start end<tab>text` for each mention.

    brat wants no end of a line inside a fragment, so that a mention over two lines has one on each of them.
    """
    lines = []
    for number, mention in enumerate(document.mentions, 1):
        spans = [piece for span in mention.spans for piece in _within_lines(document.text, span)]
        places = ";".join(f"{start} {end}" for start, end in spans)
        lines.append(f"T{number}\t{mention.type} {places}\t{' '.join(document.text[start:end] for start, end in spans)}\n")
    return "".join(lines)


def _within_lines(text: str, span: Span) -> list[Span]:
    """The parts of a span between the ends of lines."""
    start, end = span
    return [(start + found.start(), start + found.end()) for found in re.finditer(r"[^\r\n]+", text[start:end])]
