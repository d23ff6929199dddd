"""Post-processing: borders, overlaps by policy, abbreviations alike; against enumeration and by properties."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands.postprocess import definitions
from bioner.commands.postprocess import main as postprocess_main
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.boundaries import STEPS, clean_boundaries
from bioner.evaluation.consistency import find_chains, make_consistent, meanings
from bioner.evaluation.overlap_policies import POLICIES, overlap, resolve_overlaps
from bioner.evaluation.postprocess import Settings, postprocess, verify_postprocessed
from bioner.storage import read_json, sha256_file

ALL = tuple(STEPS)


def mention(*span: int, kind: str = "Disease", score: float | None = None, name: str = "P1") -> Mention:
    return Mention(name, tuple(zip(span[::2], span[1::2], strict=True)), kind, (), score)


def cleaned(marked: str, steps: tuple[str, ...] = ALL) -> str | None:
    """The mention between two `|` after cleaning, as text; None when it is gone."""
    before, inside, after = marked.split("|")
    text = before + inside + after
    result, _ = clean_boundaries(text, mention(len(before), len(before) + len(inside)), steps)
    return None if result is None else text[slice(*result.spans[0])]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("of | zorbin fever |now", "zorbin fever"),
        ("of |zorbin fever,| and", "zorbin fever"),
        ("of |zorbin fever.|", "zorbin fever"),
        ("had |Z.F.| then", "Z.F."),
        ("had |grade 1.5.| then", "grade 1.5"),
        ("the |(zorbin fever| was", "zorbin fever"),
        ("the |zorbin fever)| was", "zorbin fever"),
        ("of |zorbin fever (ZF| in", "zorbin fever (ZF"),
        ("of |zorbin (I:C|) in", "zorbin (I:C)"),
        ("of (|I:C) zorbin| in", "(I:C) zorbin"),
        ("of |zorbin (type 2)| in", "zorbin (type 2)"),
        ("of |]a[| in", "a"),
        ("of (|a)b(c| in", "(a)b(c"),
        ("of |a[b)c|] in", "a[b)c"),
        ("of |.,;| in", None),
        ("of |(| in", None),
        ("of |( .| in", None),
    ],
)
def test_borders(marked: str, expected: str | None) -> None:
    assert cleaned(marked) == expected


def test_a_step_that_is_not_chosen_does_nothing() -> None:
    assert cleaned("x | a.|", ("punctuation",)) == " a"
    assert cleaned("x | a.|", ("white_space",)) == "a."
    with pytest.raises(BionerError, match="boundary steps among white_space, punctuation, brackets, got 'trim'"):
        cleaned("x |a|", ("trim",))


def test_parts_of_a_discontiguous_mention_lose_white_space_only() -> None:
    result, changed = clean_boundaries("left (and right) arm", mention(0, 5, 10, 16), ALL)
    assert result is not None and result.spans == ((0, 4), (10, 16)) and changed == ["white_space"]


@given(st.text("a.(),[] \t", max_size=12), st.integers(0, 11), st.integers(1, 12), st.permutations(ALL))
def test_cleaning_twice_is_cleaning_once_and_no_letter_is_lost(text: str, start: int, length: int, steps: list[str]) -> None:
    end = min(start + length, len(text))
    if start >= end:
        return
    result, changed = clean_boundaries(text, mention(start, end), steps)
    letters = [place for place in range(start, end) if text[place] == "a"]
    if result is None:
        assert not letters
        return
    ((first, last),) = result.spans
    assert 0 <= first < last <= len(text)
    assert all(first <= place < last for place in letters)
    assert clean_boundaries(text, result, steps) == (result, [])
    assert bool(changed) == (result.spans != ((start, end),))


class Counted(str):
    """A text that says how often a border step may look at it: a step without an end fails instead of hanging."""

    looks = 0

    def __getitem__(self, place):
        self.looks += 1
        assert self.looks < 2000, f"no end on {str(self)!r}"
        return super().__getitem__(place)


def test_brackets_end_on_every_short_text() -> None:
    for length in range(1, 6):
        for letters in product("([)]a", repeat=length):
            text = "".join(letters)
            for start in range(length):
                for end in range(start + 1, length + 1):
                    first, last = STEPS["brackets"](Counted(text), (start, end))
                    assert all(first <= place < last for place in range(start, end) if text[place] == "a")
                    assert first >= last or STEPS["brackets"](text, (first, last)) == (first, last)


def test_mis_nested_brackets_end() -> None:
    assert cleaned("a (|2-[4-chlorophenyl)-amino]| b") == "2-[4-chlorophenyl)-amino]"


@given(
    st.text("a.(),[] \t", min_size=4, max_size=12), st.lists(st.integers(0, 12), min_size=4, max_size=4, unique=True), st.permutations(ALL)
)
def test_cleaning_twice_is_cleaning_once_for_a_mention_in_two_parts(text: str, cuts: list[int], steps: Sequence[str]) -> None:
    borders = sorted({min(cut, len(text)) for cut in cuts})
    if len(borders) == 4:
        result, _ = clean_boundaries(text, mention(*borders), steps)
        assert result is None or clean_boundaries(text, result, steps) == (result, [])


def test_what_is_left_of_a_mention_in_two_parts_is_cleaned_like_any_other() -> None:
    result, changed = clean_boundaries("a  gout, b", mention(1, 3, 3, 8), ALL)
    assert result is not None and result.spans == ((3, 7),) and changed == ["white_space", "punctuation"]


SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.sampled_from("AB"), st.sampled_from([None, 0.2, 0.5, 0.9])), max_size=7)


@given(SPANS, st.sampled_from(sorted(POLICIES)), st.sampled_from(["remove", "keep"]), st.randoms(use_true_random=False))
def test_overlaps_against_the_definition(drawn: list, policy: str, nested: str, random) -> None:
    mentions = [mention(a, a + n, kind=kind, score=score, name=f"P{i}") for i, (a, n, kind, score) in enumerate(drawn)]
    kept = resolve_overlaps(mentions, policy, nested=nested)

    def conflict(left: Mention, right: Mention) -> bool:
        (a, b), (c, d) = left.spans[0], right.spans[0]
        if not set(range(a, b)) & set(range(c, d)):
            return False
        return nested == "remove" or (a, b) == (c, d) or not ((a <= c and d <= b) or (c <= a and b <= d))

    greedy: list[Mention] = []
    for one in sorted(mentions, key=POLICIES[policy]):
        if not any(conflict(one, other) for other in greedy):
            greedy.append(one)
    assert set(kept) == set(greedy)
    assert all(any(conflict(one, other) for other in kept) for one in mentions if one not in kept)
    random.shuffle(mentions)
    assert resolve_overlaps(mentions, policy, nested=nested) == kept == resolve_overlaps(kept, policy, nested=nested)


def test_each_policy_keeps_what_its_name_says() -> None:
    long, sure, early = mention(5, 20, score=0.3, name="a"), mention(8, 12, score=0.9, name="b"), mention(2, 6, score=0.4, name="c")
    assert resolve_overlaps([long, sure, early], "longest") == (long,)
    assert resolve_overlaps([long, sure, early], "highest_score") == (early, sure)
    assert resolve_overlaps([long, sure, early], "first") == (early, sure)
    assert resolve_overlaps([long, sure], "longest", nested="keep") == (long, sure)
    assert resolve_overlaps([long, replace_type(long, "Gene")], "longest", nested="keep") == (long,)
    assert resolve_overlaps([mention(0, 2, 8, 10, name="d"), mention(3, 7, name="e")], "longest") == (
        mention(0, 2, 8, 10, name="d"),
        mention(3, 7, name="e"),
    )
    assert resolve_overlaps([mention(0, 2, 4, 6, name="f"), mention(0, 3, name="g")], "longest", nested="keep") == (
        mention(0, 2, 4, 6, name="f"),
    )
    with pytest.raises(BionerError, match="longest, highest_score, first"):
        resolve_overlaps([], "largest")


def replace_type(one: Mention, kind: str) -> Mention:
    return one._replace(type=kind, id="z")


def test_overlap_looks_at_parts() -> None:
    assert not overlap(mention(0, 2, 8, 10), mention(3, 7)) and overlap(mention(0, 2, 8, 10), mention(9, 12))


TEXT = "Acute zorbin fever (AZF) is rare. AZF kills; of AZF-like and AZFs nothing is known. No AZF."
LONG, PLACES = (0, 18), ((20, 23), (34, 37), (48, 51), (87, 90))


def test_chains_hold_every_standing_short_form() -> None:
    (chain,) = find_chains(TEXT, definitions(TEXT))
    assert (chain.short, chain.long, chain.places) == ("AZF", LONG, PLACES)
    assert meanings(TEXT, definitions(TEXT)) == {"AZF": "Acute zorbin fever"}
    twice = "zorbin fever (ZF) and zonal frost (ZF)"
    assert find_chains(twice, definitions(twice)) == []


def consistent(policy: str, *mentions: Mention) -> tuple[list[tuple], dict[str, int]]:
    found, counts = make_consistent(TEXT, mentions, policy, definitions)
    return [(m.spans[0], m.type, m.score) for m in found], dict(counts)


def test_long_form_decides_for_its_short_forms() -> None:
    found, counts = consistent("long_form", mention(*LONG, score=0.8), mention(34, 37, kind="Gene", score=0.4), mention(86, 91, name="P3"))
    expected = [(LONG, "Disease", 0.8), *((place, "Disease", score) for place, score in zip(PLACES[:3], (0.8, 0.4, 0.8), strict=True))]
    assert found == [*expected, ((86, 91), "Disease", None)]  # the last place is only overlapped, and left alone
    assert counts == {"added": 2, "retyped": 1}
    assert consistent("long_form", mention(34, 37)) == ([((34, 37), "Disease", None)], {})


def test_the_majority_decides_for_all_places() -> None:
    votes = [mention(*place, score=score, name=f"P{i}") for i, (place, score) in enumerate(zip(PLACES[:3], (0.5, 0.7, 0.9), strict=True))]
    found, counts = consistent("majority", *votes)
    assert [place for place, _, _ in found] == [LONG, *PLACES] and counts == {"added": 2}
    assert found[0][2] == found[4][2] == pytest.approx(0.7)
    assert consistent("majority", votes[0]) == ([], {"removed": 1})
    undecided = [mention(*LONG, name="P8"), votes[0], mention(86, 91, name="P9")]
    assert consistent("majority", *undecided)[1] == {}  # two of four votes
    assert consistent("majority") == ([], {})


def test_added_mentions_have_ids_of_their_own() -> None:
    found, _ = make_consistent(TEXT, [mention(*LONG, name="A1")], "long_form", definitions)
    assert [m.id for m in found] == ["A1", "A2", "A3", "A4", "A5"]
    with pytest.raises(BionerError, match="long_form or majority, got 'vote'"):
        make_consistent(TEXT, [], "vote", definitions)


@given(st.sets(st.sampled_from([LONG, *PLACES, (6, 18), (19, 24)])), st.sampled_from(["long_form", "majority"]))
def test_consistency_is_reached_at_once_and_touches_chains_only(spans: set, policy: str) -> None:
    mentions = [mention(*span, name=f"P{i}") for i, span in enumerate(sorted(spans))]
    found, _ = make_consistent(TEXT, mentions, policy, definitions)
    again, counts = make_consistent(TEXT, found, policy, definitions)
    assert again == found and not +counts
    assert {m.spans[0] for m in found} ^ spans <= {LONG, *PLACES}


def test_all_steps_and_what_they_did() -> None:
    document = Document("d", TEXT, (mention(0, 19, score=0.9), mention(6, 18, name="P2", score=0.8), mention(90, 91, name="P3")))
    settings = Settings(ALL, "long_form", "longest")
    done, counts = postprocess(document, settings, definitions)
    assert [m.spans[0] for m in done.mentions] == [LONG, *PLACES]
    assert counts == {
        "boundaries.white_space": 1,
        "boundaries.punctuation": 1,
        "boundaries.removed": 1,
        "abbreviations.added": 4,
        "overlaps.removed": 1,
    }
    assert done.text == document.text and done.id == "d"
    untouched, nothing = postprocess(document, Settings(), definitions)
    assert untouched == document and not nothing


def test_command_and_manifest(tmp_path: Path) -> None:
    write_documents(tmp_path / "in.jsonl", [Document("d", TEXT, (mention(0, 19, score=0.9),)), Document("e", "nothing")])
    settings = {"boundaries": ["white_space"], "abbreviations": None, "overlaps": "first", "nested": "keep"}
    output, manifest = tmp_path / "out" / "clean.jsonl", tmp_path / "out" / "postprocess.json"
    arguments = ["--predictions", str(tmp_path / "in.jsonl"), "--settings", json.dumps(settings), "--output", str(output)]
    postprocess_main([*arguments, "--manifest", str(manifest)])
    assert [m.spans for d in read_documents(output) for m in d.mentions] == [(LONG,)]
    told = read_json(manifest)
    assert told["settings"] == settings
    assert told["counts"] == {"before": 1, "after": 1, "boundaries.white_space": 1, "boundaries.removed": 0, "overlaps.removed": 0}
    assert verify_postprocessed(manifest) == verify_postprocessed(manifest, sha256_file(tmp_path / "in.jsonl")) == output
    with pytest.raises(BionerError, match=r"postprocess.json: expected predictions of sha256 0a1b, found .*; run postprocess again"):
        verify_postprocessed(manifest, "0a1b")
    write_documents(output, [replace(document, mentions=()) for document in read_documents(output)])
    with pytest.raises(BionerError, match="found none or others; run postprocess again"):
        verify_postprocessed(manifest)
    with pytest.raises(BionerError, match="settings: expected an object with boundaries"):
        Settings.of({"boundary": []})
