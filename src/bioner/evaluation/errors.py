"""What went wrong with each mention: one kind for every gold and every predicted mention of a document.

| kind | gold | predicted |
| --- | --- | --- |
| correct | the same spans and type | the same spans and type |
| type | the same spans, another type | the same spans, another type |
| boundary_left | same type, only the start differs | likewise |
| boundary_right | same type, only the end differs | likewise |
| boundary_both | same type, both differ (or, of discontiguous mentions, the parts in between) | likewise |
| type_and_boundary | spans overlap and differ, types differ | likewise |
| split | found in several pieces | one of these pieces |
| merged | one of several covered by one prediction | covers several |
| missed | no partner | |
| spurious | | no partner |

Precedence: what is correct is settled first, then what has the right spans; neither takes part in what follows. The others are
paired one to one where they share a character: pairs of one type first, then by the larger share of common characters (Jaccard),
then in reading order. A prediction left over that overlaps a paired gold mention is a further piece of it, and both of the pair are
`split`; a gold mention left over that overlaps a paired prediction makes that pair `merged`, unless it is split already.
Whatever is still left over is missed or spurious.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from bioner.entities import Document, Mention
from bioner.errors import BionerError

CORRECT, TYPE, LEFT, RIGHT, BOTH = "correct", "type", "boundary_left", "boundary_right", "boundary_both"
TYPE_AND_BOUNDARY, SPLIT, MERGED, MISSED, SPURIOUS = "type_and_boundary", "split", "merged", "missed", "spurious"

ERROR_KINDS = (CORRECT, LEFT, RIGHT, BOTH, TYPE, TYPE_AND_BOUNDARY, SPLIT, MERGED, MISSED, SPURIOUS)
"""Every kind, in the order of tables and figures."""

Judged = tuple[str, Mention | None, Mention | None]
"""Kind, gold mention, predicted mention."""


def error_kinds(gold: Document, predicted: Document) -> list[Judged]:
    """The kind of each mention of a document, in reading order.

    Every distinct mention (spans and type) of either side stands in exactly one of the triples. A triple of kind `split` without
    a gold mention is a further piece of the split mention that it overlaps most; one of kind `merged` without a
    predicted mention is a further gold mention that the prediction of a merged (or split) pair covers.

    Raises:
        BionerError: the two have different texts.
    """
    if gold.text != predicted.text:
        raise BionerError(f"document {gold.id!r}: expected predictions on the text of gold, found another text; run predict again")
    wanted, found = _distinct(gold), _distinct(predicted)
    same = wanted.keys() & found.keys()
    judged: list[Judged] = [(CORRECT, wanted[key], found[key]) for key in same]
    ours = [mention for key, mention in wanted.items() if key not in same]
    theirs = [mention for key, mention in found.items() if key not in same]
    judged += _wrong_types(ours, theirs)
    judged += _overlapping(ours, theirs)
    judged += [(MISSED, mention, None) for mention in ours] + [(SPURIOUS, None, mention) for mention in theirs]
    return sorted(judged, key=_place)


def _distinct(document: Document) -> dict[tuple[object, str], Mention]:
    """The first mention of each spans and type, in reading order."""
    found: dict[tuple[object, str], Mention] = {}
    for mention in sorted(document.mentions, key=lambda mention: (mention.spans, mention.type)):
        found.setdefault((mention.spans, mention.type), mention)
    return found


def _wrong_types(ours: list[Mention], theirs: list[Mention]) -> list[Judged]:
    """Pairs of equal spans and different types, in alphabetical order of types where there are several; both lists lose what is paired."""
    waiting: dict[object, list[Mention]] = {}
    for mention in theirs:
        waiting.setdefault(mention.spans, []).append(mention)
    pairs = [(mention, waiting[mention.spans].pop(0)) for mention in ours if waiting.get(mention.spans)]
    _remove(ours, [mention for mention, _ in pairs])
    _remove(theirs, [mention for _, mention in pairs])
    return [(TYPE, mention, other) for mention, other in pairs]


def _overlapping(ours: list[Mention], theirs: list[Mention]) -> list[Judged]:
    """What shares characters, as the module's precedence has it; both lists lose what gets a kind."""
    overlaps = _overlaps(ours, theirs)
    order = sorted(overlaps, key=lambda pair: (ours[pair[0]].type != theirs[pair[1]].type, -overlaps[pair], pair))
    partner: dict[int, int] = {}
    taken: dict[int, int] = {}
    for left, right in order:
        if left not in partner and right not in taken:
            partner[left], taken[right] = right, left
    split, merged = set[int](), set[int]()
    judged: list[Judged] = []
    for right in sorted({right for _, right in overlaps} - taken.keys()):
        split.add(max((left for left, other in overlaps if other == right), key=lambda left: (overlaps[left, right], -left)))
        judged.append((SPLIT, None, theirs[right]))
    for left in sorted({left for left, _ in overlaps} - partner.keys()):
        best = max((right for other, right in overlaps if other == left), key=lambda right: (overlaps[left, right], -right))
        merged.add(taken[best])
        judged.append((MERGED, ours[left], None))
    for left, right in partner.items():
        kind = SPLIT if left in split else MERGED if left in merged else _boundary(ours[left], theirs[right])
        judged.append((kind, ours[left], theirs[right]))
    _remove(ours, [mention for _, mention, _ in judged if mention])
    _remove(theirs, [mention for _, _, mention in judged if mention])
    return judged


def _overlaps(ours: Sequence[Mention], theirs: Sequence[Mention]) -> dict[tuple[int, int], float]:
    """Positions of each pair that shares a character, and how much of their characters is common (Jaccard, in (0, 1])."""
    starts = [mention.start for mention in theirs]
    longest = max((mention.end - mention.start for mention in theirs), default=0)
    shares = {}
    for left, mention in enumerate(ours):
        for right in range(bisect_left(starts, mention.start - longest), bisect_left(starts, mention.end)):
            common = shared_characters(mention, theirs[right])
            if common:
                shares[left, right] = common / (_length(mention) + _length(theirs[right]) - common)
    return shares


def shared_characters(one: Mention, other: Mention) -> int:
    """Number of characters in both mentions; of discontiguous ones only their parts count."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in one.spans for b in other.spans)


def _length(mention: Mention) -> int:
    return sum(end - start for start, end in mention.spans)


def _boundary(gold: Mention, predicted: Mention) -> str:
    if gold.type != predicted.type:
        return TYPE_AND_BOUNDARY
    if gold.end == predicted.end and gold.start != predicted.start:
        return LEFT
    return RIGHT if gold.start == predicted.start and gold.end != predicted.end else BOTH


def _remove(mentions: list[Mention], gone: Sequence[Mention]) -> None:
    places = {id(mention) for mention in gone}
    mentions[:] = [mention for mention in mentions if id(mention) not in places]


def _place(judged: Judged) -> tuple[object, ...]:
    kind, gold, predicted = judged
    mention = gold or predicted
    assert mention is not None
    return mention.spans, mention.type, gold is None, kind
