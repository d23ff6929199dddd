"""Texts that are nearly the same: exact Jaccard similarity of their word shingles, and sentences that are equal."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from bioner.entities import Document
from bioner.preparation.sentences import sentence_spans
from bioner.words import split_words

SHINGLE = 3
"""Words in a shingle: a word that is changed costs at most three shingles on either side."""
SENTENCE_WORDS = 5
"""Sentences of so many words or fewer (headings, stock phrases) are not told apart from chance."""
THRESHOLD = 0.8


def plain_words(text: str) -> list[str]:
    """The words of a text without case and punctuation."""
    return [text[start:end].casefold() for start, end in split_words(text) if text[start].isalnum()]


def shingles(text: str) -> frozenset[str]:
    """Runs of three words of a text; all of it where it has fewer; none of a text without words."""
    words = plain_words(text)
    return frozenset(" ".join(words[place : place + SHINGLE]) for place in range(max(1, len(words) - SHINGLE + 1)) if words)


def sentence_keys(document: Document) -> list[str]:
    """The sentences of more than five words of a document, as plain words, in order."""
    listed = (plain_words(document.text[start:end]) for start, end in sentence_spans(document))
    return [" ".join(words) for words in listed if len(words) > SENTENCE_WORDS]


def near_pairs(texts: Sequence[str], others: Sequence[str], threshold: float = THRESHOLD) -> list[tuple[int, int]]:
    """Every (i, j) with Jaccard(shingles of texts[i], shingles of others[j]) >= threshold, sorted; exact, not sampled.

    Two sets that are so alike have one of their rarest elements in common: |x| - ceil(threshold |x|) + 1
    of each, in an order that is the same for all. Only pairs that share one of these are compared.

    Args:
        threshold: in (0, 1].
    """
    left, right = [shingles(text) for text in texts], [shingles(text) for text in others]
    frequency = Counter(shingle for sets in (left, right) for found in sets for shingle in found)
    index: defaultdict[str, list[int]] = defaultdict(list)
    for place, found in enumerate(right):
        for shingle in _rarest(found, frequency, threshold):
            index[shingle].append(place)
    pairs = []
    for place, found in enumerate(left):
        for other in sorted({other for shingle in _rarest(found, frequency, threshold) for other in index.get(shingle, ())}):
            common = len(found & right[other])
            if common >= threshold * (len(found) + len(right[other]) - common) - 1e-9:
                pairs.append((place, other))
    return pairs


def _rarest(found: frozenset[str], frequency: Counter[str], threshold: float) -> list[str]:
    """The elements that another set with this similarity cannot all lack."""
    wanted = len(found) - math.ceil(threshold * len(found) - 1e-9) + 1 if found else 0
    return sorted(found, key=lambda shingle: (frequency[shingle], shingle))[:wanted]
