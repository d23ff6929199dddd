"""Bugs of reporting that inflate published figures, planted one by one: the scorer refuses each, or shows it.

`naive` is what a report with the bug prints, computed with the packages that people use; `honest` is ours on the same predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

import pytest
from nervaluate.evaluator import Evaluator
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score

from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.conventions import ConventionCounts
from bioner.evaluation.judging import verify_predictions
from bioner.evaluation.plausibility import impossible_order, suspicions
from bioner.evaluation.prediction_rows import convention_rows
from bioner.evaluation.scoring import Scores, score_documents
from bioner.storage import sha256_file, write_json
from bioner.tags import TagSet
from bioner.words import split_words

Run = tuple[int, int, str]
WORDS, PIECE = 40, 3


@dataclass(frozen=True)
class World:
    """Documents of invented words, gold and predicted mentions as runs of words, and the same as documents and tags."""

    texts: list[list[str]]
    gold: list[list[Run]]
    predicted: list[list[Run]]

    def documents(self, side: list[list[Run]]) -> list[Document]:
        made = []
        for number, (words, runs) in enumerate(zip(self.texts, side, strict=True)):
            text = " ".join(words)
            spans = split_words(text)
            mentions = tuple(Mention(str(i), ((spans[a][0], spans[b - 1][1]),), kind) for i, (a, b, kind) in enumerate(runs))
            made.append(Document(f"d{number}", text, mentions))
        return made

    def tags(self, side: list[list[Run]]) -> list[list[str]]:
        rows = []
        for words, runs in zip(self.texts, side, strict=True):
            tags = ["O"] * len(words)
            for start, end, kind in runs:
                tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
            rows.append(tags)
        return rows

    def scores(self, predicted: list[list[Run]] | None = None) -> Scores:
        return score_documents(self.documents(self.gold), self.documents(self.predicted if predicted is None else predicted))


def guess(random: Random, run: Run, words: int) -> Run | None:
    start, end, kind = run
    draw = random.random()
    if draw < 0.1:
        return None
    if draw < 0.2:
        end = min(end + 1, words)
    elif draw < 0.25:
        kind = "Disease" if kind == "Chemical" else "Chemical"
    return start, end, kind


@pytest.fixture(scope="module")
def world() -> World:
    random = Random(5)
    texts, gold, predicted = [], [], []
    for _ in range(120):
        texts.append(["".join(random.choices("abcdefghij", k=random.randint(3, 9))) for _ in range(random.randint(20, WORDS))])
        runs: list[Run] = []
        position = random.randint(0, 3)
        while position + 3 < len(texts[-1]):
            length = random.randint(1, 3)
            runs.append((position, position + length, random.choice(("Chemical", "Disease"))))
            position += length + random.randint(2, 6)
        gold.append(runs)
        predicted.append([found for run in runs if (found := guess(random, run, len(texts[-1])))])
    return World(texts, gold, predicted)


def value(scores: Scores, definition: str = "strict", metric: str = "f1", average: str = "micro", kind: str = "") -> Any:
    wanted = (definition, average, kind, metric)
    (found,) = [row["value"] for row in scores.rows() if (row["definition"], row["average"], row["type"], row["metric"]) == wanted]
    return found


def strictly(gold: list[list[str]], predicted: list[list[str]]) -> float:
    return float(seqeval_f1(gold, predicted, mode="strict", scheme=IOB2))


def test_sound_predictions_raise_no_suspicion(world: World) -> None:
    assert suspicions(world.scores()) == [] and 0.7 < value(world.scores()) < 0.9
    assert suspicions(world.scores(world.gold)) == [] and suspicions(world.scores([[] for _ in world.texts])) == []


def test_1_labels_shifted_by_one_word(world: World) -> None:
    shifted = [
        [(a + 1, b + 1, kind) for a, b, kind in runs if b < len(words)] for words, runs in zip(world.texts, world.predicted, strict=True)
    ]
    scores = world.scores(shifted)
    assert value(scores) < 0.15 and value(scores, "overlap") > 0.4
    (sign,) = suspicions(scores)
    assert "when moved by -1 words" in sign and "labels shifted?" in sign
    # a report that shifts both sides prints the sound figure, on words that are not the mentions
    assert strictly(world.tags(world.gold), world.tags(world.predicted)) == pytest.approx(value(world.scores()))


def test_2_padding_counted_as_outside(world: World) -> None:
    padded = [[tags + ["O"] * (4 * WORDS - len(tags)) for tags in world.tags(side)] for side in (world.gold, world.predicted)]
    naive = accuracy_score(*([tag for tags in side for tag in tags] for side in padded))
    honest = value(world.scores(), "token_accuracy", "accuracy")
    plain = [[tag for tags in world.tags(side) for tag in tags] for side in (world.gold, world.predicted)]
    assert honest == pytest.approx(accuracy_score(*plain)) and naive > honest + 0.04
    assert value(world.scores(), "token_accuracy", "gold") == sum(map(len, world.texts))


def test_3_truncation_hides_gold(world: World) -> None:
    limit = 24
    cut = [[run for run in runs if run[1] <= limit] for runs in world.predicted]
    naive = strictly([tags[:limit] for tags in world.tags(world.gold)], [tags[:limit] for tags in world.tags(cut)])
    scores = world.scores(cut)
    assert value(scores, metric="gold") == sum(map(len, world.gold)) and naive > value(scores) + 0.05
    assert any("texts cut off?" in sign for sign in suspicions(scores))


def test_4_b_copied_on_all_pieces(world: World) -> None:
    pieces = [[max(1, -(-len(word) // PIECE)) for word in words] for words in world.texts]

    def copied(side: list[list[Run]]) -> list[list[str]]:
        rows = zip(world.tags(side), pieces, strict=True)
        return [[tag for tag, number in zip(tags, sizes, strict=True) for tag in [tag] * number] for tags, sizes in rows]

    naive = strictly(copied(world.gold), copied(world.predicted))
    assert naive > value(world.scores()) + 0.02
    torn = []
    for document in world.documents(world.predicted):
        mentions = [Mention("p", ((at, min(at + PIECE, m.end)),), m.type) for m in document.mentions for at in range(m.start, m.end, PIECE)]
        torn.append(replace(document, mentions=tuple(mentions)))
    scores = score_documents(world.documents(world.gold), torn)
    assert value(scores, metric="gold") == sum(map(len, world.gold)) and value(scores) < 0.3
    assert any("B- on each piece of a word?" in sign for sign in suspicions(scores))


def test_5_label_names_swapped(world: World) -> None:
    swapped = {"Chemical": "Disease", "Disease": "Chemical"}
    scores = world.scores([[(a, b, swapped[kind]) for a, b, kind in runs] for runs in world.predicted])
    (sign,) = suspicions(scores)
    assert "Chemical and Disease are exchanged" in sign and "label names swapped?" in sign
    # O and B-Chemical exchanged on both sides, as in a wrong id2label: most of a text becomes "mentions" that are found
    names = {"O": "B-Chemical", "B-Chemical": "O"}
    both = [[[names.get(tag, tag) for tag in tags] for tags in world.tags(side)] for side in (world.gold, world.predicted)]
    naive = float(seqeval_f1(*both))
    assert naive > value(world.scores()) + 0.05
    gold = value(world.scores(), metric="gold", average="type", kind="Chemical")
    assert gold == sum(kind == "Chemical" for runs in world.gold for _, _, kind in runs)
    assert sum(tag == "B-Chemical" for tags in both[0] for tag in tags) > 5 * gold


def test_6_macro_over_absent_types(world: World) -> None:
    tags = [["O" if tag == "O" else tag[2:] for row in world.tags(side) for tag in row] for side in (world.gold, world.predicted)]
    labels = ["Chemical", "Disease", "Gene", "Species", "Cell"]
    naive = f1_score(*tags, labels=labels, average="macro", zero_division=1.0)
    honest = value(world.scores(), "token_type_f1", average="macro")
    assert honest == pytest.approx(f1_score(*tags, labels=labels[:2], average="macro")) and naive > honest + 0.05
    foreign = [[*runs, (len(words) - 1, len(words), "Gene")] for words, runs in zip(world.texts, world.predicted, strict=True)]
    scores = world.scores(foreign)
    assert value(scores, average="macro") == pytest.approx(value(world.scores(), average="macro"), abs=0.02)
    assert value(scores) < value(world.scores()) - 0.05
    assert "types predicted that gold does not have: Gene; another set of labels?" in suspicions(scores)


def test_7_predictions_counted_twice(world: World) -> None:
    documents = world.documents(world.predicted)
    twice = [replace(document, mentions=document.mentions * 2) for document in documents]
    naive_right = sum(m in runs for runs, found in zip(world.gold, world.predicted, strict=True) for m in found * 2)
    assert naive_right > sum(map(len, world.gold))  # a recall above 1
    assert score_documents(world.documents(world.gold), twice).rows() == world.scores().rows()


def test_8_predictions_on_another_text(world: World) -> None:
    other = [replace(document, text=document.text.replace("a", "e")) for document in world.documents(world.predicted)]
    with pytest.raises(BionerError, match=r"expected predictions on the text of gold, found another text in document 'd0'"):
        score_documents(world.documents(world.gold), other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda documents: documents[1:], "found none .* for 'd0'"),
        (lambda documents: [*documents, documents[0]], "'d0', found two"),
        (lambda documents: [*documents, replace(documents[0], id="train7")], "unknown document 'train7'"),
    ],
    ids=["9 hard documents left out", "10 a document twice", "11 training documents among them"],
)
def test_other_documents(world: World, change: Callable[[list[Document]], list[Document]], message: str) -> None:
    with pytest.raises(BionerError, match=message):
        score_documents(world.documents(world.gold), change(world.documents(world.gold)))


def test_12_predictions_of_another_run(world: World, tmp_path: Path) -> None:
    write_documents(tmp_path / "clean.jsonl", world.documents(world.predicted))
    write_json(tmp_path / "predictions.json", {"attacks": {"clean": sha256_file(tmp_path / "clean.jsonl")}})
    assert verify_predictions(tmp_path / "predictions.json") == ["clean"]
    write_documents(tmp_path / "clean.jsonl", world.documents(world.gold))
    with pytest.raises(BionerError, match=r"clean\.jsonl: expected sha256"):
        verify_predictions(tmp_path / "predictions.json")


def test_13_nested_and_broken_gold_dropped_by_the_conversion(world: World) -> None:
    gold = []
    for document in world.documents(world.gold):
        nested = [replace_span(m, m.start, m.start + 2) for m in document.mentions]
        gold.append(replace(document, mentions=(*document.mentions, *nested)))
    scores = score_documents(gold, world.documents(world.predicted))
    naive = strictly(world.tags(world.gold), world.tags(world.predicted))
    assert value(scores, "seqeval") == pytest.approx(naive) and naive > value(scores) + 0.2
    assert value(scores, metric="gold") == 2 * sum(map(len, world.gold))
    assert value(scores, "ceiling", "recall") == 0.5 and value(scores, metric="recall") < 0.5


def replace_span(mention: Mention, start: int, end: int) -> Mention:
    return Mention("n", ((start, end),), mention.type)


def test_14_credit_for_inside_without_begin(world: World) -> None:
    tag_set = TagSet.of(["Chemical", "Disease"])
    counts, lenient, strict = ConventionCounts(), [], []
    for document, tags in zip(world.documents(world.gold), world.tags(world.predicted), strict=True):
        raw = [tag.replace("B-", "I-") for tag in tags]
        counts.add(document, [tag_set.names.index(tag) for tag in raw], split_words(document.text), tag_set, lambda found: found)
        lenient.append(raw)
        strict.append(raw)
    rows = {(row["definition"], row["metric"]): row["value"] for row in convention_rows(counts.to_json())}
    gold = world.tags(world.gold)
    assert rows["tags_seqeval", "f1"] == pytest.approx(float(seqeval_f1(gold, lenient))) and rows["tags_seqeval", "f1"] > 0.7
    assert rows["tags_discard", "f1"] == strictly(gold, strict) == 0.0
    assert rows["invalid_tags", "share"] > 0.1


def test_15_mean_over_documents_for_a_pooled_figure(world: World) -> None:
    empty = World([*world.texts, *[["word"] * 5] * 60], [*world.gold, *[[]] * 60], [*world.predicted, *[[]] * 60])
    gold, predicted = empty.tags(empty.gold), empty.tags(empty.predicted)
    naive = mean(strictly([a], [b]) if {*a, *b} != {"O"} else 1.0 for a, b in zip(gold, predicted, strict=True))
    assert naive > value(empty.scores()) + 0.05
    assert value(empty.scores()) == pytest.approx(strictly(gold, predicted))


def test_16_ends_counted_as_included(world: World) -> None:
    short = [
        replace(document, mentions=tuple(replace_span(m, m.start, m.end - 1) for m in document.mentions))
        for document in world.documents(world.predicted)
    ]
    scores = score_documents(world.documents(world.gold), short)
    assert value(scores) == 0.0 and value(scores, "type_overlap") > 0.8
    assert any("begin +0 and end -1 characters from gold; offsets counted otherwise?" in sign for sign in suspicions(scores))


def test_17_figures_that_depend_on_the_order_of_annotations() -> None:
    text = "aa bb cc"
    gold = Document("a", text, (Mention("1", ((0, 2),), "Gene"), Mention("2", ((3, 5),), "Gene")))
    guesses = (Mention("1", ((0, 5),), "Gene"), Mention("2", ((0, 2),), "Gene"))
    naive, honest = set(), set()
    for order in (guesses, guesses[::-1]):
        entities = [[{"label": m.type, "start": m.start, "end": m.end - 1} for m in side] for side in (gold.mentions, order)]
        found = Evaluator([entities[0]], [entities[1]], ["Gene"], loader="dict").evaluate()
        naive.add(found["overall"]["partial"].f1)
        honest.add(value(score_documents([gold], [Document("a", text, order)]), "partial"))
    assert len(naive) == 2 and len(honest) == 1


def test_18_a_report_that_contradicts_itself(world: World) -> None:
    assert impossible_order({"strict": 0.9868, "partial": 0.9491}) == ["strict 0.9868 is above partial 0.9491, which cannot be"]
    assert impossible_order({"strict": 98.7, "span": 94.9, "overlap": 99.0}) == ["strict 98.7 is above span 94.9, which cannot be"]
    assert impossible_order({"strict": 83.44, "span": 83.43}, tolerance=0.01) == []
    rows = world.scores().rows()
    f1 = {row["definition"]: row["value"] for row in rows if (row["average"], row["metric"]) == ("micro", "f1")}
    assert impossible_order(f1, tolerance=1e-12) == []
