"""Documents written in the original formats: PubTator text, i2b2 notes with their concepts."""

from __future__ import annotations

import re

from bioner.entities import Document


def to_pubtator(document: Document) -> str:
    """A document as PubTator, a blank line at its end.

    The first passage is the title, the rest of the text after one blank the abstract. `meta["seventh"]` gives the seventh column
    of a mention by its id, `meta["relations"]` pairs of concepts, written as `CID` lines.

    Raises:
        ValueError: a text that PubTator cannot hold (a line feed in it, or no blank after the title).
    """
    title = document.passages[0].end if document.passages and document.passages[0].kind == "title" else 0
    if "\n" in document.text or document.text[title : title + 1] != " ":
        raise ValueError(f"document {document.id}: expected one line with a blank after the title")
    lines = [f"{document.id}|t|{document.text[:title]}", f"{document.id}|a|{document.text[title + 1 :]}"]
    seventh = document.meta.get("seventh", {})
    for mention in document.mentions:
        columns = [document.id, str(mention.start), str(mention.end), document.surface(mention), mention.type]
        columns.append("|".join(mention.concepts) or "-1")
        lines.append("\t".join(columns + ([seventh[mention.id]] if mention.id in seventh else [])))
    lines.extend("\t".join((document.id, "CID", *pair)) for pair in document.meta.get("relations", ()))
    return "\n".join(lines) + "\n\n"


def to_concepts(document: Document) -> str:
    """The `.con` file of a note: a line for each mention, in the document's order.

    Raises:
        ValueError: a mention that does not begin and end where a token does.
    """
    starts: dict[int, str] = {}
    ends: dict[int, str] = {}
    position = 0
    for number, line in enumerate(document.text.split("\n"), 1):
        for index, token in enumerate(re.finditer(r"[^ \t]+", line)):
            starts[position + token.start()] = ends[position + token.end()] = f"{number}:{index}"
        position += len(line) + 1
    rows = []
    for mention in document.mentions:
        if mention.start not in starts or mention.end not in ends:
            raise ValueError(f"document {document.id}: expected mention {mention.id} to begin and end at a token")
        text = " ".join(re.split(r"[ \t\n]+", document.text[mention.start : mention.end])).lower()
        rows.append(f'c="{text}" {starts[mention.start]} {ends[mention.end]}||t="{mention.type}"\n')
    return "".join(rows)
