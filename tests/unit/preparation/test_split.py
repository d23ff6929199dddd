from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands import split as command
from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.split import k_folds, official


@st.composite
def collections(draw: st.DrawFn) -> list[Document]:
    """Documents some of which share a source or a text, with mentions of up to three types."""
    documents = []
    for number in range(draw(st.integers(3, 30))):
        types = draw(st.lists(st.sampled_from("ABC"), max_size=6))
        text = draw(st.sampled_from(["Same  text", "same text", f"text {number}"]))
        source = draw(st.sampled_from([None, None, None, "s1", "s2"]))
        mentions = tuple(Mention(f"T{i}", ((0, 4),), kind) for i, kind in enumerate(types))
        documents.append(Document(f"d{number}", text, mentions, meta={"source": source} if source else {}))
    return documents


def components(documents: list[Document]) -> list[set[str]]:
    """Documents that must stay together, by merging sets until nothing changes."""
    sets = [({document.id}, {document.source, " ".join(document.text.lower().split())}) for document in documents]
    merged = True
    while merged:
        merged = False
        for i in range(len(sets)):
            for j in range(i + 1, len(sets)):
                if sets[i][1] & sets[j][1]:
                    sets[i] = (sets[i][0] | sets[j][0], sets[i][1] | sets[j][1])
                    del sets[j]
                    merged = True
                    break
            if merged:
                break
    return [ids for ids, _ in sets]


@given(collections(), st.integers(3, 6), st.integers(0, 3))
def test_folds_are_disjoint_complete_grouped_and_rotate(documents: list[Document], k: int, seed: int) -> None:
    together = components(documents)
    if k > len(together):
        with pytest.raises(BionerError, match=f"at most {len(together)} folds"):
            k_folds(documents, k, seed, "toy")
        return
    folds = k_folds(documents, k, seed, "toy")
    everything = sorted(document.id for document in documents)
    assert sorted(id for fold in folds for id in fold["test"]) == everything
    for number, fold in enumerate(folds):
        assert all(fold.values())
        assert sorted(id for part in fold.values() for id in part) == everything
        assert fold["validation"] == folds[(number + 1) % k]["test"]
        for ids in together:
            assert sum(bool(ids & set(part)) for part in fold.values()) == 1
    assert folds == k_folds(documents, k, seed, "toy")
    as_sets = [{part: set(ids) for part, ids in fold.items()} for fold in k_folds(documents[::-1], k, seed, "toy")]
    assert as_sets == [{part: set(ids) for part, ids in fold.items()} for fold in folds]


