"""Tags: forth and back, and what tags cannot say."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bioner import tags
from bioner.entities import Mention
from bioner.tags import TagSet
from bioner.words import split_words

TAGS = TagSet.of(["Disease", "Chemical"])


def test_o_is_zero_and_types_are_sorted() -> None:
    assert TAGS.names == ("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease")
    assert [TAGS.split(tag) for tag in range(5)] == [("O", None), ("B", "Chemical"), ("I", "Chemical"), ("B", "Disease"), ("I", "Disease")]
    assert (TAGS.begin("Disease"), TAGS.inside("Disease")) == (3, 4)


def test_only_inside_tags_have_conditions() -> None:
    allowed = {(a, b) for a in (None, *range(5)) for b in range(5) if TAGS.allowed(a, b)}
    forbidden = {(None, 2), (None, 4), (0, 2), (0, 4), (1, 4), (2, 4), (3, 2), (4, 2)}
    assert allowed == {(a, b) for a in (None, *range(5)) for b in range(5)} - forbidden


@given(st.text(max_size=80))
def test_words_cover_all_but_white_space_once(text: str) -> None:
    words = split_words(text)
    covered = [index for start, end in words for index in range(start, end)]
    assert covered == sorted(set(covered))
    assert all(text[index].isspace() for index in set(range(len(text))) - set(covered))
    assert not any(text[index].isspace() for index in covered)


def test_words() -> None:
    text = "IL-2_x (5-HT6), α1 é\u0301"
    assert [text[a:b] for a, b in split_words(text)] == ["IL", "-", "2", "_", "x", "(", "5", "-", "HT6", ")", ",", "α1", "é", "\u0301"]


@given(st.lists(st.sampled_from(["a", "bb", "c1", "-"]), min_size=1, max_size=12), st.data())
def test_mentions_on_word_boundaries_come_back(parts: list[str], data: st.DataObject) -> None:
    text = " ".join(parts)
    words = split_words(text)
    cuts = sorted(set(data.draw(st.lists(st.integers(0, len(words)), max_size=6))))
    mentions = [
        Mention(str(a), ((words[a][0], words[b - 1][1]),), data.draw(st.sampled_from(TAGS.types))) for a, b in itertools.pairwise(cuts)
    ]
    ids, lost = tags.encode(mentions, words, TAGS)
    assert not lost
    assert [(span, kind) for _, span, kind in tags.decode(ids, words, TAGS)] == [(mention.spans[0], mention.type) for mention in mentions]
    previous: int | None = None
    for tag in ids:
        assert TAGS.allowed(previous, tag)
        previous = tag


def test_what_tags_cannot_say_is_lost_by_name() -> None:
    text = "5-HT6 receptor of the rat"
    words = split_words(text)
    inside = Mention("inside a word", ((0, 4),), "Chemical")
    nested = Mention("nested", ((6, 14),), "Disease")
    longer = Mention("longer", ((6, 17),), "Disease")
    parts = Mention("discontiguous", ((18, 21), (22, 25)), "Disease")
    other = Mention("another type", ((0, 5),), "Gene")
    ids, lost = tags.encode([inside, nested, longer, parts, other], words, TAGS)
    assert {mention.id for mention in lost} == {"inside a word", "nested", "discontiguous", "another type"}
    assert [TAGS.names[tag] for tag in ids] == [
        "B-Chemical",
        "I-Chemical",
        "I-Chemical",
        "B-Disease",
        "I-Disease",
        "B-Disease",
        "I-Disease",
    ]


def test_an_orphan_inside_tag_begins_a_mention() -> None:
    words = [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [(span, kind) for _, span, kind in tags.decode([2, 2, 4, 0], words, TAGS)] == [((0, 3), "Chemical"), ((4, 5), "Disease")]
