from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from bioner.commands import augment, compose, normalize, split
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.synonyms import build_lexicon, replace_synonyms
from bioner.storage import sha256_file

STEPS = '["unicode", "shorthand"]'
FILES = ("train.jsonl", "variants.jsonl", "validation.jsonl", "test.jsonl", "lexicon.json", "composition.json")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, corpus: list[Document]) -> Path:
    """The invented corpus, normalized, augmented and split, by the commands."""
    root = tmp_path_factory.mktemp("prepared")
    write_documents(root / "toy.jsonl", corpus)
    normalize.main(["--corpus", f"{root}/toy.jsonl", "--settings", STEPS, "--output", f"{root}/n/toy.jsonl"])
    augment.main(["--normalized", f"{root}/n/toy.jsonl", "--settings", '{"noise": {"rate": 0.3}}', "--output", f"{root}/noise.jsonl"])
    split.main(["--corpus", f"{root}/toy.jsonl", "--protocol", "kfold5", "--settings", '{"seed": 1}', "--output", f"{root}/kfold5.json"])
    return root


def run(root: Path, fold: int, output: Path, more: str = ', "synonyms": {"rate": 0.5, "seed": 1}') -> None:
    options = {
        "corpus": f"{root}/toy.jsonl",
        "normalized": f"{root}/n/toy.jsonl",
        "variants": f"{root}/noise.jsonl",
        "splits": f"{root}/kfold5.json",
        "fold": str(fold),
        "settings": f'{{"normalize": {STEPS}{more}}}',
        "output-folder": str(output),
    }
    compose.main([word for name, value in options.items() for word in (f"--{name}", value)])


@pytest.mark.parametrize("fold", range(5))
def test_sets_are_those_of_the_fold_and_variants_follow_their_source(
    prepared: Path, tmp_path: Path, corpus: list[Document], fold: int
) -> None:
    run(prepared, fold, tmp_path)
    chosen = json.loads((prepared / "kfold5.json").read_text())["folds"][fold]
    sets = {name: list(read_documents(tmp_path / f"{name}.jsonl")) for name in ("train", "variants", "validation", "test")}
    for name in ("train", "validation", "test"):
        assert [document.id for document in sets[name]] == chosen[name]
    assert all("edits" in document.meta for name in ("train", "validation") for document in sets[name])
    assert sets["test"] == [document for document in corpus if document.id in set(chosen["test"])]
    assert {variant.source for variant in sets["variants"]} == set(chosen["train"])
    kinds = [variant.meta["augmentation"] for variant in sets["variants"]]
    assert kinds.count("noise") == len(chosen["train"]) and 0 < kinds.count("synonyms") <= len(chosen["train"])
    assert len({variant.id for variant in sets["variants"]}) == len(kinds)


def test_lexicon_and_summary_are_those_of_the_training_part(prepared: Path, tmp_path: Path) -> None:
    run(prepared, 0, tmp_path)
    surfaces, provenance = defaultdict(set), defaultdict(set)
    train = list(read_documents(tmp_path / "train.jsonl"))
    for document in train:
        for mention in document.mentions:
            surfaces[mention.concepts[0]].add(document.surface(mention))
            provenance[document.surface(mention)].add(document.id)
    lexicon = json.loads((tmp_path / "lexicon.json").read_text())
    assert lexicon["source"] == "training"
    assert {concept: set(listed) for concept, listed in lexicon["entries"].items()} == surfaces
    assert {surface: set(ids) for surface, ids in lexicon["provenance"].items()} == provenance
    summary = json.loads((tmp_path / "composition.json").read_text())
    assert (summary["dataset"], summary["protocol"], summary["fold"]) == ("toy", "kfold5", 0)
    assert summary["types"] == ["Disease", "Drug", "Species"] and summary["normalize"] == json.loads(STEPS)
    assert summary["counts"]["train"]["documents"] == len(train) and summary["lost_by_normalization"] == 0
    assert sum(summary["counts"]["train"]["types"].values()) == sum(len(document.mentions) for document in train)


