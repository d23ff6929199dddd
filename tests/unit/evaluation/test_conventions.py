"""Conventions for tag sequences that the scheme does not allow, against seqeval and by hand."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, IOBES, Entities

from bioner.entities import Document, Mention
from bioner.evaluation.conventions import CONVENTIONS, ConventionCounts, count_invalid, read_tags
from bioner.evaluation.prediction_rows import convention_rows
from bioner.tags import TagSet, encode

SETS = {"iob2": TagSet.of(["A", "B-b"]), "iobes": TagSet.of(["A", "B-b"], "iobes")}


def read(tags: list[str], convention: str, scheme: str = "iob2") -> list[tuple[int, int, str]]:
    tag_set = SETS[scheme]
    return read_tags([tag_set.names.index(tag) for tag in tags], tag_set, convention)


def words(text: str) -> list[str]:
    return [tag.replace("b", "B-b") if "-b" in tag else tag for tag in text.split()]


@pytest.mark.parametrize(("scheme", "length"), [("iob2", 5), ("iobes", 3)])
def test_every_sequence_is_read_as_seqeval_reads_it(scheme, length):
    tag_set = SETS[scheme]
    for path in product(range(len(tag_set.names)), repeat=length):
        tags = [tag_set.names[tag] for tag in path]
        lenient = [(start, stop + 1, kind) for kind, start, stop in get_entities(tags)]
        assert read_tags(path, tag_set, "seqeval") == lenient, tags
        strict = Entities([tags], {"iob2": IOB2, "iobes": IOBES}[scheme]).entities[0]
        assert read_tags(path, tag_set, "discard") == [(entity.start, entity.end, entity.tag) for entity in strict], tags


@given(st.lists(st.integers(0, 4), max_size=12))
def test_in_iob2_three_conventions_agree_and_all_on_what_is_allowed(path):
    tag_set = SETS["iob2"]
    found = {convention: read_tags(path, tag_set, convention) for convention in CONVENTIONS}
    assert found["begin"] == found["seqeval"] == found["conlleval"]
    if not count_invalid(path, tag_set):
        assert found["discard"] == found["repair"] == found["begin"]
    else:
        assert found["discard"] != found["begin"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-A I-A O", {"begin": [(0, 2, "A")], "discard": [], "repair": [(0, 2, "A")]}),
        ("B-A I-b O", {"begin": [(0, 1, "A"), (1, 2, "B-b")], "discard": [(0, 1, "A")], "repair": [(0, 2, "A")]}),
        ("B-A I-b I-A", {"begin": [(0, 1, "A"), (1, 2, "B-b"), (2, 3, "A")], "discard": [(0, 1, "A")], "repair": [(0, 3, "A")]}),
        ("O I-b B-b", {"begin": [(1, 2, "B-b"), (2, 3, "B-b")], "discard": [(2, 3, "B-b")], "repair": [(1, 2, "B-b"), (2, 3, "B-b")]}),
    ],
)
def test_iob2_by_hand(tags, expected):
    for convention, mentions in expected.items():
        assert read(words(tags), convention) == mentions, convention


def test_conlleval_knows_no_single_mentions_and_no_end_before_a_begin():
    # by reading startOfChunk and endOfChunk of conlleval.pl
    assert read(words("S-A S-A O"), "conlleval", "iobes") == [(0, 2, "A")]
    assert read(words("B-A E-A B-A E-A"), "conlleval", "iobes") == [(0, 4, "A")]
    assert read(words("S-A S-b"), "conlleval", "iobes") == [(0, 1, "A"), (1, 2, "B-b")]
    assert read(words("B-A E-A I-A"), "conlleval", "iobes") == [(0, 2, "A"), (2, 3, "A")]


def test_iobes_mentions_without_their_end():
    assert read(words("B-A I-A O"), "begin", "iobes") == [(0, 2, "A")]
    assert read(words("B-A I-A O"), "discard", "iobes") == []
    assert read(words("B-A E-b O"), "repair", "iobes") == [(0, 2, "A")]
    assert count_invalid([SETS["iobes"].names.index(tag) for tag in words("B-A I-A")], SETS["iobes"]) == 1


def test_counts_against_gold():
    units = [(0, 3), (4, 7), (8, 11)]
    gold = Document("a", "abc def ghi", (Mention("1", ((0, 3),), "A"), Mention("2", ((8, 11),), "B-b")))
    counts = ConventionCounts()
    tag_set = SETS["iob2"]
    counts.add(gold, [tag_set.names.index(tag) for tag in words("B-A O I-b")], units, tag_set, lambda mentions: mentions)
    counts.add(gold, encode(gold.mentions, units, tag_set)[0], units, tag_set, lambda mentions: mentions)
    found = counts.to_json()
    assert (found["documents"], found["units"], found["invalid"], found["gold"]) == (2, 6, 1, 4)
    assert found["conventions"]["begin"] == {"predicted": 4, "correct": 4}
    assert found["conventions"]["discard"] == {"predicted": 3, "correct": 3}
    rows = {(row["definition"], row["metric"]): row["value"] for row in convention_rows(found)}
    assert rows["invalid_tags", "share"] == pytest.approx(1 / 6)
    assert rows["tags_discard", "recall"] == 0.75
    assert rows["tags_begin", "f1"] == 1.0
