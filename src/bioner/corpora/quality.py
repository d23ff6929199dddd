"""Quality report of a corpus: what it holds, what was repaired, and whether that was expected."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioner.corpora.repairs import DROPPED, Repairs
from bioner.entities import SPLITS, Document, Span
from bioner.words import count_cuts, count_words

NO_SPLIT = "none"
TYPE_DROPPED = "type dropped by the config"


@dataclass(slots=True)
class Counts:
    """Documents by split, and mentions by split and type."""

    documents: Counter[str] = field(default_factory=Counter)
    types: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count a document."""
        split = document.split or NO_SPLIT
        self.documents[split] += 1
        self.types.setdefault(split, Counter()).update([mention.type for mention in document.mentions])

    def without(self, others: Counts) -> Counts:
        """What is left without others, which are among these; a split of which nothing is left stays, with zeros."""
        types = {split: found - others.types.get(split, Counter()) for split, found in self.types.items()}
        return Counts(Counter({split: number - others.documents[split] for split, number in self.documents.items()}), types)

    @property
    def mentions(self) -> int:
        """Mentions of all splits."""
        return sum(found.total() for found in self.types.values())

    def to_json(self) -> dict[str, Any]:
        """Split, or `all`, -> its documents, mentions, and mentions by type."""
        splits = [split for split in (*SPLITS, NO_SPLIT) if split in self.documents]
        rows = {split: (self.documents[split], self.types[split]) for split in splits}
        rows["all"] = self.documents.total(), sum((self.types[split] for split in splits), Counter())
        return {
            split: {"documents": number, "mentions": types.total(), "types": dict(sorted(types.items()))}
            for split, (number, types) in rows.items()
        }


@dataclass(slots=True)
class Quality:
    """What is said about a corpus, counted one document at a time.

    `read` are the documents as read, their types renamed; `before` the same before that, in corpora whose types are renamed;
    `out` those that were left out of the corpus by its filters, and `filtered` the ids of these by criterion.
    """

    read: Counts = field(default_factory=Counts)
    before: Counts = field(default_factory=Counts)
    out: Counts = field(default_factory=Counts)
    filtered: Repairs = field(default_factory=Repairs)

    def add(self, document: Document) -> None:
        """Count a document."""
        self.read.add(document)

    def leave_out(self, document: Document, criterion: str) -> None:
        """Count a document, which was added, as left out by a criterion."""
        self.filtered.note(criterion, document.id)
        self.out.add(document)

    @property
    def kept(self) -> Counts:
        """What filters left."""
        return self.read.without(self.out)

    def to_json(self, repairs: Repairs, names: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """The report as JSON.

        `counts`, `offsets` and `repairs` are of what was read, `kept` of what filters left. `offsets.share` is
        exact / checked in [0, 1], null where nothing was checked. `types_read` are mentions by split and type before types were
        renamed, of the splits in which they were. `lost_mentions` are those that the documents do not have, by where they went.

        Args:
            repairs: what the reader noted.
            names: type -> other name, as in the config.
        """
        share = repairs.exact / repairs.annotations if repairs.annotations else None
        before = {split: found["types"] for split, found in self.before.to_json().items()}
        return {
            "counts": self.read.to_json(),
            "kept": self.kept.to_json(),
            "filtered": self.filtered.to_json(),
            "types_read": {split: types for split, types in before.items() if any((names or {}).get(kind, kind) != kind for kind in types)},
            "lost_mentions": {
                "reading": sum(number for rule, number in repairs.counts.items() if rule.startswith(DROPPED)),
                "types": repairs.counts.get(TYPE_DROPPED, 0),
                "filters": self.out.mentions,
            },
            "offsets": {"checked": repairs.annotations, "exact": repairs.exact, "share": share},
            "repairs": repairs.to_json(),
        }


FEATURES = (
    "nested", "crossing", "same_span", "discontiguous", "boundary_inside_a_word", "documents_without_mentions", "mentions_with_concept",
    "characters", "words",
)  # fmt: skip


def features_of(document: Document) -> Counter[str]:
    """What a document has of FEATURES; `nested`, `crossing` and `same_span` are pairs of mentions. Zeros may be left out."""
    text, mentions = document.text, document.mentions
    spans = [(mention.spans[0][0], mention.spans[-1][1]) for mention in mentions]
    found = overlaps(spans)
    found.update(
        documents_without_mentions=int(not mentions),
        discontiguous=sum([len(mention.spans) > 1 for mention in mentions]),
        boundary_inside_a_word=count_cuts(text, spans),
        mentions_with_concept=sum([bool(mention.concepts) for mention in mentions]),
        characters=len(text),
        words=count_words(text),
    )
    return found


def overlaps(spans: list[Span]) -> Counter[str]:
    """Numbers of pairs of spans that overlap: `nested` (one inside the other), `crossing`, `same_span`."""
    same = nested = crossing = repeats = 0
    before: Span = (-1, -1)
    # ends of the spans that are still open, negative and sorted: most changes are at the end, where a list is fast
    ends: list[int] = []
    # longest first among those that begin together: whatever encloses a span comes before it
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        start, end = span
        del ends[bisect_left(ends, -start) :]
        if ends:
            repeats = repeats + 1 if span == before else 0
            longer = bisect_right(ends, -end)
            crossing += len(ends) - longer
            same += repeats
            nested += longer - repeats
            ends.insert(longer, -end)
        else:
            ends.append(-end)
            repeats = 0
        before = span
    return Counter({name: number for name, number in (("same_span", same), ("nested", nested), ("crossing", crossing)) if number})


def expected_counts(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each expected number beside the one found: `split`, `what`, `expected`, `found`.

    Args:
        found: split (or `all`) -> {"documents": int, "mentions": int, "types": {type: int}}.
        expected: the same shape, with any part left out.
    """
    rows = []
    for split, wanted in expected.items():
        have = found.get(split, {"documents": 0, "mentions": 0, "types": {}})
        pairs = [(key, wanted[key], have[key]) for key in ("documents", "mentions") if key in wanted]
        pairs += [(f"{kind} mentions", number, have["types"].get(kind, 0)) for kind, number in wanted.get("types", {}).items()]
        rows += [{"split": split, "what": what, "expected": want, "found": got} for what, want, got in pairs]
    return rows


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Sentences about counts that are not the expected ones; arguments as of `expected_counts`."""
    rows = [row for row in expected_counts(found, expected) if row["expected"] != row["found"]]
    return [f"{row['split']}: expected {row['expected']:,} {row['what']}, found {row['found']:,}" for row in rows]
