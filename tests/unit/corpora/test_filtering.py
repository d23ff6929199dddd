"""Filters: each criterion by itself, their order, and what the report says of documents that were left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.corpora.filtering import Filters, is_empty, is_incomplete
from bioner.corpora.harmonize import harmonize
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.documents import read_documents
from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError, ConfigError

ROOT = Path(__file__).resolve().parents[3]
MENTION = (Mention("T1", ((0, 1),), "D"),)


def document(*parts: tuple[str, str]) -> Document:
    """A document of passages given as (kind, text), joined by one blank."""
    passages, start = [], 0
    for kind, text in parts:
        passages.append(Passage(start, start + len(text), kind))
        start += len(text) + 1
    return Document("1", " ".join(text for _, text in parts), MENTION, tuple(passages))


@pytest.mark.parametrize(
    ("parts", "empty", "incomplete"),
    [
        ([("title", "gout"), ("abstract", "pain")], False, False),
        ([("title", "gout"), ("abstract", " \u2003\t")], False, True),
        ([("title", "gout")], False, True),
        ([("title", "gout"), ("Title", "toe")], False, True),
        ([("abstract", "pain")], False, True),
        ([("title", ""), ("abstract", "pain")], False, True),
        ([("title", "gout"), ("paragraph", "pain")], False, False),
        ([("sentence", "pain")], False, False),
        ([("line", "gout"), ("line", "pain")], False, False),
        ([("title", " "), ("abstract", "\n")], True, False),
        ([("title", "")], True, False),
    ],
)
def test_empty_and_incomplete(parts: list[tuple[str, str]], empty: bool, incomplete: bool) -> None:
    made = document(*parts)
    assert (is_empty(made), is_incomplete(made)) == (empty, incomplete)
    assert Filters(empty=True, incomplete=True).reason(made) == ("empty" if empty else "incomplete" if incomplete else None)
    assert Filters().reason(made) is None


def test_a_text_without_passages_is_complete() -> None:
    assert not is_incomplete(Document("1", "gout"))


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (Filters(minimum_words=3), None),
        (Filters(minimum_words=4), "minimum_words"),
        (Filters(maximum_words=3), None),
        (Filters(maximum_words=2), "maximum_words"),
        (Filters(maximum_words=0), "maximum_words"),
        (Filters(minimum_words=3, maximum_words=3), None),
    ],
)
def test_words_are_counted_as_they_are_tagged(filters: Filters, reason: str | None) -> None:
    assert filters.reason(Document("1", "5-HT", MENTION)) == reason


def test_the_first_criterion_names_the_document() -> None:
    everything = Filters(empty=True, incomplete=True, minimum_words=1, maximum_words=2, without_mentions=True)
    bare = Document("1", " ")
    assert everything.reason(bare) == "empty"
    assert Filters(minimum_words=1, without_mentions=True).reason(bare) == "minimum_words"
    assert everything.reason(Document("1", "one two")) == "without_mentions"
    assert everything.reason(Document("1", "one two", MENTION)) is None


def write(folder: Path, content: str) -> dict[str, Path]:
    (folder / "a.txt").write_text(content)
    write_manifest(folder / "manifest.json", "x", "", [manifest_entry(folder, "a.txt", "train", "text")])
    return {"raw": folder / "manifest.json", "output": folder / "x.jsonl", "quality": folder / "x.json"}


CORPUS = (
    "1|t|Gout of the toe\n1|a|It hurts.\n1\t0\t4\tGout\tDisease\tD1\n1\t12\t15\ttoe\tPart\tP1\n\n"
    "2|t|Only a title, gout\n2|a|\n2\t14\t18\tgout\tDisease\tD1\n2\t14\t18\tgout\tSign\tD1\n\n"
    "3|t|\n3|a|\n\n"
    "4|t|No\n4|a|names here.\n\n"
    "5|t|The toe\n5|a|hurts.\n5\t4\t7\ttoe\tPart\tP1\n\n"
    "6|t|Gout\n6|a|and gout and gout and gout and gout\n6\t0\t4\tGout\tDisease\tD1\n\n"
)


def test_the_report_names_what_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = write(tmp_path, CORPUS)
    counts = {"train": {"documents": 6, "mentions": 4, "types": {"Disease": 3, "Sign": 1}}}
    settings: dict[str, Any] = {"format": "pubtator", "types": {"Part": None}, "counts": counts, "strict_counts": True}
    filters = {"empty": True, "incomplete": True, "minimum_words": None, "maximum_words": 8, "without_mentions": True}
    harmonize("x", settings | {"filters": filters}, **paths)
    report = json.loads(paths["quality"].read_text())
    assert [document.id for document in read_documents(paths["output"])] == ["1"]
    assert report["filtered"] == {
        "empty": {"count": 1, "first": ["3"]},
        "incomplete": {"count": 1, "first": ["2"]},
        "maximum_words": {"count": 1, "first": ["6"]},
        "without_mentions": {"count": 2, "first": ["4", "5"]},
    }
    assert report["counts"]["train"] == {"documents": 6, "mentions": 4, "types": {"Disease": 3, "Sign": 1}}
    assert report["kept"]["train"] == report["kept"]["all"] == {"documents": 1, "mentions": 1, "types": {"Disease": 1}}
    assert report["lost_mentions"] == {"reading": 0, "types": 2, "filters": 3}
    assert "1 documents (5 more left out by filters), 1 mentions" in capsys.readouterr().err
    harmonize("x", settings, **paths)
    report = json.loads(paths["quality"].read_text())
    assert len(list(read_documents(paths["output"]))) == 6
    assert report["filtered"] == {} and report["kept"] == report["counts"]


def test_a_split_of_which_nothing_is_left_is_told(tmp_path: Path) -> None:
    paths = write(tmp_path, CORPUS)
    harmonize("x", {"format": "pubtator", "filters": {"maximum_words": 0}}, **paths)
    report = json.loads(paths["quality"].read_text())
    assert report["kept"]["train"] == {"documents": 1, "mentions": 0, "types": {}} and report["counts"]["train"]["documents"] == 6


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({"short": True}, "filters: expected empty, incomplete, minimum_words, .*, found 'short'"),
        ({"minimum_words": 9, "maximum_words": 8}, "filters: expected minimum_words of at most maximum_words, 8, found 9"),
    ],
)
def test_wrong_filters(filters: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(BionerError, match=match):
        harmonize("x", {"format": "pubtator", "filters": filters}, **write(tmp_path, CORPUS))


def test_the_config_has_them_off_and_passes_them_on() -> None:
    def entry(**filters: Any) -> Any:
        config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
        if filters:
            config["datasets"]["bc5cdr"]["filters"] = filters
        return load_plan(config, ROOT).slice("harmonize", "bc5cdr").get("filters")

    assert entry() is None
    assert entry(minimum_words="20") == {
        "empty": False,
        "incomplete": False,
        "minimum_words": 20,
        "maximum_words": None,
        "without_mentions": False,
    }
    assert Filters.of(entry(empty=True)) == Filters(empty=True)
    for wrong in ({"minimum_words": -1}, {"blank": True}, {"empty": 1}):
        with pytest.raises(ConfigError, match=r"datasets\.bc5cdr\.filters"):
            entry(**wrong)
