"""Back-translation: the context of mentions goes through another language and back, the mentions themselves stay."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bioner.entities import Document, Mention, Passage, Span, sort_mentions
from bioner.preparation.sentences import sentence_spans
from bioner.preparation.settings import seeded_rate
from bioner.preparation.variants import as_variant

Translate = Callable[[Sequence[str]], Sequence[str | None]]
"""Texts, each there and back; None for one that could not be translated as a whole."""

TRANSLATOR_KEYS = frozenset({"forward", "backward", "beams", "batch"})
_PLACEHOLDER = re.compile(r"(?<![^\W_])ZQ(\d+)Z(?![^\W_])")


class BackTranslation:
    """Makes variants `<id>~back_translation1`; `counts` tells how many became `variants`, stayed `unchanged` or were `dropped`.

    Each sentence is translated with probability `rate`. A variant is dropped when in any of its
    sentences a placeholder was lost, changed or doubled, or nothing came back: then nobody can tell where the mention is.
    Placeholders may come back in another order; each is its own mention.
    """

    def __init__(self, translate: Translate, rate: float, seed: int) -> None:
        self.translate = translate
        self.rate = rate
        self.seed = seed
        self.counts = Counter[str](variants=0, unchanged=0, dropped=0)

    def __call__(self, document: Document) -> Document | None:
        generator = random.Random(f"{self.seed}:back_translation:{document.id}")
        chosen = [sentence for sentence in sentences(document) if generator.random() < self.rate]
        if not chosen:
            self.counts["unchanged"] += 1
            return None
        translations = self.translate([sentence.masked for sentence in chosen])
        parts = [_unmask(text, len(sentence.blocks)) for sentence, text in zip(chosen, translations, strict=True)]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            self.counts["dropped"] += 1
            return None
        assembly = _Assembly(document.text)
        for sentence, part in zip(chosen, found, strict=True):
            assembly.exchange(sentence, part)
        changed = assembly.finish(document)
        self.counts["unchanged" if changed.text == document.text else "variants"] += 1
        return None if changed.text == document.text else as_variant(changed, document, "back_translation")


def back_translation_of(settings: Any) -> tuple[float, int]:
    """Rate and seed of the settings of back-translation, whose other keys are the translator's; BionerError for anything else."""
    plain = {key: value for key, value in settings.items() if key not in TRANSLATOR_KEYS} if isinstance(settings, dict) else settings
    return seeded_rate("back_translation", plain)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A part of a text that can be translated: its span, the protected spans in it, and its text with placeholders for these."""

    span: Span
    blocks: tuple[Span, ...]
    masked: str


def sentences(document: Document) -> list[Sentence]:
    """Sentences with words outside of mentions, in order, disjoint; those that a mention joins are one.

    Overlapping and touching mentions are protected as one block. Left out are sentences in which
    placeholders could not be told from the text, as where a mention is part of a word, and those
    that a passage ends inside of a mention.
    """
    text, blocks = document.text, _blocks(document.mentions)
    edges = {position for passage in document.passages for position in (passage.start, passage.end)}
    joined: list[Span] = []
    for span in sorted([*sentence_spans(document), *blocks]):
        if joined and span[0] < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span[1]))
        else:
            joined.append(span)
    made: list[Sentence] = []
    for start, end in joined:
        inside = tuple(block for block in blocks if start <= block[0] and block[1] <= end)
        masked, bare = _mask(text, (start, end), inside)
        readable = any(character.isalpha() for character in bare) and _unmask(masked, len(inside)) is not None
        if readable and not any(start < edge < end for edge in edges):
            made.append(Sentence((start, end), inside, masked))
    return made


def _blocks(mentions: Sequence[Mention]) -> list[Span]:
    blocks: list[Span] = []
    for mention in sorted(mentions, key=lambda mention: (mention.start, mention.end)):
        if blocks and mention.start <= blocks[-1][1]:
            blocks[-1] = (blocks[-1][0], max(blocks[-1][1], mention.end))
        else:
            blocks.append((mention.start, mention.end))
    return blocks


def _mask(text: str, span: Span, blocks: Sequence[Span]) -> tuple[str, str]:
    """The text of a span with a placeholder for each block, and without them."""
    edges = [span[0], *(edge for block in blocks for edge in block), span[1]]
    context = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    masked = context[0] + "".join(f"ZQ{number}Z{after}" for number, after in enumerate(context[1:]))
    return masked, "".join(context)


def _unmask(text: str | None, count: int) -> list[str] | None:
    """Context and numbers of blocks by turns, context first and last; None unless each of `count` placeholders is there once."""
    parts = _PLACEHOLDER.split(" ".join(text.split())) if text is not None else []
    numbers = parts[1::2]
    complete = "".join(parts[::2]).strip() and sorted(numbers) == sorted(str(number) for number in range(count))
    return parts if complete else None


class _Assembly:
    """A new text, of stretches of the old one and of translations, and where positions of the old one lie in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces: list[str] = []
        self.length = self.position = 0
        self.stretches: list[tuple[int, int]] = []  # old and new start of text that stays
        self.edges: dict[int, int] = {}  # old and new place of where translations begin and end

    def _add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.length += len(piece)

    def _keep(self, start: int, end: int) -> None:
        if start < end:
            self.stretches.append((start, self.length))
            self._add(self.text[start:end])

    def exchange(self, sentence: Sentence, parts: Sequence[str]) -> None:
        """Translate a sentence, after all those before it; `parts` as `_unmask` gives them."""
        self._keep(self.position, sentence.span[0])
        self.edges[sentence.span[0]] = self.length
        for index, part in enumerate(parts):
            if index % 2:
                self._keep(*sentence.blocks[int(part)])
            else:
                self._add(part)
        self.position = sentence.span[1]
        self.edges[self.position] = self.length

    def finish(self, document: Document) -> Document:
        self._keep(self.position, len(self.text))
        self.stretches.sort()
        mentions = (
            mention.at(*((self._shift(start, start), self._shift(start, end)) for start, end in mention.spans))
            for mention in document.mentions
        )
        passages = tuple(Passage(self._place(passage.start), self._place(passage.end), passage.kind) for passage in document.passages)
        return replace(document, text="".join(self.pieces), mentions=sort_mentions(mentions), passages=passages)

    def _shift(self, anchor: int, position: int) -> int:
        """The new place of a position in the stretch that has the character at `anchor`."""
        old, new = self.stretches[bisect_right(self.stretches, (anchor, self.length)) - 1]
        return position - old + new

    def _place(self, position: int) -> int:
        """The new place of a passage's border, which lies in text that stays or at the edge of a translation."""
        return self.edges[position] if position in self.edges else self._shift(max(0, position - 1), position)
