"""A second look at a corpus: what its parts hold and share, and where its labels do not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bioner.corpora.consistency import LeftOut, Surfaces, describe
from bioner.corpora.profile import Profile, together
from bioner.corpora.quality import FEATURES, NO_SPLIT, Counts, differences, expected_counts, features_of
from bioner.corpora.repeats import Seen, Texts
from bioner.entities import SPLITS, Document
from bioner.errors import BionerError

EXAMPLES = 50
"""Surface forms of each kind that are shown, the most frequent ones."""


def inspect_corpus(report: Mapping[str, Any], settings: Mapping[str, Any], documents: Callable[[], Iterable[Document]]) -> dict[str, Any]:
    """The quality report of a corpus: all that harmonize reported, and what its documents say together.

    Args:
        report: what harmonize wrote beside the documents.
        settings: the corpus's entry in the config: `title`, `source`, `licence`, `counts` (expected numbers), and `agreement`, under
            which no text of the corpus gets into the report.
        documents: gives them from the first, each time it is called; they are read twice, and memory grows with distinct surface
            forms and texts only.

    Raises:
        BionerError: not the documents of the report.
    """
    splits = [split for split in (*SPLITS, NO_SPLIT) if split in report["kept"]]
    profiles = {split: Profile() for split in splits}
    surfaces, texts, seen = Surfaces(), Texts(), Seen()
    features: Counter[str] = Counter()
    for document in documents():
        features.update(features_of(document))
        profiles.setdefault(document.split or NO_SPLIT, Profile()).add(document)
        for part in (surfaces, texts, seen):
            part.add(document)
    whole = together(profiles.values())
    check(report, whole)
    left_out, unique = LeftOut(surfaces), Counts(Counter(dict.fromkeys(splits, 0)), {split: Counter() for split in splits})
    for document in documents():
        left_out.add(document)
        if texts.keeps(document):
            unique.add(document)
    closed, counts = bool(settings.get("agreement")), settings.get("counts") or {}
    return dict(report) | {
        "title": settings.get("title", report["dataset"]),
        "source": settings.get("source", ""),
        "licence": settings.get("licence", ""),
        "agreement": closed,
        "warnings": differences(report["counts"], counts),
        "expected": expected_counts(report["counts"], counts),
        "features": {name: features[name] for name in FEATURES},
        "splits": {split: profile.to_json() for split, profile in (profiles | {"all": whole}).items()},
        "consistency": describe(surfaces, left_out, 0 if closed else EXAMPLES),
        "seen_in_training": seen.to_json(),
        "repeats": texts.to_json(),
        "deduplicated": unique.to_json(),
    }


def check(report: Mapping[str, Any], found: Profile) -> None:
    """Raise BionerError unless as many documents and mentions were found as harmonize reported."""
    every = report["kept"]["all"]
    if (every["documents"], every["mentions"]) != (found.documents, found.types.total()):
        raise BionerError(
            f"{report['dataset']}: expected the {every['documents']:,} documents and {every['mentions']:,} mentions that harmonize "
            f"reported, found {found.documents:,} and {found.types.total():,}; run harmonize again"
        )
