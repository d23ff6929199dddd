"""Documents left out of training and validation because a later part of an official split has them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bioner.fingerprint import text_digest
from bioner.preparation.near_duplicates import near_pairs

KINDS = ("none", "shared", "all")
LATER = {"validation": ("test",), "train": ("validation", "test")}
"""Part -> the parts that it must share nothing with; in the order in which they are cleaned. The test part is never changed."""


Parts = dict[str, list[str]]


def leave_out(
    parts: Mapping[str, Sequence[str]], texts: Mapping[str, str], sources: Mapping[str, str], kind: str, threshold: float
) -> tuple[Parts, Parts]:
    """The parts without what is left out, and what is left out of training and validation; ids in their order.

    Args:
        parts: train, validation and test -> ids.
        texts: id -> text, of every id in `parts`; empty ones are never duplicates.
        sources: id -> the document that it is of, by default itself.
        kind: "none" leaves out nothing; "shared" what is, by source, text (whatever its case and white space) or nearly so, in
            a later part:
            validation documents that are in test, training documents that are in validation or test; "all" also what
            repeats an earlier document of the same part by text.
        threshold: of `near_pairs`, in (0, 1].
    """
    left = {part: list(ids) for part, ids in parts.items()}
    out: Parts = {part: [] for part in ("train", "validation")}
    for part, later in LATER.items() if kind != "none" else ():
        others = [texts[id] for name in later for id in left[name] if texts[id].strip()]
        near = {place for place, _ in near_pairs([texts[id] for id in left[part]], others, threshold)}
        seen, taken = set(map(text_digest, others)), {sources[id] for name in later for id in left[name]}
        kept = []
        for place, id in enumerate(left[part]):
            digest = text_digest(texts[id])
            if sources[id] in taken or (texts[id].strip() and (place in near or digest in seen)):
                out[part].append(id)
                continue
            kept.append(id)
            if kind == "all":
                seen.add(digest)
        left[part] = kept
    return left, out
