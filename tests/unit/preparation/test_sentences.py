from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention, Passage
from bioner.preparation.sentences import cut, sentence_spans, split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["One dose.", "Two doses were given!", "Why?", "3 of 4 died."],
        ["It fell (by 5 %.)", '"It rose."', "(See below.)", "Done"],
        ["Dr. J. Smith et al. saw it (cf. Fig. 2 and approx. No. 7 vs. Nos. 8) in the U.S. Army, e.g. Alpha."],
        ["No break at 0.5 mg or at p < .05 or before lower. case words."],
        ["A heading\n\n", "A text that\nruns on."],
    ],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[start:end] for start, end in split_sentences(text)] == [sentence.strip() for sentence in sentences]


def test_passages_end_sentences() -> None:
    document = Document("d", "a title without stop the text begins", passages=(Passage(0, 20, "title"), Passage(21, 36, "abstract")))
    assert sentence_spans(document) == [(0, 20), (21, 36)]


@given(st.data())
def test_every_character_and_every_mention_is_accounted_for(
    draw_document: Callable[[st.DataObject], Document], data: st.DataObject
) -> None:
    document = draw_document(data)
    spans = sentence_spans(document)
    covered = [place for start, end in spans for place in range(start, end)]
    assert len(set(covered)) == len(covered)
    assert [place for place in range(len(document.text)) if not document.text[place].isspace()] == [
        place for place in covered if not document.text[place].isspace()
    ]
    sentences = cut(document)
    assert [sentence.text for sentence in sentences] == [document.text[start:end] for start, end in spans]
    if sentences:
        kept = sum(len(sentence.mentions) for sentence in sentences)
        assert kept + sum(sentence.meta["lost_by_cutting"] for sentence in sentences) == len(document.mentions)
    surfaces = {document.surface(mention) for mention in document.mentions}
    assert {sentence.surface(mention) for sentence in sentences for mention in sentence.mentions} <= surfaces


def test_mentions_go_with_their_sentence_and_those_across_are_counted() -> None:
    text = "Zorbinol cured it. Plimurin did not."
    mentions = (
        Mention("T1", ((0, 8),), "Drug", ("C1",)),
        Mention("T2", ((14, 27),), "Drug"),
        Mention("T3", ((19, 27), (32, 35)), "Drug"),
    )
    first, second = cut(Document("d", text, mentions, split="test", meta={"more": 1}))
    assert (first.id, first.text, first.mentions, first.split) == ("d#s1", "Zorbinol cured it.", mentions[:1], "test")
    assert (second.id, second.mentions) == ("d#s2", (mentions[2].at((0, 8), (13, 16)),))
    assert [sentence.meta for sentence in (first, second)] == [
        {"source": "d", "sentence": 1, "lost_by_cutting": 1},
        {"source": "d", "sentence": 2, "lost_by_cutting": 0},
    ]
    assert first.passages == (Passage(0, 18, "sentence"),)
