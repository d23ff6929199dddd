"""The demo's text engine: templates, concepts and the choice between them.

A template is a sentence with three kinds of marks. `{key}` is a name of a concept, annotated; `{-key}` the same name, not
annotated; `{~key}` a filler word. `[words/Type]` annotates words, and may hold slots and other annotations; `[words/Type:key]`
also says which concept it is.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

_PIECE = re.compile(r"\{(?P<mode>[~-]?)(?P<key>\w+)\}|(?P<open>\[)|/(?P<type>\w+)(?::(?P<name>[^\]]*))?\]")

TOPIC_SHARE = 0.65
"""Share of slots that take a concept of the document's own topic."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing with several names; `parts` is the split form of a composite name."""

    type: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation of a demo text: half-open span, type, concept ids, split form of a composite."""

    start: int
    end: int
    type: str
    ids: tuple[str, ...] = ()
    parts: str = ""

    def moved(self, by: int) -> Mark:
        return replace(self, start=self.start + by, end=self.end + by)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of demo text with its marks."""

    text: str
    marks: tuple[Mark, ...] = ()


def join(pieces: Sequence[Text], separator: str) -> Text:
    """Pieces one after another, their marks moved along."""
    texts: list[str] = []
    marks: list[Mark] = []
    position = 0
    for piece in pieces:
        texts.append(piece.text)
        marks.extend(mark.moved(position) for mark in piece.marks)
        position += len(piece.text) + len(separator)
    return Text(separator.join(texts), tuple(marks))


def stable_number(text: str, digits: int) -> str:
    """A number of so many digits that depends on the text alone."""
    return str(int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**digits).zfill(digits)


@dataclass(slots=True)
class Writer:
    """Writes sentences of one document.

    `concepts` and `fillers` are by key, concepts from frequent to rare; `identify` makes the concept id of an annotated phrase;
    `topic` holds the few concepts that the document is about.
    """

    rng: random.Random
    concepts: Mapping[str, Sequence[Concept]]
    fillers: Mapping[str, Sequence[str]]
    identify: Callable[[str], str]
    topic: dict[str, list[Concept]] = field(default_factory=dict)

    def concept(self, key: str) -> Concept:
        """A concept: mostly of the document's topic, else any, frequent ones first."""
        concepts = self.concepts[key]
        weights = [(rank + 4) ** -0.7 for rank in range(len(concepts))]
        if key not in self.topic:
            self.topic[key] = self.rng.choices(concepts, weights, k=3)
        if self.rng.random() < TOPIC_SHARE:
            return self.rng.choice(self.topic[key])
        return self.rng.choices(concepts, weights)[0]

    def name(self, concept: Concept) -> str:
        """One of a concept's names, the first one most often."""
        return self.rng.choices(concept.names, [2.0] + [1.0] * (len(concept.names) - 1))[0]

    def write(self, template: str) -> Text:
        """The text of a template, its first letter a capital."""
        text, marks, open_at, position = "", list[Mark](), list[int](), 0
        for piece in _PIECE.finditer(template):
            text += template[position : piece.start()]
            position = piece.end()
            if piece["open"]:
                open_at.append(len(text))
            elif piece["type"]:
                start = open_at.pop()
                key = piece["name"] or text[start:].lower()
                marks.append(Mark(start, len(text), piece["type"], (self.identify(key),)))
            elif piece["mode"] == "~":
                text += self.rng.choice(self.fillers[piece["key"]])
            else:
                concept = self.concept(piece["key"])
                start, text = len(text), text + self.name(concept)
                if not piece["mode"]:
                    marks.append(Mark(start, len(text), concept.type, concept.ids, concept.parts))
        text += template[position:]
        return Text(text[:1].upper() + text[1:] if text[:1].isascii() else text, tuple(marks))


def disturb(text: Text, rng: random.Random, *, rate: float) -> Text:
    """The text with the annotation errors of a human corpus: a share `rate` of marks is lost or begins a word early or late."""
    marks = []
    for mark in text.marks:
        draw = rng.random()
        before = re.search(r"[A-Za-z]+ $", text.text[: mark.start])
        first = re.match(r"\w+ ", text.text[mark.start : mark.end])
        if mark.parts or draw >= rate:
            marks.append(mark)
        elif draw >= rate / 2:
            early = mark.start - len(before[0]) if before else mark.start
            free = all(other.end <= early or other.start >= mark.start for other in text.marks)
            start = early if before and free else mark.start + len(first[0]) if first else mark.start
            marks.append(replace(mark, start=start))
    return replace(text, marks=tuple(marks))