def test_same_settings_give_the_same_bytes(prepared: Path, tmp_path: Path) -> None:
    run(prepared, 1, tmp_path / "a")
    run(prepared, 1, tmp_path / "b")
    run(prepared, 1, tmp_path / "c", ', "synonyms": {"rate": 0.5, "seed": 2}')
    run(prepared, 1, tmp_path / "d", "")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a/variants.jsonl").read_bytes() != (tmp_path / "c/variants.jsonl").read_bytes()
    assert {variant.meta["augmentation"] for variant in read_documents(tmp_path / "d/variants.jsonl")} == {"noise"}


def test_synonyms_have_the_concept_and_type_and_leave_the_rest_alone(corpus: list[Document]) -> None:
    lexicon = build_lexicon(corpus)
    seen = 0
    for document in corpus:
        variant = replace_synonyms(document, lexicon, 1.0, 1)
        assert variant is not None and variant.id == f"{document.id}~synonyms1"
        assert variant.meta == {"source": document.id, "augmentation": "synonyms"}
        for before, after in zip(document.mentions, variant.mentions, strict=True):
            assert (before.id, before.type, before.concepts) == (after.id, after.type, after.concepts)
            assert variant.surface(after) in lexicon.surfaces[after.concepts[0], after.type]
            assert variant.surface(after) != document.surface(before)
            seen += 1
        assert blanked(variant) == blanked(document)
    assert seen == sum(len(document.mentions) for document in corpus)
    assert replace_synonyms(corpus[0], lexicon, 0.0, 1) is None


def blanked(document: Document) -> str:
    text = document.text
    for mention in reversed(document.mentions):
        text = text[: mention.start] + "#" + text[mention.end :]
    return text


def test_no_synonym_across_types_for_composites_or_for_overlapping_mentions() -> None:
    text = "liver and kidney failure, MI, mi, MX"
    mentions = (
        Mention("T1", ((0, 24),), "Disease", ("D1",)),
        Mention("T2", ((10, 24),), "Disease", ("D2",)),
        Mention("T3", ((26, 28),), "Disease", ("D3",)),
        Mention("T4", ((30, 32),), "Disease", ("D3",)),
        Mention("T5", ((34, 36),), "Drug", ("D3",)),
    )
    other = Document(
        "o", "heart damage, no name", (Mention("T1", ((0, 12),), "Disease", ("D1", "D2")), Mention("T2", ((14, 21),), "Disease", ("-1",)))
    )
    names = Document("n", "renal failure", (Mention("T1", ((0, 13),), "Disease", ("D2",)),))
    lexicon = build_lexicon([Document("d", text, mentions), other, names])
    assert set(lexicon.surfaces) == {("D1", "Disease"), ("D2", "Disease"), ("D3", "Disease"), ("D3", "Drug")}
    assert replace_synonyms(Document("d", text, mentions), lexicon, 1.0, 1) is None
    lone = replace_synonyms(names, lexicon, 1.0, 1)
    assert lone is not None and lone.text == "kidney failure"
    assert replace_synonyms(other, lexicon, 1.0, 1) is None


def test_corpus_without_concepts_has_no_synonyms(corpus: list[Document]) -> None:
    bare = [replace(document, mentions=tuple(mention._replace(concepts=()) for mention in document.mentions)) for document in corpus]
    lexicon = build_lexicon(bare)
    assert lexicon.to_json() == {"source": "training", "entries": {}, "provenance": {}}
    assert all(replace_synonyms(document, lexicon, 1.0, 1) is None for document in bare)


def test_wrong_input_is_told(prepared: Path, tmp_path: Path, corpus: list[Document]) -> None:
    with pytest.raises(BionerError, match="expected fold 0 to 4, got 5"):
        run(prepared, 5, tmp_path)
    with pytest.raises(BionerError, match="compose settings"):
        run(prepared, 0, tmp_path, ', "synonym": {}')
    with pytest.raises(BionerError, match="synonyms"):
        run(prepared, 0, tmp_path, ', "synonyms": {"rate": 3}')
    shorter = tmp_path / "shorter"
    write_documents(shorter / "toy.jsonl", corpus[1:])
    for name in ("n/toy.jsonl", "noise.jsonl", "kfold5.json"):
        (shorter / name).parent.mkdir(exist_ok=True)
        (shorter / name).write_bytes((prepared / name).read_bytes())
    with pytest.raises(BionerError, match=r"1 missing \(d0\)"):
        run(shorter, 0, tmp_path)


