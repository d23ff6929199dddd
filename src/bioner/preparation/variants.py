"""What all kinds of variants share: their name, and the mentions that can be replaced as a whole."""

from __future__ import annotations

from dataclasses import replace

from bioner.entities import Document, Mention


def as_variant(changed: Document, document: Document, kind: str) -> Document:
    """A changed text as variant of its document: `<id>~<kind>1`, with the source and the kind in `meta`.

    The source is the document, whatever that is a part of itself; a variant of a variant names the original.
    """
    source = document.source if "augmentation" in document.meta else document.id
    return replace(changed, id=f"{document.id}~{kind}1", meta={"source": source, "augmentation": kind})


def is_name(surface: str) -> bool:
    """Whether a mention's text can stand in another text: in one line, without white space at its ends, with a letter or digit."""
    return surface.strip() == surface and len(surface.splitlines()) == 1 and any(map(str.isalnum, surface))


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
