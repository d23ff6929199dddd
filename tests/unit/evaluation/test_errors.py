"""Kinds of error against a slow reading of their definition that knows sets of characters and nothing of intervals."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.errors import ERROR_KINDS, error_kinds
from bioner.evaluation.groups import error_rows
from bioner.evaluation.scoring import score_documents

TEXT = "abcdefghij " * 4


def document(*mentions: tuple[int, int, str]) -> Document:
    return Document("d", TEXT, tuple(Mention(f"m{i}", ((a, b),), kind) for i, (a, b, kind) in enumerate(mentions)))


def found(gold: Document, predicted: Document) -> list[tuple[str, int | None, int | None]]:
    return [(kind, ours and ours.start, theirs and theirs.start) for kind, ours, theirs in error_kinds(gold, predicted)]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([(0, 5, "D")], [(0, 5, "D")], [("correct", 0, 0)]),
        ([(0, 5, "D")], [(0, 5, "C")], [("type", 0, 0)]),
        ([(1, 5, "D")], [(2, 5, "D")], [("boundary_left", 1, 2)]),
        ([(1, 5, "D")], [(1, 6, "D")], [("boundary_right", 1, 1)]),
        ([(1, 5, "D")], [(2, 6, "D")], [("boundary_both", 1, 2)]),
        ([(1, 5, "D")], [(2, 6, "C")], [("type_and_boundary", 1, 2)]),
        ([(1, 5, "D")], [(5, 6, "D")], [("missed", 1, None), ("spurious", None, 5)]),
        ([(1, 9, "D")], [(1, 3, "D"), (5, 9, "D")], [("split", None, 1), ("split", 1, 5)]),
        ([(1, 3, "D"), (5, 9, "D")], [(1, 9, "D")], [("merged", 1, None), ("merged", 5, 1)]),
        # what is right takes no part: a nested prediction is spurious, a nested mention missed
        ([(1, 9, "D")], [(1, 9, "D"), (2, 4, "D")], [("correct", 1, 1), ("spurious", None, 2)]),
        ([(1, 9, "D"), (2, 4, "D")], [(2, 4, "D")], [("missed", 1, None), ("correct", 2, 2)]),
        # neighbours that slipped are two boundaries and no split
        ([(0, 10, "D"), (11, 20, "D")], [(0, 12, "D"), (13, 20, "D")], [("boundary_right", 0, 0), ("boundary_left", 11, 13)]),
        # the right type before the larger overlap
        ([(0, 10, "D")], [(0, 9, "C"), (9, 10, "D")], [("split", None, 0), ("split", 0, 9)]),
        # split stands before merged
        ([(0, 10, "D"), (11, 14, "D")], [(0, 3, "D"), (4, 13, "D")], [("split", None, 0), ("split", 0, 4), ("merged", 11, None)]),
    ],
)
def test_kinds(gold, predicted, expected):
    assert sorted(found(document(*gold), document(*predicted)), key=str) == sorted(expected, key=str)


def test_parts_of_a_discontiguous_mention():
    gold = Document("d", TEXT, (Mention("m", ((0, 3), (6, 9)), "D"),))
    between = Document("d", TEXT, (Mention("p", ((3, 6),), "D"),))
    assert [kind for kind, _, _ in error_kinds(gold, between)] == ["missed", "spurious"]
    whole = Document("d", TEXT, (Mention("p", ((0, 9),), "D"),))
    assert [kind for kind, _, _ in error_kinds(gold, whole)] == ["boundary_both"]


def test_another_text_is_refused():
    with pytest.raises(BionerError, match="document 'd': expected predictions on the text of gold"):
        error_kinds(document(), Document("d", "other"))


def characters(mention: Mention) -> set[int]:
    return {place for start, end in mention.spans for place in range(start, end)}


def slow(gold: Document, predicted: Document) -> Counter[tuple]:
    """The same by the words of the module: one best pair after the other, overlaps as sets of characters."""
    sides = [sorted({(m.spans, m.type) for m in side.mentions}) for side in (gold, predicted)]
    ours, theirs = ([Mention("", spans, kind) for spans, kind in side] for side in sides)
    kinds: Counter[tuple] = Counter()

    def settle(kind, one, other):
        kinds[kind, one and (one.spans, one.type), other and (other.spans, other.type)] += 1

    for same in (lambda a, b: (a.spans, a.type) == (b.spans, b.type), lambda a, b: a.spans == b.spans):
        for one in list(ours):
            partner = next((other for other in theirs if same(one, other)), None)
            if partner:
                settle("correct" if one.type == partner.type else "type", one, partner)
                ours.remove(one)
                theirs.remove(partner)

    def common(one, other):
        return len(characters(one) & characters(other))

    def share(one, other):
        return common(one, other) / len(characters(one) | characters(other))

    def place(side, mention):
        return sides[side].index((mention.spans, mention.type))

    pairs = []
    while True:
        candidates = [(one, other) for one in ours for other in theirs if common(one, other)]
        if not candidates:
            break
        best = min(candidates, key=lambda pair: (pair[0].type != pair[1].type, -share(*pair), place(0, pair[0]), place(1, pair[1])))
        pairs.append(best)
        ours.remove(best[0])
        theirs.remove(best[1])
    split, merged = [], []
    for other in list(theirs):
        touched = [pair for pair in pairs if common(pair[0], other)]
        if touched:
            split.append(max(touched, key=lambda pair: (share(pair[0], other), -place(0, pair[0]))))
            settle("split", None, other)
            theirs.remove(other)
    for one in list(ours):
        touched = [pair for pair in pairs if common(one, pair[1])]
        if touched:
            merged.append(max(touched, key=lambda pair: (share(one, pair[1]), -place(1, pair[1]))))
            settle("merged", one, None)
            ours.remove(one)
    for one, other in pairs:
        starts, ends = min(characters(one)) != min(characters(other)), max(characters(one)) != max(characters(other))
        boundary = {(True, False): "boundary_left", (False, True): "boundary_right"}.get((starts, ends), "boundary_both")
        kind = boundary if one.type == other.type else "type_and_boundary"
        settle("split" if (one, other) in split else "merged" if (one, other) in merged else kind, one, other)
    for one in ours:
        settle("missed", one, None)
    for other in theirs:
        settle("spurious", None, other)
    return kinds


def fast(gold: Document, predicted: Document) -> Counter[tuple]:
    return Counter(
        (kind, one and (one.spans, one.type), other and (other.spans, other.type)) for kind, one, other in error_kinds(gold, predicted)
    )


def test_equal_to_the_slow_reading_on_random_documents(wild_documents):
    seen: Counter[str] = Counter()
    for gold, predicted in wild_documents(5, 1500):
        kinds = fast(gold, predicted)
        assert kinds == slow(gold, predicted)
        seen.update(kind for kind, _, _ in kinds)
    assert set(seen) == set(ERROR_KINDS) and min(seen.values()) > 20


def test_every_mention_once_and_in_agreement_with_the_scores(wild_documents):
    for gold, predicted in wild_documents(6, 500):
        judged = error_kinds(gold, predicted)
        for side, whole in ((1, gold), (2, predicted)):
            assert Counter((m.spans, m.type) for triple in judged if (m := triple[side])) == Counter(
                {(m.spans, m.type) for m in whole.mentions}
            )
        scores = score_documents([gold], [predicted])
        rows = error_rows([(gold, predicted)])
        counts = Counter({row["error"]: 0 for row in rows})
        for row in rows:
            counts[row["error"]] += row["count"]
        assert counts["correct"] == scores.documents()[0]["correct"]
        confused = sum(
            row["count"] for row in scores.confusion() if row["gold_type"] and row["predicted_type"] not in ("", row["gold_type"])
        )
        assert counts["type"] == confused


def test_order_of_annotation_changes_nothing(wild_documents):
    for number, (gold, predicted) in enumerate(wild_documents(7, 300)):
        sides = []
        for side in (gold, predicted):
            mentions = list(side.mentions)
            Random(number).shuffle(mentions)
            sides.append(Document(side.id, side.text, tuple(mentions)))
        assert fast(gold, predicted) == fast(*sides)
