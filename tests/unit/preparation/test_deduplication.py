"""What an official split leaves out of training and validation; the test part is as published."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands import split as command
from bioner.documents import write_documents
from bioner.entities import SPLITS, Document
from bioner.errors import BionerError
from bioner.preparation.deduplication import leave_out

TEXT = "zorbinol lowers the fever of mice that were fed on plimurin acid for a week or two"
WORDS = TEXT.split()
TEXTS = st.sampled_from(
    [
        "",
        " ",
        *("Short one", "short  ONE"),
        " ".join(WORDS),
        " ".join([*WORDS[:-1], "three"]),
        " ".join(WORDS[8:]),
        *(f"text {n}" for n in range(4)),
    ]
)


@st.composite
def divisions(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, str]]:
    parts = {part: [f"{part}{number}" for number in range(draw(st.integers(0, 6)))] for part in SPLITS}
    return parts, {id: draw(TEXTS) for id in chain(*parts.values())}


def key(text: str) -> str:
    return " ".join(text.lower().split())


def alike(one: str, other: str, threshold: float) -> bool:
    """Equal but for case and white space, or Jaccard of three-word runs, by the definition."""
    runs = [
        {tuple(words[place : place + 3]) for place in range(max(1, len(words) - 2))} for words in (key(one).split(), key(other).split())
    ]
    return key(one) == key(other) or len(runs[0] & runs[1]) / len(runs[0] | runs[1]) >= threshold


@given(divisions(), st.sampled_from([0.5, 0.8, 1.0]))
def test_nothing_of_a_later_part_is_left_and_nothing_else_goes(
    division: tuple[dict[str, list[str]], dict[str, str]], threshold: float
) -> None:
    parts, texts = division
    kept, out = leave_out(parts, texts, {id: id for id in texts}, "shared", threshold)
    assert kept["test"] == parts["test"]
    for part, later in (("validation", ("test",)), ("train", ("validation", "test"))):
        others = [texts[id] for name in later for id in kept[name] if texts[id].strip()]
        shared = [id for id in parts[part] if texts[id].strip() and any(alike(texts[id], other, threshold) for other in others)]
        assert out[part] == shared
        assert kept[part] == [id for id in parts[part] if id not in shared]


@given(divisions())
def test_repeats_go_too_where_all_is_said_and_nothing_where_none(division: tuple[dict[str, list[str]], dict[str, str]]) -> None:
    parts, texts = division
    assert leave_out(parts, texts, {id: id for id in texts}, "none", 0.8) == (parts, {"train": [], "validation": []})
    kept, out = leave_out(parts, texts, {id: id for id in texts}, "all", 0.8)
    once, _ = leave_out(parts, texts, {id: id for id in texts}, "shared", 0.8)
    for part in ("train", "validation"):
        assert sorted(kept[part] + out[part]) == sorted(parts[part])
        keys = [key(texts[id]) for id in kept[part] if texts[id].strip()]
        assert len(keys) == len(set(keys)) and set(keys) == {key(texts[id]) for id in once[part] if texts[id].strip()}
    assert kept["test"] == parts["test"]


def test_parts_of_one_source_are_of_one_document() -> None:
    parts = {"train": ["a1", "b"], "validation": [], "test": ["a2"]}
    texts = {"a1": "first section", "b": "another", "a2": "second section"}
    kept, out = leave_out(parts, texts, {"a1": "a", "a2": "a", "b": "b"}, "shared", 0.8)
    assert (kept["train"], out["train"]) == (["b"], ["a1"])


def test_a_validation_part_is_made_of_what_is_left(tmp_path: Path) -> None:
    texts = [(f"d{number}", "train", f"text of number {number} alone") for number in range(10)]
    shared = [(f"t{number}", "test", f"text of number {number} alone") for number in range(5)]
    write_documents(tmp_path / "toy.jsonl", [Document(id, text, split=split) for id, split, text in (*texts, *shared)])
    arguments = ["--corpus", str(tmp_path / "toy.jsonl"), "--protocol", "official", "--output", str(tmp_path / "s.json")]
    command.main([*arguments, "--settings", '{"seed": 1, "deduplicate": "shared"}'])
    fold = json.loads((tmp_path / "s.json").read_text())["folds"][0]
    assert sorted(fold["train"] + fold["validation"]) == [f"d{number}" for number in range(5, 10)]
    assert len(fold["validation"]) == 1
    write_documents(tmp_path / "toy.jsonl", [Document(id, text, split=split) for id, split, text in (*texts[:5], *shared)])
    with pytest.raises(BionerError, match="toy: expected a train part, found every one of its documents in a later part"):
        command.main([*arguments, "--settings", '{"seed": 1, "deduplicate": "shared"}'])


def test_the_command_lists_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {"a": ("train", "One text"), "b": ("train", "another text"), "c": ("validation", "third text"), "d": ("test", "one  Text")}
    write_documents(tmp_path / "toy.jsonl", [Document(id, text, split=split) for id, (split, text) in texts.items()])
    arguments = ["--corpus", str(tmp_path / "toy.jsonl"), "--protocol", "official", "--output", str(tmp_path / "s.json")]
    command.main([*arguments, "--settings", '{"seed": 1, "deduplicate": "shared"}'])
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["folds"] == [{"train": ["b"], "validation": ["c"], "test": ["d"]}]
    assert found["left_out"] == {"train": ["a"], "validation": []}
    assert found["training_words"] == [2]
    assert "toy: left out as duplicates: 1 train, 0 validation documents" in capsys.readouterr().err
    command.main([*arguments, "--settings", '{"seed": 1}'])
    assert json.loads((tmp_path / "s.json").read_text())["folds"][0]["train"] == ["a", "b"]
