"""Scores against independent ones.

Compared: 5 x 300 flat documents with seqeval (strict, IOB2), scikit-learn and nervaluate; 5 x 300 with
nested, discontiguous and repeated mentions with recounts by brute force and with nervaluate.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate.evaluator import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.scoring import Scores, score_documents
from bioner.evaluation.strict import StrictScores, strict_scores
from bioner.preparation.sentences import sentence_spans

SEEDS = range(5)
NUMBER = 300
METRICS = ("precision", "recall", "f1")


def values(scores: Scores) -> dict[tuple[str, str, str, str], Any]:
    rows = scores.rows()
    result = {(r["definition"], r["average"], r["type"], r["metric"]): r["value"] for r in rows}
    assert len(result) == len(rows), "one row for each combination"
    return result


def pick(table: dict[tuple[str, str, str, str], Any], definition: str, average: str, kind: str = "") -> tuple[Any, ...]:
    return tuple(table[definition, average, kind, metric] for metric in METRICS)


@pytest.mark.parametrize("seed", SEEDS)
def test_strict_equals_seqeval(flat_documents, seed):
    documents = flat_documents(seed, NUMBER)
    table = values(score_documents([d.gold for d in documents], [d.predicted for d in documents]))
    report = classification_report(
        [d.gold_tags for d in documents],
        [d.predicted_tags for d in documents],
        mode="strict",
        scheme=IOB2,
        output_dict=True,
        zero_division=0,
    )
    for name, average in (("micro avg", "micro"), ("macro avg", "macro")):
        assert pick(table, "strict", average) == pytest.approx([report[name][m] for m in ("precision", "recall", "f1-score")], abs=1e-12)
    for kind in ("Chemical", "Disease", "Gene"):
        assert pick(table, "strict", "type", kind) == pytest.approx(
            [report[kind][m] for m in ("precision", "recall", "f1-score")], abs=1e-12
        )
        assert table["strict", "type", kind, "gold"] == report[kind]["support"]


@pytest.mark.parametrize("seed", SEEDS)
def test_words_equal_scikit_learn(flat_documents, seed):
    documents = flat_documents(seed, NUMBER)
    table = values(score_documents([d.gold for d in documents], [d.predicted for d in documents]))
    gold = [tag for d in documents for tag in d.gold_tags]
    predicted = [tag for d in documents for tag in d.predicted_tags]
    inside = sorted(set(gold + predicted) - {"O"})
    assert table["token_accuracy", "micro", "", "accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    expected = precision_recall_fscore_support(gold, predicted, labels=inside, average="micro")[:3]
    assert pick(table, "token_f1", "micro") == pytest.approx(expected)
    for kind in ("Chemical", "Disease", "Gene"):
        expected = precision_recall_fscore_support(gold, predicted, labels=[f"B-{kind}", f"I-{kind}"], average="micro")[:3]
        assert pick(table, "token_f1", "type", kind) == pytest.approx(expected)
    assert table["token_macro_f1", "macro", "", "f1"] == pytest.approx(f1_score(gold, predicted, average="macro"))
    assert table["token_weighted_f1", "weighted", "", "f1"] == pytest.approx(f1_score(gold, predicted, average="weighted"))


def nervaluate(gold: list[Document], predicted: list[Document]) -> dict[str, Any]:
    """nervaluate on contiguous mentions, each once, in reading order (its result depends on the order)."""

    def entities(documents: list[Document]) -> list[list[dict[str, Any]]]:
        sets = [sorted({(m.start, m.end, m.type) for m in d.mentions}) for d in documents]
        return [[{"label": kind, "start": start, "end": end - 1} for start, end, kind in mentions] for mentions in sets]

    return Evaluator(entities(gold), entities(predicted), ["Chemical", "Disease", "Gene"], loader="dict").evaluate()


def contiguous(documents: list[tuple[Document, Document]]) -> tuple[list[Document], list[Document]]:
    sides = [
        [replace(d, mentions=tuple(m for m in d.mentions if len(m.spans) == 1)) for d in side] for side in zip(*documents, strict=True)
    ]
    return sides[0], sides[1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["flat", "wild"])
def test_semeval_equals_nervaluate(flat_documents, wild_documents, seed, kind):
    if kind == "flat":
        gold, predicted = (list(side) for side in zip(*((d.gold, d.predicted) for d in flat_documents(seed, NUMBER)), strict=True))
    else:
        gold, predicted = contiguous(wild_documents(seed, NUMBER))
    table = values(score_documents(gold, predicted))
    theirs = nervaluate(gold, predicted)
    for definition in ("partial", "ent_type"):
        overall = theirs["overall"][definition]
        assert pick(table, definition, "micro") == pytest.approx((overall.precision, overall.recall, overall.f1))
        assert table[definition, "micro", "", "correct"] == overall.correct + 0.5 * overall.partial
        for name, result in theirs["entities"].items():
            one = result[definition]
            assert pick(table, definition, "type", name) == pytest.approx((one.precision, one.recall, one.f1))
    if kind == "flat":
        exact = theirs["overall"]["exact"]
        assert pick(table, "span", "micro") == pytest.approx((exact.precision, exact.recall, exact.f1))


def prf(gold: int, predicted: int, correct: float) -> tuple[float, float, float]:
    precision, recall = correct / predicted, correct / gold
    return precision, recall, 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", SEEDS)
def test_strict_equals_a_recount(wild_documents, seed):
    documents = wild_documents(seed, NUMBER)
    scores = score_documents([g for g, _ in documents], [p for _, p in documents])
    table = values(scores)
    wanted, given, right = Counter(), Counter(), Counter()
    spans = [0, 0, 0]
    same = 0
    for (gold, predicted), row in zip(documents, scores.documents(), strict=True):
        ours = {(tuple(m.spans), m.type) for m in gold.mentions}
        theirs = {(tuple(m.spans), m.type) for m in predicted.mentions}
        assert row == {"document": gold.id, "gold": len(ours), "predicted": len(theirs), "correct": len(ours & theirs)}
        for counter, side in ((wanted, ours), (given, theirs), (right, ours & theirs)):
            counter.update(kind for _, kind in side)
        places = {s for s, _ in ours}, {s for s, _ in theirs}
        for i, side in enumerate((places[0], places[1], places[0] & places[1])):
            spans[i] += len(side)
        same += ours == theirs
    assert pick(table, "strict", "micro") == pytest.approx(prf(wanted.total(), given.total(), right.total()))
    light = strict_scores([g for g, _ in documents], [p for _, p in documents])
    assert (light.precision, light.recall, light.micro_f1) == pytest.approx(pick(table, "strict", "micro"))
    assert light.macro_f1 == pytest.approx(pick(table, "strict", "macro")[2])
    assert pick(table, "span", "micro") == pytest.approx(prf(*spans))
    for kind in wanted:
        assert pick(table, "strict", "type", kind) == pytest.approx(prf(wanted[kind], given[kind], right[kind]))
    jaccard = right.total() / (wanted.total() + given.total() - right.total())
    assert table["jaccard", "micro", "", "accuracy"] == pytest.approx(jaccard)
    assert table["exact_recall", "micro", "", "accuracy"] == pytest.approx(right.total() / wanted.total())
    assert table["document_exact_match", "micro", "", "accuracy"] == pytest.approx(same / NUMBER)


@pytest.mark.parametrize("seed", SEEDS)
def test_overlap_equals_a_recount(wild_documents, seed):
    documents = wild_documents(seed, NUMBER)
    table = values(score_documents([g for g, _ in documents], [p for _, p in documents]))
    counts: dict[bool, list[int]] = {True: [0, 0, 0, 0], False: [0, 0, 0, 0]}

    def letters(mention: Mention) -> set[int]:
        return {i for start, end in mention.spans for i in range(start, end)}

    for gold, predicted in documents:
        ours = {(m.spans, m.type): letters(m) for m in gold.mentions}
        theirs = {(m.spans, m.type): letters(m) for m in predicted.mentions}
        for typed, count in counts.items():
            meets = [(a, b) for a in ours for b in theirs if ours[a] & theirs[b] and (a[1] == b[1] or not typed)]
            for i, side in enumerate((ours, theirs, {a for a, _ in meets}, {b for _, b in meets})):
                count[i] += len(side)
    for typed, name in ((True, "type_overlap"), (False, "overlap")):
        gold, predicted, found, touching = counts[typed]
        precision, recall = touching / predicted, found / gold
        assert pick(table, name, "micro") == pytest.approx((precision, recall, 2 * precision * recall / (precision + recall)))


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_adds_up(wild_documents, seed):
    documents = wild_documents(seed, NUMBER)
    scores = score_documents([g for g, _ in documents], [p for _, p in documents])
    table = values(scores)
    rows, columns, diagonal = Counter(), Counter(), Counter()
    places = defaultdict(lambda: [0, 0])
    for gold, predicted in documents:
        for side, document in enumerate((gold, predicted)):
            for spans, _ in {(m.spans, m.type) for m in document.mentions}:
                places[gold.id, spans][side] += 1
    for row in scores.confusion():
        rows[row["gold_type"]] += row["count"]
        columns[row["predicted_type"]] += row["count"]
        diagonal[row["gold_type"]] += row["count"] * (row["gold_type"] == row["predicted_type"])
    for kind in ("Chemical", "Disease", "Gene"):
        counted = tuple(table["strict", "type", kind, key] for key in ("gold", "predicted", "correct"))
        assert counted == (rows[kind], columns[kind], diagonal[kind])
    assert columns[""] == sum(max(0, gold - predicted) for gold, predicted in places.values())
    assert rows[""] == sum(max(0, predicted - gold) for gold, predicted in places.values())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_order_does_not_matter(wild_documents, seed):
    documents = wild_documents(seed, 6)
    gold, predicted = [g for g, _ in documents], [p for _, p in documents]
    first = score_documents(gold, predicted)
    random = Random(seed)

    def shuffled(side: list[Document]) -> list[Document]:
        mixed = [replace(d, mentions=tuple(random.sample(d.mentions, len(d.mentions)))) for d in side]
        return random.sample(mixed, len(mixed))

    second = score_documents(shuffled(gold), shuffled(predicted))
    assert first.rows() == second.rows()
    assert first.confusion() == second.confusion()
    assert sorted(first.documents(), key=lambda r: r["document"]) == sorted(second.documents(), key=lambda r: r["document"])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_gold_against_itself_is_perfect(wild_documents, seed):
    gold = [g for g, _ in wild_documents(seed, 6)]
    for (definition, _, _, metric), value in values(score_documents(gold, gold, sentence_spans)).items():
        if metric in (*METRICS, "accuracy") and definition != "ceiling":
            assert value == pytest.approx(1.0) or value is None


def document(name: str, *mentions: tuple[int, int, str], text: str = "invented words stand here") -> Document:
    return Document(name, text, tuple(Mention(str(i), ((a, b),), kind) for i, (a, b, kind) in enumerate(mentions)))


def test_nothing_to_count_is_none():
    scores = score_documents([document("a")], [document("a")])
    table = values(scores)
    assert pick(table, "strict", "micro") == (None, None, None)
    assert pick(table, "strict", "macro") == (None, None, None)
    assert table["strict", "micro", "", "gold"] == 0
    assert table["document_exact_match", "micro", "", "accuracy"] == 1.0
    assert table["token_accuracy", "micro", "", "accuracy"] == 1.0
    assert scores.confusion() == []
    assert strict_scores([document("a")], [document("a")]) == StrictScores(0.0, 0.0, 0.0, 0.0)


def test_no_documents():
    assert {row["value"] for row in score_documents([], [], sentence_spans).rows()} == {None, 0}


def test_weighted_leaves_out_types_that_were_only_predicted():
    gold = document("a", (0, 8, "Gene"), (9, 14, "Gene"), (15, 20, "Disease"))
    predicted = document("a", (0, 8, "Gene"), (15, 20, "Disease"), (21, 25, "Species"))
    table = values(score_documents([gold], [predicted]))
    assert pick(table, "strict", "weighted") == pytest.approx((1.0, 2 / 3, (2 * 2 / 3 + 1) / 3))
    assert pick(table, "strict", "micro") == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_seqeval_counts_what_tags_hold_and_strict_what_gold_has():
    gold = document("a", (0, 8, "Gene"), (0, 14, "Gene"), (15, 18, "Disease"))  # nested, and a border inside a word
    predicted = document("a", (0, 14, "Gene"), (15, 20, "Disease"))
    table = values(score_documents([gold], [predicted]))
    assert pick(table, "strict", "micro") == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    assert pick(table, "seqeval", "micro") == (1.0, 1.0, 1.0)
    assert table["seqeval", "micro", "", "gold"] == 2
    assert table["ceiling", "micro", "", "recall"] == pytest.approx(1 / 3)
    assert table["ceiling", "micro", "", "lost_overlaps_a_longer_mention"] == pytest.approx(1 / 3)
    assert table["ceiling", "micro", "", "lost_boundary_inside_a_unit"] == pytest.approx(1 / 3)
    assert table["ceiling", "type", "Disease", "recall"] == 0.0


def test_sentences_are_right_as_a_whole():
    text = "invented words stand here. More words follow. None is here."
    gold = document("a", (0, 8, "Gene"), (32, 37, "Disease"), text=text)
    for predicted, every, with_gold in (
        (document("a", (0, 8, "Gene"), (32, 37, "Disease"), text=text), 1.0, 1.0),
        (document("a", (0, 8, "Gene"), (32, 37, "Gene"), text=text), 2 / 3, 1 / 2),
        (document("a", (0, 8, "Gene"), (32, 37, "Disease"), (54, 58, "Gene"), text=text), 2 / 3, 1.0),
        (document("a", text=text), 1 / 3, 0.0),
    ):
        table = values(score_documents([gold], [predicted], sentence_spans))
        assert table["sentence_exact_match", "micro", "", "accuracy"] == pytest.approx(every)
        assert table["sentence_exact_match_gold", "micro", "", "accuracy"] == pytest.approx(with_gold)
    assert not {row["definition"] for row in score_documents([gold], [gold]).rows()} & {"sentence_exact_match", "sentence_exact_match_gold"}


def test_a_mention_of_the_white_space_before_a_text_is_in_its_first_sentence():
    gold = [document("a", (0, 8, "Gene")), document("b", (0, 1, "Gene"), text=" Words."), document("c", (0, 1, "Gene"), text=" ")]
    predicted = [gold[0], document("b", text=" Words."), gold[2]]
    table = values(score_documents(gold, predicted, sentence_spans))
    assert table["sentence_exact_match", "micro", "", "accuracy"] == pytest.approx(2 / 3)


def test_only_one_side_is_zero():
    one, none = document("a", (0, 8, "Gene")), document("a")
    for gold, predicted in ((one, none), (none, one)):
        table = values(score_documents([gold], [predicted]))
        for definition in ("strict", "span", "partial", "ent_type", "overlap", "type_overlap", "token_f1"):
            assert pick(table, definition, "micro") == (0.0, 0.0, 0.0), definition


def test_macro_is_over_gold_types_only():
    gold, predicted = document("a", (0, 8, "Gene")), document("a", (0, 8, "Gene"), (9, 14, "Disease"))
    table = values(score_documents([gold], [predicted]))
    assert pick(table, "strict", "macro") == (1.0, 1.0, 1.0)
    assert pick(table, "strict", "micro") == pytest.approx((0.5, 1.0, 2 / 3))
    assert pick(table, "strict", "type", "Disease") == (0.0, 0.0, 0.0)


def test_repeated_predictions_count_once():
    gold = document("a", (0, 8, "Gene"))
    table = values(score_documents([gold], [document("a", (0, 8, "Gene"), (0, 8, "Gene"))]))
    assert pick(table, "strict", "micro") == (1.0, 1.0, 1.0)


def test_a_prediction_of_the_extent_does_not_find_a_discontiguous_mention():
    gold = replace(document("a"), mentions=(Mention("m", ((0, 8), (15, 20)), "Gene"),))
    table = values(score_documents([gold], [document("a", (0, 20, "Gene"))]))
    assert table["strict", "micro", "", "correct"] == 0
    assert table["strict", "micro", "", "gold"] == 1
    assert table["partial", "micro", "", "correct"] == 0.5


def test_type_accuracy_is_over_found_spans():
    gold = document("a", (0, 8, "Gene"), (9, 14, "Gene"), (15, 20, "Gene"))
    table = values(score_documents([gold], [document("a", (0, 8, "Gene"), (9, 14, "Disease"))]))
    assert table["type_accuracy", "micro", "", "accuracy"] == 0.5


def test_type_accuracy_counts_gold_mentions():
    gold = document("a", (0, 8, "Gene"), (0, 8, "Disease"))
    table = values(score_documents([gold], [document("a", (0, 8, "Gene"))]))
    assert table["type_accuracy", "micro", "", "accuracy"] == 0.5


def test_partial_looks_at_the_parts_of_a_discontiguous_mention():
    text = "x" + " " * 400 + "y"
    gold = Document("a", text, (Mention("m", ((0, 1), (401, 402)), "Gene"),))
    for span, credit in (((0, 1), 0.5), ((5, 9), 0.0)):
        table = values(score_documents([gold], [document("a", (*span, "Gene"), text=text)]))
        assert table["partial", "micro", "", "correct"] == credit
        assert table["ent_type", "micro", "", "correct"] == 2 * credit


@pytest.mark.parametrize("scorer", [score_documents, strict_scores])
@pytest.mark.parametrize(
    ("gold", "predicted", "named"),
    [
        ([document("a"), document("b")], [document("a")], "'b'"),
        ([document("a")], [document("a"), document("c")], "'c'"),
        ([document("a")], [document("a", text="other words")], "'a'"),
        ([document("a")], [document("a"), document("a")], "'a'"),
        ([document("a"), document("a")], [document("a")], "'a'"),
    ],
)
def test_documents_must_correspond(scorer, gold, predicted, named):
    with pytest.raises(BionerError, match=named):
        scorer(gold, predicted)


def test_scoring_needs_no_pandas():
    program = "import sys, bioner.evaluation.scoring; sys.exit(bool({'pandas', 'torch', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_accuracy_of_types_is_nothing_where_no_span_was_found_and_undefined_where_there_is_none() -> None:
    text = "Zorbin or quuxol."
    gold = Document("a", text, (Mention("T1", ((0, 6),), "Drug"),))
    missed = Document("a", text, (Mention("T1", ((10, 16),), "Drug"),))
    empty = Document("a", text)

    def value(ours: Document, theirs: Document, definition: str) -> Any:
        return values(score_documents([ours], [theirs])).get((definition, "micro", "", "accuracy"))

    for definition in ("type_accuracy", "entity_token_accuracy"):
        assert value(gold, missed, definition) == 0.0 and value(empty, missed, definition) == 0.0
        assert value(empty, empty, definition) is None
    judged = values(score_documents([gold], [missed]))
    assert [judged["type_accuracy", "micro", "", count] for count in ("gold", "predicted", "correct")] == [0, 0, 0]
