"""Quality report of a corpus: what it holds, what was repaired, and whether that was expected."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioner.corpora.repairs import Repairs
from bioner.entities import SPLITS, Document, Span
from bioner.words import count_words, cuts_a_word

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
        text, mentions = document.text, document.mentions
        spans = [(mention.spans[0][0], mention.spans[-1][1]) for mention in mentions]
        self.types.setdefault(split, Counter()).update([mention.type for mention in mentions])
        self.features.update(overlaps(spans))
        self.features.update(
            documents_without_mentions=int(not mentions),
            discontiguous=sum([len(mention.spans) > 1 for mention in mentions]),
            boundary_inside_a_word=sum([cuts_a_word(text, start, end) for start, end in spans]),
            mentions_with_concept=sum([bool(mention.concepts) for mention in mentions]),
            characters=len(text),
            words=count_words(text),
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
    same = nested = crossing = 0
    ends: list[int] = []
    before: Span = (-1, -1)
    repeats = 0
    # longest first among those that begin together: whatever encloses a span comes before it
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        start, end = span
        # what is still open overlaps; sorted ends, because pairs may be too many to look at
        del ends[: bisect_right(ends, start)]
        if ends:
            repeats = repeats + 1 if span == before else 0
            shorter = bisect_left(ends, end)
            crossing += shorter
            same += repeats
            nested += len(ends) - shorter - repeats
            ends.insert(shorter, end)
        else:
            ends.append(end)
            repeats = 0
        before = span
    return Counter({name: number for name, number in (("same_span", same), ("nested", nested), ("crossing", crossing)) if number})


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
