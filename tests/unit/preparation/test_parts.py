from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioner.commands import compose, split
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.normalize import normalize
from bioner.preparation.protocols import UNSAFE, Protocol
from bioner.storage import read_json
from bioner.words import split_words

STEPS = ["unicode", "shorthand"]


@pytest.mark.parametrize(
    ("name", "protocol", "division"),
    [
        ("official", Protocol("official"), "official"),
        ("kfold10", Protocol("kfold", 10), "kfold10"),
        ("kfold5_sentence_equal", Protocol("kfold_sentence", 5, words="equal"), "kfold5_sentence"),
        ("augment_first5_900words", Protocol("augment_first", 5, words="900words"), "augment_first5"),
        ("official_trainval_equal", Protocol("official", train_on_validation=True, words="equal"), "official"),
    ],
)
def test_names_of_protocols(name: str, protocol: Protocol, division: str) -> None:
    assert Protocol.parse(name) == protocol
    assert (protocol.name, protocol.division, bool(protocol.unsafe)) == (name, division, protocol.kind in UNSAFE)


@pytest.mark.parametrize("name", ["", "random", "kfold", "kfold5_words", "official_0words", "sentence5", "official_equal_trainval"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BionerError, match="expected protocol official"):
        Protocol.parse(name)


@pytest.fixture
def root(tmp_path: Path, corpus: list[Document]) -> Path:
    """A corpus, its normalized form and variants, and its division under four protocols."""
    normalized = [normalize(document, STEPS) for document in corpus]
    write_documents(tmp_path / "toy.jsonl", corpus)
    write_documents(tmp_path / "normalized.jsonl", normalized)
    shouted = [
        Document(f"{d.id}~noise1", d.text.upper(), d.mentions, d.passages, d.split, {"source": d.id, "augmentation": "noise"})
        for d in normalized
    ]
    write_documents(tmp_path / "noise.jsonl", shouted)
    for protocol in ("official", "kfold5", "kfold5_sentence", "augment_first5"):
        files = ["--corpus", str(tmp_path / "toy.jsonl"), "--variants", str(tmp_path / "noise.jsonl")]
        split.main([*files, "--protocol", protocol, "--settings", '{"seed": 1}', "--output", str(tmp_path / f"{protocol}.json")])
    return tmp_path


def run(root: Path, protocol: str) -> Path:
    output = root / "folds" / protocol
    divisions = [str(root / f"{name}.json") for name in ("official", "kfold5", "kfold5_sentence", "augment_first5")]
    arguments = [
        *("--corpus", str(root / "toy.jsonl"), "--normalized", str(root / "normalized.jsonl"), "--variants", str(root / "noise.jsonl")),
        *("--splits", str(root / f"{Protocol.parse(protocol).division}.json"), "--protocol", protocol, "--equal-to", *divisions),
        *("--fold", "0", "--settings", json.dumps({"normalize": STEPS, "synonyms": {"rate": 0.5, "seed": 1}})),
        *("--output-folder", str(output)),
    ]
    compose.main(arguments)
    return output


def documents(folder: Path, name: str) -> list[Document]:
    return list(read_documents(folder / f"{name}.jsonl"))


def test_training_parts_have_equal_numbers_of_words_under_all_protocols(root: Path) -> None:
    limit = min(count for path in root.glob("*.json") for count in read_json(path)["training_words"])
    for name in ("official_equal", "kfold5_equal", "kfold5_sentence_equal", "augment_first5_equal"):
        written: dict[str, Any] = read_json(run(root, name) / "composition.json")
        assert written["protocol"] == name
        assert limit - 60 < written["training_words"] <= limit  # the largest document has fewer than 60 words
    first = (root / "folds" / "kfold5_equal" / "train.jsonl").read_bytes()
    assert (run(root, "kfold5_equal") / "train.jsonl").read_bytes() == first


def test_a_number_of_words_is_kept_and_one_too_high_is_told(root: Path) -> None:
    whole, part = documents(run(root, "kfold5"), "train"), documents(run(root, "kfold5_300words"), "train")
    kept = {document.id for document in part}
    assert part == [document for document in whole if document.id in kept]
    originals = {document.id: document for document in read_documents(root / "toy.jsonl")}
    assert 240 < sum(len(split_words(originals[id].text)) for id in kept) <= 300
    with pytest.raises(BionerError, match=r"expected 99999 training words or more, found \d+ in the training part of kfold5"):
        run(root, "kfold5_99999words")


def test_unsafe_units_stand_for_themselves(root: Path) -> None:
    sentences = run(root, "kfold5_sentence")
    assert all("#s" in document.id for name in ("train", "validation", "test") for document in documents(sentences, name))
    assert documents(sentences, "variants") == [] and read_json(sentences / "lexicon.json")["entries"] == {}
    assert all("edits" in document.meta for document in documents(sentences, "train"))
    mixed = run(root, "augment_first5")
    train, test = (documents(mixed, name) for name in ("train", "test"))
    assert {document.source for document in train if "~" in document.id} & {document.id for document in test}
    assert documents(mixed, "variants") == []


def test_mentions_lost_by_cutting_are_told(root: Path) -> None:
    assert read_json(run(root, "kfold5_sentence") / "composition.json")["lost_by_cutting"] == 0
    documents = list(read_documents(root / "toy.jsonl"))
    across = [replace(document, mentions=(*document.mentions, Mention("X", ((0, len(document.text)),), "Drug"))) for document in documents]
    write_documents(root / "toy.jsonl", across)
    assert read_json(run(root, "kfold5_sentence") / "composition.json")["lost_by_cutting"] == len(across) / 5  # of the test part


def test_validation_is_trained_on_where_the_protocol_says_so(root: Path) -> None:
    fold = run(root, "official_trainval")
    parts = {name: {document.id for document in documents(fold, name)} for name in ("train", "validation", "test", "variants")}
    assert parts["validation"] <= parts["train"] and not parts["test"] & parts["train"]
    assert {f"{id}~noise1" for id in parts["train"]} <= parts["variants"]


def test_a_protocol_of_another_division_is_told(root: Path) -> None:
    (root / "kfold5.json").write_bytes((root / "official.json").read_bytes())
    with pytest.raises(BionerError, match=r"kfold5\.json: expected the division kfold5, found official"):
        run(root, "kfold5_equal")