@pytest.mark.parametrize("k", [3, 5, 10])
def test_folds_have_equal_sizes_and_similar_counts_of_each_type(corpus: list[Document], k: int) -> None:
    totals = Counter(mention.type for document in corpus for mention in document.mentions)
    by_id = {document.id: document for document in corpus}
    folds = k_folds(corpus, k, 1, "toy")
    assert {len(fold["test"]) for fold in folds} == {len(corpus) // k}
    for kind, total in totals.items():
        counts = [sum(mention.type == kind for id in fold["test"] for mention in by_id[id].mentions) for fold in folds]
        assert all(abs(count - total / k) <= max(2, 0.1 * total / k) for count in counts), (kind, counts)
    assert k_folds(corpus, k, 2, "toy") != folds


def test_official_split_is_the_corpus_own(corpus: list[Document]) -> None:
    parts = official(corpus, 1, "toy")
    assert parts == {name: [document.id for document in corpus if document.split == name] for name in ("train", "validation", "test")}


def test_missing_validation_part_is_a_tenth_of_training_in_whole_groups(corpus: list[Document]) -> None:
    without = [replace(document, split="train" if document.split == "validation" else document.split) for document in corpus]
    without += [replace(document, id=f"{document.id}-2") for document in without if document.split == "train"]
    parts = official(without, 1, "toy")
    train = [document.id for document in without if document.split == "train"]
    assert sorted(parts["train"] + parts["validation"]) == sorted(train)
    assert 0.1 * len(train) <= len(parts["validation"]) <= 0.1 * len(train) + 2
    assert {id.removesuffix("-2") for id in parts["validation"]}.isdisjoint(id.removesuffix("-2") for id in parts["train"])
    assert parts == official(without, 1, "toy") != official(without, 2, "toy")


def test_impossible_splits_name_the_corpus(corpus: list[Document]) -> None:
    with pytest.raises(BionerError, match=r"toy: expected an official split .* 0 test"):
        official([document for document in corpus if document.split != "test"], 1, "toy")
    with pytest.raises(BionerError, match=r"toy: .* 1 documents of no part"):
        official([*corpus, Document("x", "text")], 1, "toy")
    with pytest.raises(BionerError, match="toy: expected k >= 3"):
        k_folds(corpus, 2, 1, "toy")
    with pytest.raises(BionerError, match="toy: expected at most 46 folds"):
        k_folds(corpus, 61, 1, "toy")


def test_command_writes_the_contract(tmp_path: Path, corpus: list[Document]) -> None:
    write_documents(tmp_path / "toy.jsonl", corpus)

    def run(protocol: str, settings: str = '{"seed": 3}') -> bytes:
        command.main(
            ["--corpus", str(tmp_path / "toy.jsonl"), "--protocol", protocol, "--settings", settings, "--output", str(tmp_path / "s.json")]
        )
        return (tmp_path / "s.json").read_bytes()

    written = json.loads(run("kfold5"))
    assert (written["dataset"], written["protocol"], written["seed"], len(written["folds"])) == ("toy", "kfold5", 3, 5)
    assert run("kfold5") == run("kfold5")
    assert len(json.loads(run("official"))["folds"]) == 1
    with pytest.raises(BionerError, match="expected protocol official"):
        run("random")
    with pytest.raises(BionerError, match="the protocol of a division, kfold5, got 'kfold5_equal'"):
        run("kfold5_equal")
    with pytest.raises(BionerError, match="split settings"):
        run("official", '{"seeds": 1}')


def test_near_duplicates_stay_on_one_side_by_their_normalized_text(tmp_path: Path, corpus: list[Document]) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    strangers = [
        Document("x1", f"{words} alpha vs beta", split="train"),
        Document("x2", f"{words} alpha versus beta vs gamma", split="train"),
    ]
    corpus = [replace(document, text=f"{document.id} " * 9, mentions=(), passages=(), split="train") for document in corpus]
    write_documents(tmp_path / "toy.jsonl", [*corpus, *strangers])
    shouted = [replace(strangers[0], text="entirely other words here"), replace(strangers[1], text="ENTIRELY other words, here!")]
    write_documents(tmp_path / "normalized.jsonl", [*corpus, *shouted])
    for more, threshold in (([], 0.8), (["--normalized", str(tmp_path / "normalized.jsonl")], 1.0)):
        settings = json.dumps({"seed": 1, "near_duplicates": threshold})
        files = ["--corpus", str(tmp_path / "toy.jsonl"), *more, "--output", str(tmp_path / "s.json")]
        command.main([*files, "--protocol", "kfold5", "--settings", settings])
        for fold in json.loads((tmp_path / "s.json").read_text())["folds"]:
            assert sum({"x1", "x2"} <= set(part) for part in fold.values()) == 1


def test_unsafe_protocols_divide_sentences_and_variants_as_strangers(tmp_path: Path, corpus: list[Document]) -> None:
    write_documents(tmp_path / "toy.jsonl", corpus)
    noisy = [replace(document, id=f"{document.id}~noise1", meta={"source": document.id, "augmentation": "noise"}) for document in corpus]
    write_documents(tmp_path / "noise.jsonl", noisy)
    files = ["--corpus", str(tmp_path / "toy.jsonl"), "--settings", '{"seed": 1}', "--output", str(tmp_path / "s.json")]

    def divide(protocol: str, *more: str) -> tuple[list[str], int]:
        """Ids of the first fold, and sources that are in its training and its test part."""
        command.main([*files, "--protocol", protocol, *more])
        written = json.loads((tmp_path / "s.json").read_text())
        sources = [{re.split("[#~]", id)[0] for id in written["folds"][0][part]} for part in ("train", "test")]
        return sorted(id for part in written["folds"][0].values() for id in part), len(sources[0] & sources[1])

    sentences, torn = divide("kfold5_sentence")
    assert len(sentences) == sum(document.text.count(". Patients") + 1 for document in corpus)
    assert len(set(sentences)) == len(sentences) and sentences[0] == "d0#s1" and torn > 20
    both, torn = divide("augment_first5", "--variants", str(tmp_path / "noise.jsonl"))
    assert both == sorted(document.id for document in [*corpus, *noisy]) and torn > 10
    with pytest.raises(BionerError, match="expected variants for protocol augment_first5, found none"):
        divide("augment_first5")


def test_words_of_each_training_part_are_counted(tmp_path: Path) -> None:
    write_documents(
        tmp_path / "toy.jsonl", [Document(f"d{number}", f"one{number} two{number} three{number}. " * number) for number in range(1, 7)]
    )
    command.main(
        ["--corpus", str(tmp_path / "toy.jsonl"), "--protocol", "kfold3", "--settings", '{"seed": 1}', "--output", str(tmp_path / "s.json")]
    )
    written = json.loads((tmp_path / "s.json").read_text())
    assert written["training_words"] == [sum(4 * int(id[1:]) for id in fold["train"]) for fold in written["folds"]]
