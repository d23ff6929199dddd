"""Novelty, recall by group, and what an attack achieves; all names are invented."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.repeats import Seen
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.groups import FREQUENCIES, frequency_of, group_rows, length_of
from bioner.evaluation.novelty import TrainingNames
from bioner.evaluation.success import Baseline, baseline, outcome, success_rows, worst_case

CORPUS = Path(__file__).parents[4] / "shared/corpora/bc5cdr"

TRAINING = Document(
    "t",
    "Glumphitis and  glumphitis of zorbal; Zorbal   fever",
    (
        Mention("1", ((0, 10),), "Disease", ("C1", "C9")),
        Mention("2", ((16, 26),), "Disease", ("-1",)),
        Mention("3", ((30, 36),), "Chemical", ("",)),
        Mention("4", ((38, 52),), "Disease", ("-",)),
    ),
)
NAMES = TrainingNames.of([TRAINING])


def same(surface: str) -> str:
    return surface


@pytest.mark.parametrize(
    ("surface", "kind", "concepts", "novelty", "frequency"),
    [
        ("GLUMPHITIS", "Disease", (), "seen", 2),
        ("zorbal \n FEVER", "Disease", (), "seen", 1),
        ("zorbal", "Disease", (), "unseen", 0),
        ("morbus", "Disease", ("C2", "C9"), "synonym", 0),
        ("morbus", "Chemical", ("C9",), "synonym", 0),
        ("morbus", "Disease", ("-1",), "unseen", 0),
        ("morbus", "Disease", ("",), "unseen", 0),
        ("morbus", "Disease", ("-",), "unseen", 0),
    ],
)
def test_novelty(surface, kind, concepts, novelty, frequency):
    mention = Mention("x", ((0, 1),), kind, concepts)
    assert (NAMES.novelty(mention, surface), NAMES.frequency(mention, surface)) == (novelty, frequency)


@given(st.integers(0, 10_000))
def test_bins_of_frequencies(count):
    name = frequency_of(count)
    low, _, high = name.replace("+", "-").partition("-")
    assert int(low) <= count and (not high or count <= int(high)) and (name.endswith("+") or high or count == int(low))
    assert list(FREQUENCIES) == sorted(FREQUENCIES, key=lambda name: int(name.replace("+", "-").partition("-")[0]))


def test_lengths():
    assert [length_of(surface) for surface in ("ab", "ab-cd", "a b c d", "a b c d e", "...........", " ")] == [
        "1",
        "3",
        "4",
        "5+",
        "5+",
        "1",
    ]


def test_groups_hold_every_mention_once(wild_documents):
    pairs = wild_documents(11, 80)
    names = TrainingNames.of([gold for gold, _ in pairs[:20]])
    rows = group_rows(pairs, names, same)
    gold = sum(len({(m.spans, m.type) for m in document.mentions}) for document, _ in pairs)
    right = sum(len({(m.spans, m.type) for m in a.mentions} & {(m.spans, m.type) for m in b.mentions}) for a, b in pairs)
    for group in ("length", "frequency", "novelty", "type_novelty"):
        chosen = [row for row in rows if row["group"] == group]
        assert (sum(row["gold"] for row in chosen), sum(row["found"] for row in chosen)) == (gold, right)
    by_novelty = {row["value"]: row["gold"] for row in rows if row["group"] == "novelty"}
    typed = Counter()
    for row in rows:
        if row["group"] == "type_novelty":
            typed[row["value"].rpartition("/")[2]] += row["gold"]
    assert typed == by_novelty
    assert by_novelty["seen"] == gold - next(row["gold"] for row in rows if (row["group"], row["value"]) == ("frequency", "0"))


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"BC5CDR is not at {CORPUS}")
def test_seen_on_a_real_corpus_is_what_the_quality_report_counts():
    """6,090 of 9,809 test mentions, as the report counts them from the corpus, by code of its own."""
    seen, parts = Seen(), {}
    for split, name in (("train", "Training"), ("test", "Test")):
        parts[split] = []
        for block in (CORPUS / f"CDR_{name}Set.PubTator.txt").read_text(encoding="utf-8").strip().split("\n\n"):
            title, abstract, *rows = block.split("\n")
            columns = [row.split("\t") for row in rows if "\tCID\t" not in row]
            mentions = tuple(Mention(f"T{i}", ((int(c[1]), int(c[2])),), c[4], tuple(c[5].split("|"))) for i, c in enumerate(columns))
            document = Document(title.split("|")[0], f"{title.split('|', 2)[2]} {abstract.split('|', 2)[2]}", mentions, split=split)
            parts[split].append(document)
            seen.add(document)
    rows = group_rows([(document, document) for document in parts["test"]], TrainingNames.of(parts["train"]), same)
    counts = {row["value"]: row["gold"] for row in rows if row["group"] == "novelty"}
    report = seen.to_json()["test"]
    assert (counts["seen"], sum(counts.values())) == (report["seen"], report["mentions"]) == (6090, 9809)
    concepts = {concept for document in parts["train"] for mention in document.mentions for concept in mention.concepts} - {"-1"}
    assert 0 < counts["synonym"] < sum(bool(concepts & set(m.concepts)) for document in parts["test"] for m in document.mentions)


def clean(text: str, *mentions: tuple[int, int], name: str = "d", **meta: object) -> Document:
    return Document(name, text, tuple(Mention(f"m{i}", (span,), "Disease") for i, span in enumerate(mentions)), meta=dict(meta))


def test_success_by_hand():
    text = "glumphitis zorbal morbus quartan"
    spans = ((0, 10), (11, 17), (18, 24), (25, 32))
    gold = clean(text, *spans)
    before = baseline([(gold, clean(text, *spans[:3]))], NAMES, same)  # the fourth was never found
    assert list(before.right.values()) == [("Disease", "seen"), ("Disease", "unseen"), ("Disease", "unseen")]
    moved = clean("glumphitis zzorbal morbus quartan", (0, 10), (11, 18), (19, 25), (26, 33), attack="invented", edits_made=3, queries=40)
    predicted = clean(moved.text, (0, 10), (11, 25), (26, 33))
    found = outcome(before, [(moved, predicted)], "invented")
    assert list(success_rows(before, found)) == [
        {"type": "", "novelty": "", "right": 3, "broken": 2, "partial": 2, "edits": 3, "queries": 40, "documents": 1, "changed": 1},
        {"type": "Disease", "novelty": "seen", "right": 1, "broken": 0, "partial": 0},
        {"type": "Disease", "novelty": "unseen", "right": 2, "broken": 2, "partial": 2},
    ]
    other = outcome(
        before, [(gold, Document("d", text, (Mention("p", ((11, 17),), "Chemical"), Mention("q", ((18, 24),), "Disease"))))], "other"
    )
    assert (len(other.broken), len(other.partial), other.changed) == (2, 0, 0)
    both = worst_case([found, other])
    # zorbal is lost by the second attack; morbus is only overlapped under the first, and right under the second
    assert (len(both.broken), len(both.partial), both.edits, both.queries, both.documents) == (3, 1, 3, 40, 1)


def test_meta_of_the_gold_is_counted_only_where_the_attack_wrote_it():
    for meta in ({"queries": 12}, {"queries": None}, {"edits_made": "none"}, {"attack": "other", "edits_made": 2, "queries": 3}):
        gold = clean("glumphitis", (0, 10), **meta)
        found = outcome(baseline([(gold, gold)], NAMES, same), [(gold, gold)], "invented")
        assert (found.edits, found.queries) == (0, 0)


def test_no_attack_breaks_nothing(wild_documents):
    pairs = wild_documents(12, 60)
    before = baseline(pairs, NAMES, same)
    nothing = outcome(before, pairs, "nothing")
    assert not nothing.broken and not nothing.changed and before.right
    everything = outcome(before, [(gold, Document(gold.id, gold.text)) for gold, _ in pairs], "everything")
    assert everything.broken == before.right.keys() and not everything.partial


def test_mentions_of_one_id_are_told_apart(wild_documents):
    """Whatever the order of other mentions, the n-th mention of an id is the same one before and after."""
    for number, (gold, predicted) in enumerate(wild_documents(13, 60)):
        renamed = Document(gold.id, gold.text, tuple(m._replace(id=str(Random(number).randint(0, 2))) for m in gold.mentions))
        before = baseline([(renamed, predicted)], NAMES, same)
        assert not outcome(before, [(renamed, predicted)], "nothing").broken
        assert len(before.right) == len(baseline([(gold, predicted)], NAMES, same).right)


def test_a_lost_mention_is_refused():
    gold = clean("glumphitis", (0, 10))
    before = baseline([(gold, gold)], NAMES, same)
    with pytest.raises(BionerError, match="invented: expected mention 'm0' of document 'd' in the attacked gold"):
        outcome(before, [(clean("glumphitis"), gold)], "invented")
    assert outcome(Baseline({}, {"d": "glumphitis"}), [(gold, gold)], "invented").broken == frozenset()
