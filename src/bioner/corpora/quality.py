"""Quality report of a corpus: what it holds, what was repaired, and whether that was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioner.corpora.repairs import Repairs
from bioner.entities import SPLITS, Document, Span
from bioner.words import split_words

NO_SPLIT = "none"


@dataclass(slots=True)
class Quality:
    """Counts over the documents of a corpus, one document at a time."""

    documents: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    types: dict[str, Counter[str]] = field(default_factory=dict)
    features: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        """Count a document."""
        split = document.split or NO_SPLIT
        self.documents[split] += 1
        self.mentions[split] += len(document.mentions)
        self.types.setdefault(split, Counter()).update(mention.type for mention in document.mentions)
        self.features.update(overlaps([(mention.start, mention.end) for mention in document.mentions]))
        words = split_words(document.text)
        starts, ends = {word[0] for word in words}, {word[1] for word in words}
        self.features.update(
            documents_without_mentions=int(not document.mentions),
            discontiguous=sum(len(mention.spans) > 1 for mention in document.mentions),
            boundary_inside_a_word=sum(m.start not in starts or m.end not in ends for m in document.mentions),
            mentions_with_concept=sum(bool(mention.concepts) for mention in document.mentions),
            characters=len(document.text),
            words=len(words),
        )

    def to_json(self, repairs: Repairs) -> dict[str, Any]:
        """The report's counts as JSON; `offsets.share` is exact / checked in [0, 1], null where nothing was checked."""
        splits = [split for split in (*SPLITS, NO_SPLIT) if split in self.documents]
        total: Counter[str] = sum((self.types[split] for split in splits), Counter())
        counts = {
            split: {
                "documents": self.documents[split],
                "mentions": self.mentions[split],
                "types": dict(sorted(self.types[split].items())),
            }
            for split in splits
        }
        counts["all"] = {"documents": self.documents.total(), "mentions": self.mentions.total(), "types": dict(sorted(total.items()))}
        names = ("nested", "crossing", "same_span", "discontiguous", "boundary_inside_a_word", "documents_without_mentions")
        share = repairs.exact / repairs.annotations if repairs.annotations else None
        return {
            "counts": counts,
            "features": {name: self.features[name] for name in (*names, "mentions_with_concept", "characters", "words")},
            "offsets": {"checked": repairs.annotations, "exact": repairs.exact, "share": share},
            "repairs": repairs.to_json(),
        }


def overlaps(spans: list[Span]) -> Counter[str]:
    """Numbers of pairs of spans that overlap: `nested` (one inside the other), `crossing`, `same_span`."""
    found: Counter[str] = Counter()
    ordered = sorted(spans)
    for index, (start, end) in enumerate(ordered):
        for other_start, other_end in ordered[index + 1 :]:
            if other_start >= end:
                break
            if (start, end) == (other_start, other_end):
                found["same_span"] += 1
            elif other_end <= end or other_start == start:
                found["nested"] += 1
            else:
                found["crossing"] += 1
    return found


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Sentences about counts that are not the expected ones.

    Args:
        found: split (or `all`) -> {"documents": int, "mentions": int, "types": {type: int}}.
        expected: the same shape, with any part left out.
    """
    sentences = []
    for split, wanted in expected.items():
        have = found.get(split, {"documents": 0, "mentions": 0, "types": {}})
        pairs = [(key, wanted[key], have[key]) for key in ("documents", "mentions") if key in wanted]
        pairs += [(f"{kind} mentions", number, have["types"].get(kind, 0)) for kind, number in wanted.get("types", {}).items()]
        sentences += [f"{split}: expected {want:,} {what}, found {got:,}" for what, want, got in pairs if want != got]
    return sentences
