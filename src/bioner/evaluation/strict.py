"""The headline score alone: light enough for early stopping, and a small part of what a training depends on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.ratios import Counts, macro


def pair_documents(gold: Sequence[Document], predicted: Sequence[Document]) -> list[tuple[Document, Document]]:
    """Each gold document with the predicted one of the same id, in gold's order.

    Raises:
        BionerError: an id occurs twice, is missing among the predictions or unknown to gold, or
            the two texts differ.
    """
    found: dict[str, Document] = {}
    for document in predicted:
        if document.id in found:
            raise BionerError(f"expected one predicted document {document.id!r}, found two; run predict again")
        found[document.id] = document
    pairs = []
    for document in gold:
        partner = found.pop(document.id, None)
        if partner is None:
            raise BionerError(f"expected one prediction for each gold document, found none (left) for {document.id!r}; run predict again")
        if partner.text != document.text:
            raise BionerError(
                f"expected predictions on the text of gold, found another text in document {document.id!r}; run predict again"
            )
        pairs.append((document, partner))
    if found:
        raise BionerError(f"expected predictions for gold documents only, found unknown document {min(found)!r}; run predict again")
    return pairs


@dataclass(frozen=True, slots=True)
class StrictScores:
    """Strict scores in [0, 1]; 0.0 where there is nothing to count."""

    precision: float
    recall: float
    micro_f1: float
    macro_f1: float


def strict_scores(gold: Sequence[Document], predicted: Sequence[Document]) -> StrictScores:
    """Strict micro precision, recall and F1, and macro F1 over the types that occur in gold, by the same rules as `score_documents`.

    The light way for early stopping.

    Raises:
        BionerError: a document is predicted twice, missing, unknown, or its text differs.
    """
    wanted, found, correct = Counter[str](), Counter[str](), Counter[str]()
    for ours, theirs in pair_documents(gold, predicted):
        expected = {(mention.spans, mention.type) for mention in ours.mentions}
        given = {(mention.spans, mention.type) for mention in theirs.mentions}
        for counter, mentions in ((wanted, expected), (found, given), (correct, expected & given)):
            counter.update(kind for _, kind in mentions)
    counts = Counts(wanted.total(), found.total(), correct.total())
    by_type = [Counts(wanted[kind], found[kind], correct[kind]) for kind in sorted(wanted | found)]
    return StrictScores(counts.precision() or 0.0, counts.recall() or 0.0, counts.f1() or 0.0, macro(by_type, Counts.f1) or 0.0)
