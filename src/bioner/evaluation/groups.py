"""Counts of mentions by what they are: kinds of error, and exact recall by length, frequency in training and novelty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bioner.entities import Document
from bioner.evaluation.errors import ERROR_KINDS, error_kinds
from bioner.evaluation.novelty import NOVELTIES, TrainingNames
from bioner.words import count_words

Pairs = Sequence[tuple[Document, Document]]
"""Gold and predicted documents of the same text."""

LENGTHS = ("1", "2", "3", "4", "5+")
"""Words of a mention (`bioner.words`)."""
FREQUENCIES = {"0": 0, "1": 1, "2-4": 4, "5-9": 9, "10-49": 49, "50+": None}
"""Training mentions of the same type and name, each with its upper bound."""
GROUPS = ("length", "frequency", "novelty", "type_novelty")


def error_rows(pairs: Pairs) -> list[dict[str, Any]]:
    """error, gold_type, predicted_type, count (see `bioner.evaluation.errors`), kinds in their order, then by types.

    Counts of rows with a gold_type add up to the distinct gold mentions, and likewise for predicted_type.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for gold, predicted in pairs:
        for kind, ours, theirs in error_kinds(gold, predicted):
            counts[kind, ours.type if ours else "", theirs.type if theirs else ""] += 1
    order = sorted(counts, key=lambda key: (ERROR_KINDS.index(key[0]), *key[1:]))
    return [
        {"error": kind, "gold_type": ours, "predicted_type": theirs, "count": counts[kind, ours, theirs]} for kind, ours, theirs in order
    ]


def group_rows(pairs: Pairs, names: TrainingNames, normalized: Callable[[str], str]) -> list[dict[str, Any]]:
    """group, value, gold, found: distinct gold mentions of each group, and how many were found strictly (spans and type).

    The values of `type_novelty` are a type and a novelty with a slash between. Of an attacked text, names
    are those that the model reads, so that a misspelt name is mostly unseen.

    Args:
        normalized: brings a surface form into the shape of training texts.
    """
    gold_counts, found_counts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for gold, predicted in pairs:
        found = {(mention.spans, mention.type) for mention in predicted.mentions}
        for mention in {(mention.spans, mention.type): mention for mention in reversed(gold.mentions)}.values():
            surface = normalized(gold.surface(mention))
            novelty = names.novelty(mention, surface)
            keys = [
                ("length", length_of(surface)),
                ("frequency", frequency_of(names.frequency(mention, surface))),
                ("novelty", novelty),
                ("type_novelty", f"{mention.type}/{novelty}"),
            ]
            gold_counts.update(keys)
            if (mention.spans, mention.type) in found:
                found_counts.update(keys)
    rows = (
        {"group": group, "value": value, "gold": gold_counts[group, value], "found": found_counts[group, value]}
        for group, value in gold_counts
    )
    return sorted(rows, key=lambda row: (GROUPS.index(row["group"]), value_order(row["group"], row["value"])))


def value_order(group: str, value: str) -> tuple[Any, ...]:
    """A key that sorts the values of a group as tables have them."""
    orders: dict[str, Iterable[str]] = {"length": LENGTHS, "frequency": FREQUENCIES, "novelty": NOVELTIES}
    if group in orders:
        return (list(orders[group]).index(value),)
    kind, _, novelty = value.rpartition("/")
    return kind, NOVELTIES.index(novelty)


def length_of(surface: str) -> str:
    """One of `LENGTHS`; what has no word at all counts as one."""
    words = count_words(surface)
    return LENGTHS[-1] if words >= len(LENGTHS) else str(max(words, 1))


def frequency_of(count: int) -> str:
    """One of `FREQUENCIES`."""
    return next(name for name, bound in FREQUENCIES.items() if bound is None or count <= bound)


def type_rows(pairs: Pairs) -> list[dict[str, Any]]:
    """document, type, gold, predicted, correct: strict counts of the types that a document has on either side."""
    rows = []
    for gold, predicted in pairs:
        wanted = {(mention.spans, mention.type) for mention in gold.mentions}
        found = {(mention.spans, mention.type) for mention in predicted.mentions}
        counts = [Counter(kind for _, kind in mentions) for mentions in (wanted, found, wanted & found)]
        for kind in sorted(counts[0].keys() | counts[1].keys()):
            values = dict(zip(("gold", "predicted", "correct"), (count[kind] for count in counts), strict=True))
            rows.append({"document": gold.id, "type": kind, **values})
    return rows
