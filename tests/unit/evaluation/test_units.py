"""Words and tags by arrays against the ones of the ground floor."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document
from bioner.evaluation import units
from bioner.evaluation.counting import lay_out
from bioner.evaluation.tokens import EXPRESSED, tag_words
from bioner.evaluation.units import word_spans
from bioner.tags import REASONS, TagSet, encode
from bioner.words import split_words

TEXTS = st.lists(st.text(st.one_of(st.sampled_from("ab1 _-.\n\u0301é\u00a0\u200bβ𝒳²Ⅳ"), st.characters()), max_size=12), max_size=6)


@given(TEXTS, st.sampled_from((1, 7, 10_000)))
def test_words_are_those_of_each_text(texts, at_once):
    expected, offset = [], 0
    for text in texts:
        expected += [(start + offset, end + offset) for start, end in split_words(text)]
        offset += len(text)
    before = units._CHARACTERS_AT_ONCE
    try:
        units._CHARACTERS_AT_ONCE = at_once
        starts, ends = word_spans(texts)
    finally:
        units._CHARACTERS_AT_ONCE = before
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == expected


@given(st.integers(0, 10_000))
def test_tags_are_those_of_encode(wild_documents, seed):
    documents = wild_documents(seed, 4)
    gold, predicted = [g for g, _ in documents], [p for _, p in documents]
    layout = lay_out(gold, predicted)
    words = tag_words(layout, [document.text for document in gold])
    tag_set = TagSet.of(layout.types)
    for side, found in ((gold, words.gold), (predicted, words.predicted)):
        expected = [tag for document in side for tag in encode(document.mentions, split_words(document.text), tag_set)[0]]
        assert found.tolist() == expected
    assert reasons(gold, tag_set) == sorted(REASONS[reason] for reason in words.lost.tolist() if reason != EXPRESSED)


def reasons(documents: list[Document], tag_set: TagSet) -> list[str]:
    found = []
    for document in documents:
        distinct = {(mention.spans, mention.type): mention for mention in document.mentions}
        found += [reason for _, reason in encode(sorted(distinct.values()), split_words(document.text), tag_set)[1]]
    return sorted(found)


def test_nothing():
    starts, ends = word_spans([])
    assert len(starts) == len(ends) == 0
    assert word_spans(["", " ", ""])[0].dtype == np.int64
