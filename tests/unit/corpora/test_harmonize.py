"""Harmonize: splits, ids, types, counts and the quality report; the real open corpora where they are at hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands.harmonize import main
from bioner.corpora.harmonize import harmonize
from bioner.corpora.quality import differences, features_of, overlaps
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"


def one(name: str, text: str = "gout", kind: str = "Disease") -> str:
    return f"{name}|t|{text}\n{name}|a|of the toe\n{name}\t0\t{len(text)}\t{text}\t{kind}\tD1\n\n"


def run(folder: Path, files: Mapping[str, tuple[str, str | None, str]], **settings: Any) -> tuple[list[Document], Any]:
    """Harmonize files given as name -> (content, split, role); documents and report."""
    for name, (content, _, _) in files.items():
        (folder / name).write_text(content)
    write_manifest(
        folder / "manifest.json", "x", "", [manifest_entry(folder, name, split, role) for name, (_, split, role) in files.items()]
    )
    output, quality = folder / "x.jsonl", folder / "x.json"
    harmonize("x", {"format": "pubtator"} | settings, raw=folder / "manifest.json", output=output, quality=quality)
    return list(read_documents(output)), json.loads(quality.read_text())


def test_split_from_files_and_numbered_ids(tmp_path: Path) -> None:
    documents, report = run(tmp_path, {"a": (one("1") + one("1"), "train", "text"), "b": (one("1") + one("2"), "test", "text")})
    assert [(d.id, d.split) for d in documents] == [("1", "train"), ("1-2", "train"), ("1-3", "test"), ("2", "test")]
    assert report["repairs"]["document id seen before: numbered"]["count"] == 2
    assert report["counts"]["train"] == {"documents": 2, "mentions": 2, "types": {"Disease": 2}}
    assert report["counts"]["all"]["documents"] == 4 and set(report["inputs"]) == {"a", "b"}


def test_a_numbered_id_that_is_taken(tmp_path: Path) -> None:
    documents, _ = run(tmp_path, {"a": (one("1") + one("1-2") + one("1"), None, "text")})
    assert [d.id for d in documents] == ["1", "1-2", "1-3"]


def test_split_from_lists_of_ids(tmp_path: Path) -> None:
    files: dict[str, tuple[str, str | None, str]] = {
        "a": (one("1") + one("2") + one("3"), None, "text"),
        "train": ("2\n9\n", "train", "ids"),
        "test": ("\n1\r\n", "test", "ids"),
    }
    documents, report = run(tmp_path, files)
    assert [(d.id, d.split) for d in documents] == [("1", "test"), ("2", "train"), ("3", None)]
    assert report["counts"]["none"]["documents"] == 1
    assert report["repairs"]["id in a split list without a document"] == {"count": 1, "first": ["9"]}
    assert report["repairs"]["document in no split list"] == {"count": 1, "first": ["3"]}
    with pytest.raises(BionerError, match="test:1: expected 2 in one split"):
        run(tmp_path, files | {"test": ("2\n", "test", "ids")})


def test_lists_of_ids_are_read_as_other_files(tmp_path: Path) -> None:
    files: dict[str, tuple[str, str | None, str]] = {"a": (one("1") + one("\u20282"), None, "text")}
    documents, report = run(tmp_path, files | {"train": ("\ufeff1\r\n\u20282", "train", "ids")})
    assert [(d.id, d.split) for d in documents] == [("1", "train"), ("\u20282", "train")]
    assert {rule: found["first"] for rule, found in report["repairs"].items()} == {
        "byte order mark removed": ["train:1"],
        "carriage return at the end of a line": ["train:1"],
        "no newline at the end of the file": ["train"],
    }
    documents, report = run(tmp_path, files | {"train": ("\n", "train", "ids")})
    assert [d.split for d in documents] == [None, None] and report["repairs"]["document in no split list"]["count"] == 2
    with pytest.raises(BionerError, match=r"^train: expected a split for this list of ids"):
        run(tmp_path, files | {"train": ("1\n", None, "ids")})
    (tmp_path / "bad").write_bytes(b"1\n\xff\n")
    entries = [manifest_entry(tmp_path, "a", None, "text"), manifest_entry(tmp_path, "bad", "train", "ids")]
    write_manifest(tmp_path / "manifest.json", "x", "", entries)
    with pytest.raises(BionerError, match=r"^bad:2: expected UTF-8, found byte 0xff"):
        harmonize("x", {"format": "pubtator"}, raw=tmp_path / "manifest.json", output=tmp_path / "o", quality=tmp_path / "q")


def test_types_are_renamed_dropped_and_merged(tmp_path: Path) -> None:
    content = one("1") + one("2", kind="Modifier") + one("3", kind="UnknownType").replace("\n\n", "\n3\t0\t4\tgout\tDisease\tD2\n\n")
    documents, report = run(
        tmp_path, {"a": (content, None, "text")}, types={"Disease": "Illness", "Modifier": "Illness", "UnknownType": None}
    )
    assert [[m.type for m in d.mentions] for d in documents] == [["Illness"]] * 3
    assert report["repairs"]["type dropped by the config"]["count"] == 1


def test_other_counts_than_expected_fail_where_they_are_strict(tmp_path: Path) -> None:
    files = {"a": (one("1"), "train", "text")}
    counts = {"train": {"documents": 1, "mentions": 5, "types": {"Disease": 1}}, "test": {"documents": 3}}
    _, report = run(tmp_path, files, counts=counts)
    assert report["counts"]["train"]["mentions"] == 1 and "warnings" not in report  # it is told by `inspect`
    (tmp_path / "x.jsonl").unlink()
    with pytest.raises(BionerError, match="train: expected 5 mentions, found 1"):
        run(tmp_path, files, counts=counts, strict_counts=True)
    assert not (tmp_path / "x.jsonl").exists()
    assert differences({}, {}) == []


@pytest.mark.parametrize(("settings", "match"), [({"format": "paper"}, "expected format in .*i2b2, .*pubtator, found 'paper'")])
def test_unknown_format(tmp_path: Path, settings: dict[str, Any], match: str) -> None:
    with pytest.raises(BionerError, match=match):
        run(tmp_path, {"a": (one("1"), None, "text")}, **settings)


def test_the_wrong_manifest(tmp_path: Path) -> None:
    run(tmp_path, {"a": (one("1"), None, "text")})
    arguments = [
        "--settings",
        '{"format": "pubtator"}',
        "--raw",
        str(tmp_path / "manifest.json"),
        "--output",
        str(tmp_path / "o"),
        "--quality",
        "q",
    ]
    with pytest.raises(BionerError, match="expected the raw files of y, found those of x"):
        main(["--dataset", "y", *arguments])
    for broken in ('{"dataset": "x"}', "[]", '{"dataset": "x", "files": [{"name": "a", "split": "dev", "role": "text", "sha256": ""}]}'):
        (tmp_path / "manifest.json").write_text(broken)
        with pytest.raises(BionerError, match="expected"):
            main(["--dataset", "x", *arguments])


SPANS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=7)


@given(SPANS)
def test_overlaps_against_all_pairs(spans: list[tuple[int, int]]) -> None:
    counts = {"same_span": 0, "nested": 0, "crossing": 0}
    for (a, b), (c, d) in combinations(spans, 2):
        if not set(range(a, b)) & set(range(c, d)):
            continue
        inside = set(range(a, b)) <= set(range(c, d)) or set(range(c, d)) <= set(range(a, b))
        counts["same_span" if (a, b) == (c, d) else "nested" if inside else "crossing"] += 1
    assert dict(overlaps(spans)) == {name: number for name, number in counts.items() if number}


OPEN = {
    "bc5cdr": (
        {"CDR_TrainingSet.PubTator.txt": "train", "CDR_DevelopmentSet.PubTator.txt": "validation", "CDR_TestSet.PubTator.txt": "test"},
        {
            "train": {"documents": 500, "mentions": 9385, "types": {"Chemical": 5203, "Disease": 4182}},
            "validation": {"documents": 500, "mentions": 9591, "types": {"Chemical": 5347, "Disease": 4244}},
            "test": {"documents": 500, "mentions": 9809, "types": {"Chemical": 5385, "Disease": 4424}},
        },
        {
            "relation line skipped": 3116,
            "composite: seventh column read over": 235,
            "empty seventh column": 18,
            "annotation without a concept (-1)": 227,
            "several concepts joined by |": 273,
        },
        28785,
    ),
    "ncbi_disease": (
        {"NCBItrainset_corpus.txt": "train", "NCBIdevelopset_corpus.txt": "validation", "NCBItestset_corpus.txt": "test"},
        {
            "train": {
                "documents": 593,
                "mentions": 5145,
                "types": {"SpecificDisease": 2972, "Modifier": 1289, "DiseaseClass": 769, "CompositeMention": 115},
            },
            "validation": {"documents": 100, "mentions": 787},
            "test": {"documents": 100, "mentions": 960},
        },
        {
            "document id seen before: numbered": 1,
            "trailing blank in a mention's text removed": 1,
            "stray blank in a concept id removed": 5,
            "no newline at the end of the file": 0,
        },
        6891,
    ),
}


@pytest.mark.parametrize("dataset", sorted(OPEN))
def test_open_corpora_have_their_published_counts(dataset: str, tmp_path: Path) -> None:
    splits, counts, repairs, exact = OPEN[dataset]
    if not (SHARED / dataset).is_dir():
        pytest.skip(f"{SHARED / dataset} is absent: the corpora are not part of the project")
    for name in splits:
        shutil.copyfile(SHARED / dataset / name, tmp_path / name)
    entries = [manifest_entry(tmp_path, name, split, "text") for name, split in splits.items()]
    write_manifest(tmp_path / "manifest.json", dataset, "", entries)
    settings = {"format": "pubtator", "counts": counts, "strict_counts": True}
    harmonize(dataset, settings, raw=tmp_path / "manifest.json", output=tmp_path / "x.jsonl", quality=tmp_path / "x.json")
    report = json.loads((tmp_path / "x.json").read_text())
    assert report["offsets"]["exact"] == exact
    assert {rule: report["repairs"].get(rule, {"count": 0})["count"] for rule in repairs} == repairs
    documents = list(read_documents(tmp_path / "x.jsonl"))
    features = [features_of(document) for document in documents]
    assert not any(found[name] for found in features for name in ("nested", "crossing", "same_span", "discontiguous"))
    assert sum(len(document.mentions) for document in documents) == report["counts"]["all"]["mentions"]
