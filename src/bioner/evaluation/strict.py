"""The headline score alone: light enough for early stopping, and a small part of what a training depends on."""

from __future__ import annotations

from collections.abc import Sequence

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.ratios import Counts


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


def strict_f1(gold: Sequence[Document], predicted: Sequence[Document]) -> tuple[float, float, float]:
    """Strict micro precision, recall and F1 in [0, 1], by the same rules as `score_documents`.

    The light way for early stopping. All three are 0.0 where there is nothing to count.

    Raises:
        BionerError: a document is predicted twice, missing, unknown, or its text differs.
    """
    wanted = found = correct = 0
    for ours, theirs in pair_documents(gold, predicted):
        expected = {(mention.spans, mention.type) for mention in ours.mentions}
        given = {(mention.spans, mention.type) for mention in theirs.mentions}
        wanted += len(expected)
        found += len(given)
        correct += len(expected & given)
    counts = Counts(wanted, found, correct)
    return counts.precision() or 0.0, counts.recall() or 0.0, counts.f1() or 0.0
