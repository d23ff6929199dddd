"""Sizes of corpora and of the parts that protocols make of them, against the real splits and the real windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.costs.sizes import Corpus, Size, corpus, fold_parts, pieces
from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.preparation.protocols import Protocol
from bioner.preparation.split import k_folds
from bioner.tagging.encode import window_ranges
from bioner.words import count_words

ENTRY: dict[str, Any] = {"source": "download", "format": "conll", "files": [], "counts": {}, "groups": {"Chemical": "drugs_chemicals"}}


@given(st.integers(1, 900), st.integers(8, 300), st.data())
def test_pieces_are_those_of_the_real_windows(length: int, window: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, (window - 2) // 2))
    ranges = window_ranges(list(range(length + 1)), window - 2, overlap)
    real = sum(last - first + 2 for (first, last), _ in ranges)
    assert pieces(Size(3, 3 * length), 1.0, window=window, overlap=overlap) == pytest.approx(3 * real)


def test_no_documents_have_no_pieces() -> None:
    assert pieces(Size(), 1.3, window=128, overlap=16) == 0.0


def documents(count: int) -> list[Document]:
    texts = [f"Trial {number}: " + " ".join(f"word{number}x{index}" for index in range(5 + number % 7)) + "." for number in range(count)]
    return [Document(f"d{number}", text, (Mention("T1", ((0, 5),), "Chemical"),)) for number, text in enumerate(texts)]


@pytest.mark.parametrize("k", [3, 5, 10])
def test_a_fold_has_the_mean_size_of_the_real_folds(k: int, tmp_path: Path) -> None:
    made = documents(30)
    words = {document.id: count_words(document.text) for document in made}
    folds = k_folds(made, k, 1, "d")
    write_documents(tmp_path / "corpora" / "d.jsonl", made)
    whole = corpus("d", ENTRY, tmp_path, {})
    assert whole is not None and whole.source == "counted" and whole.whole.words == sum(words.values())
    parts = fold_parts(whole, Protocol("kfold", k))
    assert parts is not None
    for name in ("train", "validation", "test"):
        real = [sum(words[id] for id in fold[name]) for fold in folds]
        assert parts[name].words == pytest.approx(sum(real) / k)
        assert parts[name].documents == pytest.approx(sum(len(fold[name]) for fold in folds) / k)


def test_an_official_split_without_a_validation_part_takes_a_tenth_of_training() -> None:
    parts = fold_parts(Corpus({"train": Size(100, 1000, 10), "test": Size(20, 200, 2)}), Protocol("official"))
    assert parts == {"train": Size(90, 900, 9), "validation": Size(10, 100, 1), "test": Size(20, 200, 2)}


def test_what_a_protocol_does_to_training_parts() -> None:
    whole = Corpus({"train": Size(60, 600), "validation": Size(20, 200), "test": Size(20, 200)})

    def words(name: str, **options: Any) -> tuple[float, float]:
        parts = fold_parts(whole, Protocol.parse(name), **options)
        assert parts is not None
        return parts["train"].words, parts["test"].words

    assert words("official_trainval") == (800, 200)
    assert words("official_300words") == (300, 200)
    assert words("kfold5_equal", smallest=500) == (500, 200)
    assert words("kfold5_equal", smallest=700) == (600, 200)
    assert words("augment_first5", variants=1) == (1200, 400)
    assert words("kfold5", variants=1) == (600, 200)


def test_an_official_split_of_unknown_parts_is_unknown() -> None:
    assert fold_parts(Corpus(rest=Size(10, 100)), Protocol("official")) is None
    assert fold_parts(Corpus(rest=Size(10, 100)), Protocol("kfold", 5)) is not None


def test_sources_of_a_size_in_their_order(tmp_path: Path) -> None:
    entry = ENTRY | {
        "files": [{"path": "a.tsv", "bytes": 8200, "url": ""}],
        "counts": {"train": {"documents": 3}, "test": {"documents": 1}},
    }
    estimated = corpus("mine", entry, tmp_path, {})
    assert estimated is not None and "bytes" in estimated.source
    assert (estimated.parts["train"].words, estimated.parts["test"].words) == (pytest.approx(750), pytest.approx(250))
    known = corpus("bc5cdr", entry, tmp_path, {})
    assert known is not None and known.source == "table of known sizes" and known.whole.words == 360_373
    write_documents(tmp_path / "corpora" / "bc5cdr.jsonl", documents(4))
    counted = corpus("bc5cdr", entry, tmp_path, {})
    assert counted is not None and counted.source == "counted" and counted.whole.documents == 4
    given_words = corpus("bc5cdr", entry, tmp_path, {"bc5cdr": 1000.0})
    assert given_words is not None and given_words.source == "given" and given_words.whole.words == 1000


@pytest.mark.parametrize(
    "files", [[], [{"path": "a.tsv", "url": ""}], [{"path": "a.txt.gz", "bytes": 10, "url": ""}]], ids=["none", "no bytes", "packed"]
)
def test_a_size_that_nothing_tells_is_unknown_and_not_zero(files: list[Any], tmp_path: Path) -> None:
    assert corpus("mine", ENTRY | {"files": files}, tmp_path, {}) is None
