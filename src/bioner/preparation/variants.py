"""What all kinds of variants share: their name, and the mentions that can be replaced as a whole."""

from __future__ import annotations

from dataclasses import replace

from bioner.entities import Document, Mention


def as_variant(changed: Document, document: Document, kind: str) -> Document:
    """A changed text as variant of its document: `<id>~<kind>1`, with the source and the kind in `meta`.

    A variant of a variant names the original as its source.
    """
    return replace(changed, id=f"{document.id}~{kind}1", meta={"source": document.source, "augmentation": kind})


def lone_mentions(document: Document) -> list[Mention]:
    """Mentions whose extent no other mention's extent overlaps, in reading order."""
    ordered = sorted(document.mentions, key=lambda mention: (mention.start, mention.end))
    alone: list[Mention] = []
    reach = 0
    for index, mention in enumerate(ordered):
        following = ordered[index + 1].start if index + 1 < len(ordered) else len(document.text)
        if reach <= mention.start and mention.end <= following:
            alone.append(mention)
        reach = max(reach, mention.end)
    return alone
