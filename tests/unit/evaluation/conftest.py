"""Random gold and predictions for this wing's tests; all text is invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from bioner.entities import Document, Mention, Span

TYPES = ("Chemical", "Disease", "Gene")


@dataclass(frozen=True)
class Tagged:
    """A flat gold document and its prediction, also as IOB2 tags over the same words."""

    gold: Document
    predicted: Document
    gold_tags: list[str]
    predicted_tags: list[str]


def _runs(random: Random, words: int) -> list[tuple[int, int, str]]:
    found, position = [], 0
    while position < words:
        length = random.randint(1, 4)
        if random.random() < 0.3 and position + length <= words:
            found.append((position, position + length, random.choice(TYPES)))
        position += length
    return found


def _mistaken(random: Random, runs: list[tuple[int, int, str]], words: int) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for start, end, kind in runs + _runs(random, words):
        if random.random() < 0.3:
            continue
        first, last = start + random.choice((0, 0, 0, 1, -1)), end + random.choice((0, 0, 0, 1, -1))
        if 0 <= first < last <= words and all(last <= a or b <= first for a, b, _ in found):
            found.append((first, last, random.choice((kind, kind, kind, *TYPES))))
    return found


def _tags(runs: list[tuple[int, int, str]], words: int) -> list[str]:
    tags = ["O"] * words
    for start, end, kind in runs:
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


def _flat(random: Random, name: str) -> Tagged:
    words = ["".join(random.choices("abcdefghij", k=random.randint(1, 9))) for _ in range(random.randint(0, 25))]
    spans: list[Span] = []
    for word in words:
        start = spans[-1][1] + 1 if spans else 0
        spans.append((start, start + len(word)))
    runs = _runs(random, len(words))
    sides = []
    for side in (runs, _mistaken(random, runs, len(words))):
        mentions = [Mention(f"m{i}", ((spans[a][0], spans[b - 1][1]),), kind) for i, (a, b, kind) in enumerate(side)]
        random.shuffle(mentions)
        sides.append((Document(name, " ".join(words), tuple(mentions)), _tags(side, len(words))))
    return Tagged(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def _mention(random: Random, number: int, length: int) -> Mention:
    parts = random.choice((1, 1, 1, 1, 2, 3))
    cuts = sorted(random.sample(range(length + 1), 2 * parts))
    spans = tuple((cuts[i], cuts[i + 1]) for i in range(0, len(cuts), 2))
    return Mention(f"m{number}", spans, random.choice(TYPES))


def _wild(random: Random, name: str) -> tuple[Document, Document]:
    """Nested, overlapping, discontiguous and repeated mentions, on both sides."""
    length = random.choice((12, 40, 400))
    text = "".join(random.choices("abcde  ,", k=length))
    gold = [_mention(random, i, length) for i in range(random.randint(0, 8))]
    predicted = [_mention(random, 100 + i, length) for i in range(random.randint(0, 4))]
    for mention in gold:
        if random.random() < 0.6:
            predicted.append(Mention("p", mention.spans, random.choice((mention.type, *TYPES))))
    predicted += [m for m in predicted if random.random() < 0.2]
    gold += [Mention(f"{m.id}x", m.spans, random.choice(TYPES)) for m in gold if random.random() < 0.2]
    random.shuffle(predicted)
    return Document(name, text, tuple(gold)), Document(name, text, tuple(predicted))


@pytest.fixture(scope="session")
def flat_documents() -> Callable[[int, int], list[Tagged]]:
    """Documents whose mentions lie on words and do not overlap: (seed, number) -> documents."""
    return lambda seed, number: [_flat(Random(f"{seed}:{i}"), f"d{i}") for i in range(number)]


@pytest.fixture(scope="session")
def wild_documents() -> Callable[[int, int], list[tuple[Document, Document]]]:
    """Documents with every kind of mention: (seed, number) -> (gold, predicted)."""
    return lambda seed, number: [_wild(Random(f"wild:{seed}:{i}"), f"d{i}") for i in range(number)]
