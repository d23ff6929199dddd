from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Span
from bioner.preparation.offsets import OffsetMap, apply_replacements, compose, map_spans

PIECES = st.text("abcd\u0301\U0001f9ec ", max_size=5)


@st.composite
def replaced(draw: st.DrawFn, text: str | None = None) -> tuple[str, list[tuple[Span, str]]]:
    """A text and disjoint replacements of it, removals among them."""
    text = draw(st.text("abcd\u0301\U0001f9ec ", max_size=20)) if text is None else text
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [span for span in pairwise(cuts) if draw(st.booleans())]
    return text, [(span, draw(PIECES)) for span in spans]


def every_span(text: str) -> list[Span]:
    return [(start, end) for start in range(len(text)) for end in range(start + 1, len(text) + 1)]


def cuts_an_edit(span: Span, edits: list[list[int]]) -> bool:
    """By looking at every edit: a border strictly inside one, or removed text at a border."""
    inside = any(edit[0] < position < edit[1] for edit in edits for position in span)
    removed = {position for edit in edits if edit[2] == edit[3] for position in range(edit[0], edit[1])}
    return inside or span[0] in removed or span[1] - 1 in removed


@given(replaced())
def test_text_is_what_replacing_from_the_right_gives(case: tuple[str, list[tuple[Span, str]]]) -> None:
    text, replacements = case
    expected = text
    for (start, end), new in reversed(replacements):
        expected = expected[:start] + new + expected[end:]
    new_text, edits = apply_replacements(text, replacements)
    assert new_text == expected
    rebuilt, position = "", 0
    for start, end, new_start, new_end in edits:
        rebuilt += text[position:start]
        assert len(rebuilt) == new_start
        rebuilt += new_text[new_start:new_end]
        position = end
    assert rebuilt + text[position:] == new_text


@given(replaced())
def test_every_span_goes_forth_and_back(case: tuple[str, list[tuple[Span, str]]]) -> None:
    text, replacements = case
    edits = apply_replacements(text, replacements)[1]
    offsets = OffsetMap(edits)
    removed = {position for edit in edits if edit[2] == edit[3] for position in range(edit[0], edit[1])}
    for span in every_span(text):
        kept = [position for position in range(*span) if position not in removed]
        forth = offsets.to_new(span)
        assert (forth[0] == forth[1]) == (not kept)
        assert offsets.exact([span]) == (not cuts_an_edit(span, edits))
        if kept:
            back = offsets.to_original(forth)
            assert back[0] <= kept[0] and kept[-1] < back[1]
            if not cuts_an_edit(span, edits):
                assert back == span


@given(replaced())
def test_spans_found_in_the_new_text_point_at_original_characters(case: tuple[str, list[tuple[Span, str]]]) -> None:
    text, replacements = case
    new_text, edits = apply_replacements(text, replacements)
    offsets = OffsetMap(edits)
    for span in every_span(new_text):
        start, end = offsets.to_original(span)
        assert 0 <= start < end <= len(text)
        forth = offsets.to_new((start, end))
        assert forth[0] <= span[0] and span[1] <= forth[1]
        if not any(edit[2] < position < edit[3] for edit in edits for position in span):
            assert forth == span


@given(st.data())
def test_composed_map_is_a_map_of_both_steps(data: st.DataObject) -> None:
    text, replacements = data.draw(replaced())
    middle, first = apply_replacements(text, replacements)
    new_text, second = apply_replacements(middle, data.draw(replaced(middle))[1])
    both = compose(first, second)
    position, rebuilt = 0, ""
    for start, end, new_start, new_end in both:
        rebuilt += text[position:start]
        assert len(rebuilt) == new_start
        rebuilt += new_text[new_start:new_end]
        position = end
    assert rebuilt + text[position:] == new_text
    one, two, composed = OffsetMap(first), OffsetMap(second), OffsetMap(both)
    for span in every_span(new_text):
        stepwise = one.to_original(two.to_original(span))
        at_once = composed.to_original(span)
        assert at_once[0] <= stepwise[0] and stepwise[1] <= at_once[1]


def test_edits_are_minimal_and_keep_both_sides() -> None:
    assert apply_replacements("a vs b", [((2, 4), "versus")]) == ("a versus b", [[3, 4, 3, 8]])
    assert apply_replacements("abc", [((0, 3), "abc")]) == ("abc", [])
    assert apply_replacements("ab", [((0, 2), "a")]) == ("a", [[0, 2, 0, 1]])
    assert apply_replacements("ab", [((0, 1), "")]) == ("b", [[0, 1, 0, 0]])


@given(replaced())
def test_whole_edits_are_the_replacements_that_change_something(case: tuple[str, list[tuple[Span, str]]]) -> None:
    text, replacements = case
    new_text, edits = apply_replacements(text, replacements, whole=True)
    assert new_text == apply_replacements(text, replacements)[0]
    changing = [(span, new) for span, new in replacements if text[slice(*span)] != new]
    assert [((start, end), new_text[low:high]) for start, end, low, high in edits] == changing
    OffsetMap(edits)


def test_removed_character_beside_a_mention_is_not_part_of_it() -> None:
    offsets = OffsetMap(apply_replacements("\ufeffdrug\u200b.", [((0, 1), ""), ((5, 6), "")])[1])
    assert offsets.to_new((1, 5)) == (0, 4)
    assert offsets.to_original((0, 4)) == (1, 5)


def test_parts_that_meet_become_one() -> None:
    offsets = OffsetMap([[0, 4, 0, 2]])
    assert map_spans(offsets.to_new, [(0, 2), (3, 6)]) == ((0, 4),)
    assert map_spans(offsets.to_new, [(0, 4), (4, 6)]) == ((0, 2), (2, 4))


@pytest.mark.parametrize("edits", [[[0, 0, 0, 1]], [[2, 3, 2, 3], [0, 1, 0, 1]], [[0, 2, 0, 1], [1, 3, 1, 2]], [[3, 4, 2, 3]], [[1, 2, 3]]])
def test_what_is_no_map_is_refused(edits: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        OffsetMap(edits)


@pytest.mark.parametrize("replacements", [[((1, 1), "x")], [((0, 2), "x"), ((1, 3), "y")], [((0, 9), "x")]])
def test_replacements_that_do_not_fit_are_refused(replacements: list[tuple[Span, str]]) -> None:
    with pytest.raises(ValueError, match="disjoint"):
        apply_replacements("abc", replacements)
