"""Every definition of the metric, as rows of one table (docs/metrics.md has formulas, a worked example, who uses which).

| definition | what is correct | averages |
| --- | --- | --- |
| strict | same spans and same type | micro, macro, weighted, type |
| span | same spans, types ignored | micro |
| partial | SemEval-2013 9.1 partial: exact 1, overlap 0.5, types ignored | micro, macro, weighted, type |
| ent_type | SemEval-2013 9.1 type: same type and some overlap, one to one | micro, macro, weighted, type |
| type_overlap | any character shared, same type, many to many | micro, macro, weighted, type |
| overlap | any character shared, many to many | micro |
| exact_recall | strict: TP / gold | micro, macro, weighted, type |
| jaccard | strict: TP / (TP + FP + FN) | micro, macro, weighted, type |
| type_accuracy | gold mentions with the right type, of those whose spans were found | micro |
| sentence_exact_match | sentences whose mentions are all right, and no others | micro |
| sentence_exact_match_gold | the same, of sentences with gold mentions | micro |
| document_exact_match | documents whose mentions are all right, and no others | micro |
| seqeval | same first and last word and type in the IOB2 tags of both sides | micro, macro, weighted, type |
| token_accuracy | words with the right tag, O included | micro |
| entity_token_accuracy | words of gold mentions with the right tag | micro |
| token_f1 | words with the right tag, O left out | micro, macro, weighted, type |
| token_type_f1 | words with the right type, prefixes and O left out | micro, macro, weighted, type |
| token_entity_f1 | words in a mention, of any type | micro |
| token_micro_f1, token_macro_f1, token_weighted_f1 | F1 of tags, O included | micro, macro, weighted |
| ceiling | gold mentions that IOB2 tags of whole words can express | micro, type |

Micro counts all mentions together; macro is the mean over the types that occur in gold of the evaluated documents
(for `seqeval`, in gold or predictions); weighted is the mean over types weighted by gold; a row of one type looks at the
mentions of that type alone, on both sides. `gold`, `predicted` and `correct` are printed with the micro and type rows
that are made of them; the overlap definitions have no single `correct`, since one prediction may find two mentions.
The sentence rows are there where the scorer was told how to find sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bioner.evaluation.averages import PRF, Row, accuracy, counts_of, full_rows, micro_rows, row, total, value_rows, weighted
from bioner.evaluation.counting import Integers, Layout
from bioner.evaluation.overlaps import Pairs, overlapping_pairs, partial_credit, type_credit
from bioner.evaluation.ratios import Counts
from bioner.evaluation.sentences_exact import sentence_rows
from bioner.evaluation.token_definitions import ceiling_rows, sequence_rows, token_rows
from bioner.evaluation.tokens import TaggedWords


def definition_rows(layout: Layout, words: TaggedWords, sentences: Integers | None = None) -> Iterator[Row]:
    """Rows of definition, average, type, metric and value; value None where nothing can be counted.

    Args:
        layout: the mentions.
        words: the tags of the words on both sides.
        sentences: where sentences begin in all texts laid end to end; None for no rows about sentences.
    """
    pairs = overlapping_pairs(layout)
    types = layout.types
    strict = strict_by_type(layout)
    everything = total(strict)
    yield from full_rows("strict", types, everything, strict, PRF)
    yield from micro_rows("span", _span_counts(layout), PRF)
    yield from _semeval(layout, pairs)
    yield from _overlap_rows(layout, pairs)
    yield from full_rows("exact_recall", types, everything, strict, {"accuracy": Counts.recall})
    yield from full_rows("jaccard", types, everything, strict, {"accuracy": Counts.jaccard})
    yield from micro_rows("type_accuracy", _type_accuracy(layout, everything), accuracy(everything.gold + everything.predicted))
    if sentences is not None:
        yield from sentence_rows(layout, sentences)
    yield from micro_rows("document_exact_match", _document_counts(layout), {"accuracy": Counts.recall})
    yield from sequence_rows(types, words)
    yield from token_rows(types, words)
    yield from ceiling_rows(layout, words)


def strict_by_type(layout: Layout) -> list[Counts]:
    """Strict counts of each type, in the order of `layout.types`."""
    types = len(layout.types)
    right = np.isin(layout.predicted.codes(types), layout.gold.codes(types), assume_unique=True)
    return counts_of(layout.by_type(layout.gold), layout.by_type(layout.predicted), layout.by_type(layout.predicted, right))


def strict_by_document(layout: Layout) -> tuple[Integers, Integers, Integers]:
    """Strict numbers of gold, predicted and correct mentions of each document, each of shape (documents,)."""
    types = len(layout.types)
    right = np.isin(layout.predicted.codes(types), layout.gold.codes(types), assume_unique=True)
    return layout.by_document(layout.gold), layout.by_document(layout.predicted), layout.by_document(layout.predicted, right)


def _span_counts(layout: Layout) -> Counts:
    places = 1 + max(int(columns.place.max(initial=-1)) for columns in (layout.gold, layout.predicted))
    gold, predicted = (_marked(places, columns.place) for columns in (layout.gold, layout.predicted))
    return Counts(int(gold.sum()), int(predicted.sum()), int((gold & predicted).sum()))


def _marked(size: int, indices: Integers) -> npt.NDArray[np.bool_]:
    """True at the indices, however often they occur, shape (size,)."""
    marks = np.zeros(size, dtype=bool)
    marks[indices] = True
    return marks


def _type_accuracy(layout: Layout, strict: Counts) -> Counts:
    """Gold mentions whose spans were predicted with any type, and those of them with the right one."""
    found = int(np.isin(layout.gold.place, layout.predicted.place).sum())
    return Counts(found, found, strict.correct)


def _document_counts(layout: Layout) -> Counts:
    gold, predicted, correct = strict_by_document(layout)
    number = len(layout.documents)
    return Counts(number, number, int(((gold == correct) & (predicted == correct)).sum()))


def _semeval(layout: Layout, pairs: Pairs) -> Iterator[Row]:
    gold, predicted = layout.by_type(layout.gold), layout.by_type(layout.predicted)
    same = pairs.where(layout.predicted.type[pairs.predicted] == layout.gold.type[pairs.gold])
    for definition, credit in (("partial", partial_credit), ("ent_type", type_credit)):
        overall = Counts(len(layout.gold), len(layout.predicted), float(credit(layout, pairs).sum()))
        by_type = np.bincount(layout.predicted.type, weights=credit(layout, same), minlength=len(layout.types))
        yield from full_rows(definition, layout.types, overall, counts_of(gold, predicted, by_type), PRF)


def _overlap_rows(layout: Layout, pairs: Pairs) -> Iterator[Row]:
    """Many to many: recall over gold mentions that were touched, precision over predictions that touch."""
    same = pairs.where(layout.predicted.type[pairs.predicted] == layout.gold.type[pairs.gold])
    gold, predicted = layout.by_type(layout.gold), layout.by_type(layout.predicted)
    found = layout.by_type(layout.gold, _marked(len(layout.gold), same.gold))
    right = layout.by_type(layout.predicted, _marked(len(layout.predicted), same.predicted))
    sides = [_two_sided(*values) for values in zip(gold.tolist(), predicted.tolist(), found.tolist(), right.tolist(), strict=True)]
    both = _two_sided(int(gold.sum()), int(predicted.sum()), int(found.sum()), int(right.sum()))
    yield from value_rows("type_overlap", "micro", "", both)
    for metric in PRF:
        values = [side[metric] for side in sides if side["gold"]]
        yield row("type_overlap", "macro", "", metric, sum(values) / len(values) if values else None)
        yield row("type_overlap", "weighted", "", metric, weighted([(side["gold"], side[metric]) for side in sides]))
    for kind, side in zip(layout.types, sides, strict=True):
        yield from value_rows("type_overlap", "type", kind, side)
    found_any, right_any = (
        int(_marked(len(side), touched).sum()) for side, touched in ((layout.gold, pairs.gold), (layout.predicted, pairs.predicted))
    )
    yield from value_rows("overlap", "micro", "", _two_sided(len(layout.gold), len(layout.predicted), found_any, right_any))


def _two_sided(gold: int, predicted: int, found: int, right: int) -> dict[str, Any]:
    precision, recall = Counts(gold, predicted, right).precision(), Counts(gold, predicted, found).recall()
    f1 = None if precision is None or recall is None else _harmonic(precision, recall)
    return {"precision": precision, "recall": recall, "f1": f1, "gold": gold, "predicted": predicted}


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
