"""Sentences of a document: a small, conservative splitter, and documents cut into one for each sentence.

For the leakage experiment and the search for shared sentences; taggers read whole documents.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from bioner.entities import Document, Mention, Passage, Span

_OPENING = "\"'([{\u201c\u2018"
_END = re.compile(r"[.!?][\"')\]}\u201d\u2019]*(?=\s)|\n\s*\n")
_ABBREVIATIONS = frozenset(
    [
        "approx",
        "ca",
        "cf",
        "co",
        "corp",
        "dept",
        "dr",
        "etc",
        "eq",
        "eqs",
        "ex",
        "fig",
        "figs",
        "inc",
        "jr",
        "ltd",
        "max",
        "min",
        "mr",
        "mrs",
        "ms",
        "no",
        "nos",
        "pp",
        "prof",
        "pt",
        "pts",
        "ref",
        "refs",
        "resp",
        "sect",
        "sp",
        "spp",
        "sr",
        "st",
        "subsp",
        "suppl",
        "tab",
        "tel",
        "var",
        "viz",
        "vol",
        "vols",
        "vs",
    ]
)


def split_sentences(text: str, borders: Iterable[int] = ()) -> list[Span]:
    """Spans of the sentences of a text, in order, without white space at their ends.

    A sentence ends at `.`, `!` or `?` (closing quotes and brackets included) where white space and
    a capital letter or digit follow, at a blank line, and at each of `borders`. A full stop after an
    abbreviation, an initial or a word with a full stop inside (`e.g.`) ends nothing: two sentences
    left together do less harm than one torn apart. Every character but white space is in one sentence.
    """
    ends = [match.end() for match in _END.finditer(text) if _ends_sentence(text, match)]
    cuts = sorted({0, len(text), *ends, *borders})
    spans = (_strip(text, start, end) for start, end in pairwise(cuts))
    return [span for span in spans if span[0] < span[1]]


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match[0][0] == "\n":
        return True
    following = text[match.end() :][:40].lstrip().lstrip(_OPENING)
    if not following or not (following[0].isupper() or following[0].isdigit()):
        return False
    if match[0][0] != ".":
        return True
    before = text[max(0, match.start() - 40) : match.start()].split()
    word = before[-1].lstrip(_OPENING) if before and not text[match.start() - 1].isspace() else ""
    return not (len(word) == 1 and word.isalpha()) and "." not in word.rstrip(".") and word.casefold() not in _ABBREVIATIONS


def _strip(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def sentence_spans(document: Document) -> list[Span]:
    """Sentences of a document; the ends of its passages (title, line, ...) end sentences too."""
    return split_sentences(document.text, {border for passage in document.passages for border in (passage.start, passage.end)})


def cut(document: Document) -> list[Document]:
    """One document for each sentence, `<id>#s<n>` from 1, whose `meta.source` is the document.

    Mentions go with their sentence. One that is not inside a single sentence is lost: it is counted
    in `meta["lost_by_cutting"]` of the sentence in which it begins.
    """
    spans = sentence_spans(document)
    kept: list[list[Mention]] = [[] for _ in spans]
    lost = [0] * len(spans)
    for mention in document.mentions if spans else ():
        place = max(0, bisect_right(spans, (mention.start, len(document.text) + 1)) - 1)
        start, end = spans[place]
        if start <= mention.start and mention.end <= end:
            kept[place].append(mention.at(*((low - start, high - start) for low, high in mention.spans)))
        else:
            lost[place] += 1
    return [
        replace(
            document,
            id=f"{document.id}#s{number}",
            text=document.text[start:end],
            mentions=tuple(kept[number - 1]),
            passages=(Passage(0, end - start, "sentence"),),
            meta={"source": document.source, "sentence": number, "lost_by_cutting": lost[number - 1]},
        )
        for number, (start, end) in enumerate(spans, start=1)
    ]
