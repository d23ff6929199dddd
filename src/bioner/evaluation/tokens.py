"""Definitions that count words instead of mentions."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from bioner.entities import Document
from bioner.evaluation.counting import Integers
from bioner.tags import TagSet, encode
from bioner.words import split_words


def tag_confusion(pairs: Iterable[tuple[Document, Document]], types: Sequence[str]) -> Integers:
    """Number of words by gold tag and predicted tag, shape (tags, tags), in the order of `TagSet.names`.

    Words are those of `bioner.words.split_words`, tags IOB2 by `bioner.tags.encode`: what the
    scheme cannot express (nested, discontiguous, inside a word) is counted as the scheme sees it, on
    both sides alike. This is the only count in which gold is not the document's own.
    """
    tag_set = TagSet.of(types)
    size = len(tag_set.names)
    gold_tags, predicted_tags = array("q"), array("q")
    for gold, predicted in pairs:
        words = split_words(gold.text)
        gold_tags.extend(encode(gold.mentions, words, tag_set)[0])
        predicted_tags.extend(encode(predicted.mentions, words, tag_set)[0])
    codes = np.array(gold_tags, dtype=np.int64) * size + np.array(predicted_tags, dtype=np.int64)
    return np.bincount(codes, minlength=size * size).reshape(size, size).astype(np.int64)


def averages_with_outside(confusion: Integers) -> tuple[float | None, float | None]:
    """F1 over all tags, `O` included: the plain mean over tags, and the mean weighted by gold words.

    The mean is over tags that occur in gold or in the predictions, as scikit-learn's
    `f1_score(average="macro")` takes it. None where there are no words.
    """
    gold, predicted, correct = confusion.sum(axis=1), confusion.sum(axis=0), np.diagonal(confusion)
    seen = (gold + predicted) > 0
    if not seen.any():
        return None, None
    f1 = 2 * correct[seen] / (gold + predicted)[seen]
    return float(f1.mean()), float((f1 * gold[seen]).sum() / gold.sum())
