from __future__ import annotations

import random
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document
from bioner.preparation.near_duplicates import near_pairs, sentence_keys

WORDS = st.lists(st.sampled_from(["a", "b", "c", "D", "d", "-", "."]), max_size=12).map(" ".join)


def triples(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in text.split() if word not in "-."]
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)} or ({tuple(words)} if words else set())


@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8), st.sampled_from([0.1, 0.5, 0.75, 0.8, 1.0]))
def test_pairs_are_those_of_comparing_all_with_all(texts: list[str], others: list[str], threshold: float) -> None:
    expected = []
    for (i, one), (j, other) in product(enumerate(map(triples, texts)), enumerate(map(triples, others))):
        if one and other and len(one & other) / len(one | other) >= threshold:
            expected.append((i, j))
    assert near_pairs(texts, others, threshold) == expected


def test_long_texts_with_few_changes_are_found_among_many() -> None:
    draw = random.Random(1)
    texts = [" ".join(draw.choices([f"w{number}" for number in range(500)], k=200)) for _ in range(300)]
    changed = texts[7].split()
    for place in (20, 90, 150):
        changed[place] = "other"
    assert near_pairs([" ".join(changed), texts[9].upper()], texts) == [(0, 7), (1, 9)]


def test_sentences_of_more_than_five_words_are_known_by_their_words() -> None:
    document = Document("d", "Five words are too few. Six words (or more) are enough! But: six WORDS, or more, are enough.")
    assert sentence_keys(document) == ["six words or more are enough", "but six words or more are enough"]
