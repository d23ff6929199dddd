from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.errors import BionerError
from bioner.preparation.normalize import normalize_text
from bioner.preparation.spelling import Dictionary

WORDS = frozenset({"patients", "disease", "fevers", "levers", "London", "treatment", "naïveté"})


def step(path: Path, data: bytes, sha256: str = "") -> dict[str, Any]:
    path.write_bytes(data)
    return {"spelling": {"dictionary": str(path), "sha256": sha256 or hashlib.sha256(data).hexdigest()}}


def distance(a: str, b: str) -> int:
    """Damerau-Levenshtein distance of neighbours (optimal string alignment), by the whole table."""
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]


@given(st.sets(st.text("abc", min_size=5, max_size=8), max_size=12), st.text("abc", min_size=6, max_size=8))
def test_correction_is_the_only_word_at_distance_one_with_the_same_first_letter(words: set[str], word: str) -> None:
    near = [other for other in words if distance(word, other) == 1 and other[0] == word[0]]
    expected = near[0] if word not in words and len(near) == 1 else word
    assert Dictionary.of(frozenset(words)).correct(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pateints with diseasse, treatmnt", "patients with disease, treatment"),
        ("patients, PATEINTS, Pateints, pateints2, non-pateints, pateints's, x/pateints, pateints.org, .pateints, @pateints", None),
        ("nevers bevers fvers mlevers", None),
        ("londom aptients patiensts2 lon dise\u0301asse", None),
        ("naiveté naïvete", "naïveté naïveté"),
        ("patiennts.", "patients."),
    ],
)
def test_conservative(text: str, expected: str | None) -> None:
    assert Dictionary.of(WORDS).correct_text(text)[0] == (text if expected is None else expected)


def test_a_name_beside_a_word_makes_it_ambiguous() -> None:
    assert Dictionary.of(frozenset({"Marion", "marton"})).correct("marlon") == "marlon"


@given(st.text(), st.lists(st.sampled_from(["pateints", " ", "diseasse", "-", "\u0301", "é", "."]), max_size=12).map("".join))
def test_any_text(text: str, other: str) -> None:
    for given_text in (text, other):
        new, edits = Dictionary.of(WORDS).correct_text(given_text)
        rebuilt, position = "", 0
        for start, end, low, high in edits:
            rebuilt += given_text[position:start] + new[low:high]
            position = end
        assert rebuilt + given_text[position:] == new


def test_dictionary_file(tmp_path: Path) -> None:
    data = "\ufeffpatients\t120\r\n\ndisease\nzorbin\t3".encode()
    assert normalize_text("pateints diseasse", [step(tmp_path / "w.txt", data)])[0] == "patients disease"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ok\ntwo words\n", ":2: expected one word"),
        (b"ok\tmany\n", ":1: expected one word"),
        (b"ok\n\xff\n", ":2: expected UTF-8"),
        (b"\xef\xbb\xbfok\n\xff\n", ":2: expected UTF-8"),
        (b"\n\n", "found no word"),
    ],
)
def test_malformed_dictionary_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BionerError, match=message):
        normalize_text("x", [step(tmp_path / "w.txt", data)])


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="sha256 1234, found"):
        normalize_text("x", [step(tmp_path / "w.txt", b"word\n", "1234")])
    with pytest.raises(BionerError, match=r"gone\.txt: expected a dictionary"):
        normalize_text("x", [{"spelling": {"dictionary": str(tmp_path / "gone.txt"), "sha256": "1"}}])
    for settings in ({"dictionary": "w"}, {"dictionary": "w", "sha256": 1}, "w.txt", []):
        with pytest.raises(BionerError, match="its digest"):
            normalize_text("x", [{"spelling": settings}])
    with pytest.raises(BionerError, match="its settings"):
        normalize_text("x", ["spelling"])
