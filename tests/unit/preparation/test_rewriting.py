from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention, Passage, Span
from bioner.rewriting import rewrite


def crosses(start: int, end: int, span: Span) -> bool:
    """Whether a replacement is neither inside nor outside of a span, by cases."""
    inside = span[0] <= start and end <= span[1]
    return not inside and start < span[1] and span[0] < end


@given(st.data())
def test_every_character_keeps_its_place_in_or_out_of_mentions(
    draw_document: Callable[[st.DataObject], Document], data: st.DataObject
) -> None:
    document = draw_document(data)
    length = len(document.text)
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=8)))
    chosen: list[tuple[Span, str]] = [
        ((start, end), data.draw(st.text("XYZ", max_size=3))) for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    spans = [span for mention in document.mentions for span in mention.spans]
    if any(crosses(start, end, span) for (start, end), _ in chosen if start < end for span in spans):
        with pytest.raises(ValueError, match=r"border|keep some text"):
            rewrite(document, chosen)
        return

    def text_of(low: int, high: int, keep_borders: bool) -> str:
        """The rewritten text of [low, high), piece by piece from the right; with or without insertions at its borders."""
        text = document.text[low:high]
        for (start, end), new in reversed(sorted(chosen, key=lambda item: item[0])):
            border = start == end and start in (low, high) and not keep_borders
            if low <= start and end <= high and not border:
                text = text[: start - low] + new + text[end - low :]
        return text

    expected = [tuple(text_of(*span, keep_borders=False) for span in mention.spans) for mention in document.mentions]
    if not all(part for parts in expected for part in parts):
        with pytest.raises(ValueError, match="keep some text"):
            rewrite(document, chosen)
        return
    moved = rewrite(document, data.draw(st.permutations(chosen)) if len({span for span, _ in chosen}) == len(chosen) else chosen)
    assert moved.text == text_of(0, length, keep_borders=True)
    assert [tuple(moved.text[start:end] for start, end in mention.spans) for mention in moved.mentions] == expected
    assert [(m.id, m.type, m.concepts) for m in moved.mentions] == [(m.id, m.type, m.concepts) for m in document.mentions]
    title, abstract = moved.passages
    assert title.start == 0 and title.end == abstract.start and (abstract.end == len(moved.text) or not document.text)


def test_insertions_stay_outside_of_mentions_and_inside_of_passages() -> None:
    document = Document("d", "aspirin", (Mention("T1", ((0, 7),), "Drug"),), (Passage(0, 7, "title"),), meta={"edits": [], "source": "s"})
    moved = rewrite(document, [((0, 0), "old "), ((7, 7), " pill"), ((0, 1), "A")])
    assert moved.text == "old Aspirin pill"
    assert moved.mentions[0].spans == ((4, 11),)
    assert moved.passages[0] == Passage(0, 16, "title")
    assert moved.meta == {"source": "s"}


@pytest.mark.parametrize("replacements", [[((0, 2), "x"), ((1, 3), "y")], [((2, 9), "x")], [((2, 1), "x")], [((0, 3), "x"), ((1, 1), "y")]])
def test_replacements_that_overlap_or_leave_the_text_are_refused(replacements: list[tuple[Span, str]]) -> None:
    with pytest.raises(ValueError, match="replacements"):
        rewrite(Document("d", "abcdef"), replacements)
