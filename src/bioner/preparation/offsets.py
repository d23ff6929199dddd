"""Exact maps between the characters of an original text and of an edited one.

A map is a list of edits `[original_start, original_end, new_start, new_end]`: half-open intervals in
code points, sorted and disjoint; everything between two edits is the same in both texts. The
original side of an edit is never empty, so that whatever is found in the new text has characters to
point at. The new side is empty only where characters were removed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from bioner.entities import Span

Edit = list[int]


class OffsetMap:
    """Both directions of a map.

    A border strictly inside an edit moves to that edit's edge, so a span can only widen. Removed
    characters at the border of a span do not come back: of `ab` and `ab` plus a removed character
    only the first is what people annotate. Every other span goes forth and back to itself.
    """

    def __init__(self, edits: Sequence[Sequence[int]]) -> None:
        """ValueError for edits that are not sorted and disjoint, or insert at an empty place."""
        self.edits: list[Edit] = [list(edit) for edit in edits]
        for edit in self.edits:
            if len(edit) != 4 or not (0 <= edit[0] < edit[1] and 0 <= edit[2] <= edit[3]):
                raise ValueError(f"expected an edit [start, end, new start, new end] of some original text, got {edit}")
        for left, right in pairwise([[0, 0, 0, 0], *self.edits]):
            if left[1] > right[0] or right[2] - left[3] != right[0] - left[1]:
                raise ValueError(f"expected sorted, disjoint edits with equal text between them, got {left} and {right}")
        self._starts, self._ends, self._new_starts, self._new_ends = ([edit[side] for edit in self.edits] for side in range(4))

    def to_new(self, span: Span) -> Span:
        """Where a span of the original text lies in the new one; empty if all of it was removed."""
        return self.start_to_new(span[0]), max(self.start_to_new(span[0]), self._end(span[1], self._starts, self._ends, self._new_ends))

    def to_original(self, span: Span) -> Span:
        """Where a span of the new text (not empty) lies in the original one; never empty."""
        return self._start(span[0], self._new_starts, self._new_ends, self._starts, self._ends), self._end(
            span[1], self._new_starts, self._new_ends, self._ends
        )

    def start_to_new(self, position: int) -> int:
        """The new place of a position at which a span begins."""
        return self._start(position, self._starts, self._ends, self._new_starts, self._new_ends)

    def exact(self, spans: Sequence[Span]) -> bool:
        """Whether spans of the original text come back unchanged."""
        forth = map_spans(self.to_new, spans)
        return map_spans(self.to_original, forth) == tuple(spans)

    @staticmethod
    def _start(position: int, starts: list[int], ends: list[int], to_starts: list[int], to_ends: list[int]) -> int:
        index = bisect_right(ends, position)
        if index < len(starts) and starts[index] < position:
            return to_starts[index]
        return position - ends[index - 1] + to_ends[index - 1] if index else position

    @staticmethod
    def _end(position: int, starts: list[int], ends: list[int], to_ends: list[int]) -> int:
        index = bisect_left(starts, position)
        return max(0, position - ends[index - 1]) + to_ends[index - 1] if index else position


def map_spans(function: Callable[[Span], Span], spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans, sorted and disjoint, through one direction of a map: empty ones go, and parts that now overlap become one."""
    mapped: list[Span] = []
    for span in map(function, spans):
        if span[0] == span[1]:
            continue
        if mapped and span[0] < mapped[-1][1]:
            mapped[-1] = (mapped[-1][0], max(mapped[-1][1], span[1]))
        else:
            mapped.append(span)
    return tuple(mapped)


def apply_replacements(text: str, replacements: Iterable[tuple[Span, str]], *, whole: bool = False) -> tuple[str, list[Edit]]:
    """Replace spans of a text; returns the new text and the edits that lead to it.

    Replacements are sorted, disjoint and of some text each. What old and new text of a replacement
    share at their ends is no part of the edit, as long as neither side becomes empty by that, unless
    edits are to be `whole`: then any part of a new text comes from all of the old one. An empty new
    text removes. ValueError otherwise.
    """
    pieces: list[str] = []
    edits: list[Edit] = []
    position = length = 0
    for (start, end), new in replacements:
        if not position <= start < end <= len(text):
            raise ValueError(
                f"expected sorted, disjoint replacements of some text (length {len(text)}), got [{start}, {end}) after {position}"
            )
        old = text[start:end]
        length += start - position
        if new != old:
            head, tail = (0, 0) if whole else _common_ends(old, new)
            edits.append([start + head, end - tail, length + head, length + len(new) - tail])
        pieces += [text[position:start], new]
        length += len(new)
        position = end
    return "".join([*pieces, text[position:]]), edits


def _common_ends(old: str, new: str) -> tuple[int, int]:
    """Lengths of the common prefix and suffix of two strings that leave at least one character of each."""
    room = min(len(old), len(new)) - 1
    head = 0
    while head < room and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < room - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail


def compose(first: Sequence[Sequence[int]], second: Sequence[Sequence[int]]) -> list[Edit]:
    """One map for two in a row: `first` leads from a text to a middle one, `second` from there to the last.

    Edits of the two that share characters of the middle text become one.
    """
    before, after = OffsetMap(first), OffsetMap(second)
    # (middle start, middle end, original side of a removal by the first map)
    parts = [(edit[2], edit[3], (edit[0], edit[1]) if edit[2] == edit[3] else None) for edit in before.edits]
    parts += [(edit[0], edit[1], None) for edit in after.edits]
    groups: list[tuple[int, int, Span | None]] = []
    for part in sorted(parts, key=lambda item: item[:2]):
        if groups and part[0] < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(groups[-1][1], part[1]), None)
        else:
            groups.append(part)
    edits: list[Edit] = []
    for start, end, removed in groups:
        if removed is not None:
            place = after.start_to_new(start)
            edits.append([*removed, place, place])
        else:
            edits.append([*before.to_original((start, end)), *after.to_new((start, end))])
    return edits
