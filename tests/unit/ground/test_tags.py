"""Tags: forth and back, and what tags cannot say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner import tags
from bioner.entities import Mention
from bioner.tags import TagSet
from bioner.words import split_words

TAGS = TagSet.of(["Disease", "Chemical"])
IOBES = TagSet.of(["Disease", "Chemical"], "iobes")


def test_o_is_zero_and_types_are_sorted() -> None:
    assert TAGS.names == ("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease")
    assert [TAGS.split(tag) for tag in range(5)] == [("O", None), ("B", "Chemical"), ("I", "Chemical"), ("B", "Disease"), ("I", "Disease")]
    assert TAGS.spell("Disease", 3) == [3, 4, 4]


def test_iobes_marks_ends_and_single_units() -> None:
    assert IOBES.names == ("O", "B-Chemical", "I-Chemical", "E-Chemical", "S-Chemical", "B-Disease", "I-Disease", "E-Disease", "S-Disease")
    spelled = [[IOBES.names[tag] for tag in IOBES.spell("Disease", units)] for units in (1, 2, 4)]
    assert spelled == [["S-Disease"], ["B-Disease", "E-Disease"], ["B-Disease", "I-Disease", "I-Disease", "E-Disease"]]


@pytest.mark.parametrize("tag_set", [TagSet.of(["a", "b"]), TagSet.of(["a", "b"], "iobes")], ids=["iob2", "iobes"])
def test_exactly_the_sequences_that_mentions_spell_are_allowed(tag_set: TagSet) -> None:
    length = 4
    spelled = {()}
    for _ in range(length):  # O, or a mention, after what is shorter
        longer = {(*begun, 0) for begun in spelled}
        longer |= {(*begun, *tag_set.spell(kind, size)) for begun in spelled for kind in tag_set.types for size in range(1, length + 1)}
        spelled |= {sequence for sequence in longer if len(sequence) <= length}
    sequences = itertools.product(range(len(tag_set.names)), repeat=length)
    steps = {sequence: zip((None, *sequence), (*sequence, None), strict=True) for sequence in sequences}
    assert {sequence for sequence, pairs in steps.items() if all(tag_set.allowed(*pair) for pair in pairs)} == {
        sequence for sequence in spelled if len(sequence) == length
    }


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


@given(st.lists(st.sampled_from(["a", "bb", "c1", "-"]), min_size=1, max_size=12), st.sampled_from([TAGS, IOBES]), st.data())
def test_mentions_on_word_boundaries_come_back(parts: list[str], tag_set: TagSet, data: st.DataObject) -> None:
    text = " ".join(parts)
    words = split_words(text)
    cuts = sorted(set(data.draw(st.lists(st.integers(0, len(words)), max_size=6))))
    mentions = [
        Mention(str(a), ((words[a][0], words[b - 1][1]),), data.draw(st.sampled_from(TAGS.types))) for a, b in itertools.pairwise(cuts)
    ]
    ids, lost = tags.encode(mentions, words, tag_set)
    assert not lost
    assert [(span, kind) for _, span, kind in tags.decode(ids, words, tag_set)] == [
        (mention.spans[0], mention.type) for mention in mentions
    ]
    previous = None
    for tag in (*ids, None):
        assert tag_set.allowed(previous, tag)
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
    assert {(mention.id, reason) for mention, reason in lost} == {
        ("inside a word", "boundary inside a unit"),
        ("nested", "overlaps a longer mention"),
        ("discontiguous", "discontiguous"),
        ("another type", "type without a tag"),
    }
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
    orphans = [IOBES.names.index(name) for name in ("I-Chemical", "B-Chemical", "E-Disease", "E-Disease")]
    found = [(span, kind) for _, span, kind in tags.decode(orphans, words, IOBES)]
    assert found == [((0, 1), "Chemical"), ((2, 3), "Chemical"), ((4, 5), "Disease"), ((6, 7), "Disease")]
    assert [(span, kind) for _, span, kind in tags.decode([2, 2, 4, 0], words, TAGS)] == [((0, 3), "Chemical"), ((4, 5), "Disease")]
