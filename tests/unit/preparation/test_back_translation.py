from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError
from bioner.preparation.back_translation import BackTranslation, back_translation_of, sentences

TITLE = "Trial of zorbinol."
TEXT = f"{TITLE} Patients took zorbinol for scaly fever. All were well!"
MENTIONS = (
    Mention("T1", ((9, 17),), "Drug", ("C1",)),
    Mention("T2", ((33, 41),), "Drug", ("C1",)),
    Mention("T3", ((46, 57),), "Disease", ("C2",)),
    Mention("T4", ((52, 57),), "Disease", ("C3",)),
)
DOCUMENT = Document("d", TEXT, MENTIONS, (Passage(0, 18, "title"), Passage(19, len(TEXT), "abstract")))


def backwards(texts: Sequence[str]) -> list[str]:
    """A language in which the words stand the other way round."""
    return [" ".join(reversed(text.split())) for text in texts]


def named(document: Document) -> list[tuple[str, str, tuple[str, ...], str]]:
    return sorted((mention.id, mention.type, mention.concepts, document.surface(mention)) for mention in document.mentions)


@given(st.data(), st.integers(0, 5), st.sampled_from([backwards, lambda texts: [f"{text} so" for text in texts]]))
def test_mentions_stay_what_they_are_in_any_document(
    draw_document: Callable[[st.DataObject], Document],
    check_variant: Callable[[Document, Document, str], None],
    data: st.DataObject,
    seed: int,
    translate: Callable[[Sequence[str]], list[str]],
) -> None:
    document = draw_document(data)
    make = BackTranslation(translate, 0.7, seed)
    variant = make(document)
    assert variant == BackTranslation(translate, 0.7, seed)(document)
    assert make.counts.total() == 1 and make.counts["dropped"] == 0
    assert BackTranslation(translate, 0.0, seed)(document) is None
    if variant is not None:
        check_variant(variant, document, "back_translation")
        assert named(variant) == named(document)
        between = list(zip(document.passages, variant.passages, strict=True))
        assert all(document.text[old.start : old.end] == "" or new.start < new.end for old, new in between)


@given(st.data())
def test_sentences_hold_whole_mentions_and_no_border_of_a_passage(
    draw_document: Callable[[st.DataObject], Document], data: st.DataObject
) -> None:
    document = draw_document(data)
    found = sentences(document)
    assert all(a.span[1] <= b.span[0] for a, b in pairwise(found))
    edges = {edge for passage in document.passages for edge in (passage.start, passage.end)}
    for sentence in found:
        start, end = sentence.span
        assert 0 <= start < end <= len(document.text) and not any(start < edge < end for edge in edges)
        for mention in document.mentions:
            assert mention.end <= start or end <= mention.start or (start <= mention.start and mention.end <= end)
        rebuilt = sentence.masked
        for number, block in enumerate(sentence.blocks):
            rebuilt = rebuilt.replace(f"ZQ{number}Z", document.text[slice(*block)], 1)
        assert rebuilt == document.text[start:end]


def test_context_is_translated_and_mentions_are_put_back_where_their_placeholders_are() -> None:
    assert [sentence.masked for sentence in sentences(DOCUMENT)] == ["Trial of ZQ0Z.", "Patients took ZQ0Z for ZQ1Z.", "All were well!"]
    variant = BackTranslation(backwards, 1.0, 1)(DOCUMENT)
    assert variant is not None
    assert variant.text == "zorbinol. of Trial scaly fever. for zorbinol took Patients well! were All"
    assert [(mention.id, variant.surface(mention)) for mention in variant.mentions] == [
        ("T1", "zorbinol"), ("T3", "scaly fever"), ("T4", "fever"), ("T2", "zorbinol"),
    ]  # fmt: skip
    assert [variant.text[p.start : p.end] for p in variant.passages] == [variant.text[:18], variant.text[19:]]


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: text.replace("ZQ1Z", ""),
        lambda text: text.replace("ZQ1Z", "ZQ1Z and ZQ1Z"),
        lambda text: text.replace("ZQ1Z", "ZQ0Z"),
        lambda text: text.replace("ZQ1Z", "ZQ2Z"),
        lambda text: text.replace("ZQ1Z", "zq1z"),
        lambda text: text.replace("ZQ1Z", "ZQ1Zs"),
        lambda text: text.replace("ZQ1Z", "ZQ 1 Z"),
        lambda text: None if "ZQ1Z" in text else text,
        lambda text: " " if "well" in text else text,
        lambda text: "ZQ0Z" if "Trial" in text else text,
    ],
)
def test_a_failed_alignment_drops_the_variant_and_is_counted(broken: Callable[[str], str | None]) -> None:
    make = BackTranslation(lambda texts: [broken(text) for text in texts], 1.0, 1)
    assert make(DOCUMENT) is None
    assert make.counts == {"variants": 0, "unchanged": 0, "dropped": 1}


def test_a_translation_that_says_the_same_is_no_variant() -> None:
    make = BackTranslation(list, 1.0, 1)
    assert make(DOCUMENT) is None and make.counts["unchanged"] == 1


def test_sentences_in_which_placeholders_mean_nothing_are_left_alone() -> None:
    text = "Code ZQ0Z of zorbinol. An antizorbinol. All were well."
    mentions = (Mention("T1", ((13, 21),), "Drug"), Mention("T2", ((30, 38),), "Drug"))
    document = Document("d", text, mentions, (Passage(0, len(text), "text"),))
    assert [sentence.masked for sentence in sentences(document)] == ["All were well."]
    variant = BackTranslation(backwards, 1.0, 1)(document)
    assert variant is not None and variant.text == "Code ZQ0Z of zorbinol. An antizorbinol. well. were All"


def test_rate_is_the_share_of_sentences() -> None:
    text = " ".join(f"Number {number} was well." for number in range(1000))
    variant = BackTranslation(lambda texts: [text.upper() for text in texts], 0.3, 1)(Document("d", text))
    assert variant is not None and 250 < variant.text.count("WELL") < 350


def test_settings_are_checked() -> None:
    assert back_translation_of({"forward": "a", "backward": "b", "beams": 4, "batch": 8, "rate": 0.5, "seed": 2}) == (0.5, 2)
    for wrong in (None, {"rate": 2}, {"rate": 0.5, "pivot": "de"}):
        with pytest.raises(BionerError, match="expected `back_translation`"):
            back_translation_of(wrong)
