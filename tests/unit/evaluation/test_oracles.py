"""Every definition against packages and a recount by brute force: random documents, and the real corpora with invented mistakes.

By default 600 flat and 600 wild documents; slow: 10,000 of each, and BC5CDR's and NCBI-Disease's test parts. The cells compared
are counted, so that a comparison of nothing fails.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bioner.entities import Document, Mention
from bioner.evaluation.scoring import score_documents
from bioner.preparation.sentences import sentence_spans
from bioner.tags import TagSet, encode
from bioner.words import split_words

from ...oracles.recount import brute, by_nervaluate, by_scikit_learn, by_seqeval

SHARED = Path(__file__).parents[4] / "shared" / "corpora"
SIZES = [600, pytest.param(10_000, marks=pytest.mark.slow)]


def cells_of(gold: list[Document], predicted: list[Document]) -> dict[tuple[str, str, str, str], Any]:
    rows = score_documents(gold, predicted, sentence_spans).rows()
    return {(row["definition"], row["average"], row["type"], row["metric"]): row["value"] for row in rows}


def compare(ours: dict[Any, Any], theirs: dict[Any, Any], least: int) -> None:
    assert len(theirs) >= least
    wrong = {cell: (ours.get(cell), value) for cell, value in theirs.items() if ours.get(cell) != pytest.approx(value, abs=1e-12)}
    assert wrong == {}


def shuffled(documents: list[Document]) -> list[Document]:
    random = Random(1)
    return [replace(document, mentions=tuple(random.sample(document.mentions, len(document.mentions)))) for document in documents]


@pytest.mark.parametrize("number", SIZES)
def test_flat_documents(flat_documents, number):
    documents = flat_documents(11, number)
    gold, predicted = [d.gold for d in documents], [d.predicted for d in documents]
    gold_tags, predicted_tags = [d.gold_tags for d in documents], [d.predicted_tags for d in documents]
    ours = cells_of(gold, predicted)
    compare(ours, by_seqeval(gold_tags, predicted_tags), 2 * 6 * 3)
    compare(ours, by_nervaluate(gold, predicted, spans=True), 2 * 4 * 3 + 3)
    compare(ours, by_scikit_learn(gold_tags, predicted_tags), 2 + 3 + 3 * 3 + 3 + 6 * 3 + 3)
    compare(ours, brute(gold, predicted, sentence_spans), 100)
    assert ours["ceiling", "micro", "", "recall"] == 1.0
    assert cells_of(shuffled(gold), shuffled(predicted)) == ours


def test_types_that_gold_lacks(flat_documents):
    documents = flat_documents(13, 60)
    gold = [replace(d.gold, mentions=tuple(m for m in d.gold.mentions if m.type != "Gene")) for d in documents]
    gold_tags = [["O" if tag.endswith("Gene") else tag for tag in d.gold_tags] for d in documents]
    predicted, predicted_tags = [d.predicted for d in documents], [d.predicted_tags for d in documents]
    theirs = by_seqeval(gold_tags, predicted_tags)
    ours = cells_of(gold, predicted)
    macro = {cell: theirs.pop(cell) for cell in list(theirs) if cell[:2] == ("strict", "macro")}
    compare(ours, theirs, 2 * 6 * 3 - 3)
    # our macro, seqeval's own apart, is over the two types of gold
    assert {cell: ours[cell] * 2 / 3 for cell in macro} == pytest.approx(macro)
    compare(ours, {cell: value for cell, value in by_scikit_learn(gold_tags, predicted_tags).items() if cell[0] == "token_macro_f1"}, 1)


@pytest.mark.parametrize("number", SIZES)
def test_wild_documents(wild_documents, number):
    documents = wild_documents(12, number)
    gold, predicted = [g for g, _ in documents], [p for _, p in documents]
    ours = cells_of(gold, predicted)
    compare(ours, brute(gold, predicted, sentence_spans), 100)
    assert ours["ceiling", "micro", "", "recall"] < 1.0
    assert cells_of(shuffled(gold), shuffled(predicted)) == ours
    single = [[replace(d, mentions=tuple(m for m in d.mentions if len(m.spans) == 1)) for d in side] for side in (gold, predicted)]
    compare(cells_of(*single), by_nervaluate(*single, spans=False), 2 * 4 * 3)


def read_pubtator(path: Path) -> list[Document]:
    documents = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        title, abstract, *rows = block.split("\n")
        columns = [row.split("\t") for row in rows]
        found = [(int(row[1]), int(row[2]), row[4]) for row in columns if len(row) > 4]
        mentions = tuple(Mention(str(i), ((start, end),), kind) for i, (start, end, kind) in enumerate(found))
        documents.append(Document(title.split("|")[0], f"{title.split('|', 2)[2]} {abstract.split('|', 2)[2]}", mentions))
    return documents


def mistaken(document: Document) -> Document:
    """Predictions for a document: mentions missed, moved by a word, given another type, invented."""
    random = Random(document.id)
    words = split_words(document.text)
    kinds = sorted({mention.type for mention in document.mentions})
    found = []
    for mention in document.mentions:
        start, end, kind = mention.start, mention.end, mention.type
        what = random.random()
        if what < 0.15:
            continue
        if what < 0.3:
            later = [place for _, place in words if place > end]
            end = later[0] if later else end
        elif what < 0.4:
            kind = random.choice(kinds)
        found.append(Mention("p", ((start, end),), kind))
    for first in random.sample(words, min(4, len(words))):
        found.append(Mention("p", (first,), random.choice(kinds or ["Disease"])))
    return replace(document, mentions=tuple(found))


def said(documents: list[Document], tag_set: TagSet) -> tuple[list[Document], list[list[str]]]:
    """The documents with those mentions that tags can say, and these tags."""
    kept, tags = [], []
    for document in documents:
        distinct = {(m.spans, m.type): m for m in document.mentions}
        units = split_words(document.text)
        path, lost = encode(list(distinct.values()), units, tag_set)
        gone = {(mention.spans, mention.type) for mention, _ in lost}
        kept.append(replace(document, mentions=tuple(m for key, m in distinct.items() if key not in gone)))
        tags.append([tag_set.names[tag] for tag in encode(kept[-1].mentions, units, tag_set)[0]])
        assert path or not units
    return kept, tags


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "mentions", "sayable"),
    [("bc5cdr/CDR_TestSet.PubTator.txt", 9809, 9804), ("ncbi_disease/NCBItestset_corpus.txt", 960, 960)],
    ids=["bc5cdr", "ncbi"],
)
def test_real_corpora(path, mentions, sayable):
    if not (SHARED / path).is_file():
        pytest.skip(f"{SHARED / path} is absent: the corpora are not part of the project")
    gold = read_pubtator(SHARED / path)
    assert sum(len(document.mentions) for document in gold) == mentions
    predicted = [mistaken(document) for document in gold]
    ours = cells_of(gold, predicted)
    assert ours["ceiling", "micro", "", "correct"] == sayable
    compare(ours, brute(gold, predicted, sentence_spans), 60)
    compare(ours, by_nervaluate(gold, predicted, spans=False), 2 * 3 * 3)
    tag_set = TagSet.of({m.type for d in gold for m in d.mentions})
    (gold, gold_tags), (predicted, predicted_tags) = said(gold, tag_set), said(predicted, tag_set)
    ours = cells_of(gold, predicted)
    compare(ours, by_seqeval(gold_tags, predicted_tags), 2 * 5 * 3)
    compare(ours, by_scikit_learn(gold_tags, predicted_tags), 30)
