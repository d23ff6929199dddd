from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands import augment as command
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.augment import augment_corpus
from bioner.preparation.noise import Noise, add_noise
from bioner.preparation.normalize import normalize
from bioner.preparation.shuffling import shuffle_within
from bioner.preparation.synonyms import build_lexicon, replace_synonyms


def test_command_writes_one_variant_for_each_document(tmp_path: Path, corpus: list[Document]) -> None:
    write_documents(tmp_path / "n.jsonl", (normalize(document, ["unicode"]) for document in corpus))
    argv = [
        "--normalized",
        str(tmp_path / "n.jsonl"),
        "--settings",
        json.dumps({"noise": {"rate": 0.2, "seed": 1}}),
        "--output",
        str(tmp_path / "v.jsonl"),
    ]
    command.main(argv)
    first = (tmp_path / "v.jsonl").read_bytes()
    variants = list(read_documents(tmp_path / "v.jsonl"))
    assert [variant.source for variant in variants] == [document.id for document in corpus]
    assert [variant.split for variant in variants] == [document.split for document in corpus]
    command.main(argv)
    assert (tmp_path / "v.jsonl").read_bytes() == first
    command.main([*argv[:3], "{}", *argv[4:]])
    assert (tmp_path / "v.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "settings", ["[]", '{"noises": {}}', '{"noise": {"rate": 2}}', '{"noise": {"rate": 0.1, "speed": 1}}', '{"noise": {"rate": true}}']
)
def test_wrong_settings_are_told(tmp_path: Path, settings: str) -> None:
    with pytest.raises(BionerError, match="expected"):
        command.main(["--normalized", "n", "--settings", settings, "--output", str(tmp_path / "v.jsonl")])


def translate(texts: Sequence[str]) -> list[str]:
    return [text.replace(" ", " so ", 1) for text in texts]


def augmented(folder: Path, settings: dict[str, object]) -> list[Document]:
    augment_corpus(folder / "n.jsonl", settings, folder / "v.jsonl", translate)
    return list(read_documents(folder / "v.jsonl"))


def test_each_kind_is_made_on_its_own_and_none_at_rate_0(
    tmp_path: Path, corpus: list[Document], capsys: pytest.CaptureFixture[str]
) -> None:
    write_documents(tmp_path / "n.jsonl", (normalize(document, ["unicode"]) for document in corpus))
    for kind in ("noise", "shuffling", "back_translation"):
        made = augmented(tmp_path, {kind: {"rate": 1.0}})
        assert made and {variant.meta["augmentation"] for variant in made} == {kind}
        assert augmented(tmp_path, {kind: {"rate": 0.0}}) == augmented(tmp_path, {kind: None}) == []
    assert augmented(tmp_path, {"shuffling": {"rate": 1.0, "within": "training"}}) == []
    assert f"{len(corpus)} variants, 0 unchanged, 0 dropped" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["noise", "shuffling", "back_translation"])
def test_a_variant_depends_on_its_document_alone(tmp_path: Path, corpus: list[Document], kind: str) -> None:
    settings: dict[str, object] = {kind: {"rate": 0.5}}
    made = []
    for order in (corpus, corpus[::-1], corpus[5:8]):
        write_documents(tmp_path / "n.jsonl", order)
        made.append({variant.source: variant for variant in augmented(tmp_path, settings)})
    assert made[0] and made[0] == made[1]
    assert made[2] == {id: variant for id, variant in made[0].items() if id in {document.id for document in corpus[5:8]}}
    other = augmented(tmp_path, {kind: {"rate": 0.5, "seed": 2}})
    assert {variant.source: variant for variant in other} != made[2]


@pytest.mark.parametrize("kind", ["noise", "shuffling", "back_translation"])
def test_what_did_not_change_has_no_variant(tmp_path: Path, kind: str) -> None:
    write_documents(tmp_path / "n.jsonl", [Document("e", ""), Document("n", "12 34 . 5"), Document("s", " \r\n\u200b")])
    assert augmented(tmp_path, {kind: {"rate": 1.0}}) == []


def test_back_translation_needs_two_models(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected a translator for back_translation"):
        augment_corpus(tmp_path / "n.jsonl", {"back_translation": {"rate": 1.0}}, tmp_path / "v.jsonl")
    with pytest.raises(BionerError, match="expected two translators, there and back, got 1"):
        command.main(["--normalized", "n", "--settings", "{}", "--output", "v", "--translators", "encoder.json"])


@given(st.data(), st.integers(0, 3))
def test_kinds_follow_one_another(
    draw_document: Callable[[st.DataObject], Document],
    check_variant: Callable[[Document, Document, str], None],
    data: st.DataObject,
    seed: int,
) -> None:
    document = draw_document(data)
    shuffled = shuffle_within(document, 1.0, seed) or document
    renamed = replace_synonyms(shuffled, build_lexicon([document]), 1.0, seed) or shuffled
    noisy = add_noise(renamed, Noise(1.0, seed))
    check_variant(noisy, renamed, "noise")
    assert noisy.source == "d"


@pytest.mark.parametrize("settings", ["3", "null", '{"noise": {"rate": 0.1}}', '{"back_translation": 3}'])
def test_translators_need_the_settings_of_back_translation(tmp_path: Path, settings: str) -> None:
    argv = ["--normalized", str(tmp_path / "n.jsonl"), "--output", str(tmp_path / "o.jsonl"), "--settings", settings]
    with pytest.raises(BionerError, match="expected settings of back_translation beside translators"):
        command.main([*argv, "--translators", "a", "b"])
