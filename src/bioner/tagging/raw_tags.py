"""What a tagger says before mentions are read from it: the tags of each unit, and what tags cannot say at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pycrfsuite
from numpy.typing import NDArray
from torch import Tensor

from bioner import tags
from bioner.commandline import say
from bioner.entities import Document, Mention, Span
from bioner.evaluation.conventions import ConventionCounts
from bioner.preparation.normalize import original_mentions, restore
from bioner.tagging.batches import Batch
from bioner.tagging.crf import constrained_path
from bioner.tagging.decoding import embed
from bioner.tagging.encode import EncodedDocument
from bioner.tagging.feature_crf import FeatureCRF, word_features
from bioner.tagging.tagger import Tagger
from bioner.tags import Lost, TagSet
from bioner.words import split_words

CHANGED = "changed by normalization"
"""Why a mention is beyond a tagger although tags represent it, or its rest, in the normalized text."""


class Listener:
    """Keeps the emissions of unattacked predictions while these are made, so that nothing is computed twice.

    `tagger` stands in for the tagger that predicts, `embed` for `bioner.tagging.decoding.embed`: what is emitted right
    after it is kept, by window.
    """

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = cast(Tagger, _Overheard(tagger, self._keep))
        self._heard: Tagger = tagger
        self._expected: Batch | None = None
        self._kept: dict[int, list[tuple[tuple[int, int], NDArray[np.float32]]]] = {}

    def embed(self, tagger: Tagger, batch: Batch) -> Tensor:
        """The embeddings without any attack."""
        self._expected = batch
        return embed(tagger, batch)

    def _keep(self, batch: Batch, scores: Tensor) -> None:
        if batch is not self._expected:
            return
        self._expected = None
        cuts = np.cumsum(batch.lengths.cpu().numpy())[:-1]
        for window, rows in zip(batch.windows, np.split(scores.cpu().numpy(), cuts), strict=True):
            self._kept.setdefault(window.document, []).append((window.owned, rows))

    def paths(self, encoded: Sequence[EncodedDocument]) -> list[list[int]]:
        """The raw tag ids of the units of the documents that were predicted, as `decode_document` chooses them."""
        return [self._path(index, len(item.units)) for index, item in enumerate(encoded)]

    def _path(self, document: int, units: int) -> list[int]:
        if not units:
            return []
        emissions = np.zeros((units, len(self._heard.tag_set.names)), dtype=np.float32)
        for owned, rows in self._kept[document]:
            emissions[slice(*owned)] = rows
        if self._heard.crf is not None:
            return self._heard.crf.viterbi(emissions, self._heard.constraints)
        if self._heard.constraints is not None:
            return constrained_path(emissions, self._heard.constraints)
        path: list[int] = emissions.argmax(1).tolist()
        return path


class _Overheard:
    """A tagger whose emissions somebody else is told too."""

    def __init__(self, tagger: Tagger, told: Callable[[Batch, Tensor], None]) -> None:
        self._tagger, self._told = tagger, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tagger, name)

    def emissions(self, embeddings: Tensor, batch: Batch) -> Tensor:
        scores = self._tagger.emissions(embeddings, batch)
        self._told(batch, scores)
        return scores


def tell(
    originals: Sequence[Document],
    normalized: Sequence[Document],
    encoded: Sequence[EncodedDocument],
    paths: Sequence[Sequence[int]],
    tag_set: TagSet,
) -> dict[str, Any]:
    """What predictions.json says beside digests; the log says it too.

    Args:
        originals: the test documents, in original text.
        normalized: the same as the tagger sees them.
        encoded: these in units, with their gold tags.
        paths: the raw tag ids that were predicted for the units of each document.

    Returns:
        `ceiling` (gold, found) and `lost` as `count_expressed` has them, `invalid_tags` as `count_conventions` and `unit_tags` as
        `count_units` have them.
    """
    expressed = count_expressed(originals, normalized, encoded, tag_set)
    reasons = "; ".join(f"{reason}: {number:,}" for reason, number in expressed["lost"].items())
    say(f"ceiling on recall: {expressed['found']:,} of {expressed['gold']:,} gold mentions can be said{reasons and f' ({reasons})'}")
    invalid = count_conventions(originals, normalized, encoded, paths, tag_set)
    say(f"tags that the scheme does not allow: {invalid['invalid']:,} in {invalid['units']:,} units")
    return {
        "ceiling": {"gold": expressed["gold"], "found": expressed["found"]},
        "lost": expressed["lost"],
        "invalid_tags": invalid,
        "unit_tags": count_units(encoded, paths, tag_set),
    }


def count_conventions(
    originals: Sequence[Document],
    normalized: Sequence[Document],
    encoded: Sequence[EncodedDocument],
    paths: Sequence[Sequence[int]],
    tag_set: TagSet,
) -> dict[str, Any]:
    """The raw tags under each convention (`ConventionCounts.to_json`), against the gold of the original text."""
    counts = ConventionCounts()
    for original, flat, item, path in zip(originals, normalized, encoded, paths, strict=True):
        counts.add(original, path, item.units, tag_set, partial(restore, flat))
    return counts.to_json()


def count_units(encoded: Sequence[EncodedDocument], paths: Sequence[Sequence[int]], tag_set: TagSet) -> dict[str, list[int]]:
    """By tag, of the tags that occur: units with it in gold, in the raw predictions, and in both."""
    gold, predicted = (
        np.array([tag for tags in side for tag in tags], dtype=np.int64) for side in ([item.tags for item in encoded], paths)
    )
    size = len(tag_set.names)
    sides = [np.bincount(tags, minlength=size).tolist() for tags in (gold, predicted, gold[gold == predicted])]
    return {name: list(counts) for name, *counts in zip(tag_set.names, *sides, strict=True) if any(counts)}


def count_expressed(
    originals: Sequence[Document], normalized: Sequence[Document], encoded: Sequence[EncodedDocument], tag_set: TagSet
) -> dict[str, Any]:
    """How much of gold this tagger could find if it made no mistake.

    Gold is normalized, written as the tagger's tags over its units, read back and restored to the original text, as
    predictions are; `found` is what of it is then strictly right.

    Returns:
        `gold` and `found` (distinct mentions), and `lost`, the mentions that the tags do not represent, by reason (in
        the normalized text; a mention that normalization moved or dropped counts as `changed by normalization`).
    """
    gold = found = 0
    lost = Counter[str]()
    for original, flat, item in zip(originals, normalized, encoded, strict=True):
        wanted = {(mention.spans, mention.type) for mention in original.mentions}
        perfect = [Mention("", (span,), kind) for _, span, kind in tags.decode(item.tags, item.units, tag_set)]
        reached = wanted & {(mention.spans, mention.type) for mention in restore(flat, perfect)}
        gold, found = gold + len(wanted), found + len(reached)
        reasons = _reasons(flat, item.lost)
        lost.update(reasons.get(missed, CHANGED) for missed in wanted - reached)
    return {"gold": gold, "found": found, "lost": dict(sorted(lost.items()))}


def _reasons(flat: Document, lost: Sequence[Lost]) -> dict[tuple[tuple[Span, ...], str], str]:
    """Why tags do not represent mentions of a normalized document, by original spans and type."""
    reasons = dict(lost)
    pairs = zip(flat.mentions, original_mentions(flat), strict=True)
    return {(original.spans, original.type): reasons[mention] for mention, original in pairs if mention in reasons}


def feature_paths(model: FeatureCRF, documents: Sequence[Document]) -> list[list[int]]:
    """The raw tag ids that a CRF over features gives the words of documents."""
    tagger = pycrfsuite.Tagger()
    tagger.open_inmemory(model.model)
    names = {name: tag for tag, name in enumerate(model.tag_set.names)}
    words = ([document.text[start:end] for start, end in split_words(document.text)] for document in documents)
    return [[names[label] for label in tagger.tag(word_features(found))] if found else [] for found in words]


def encode_words(documents: Sequence[Document], tag_set: TagSet) -> list[EncodedDocument]:
    """Documents as a tagger of whole words sees them, without windows."""
    words = [split_words(document.text) for document in documents]
    coded = [tags.encode(document.mentions, units, tag_set) for document, units in zip(documents, words, strict=True)]
    return [EncodedDocument(units, found, [], lost) for units, (found, lost) in zip(words, coded, strict=True)]