def shuffled(root: Path, output: Path, settings: str) -> list[Document]:
    run(root, 2, output, f', "shuffling": {settings}')
    return [document for document in read_documents(output / "variants.jsonl") if document.meta["augmentation"] == "shuffling"]


def test_names_are_shuffled_within_the_training_part_and_no_other(prepared: Path, tmp_path: Path) -> None:
    variants = shuffled(prepared, tmp_path / "a", '{"rate": 1.0, "seed": 1, "within": "training"}')
    train = {document.id: document for document in read_documents(tmp_path / "a/train.jsonl")}
    names = {(m.type, document.surface(m), m.concepts) for document in train.values() for m in document.mentions}
    assert len(variants) > len(train) / 2 and {variant.source for variant in variants} <= set(train)
    for variant in variants:
        assert {(m.type, variant.surface(m), m.concepts) for m in variant.mentions} <= names
        assert blanked(variant) == blanked(train[variant.source])
    assert json.loads((tmp_path / "a/composition.json").read_text())["counts"]["variants"]["kinds"]["shuffling"] == len(variants)
    assert shuffled(prepared, tmp_path / "b", '{"rate": 1.0, "seed": 1, "within": "training"}') == variants
    assert shuffled(prepared, tmp_path / "c", '{"rate": 1.0, "seed": 2, "within": "training"}') != variants
    assert shuffled(prepared, tmp_path / "d", '{"rate": 0.0, "within": "training"}') == []
    assert shuffled(prepared, tmp_path / "e", '{"rate": 1.0, "within": "document"}') == []


def test_external_names_are_a_kind_of_their_own_and_told_apart(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("C1\tzorbinolum\nD1\tfever, scaly\nC99\tunheard of\n")
    (tmp_path / "more.tsv").write_text("D1\tscale disease\n")
    lexicons = f'{{"own": {{"tsv": "{tmp_path}/own.tsv"}}, "more": {{"tsv": "{tmp_path}/more.tsv"}}}}'
    run(prepared, 0, tmp_path / "a", f', "synonyms": {{"rate": 1.0}}, "lexicons": {lexicons}')
    run(prepared, 0, tmp_path / "b", ', "synonyms": {"rate": 1.0}')
    plain, external = (json.loads((tmp_path / folder / "lexicon.json").read_text()) for folder in "ba")
    assert {key: value for key, value in external.items() if key != "external"} == plain
    assert {name: told["entries"] for name, told in external["external"].items()} == {
        "own": {"C1": ["zorbinolum"], "D1": ["fever, scaly"]},
        "more": {"D1": ["scale disease"]},
    }
    assert external["external"]["own"]["sha256"] == sha256_file(tmp_path / "own.tsv")
    assert json.loads((tmp_path / "a/composition.json").read_text())["external"] == ["more", "own"]
    assert "external" not in json.loads((tmp_path / "b/composition.json").read_text())
    variants = list(read_documents(tmp_path / "a/variants.jsonl"))
    others = [variant for variant in variants if variant.meta["augmentation"] != "external_synonyms"]
    assert others == list(read_documents(tmp_path / "b/variants.jsonl"))
    named = {variant.surface(m) for variant in variants if variant not in others for m in variant.mentions if m.concepts[0] in ("C1", "D1")}
    assert named == {"zorbinolum", "fever, scaly", "scale disease"}


@pytest.mark.parametrize(
    "more",
    [
        ', "lexicons": {"own": {"tsv": "x"}}',
        ', "synonyms": {"rate": 1.0}, "lexicons": {"own": {"tsv": "/nowhere"}}',
        ', "shuffling": {"rate": 2}',
    ],
)
def test_wrong_settings_of_other_variants_are_told(prepared: Path, tmp_path: Path, more: str) -> None:
    with pytest.raises(BionerError, match="expected"):
        run(prepared, 0, tmp_path, more)
