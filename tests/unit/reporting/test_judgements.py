"""What the error browser is told of a document, against a recount of the documents themselves."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.errors import CORRECT, ERROR_KINDS, error_kinds
from bioner.reporting.judgements import Numbers, edit_spans, evenly, gold_list, judgements, script

TEXT = "one two three four five six seven"


@st.composite
def mentions(draw: st.DrawFn) -> tuple[Mention, ...]:
    """Mentions of any shape: nested, crossing, of several parts, repeated."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        borders = sorted(draw(st.lists(st.integers(0, len(TEXT)), min_size=2, max_size=4, unique=True)))
        spans = tuple(zip(borders[::2], borders[1::2], strict=False))
        found.append(Mention(f"T{number}", spans, draw(st.sampled_from("AB")), score=draw(st.none() | st.floats(0, 1))))
    return tuple(found)


def unpacked(types: list[str], values: list[int]) -> tuple[str, tuple[tuple[int, int], ...]]:
    return types[values[0]], tuple(zip(values[1::2], values[2::2], strict=True))


@given(mentions(), mentions())
def test_lists_say_what_the_documents_say(wanted: tuple[Mention, ...], found: tuple[Mention, ...]) -> None:
    gold, predicted = Document("d", TEXT, wanted), Document("d", TEXT, found)
    types = Numbers()
    golds, judged = gold_list(gold, types), judgements(gold, predicted, types)
    golds, judged = json.loads(json.dumps([golds, judged]))
    said: Counter[object] = Counter()
    for kind, place, *guess in judged:
        left = unpacked(types.names, golds[place]) if place >= 0 else None
        right = unpacked(types.names, guess[1:]) if guess else None
        said[ERROR_KINDS[kind], left, right] += 1
    wrong = {place for _, place, *_ in judged}
    for place, mention in enumerate(golds):
        if place not in wrong:
            said[CORRECT, unpacked(types.names, mention), unpacked(types.names, mention)] += 1
    truth = Counter(
        (kind, (one.type, one.spans) if one else None, (other.type, other.spans) if other else None)
        for kind, one, other in error_kinds(gold, predicted)
    )
    assert said == truth
    scores = {round(1000 * mention.score) if mention.score is not None else -1 for mention in found}
    assert {guess[0] for _, _, *guess in judged if guess} <= scores


def test_recorded_edits_are_taken_and_checked() -> None:
    original = Document("d", "a bad day")
    attacked = Document("d", "a bda day", meta={"edit_spans": [[2, 5]], "original_spans": [[2, 5]]})
    assert edit_spans(original, attacked) == ([[2, 5]], [[2, 5]])
    for wrong in ([[2, 50]], [[5, 2]], [[2]], ["ab"], [[-1, 2]], 3, None):
        broken = Document("d", "a bda day", meta={"edit_spans": wrong, "original_spans": [[2, 5]]})
        with pytest.raises(BionerError, match=r"expected meta\.edit_spans as pairs"):
            edit_spans(original, broken)


_WORDS = st.lists(st.sampled_from(["alpha", "beta", "c", "dd", "\U0001d6fc"]), min_size=0, max_size=12)


@given(_WORDS, _WORDS)
def test_compared_texts_are_equal_outside_of_their_edits(before: list[str], after: list[str]) -> None:
    original, attacked = Document("d", " ".join(before)), Document("d", " ".join(after))
    edits, originals = edit_spans(original, attacked)
    assert len(edits) == len(originals)

    def outside(text: str, spans: list[list[int]]) -> str:
        for start, end in reversed(spans):
            assert 0 <= start <= end <= len(text)
            text = text[:start] + text[end:]
        return text.replace(" ", "")

    assert outside(original.text, originals) == outside(attacked.text, edits)
    assert (edits == []) == (before == after)


@given(st.text(), st.lists(st.text() | st.integers()))
def test_a_script_holds_its_value_and_no_markup(name: str, value: list[object]) -> None:
    text = script(name, [*value, "</script><!--"])
    assert "<" not in text and text.isascii() and text.endswith(");\n")
    assert json.loads(text.removeprefix("browser.put(...").removesuffix(");\n")) == [name, [*value, "</script><!--"]]


@given(st.integers(0, 200), st.integers(1, 50))
def test_documents_are_picked_evenly(count: int, limit: int) -> None:
    places = list(evenly(count, limit))
    gaps = {right - left for left, right in itertools.pairwise(places)}
    assert len(places) == min(count, limit) and places == sorted(set(places)) and all(0 <= place < count for place in places)
    assert max(gaps, default=1) - min(gaps, default=1) <= 1
    assert list(evenly(count, None)) == list(range(count))
