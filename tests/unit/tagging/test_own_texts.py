"""Texts of one's own: tagged as the workflow predicts, at offsets of the file as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands.tag import main
from bioner.corpora.brat_writing import brat_annotations
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import write_json
from bioner.tagging import own_texts
from bioner.tagging.own_texts import read_texts
from bioner.tagging.predicting import predict_run

from .test_feature_crf import RECIPE as FEATURES
from .toys import RECIPE, lay_encoder, lay_fold, train


@pytest.fixture(scope="module", params=["encoder", "features"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return train(
        folder, lay_encoder(folder / "encoder", bert), lay_fold(folder / "fold"), RECIPE if request.param == "encoder" else FEATURES
    )


def tag(run: Path, *arguments: object) -> None:
    main([*map(str, arguments), "--run", str(run), "--threads", "1", "--precision", "fp32"])


def test_mentions_and_scores_are_those_of_the_workflow(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = run.parent / "fold/test.jsonl"
    predict_run(run=run, test=test, attacks={}, attacked={}, threads=1, output=tmp_path / "p")
    expected = {document.id: document for document in read_documents(tmp_path / "p/clean.jsonl")}
    monkeypatch.setattr(own_texts, "CHUNK", 3)
    folder = tmp_path / "notes"
    for document in expected.values():
        (folder / "more" / f"{document.id}.txt").parent.mkdir(parents=True, exist_ok=True)
        (folder / "more" / f"{document.id}.txt").write_text(document.text)
    tag(run, folder, "--output", tmp_path / "t.jsonl")
    tag(run, test, "--output", tmp_path / "j.jsonl")
    for name, prefix in (("t", "more/"), ("j", "")):
        found = list(read_documents(tmp_path / f"{name}.jsonl"))
        assert len(found) == len(expected) > 3 and any(document.mentions for document in found)
        for document in found:
            same = expected[document.id.removeprefix(prefix)]
            assert (document.text, document.mentions) == (same.text, same.mentions)


def test_brat_files_hold_the_text_as_it_was_and_its_mentions(run: Path, tmp_path: Path) -> None:
    text = "\ufeffNaloxone\r\n\r\naspirin caused severe pain in\u2028 one.\r"
    (tmp_path / "note.txt").write_bytes(text.encode())
    tag(run, tmp_path / "note.txt", "--brat", tmp_path / "out")
    assert (tmp_path / "out/note.txt").read_bytes().decode() == text
    tag(run, tmp_path / "note.txt", "--output", tmp_path / "o.jsonl")
    (document,) = read_documents(tmp_path / "o.jsonl")
    lines = (tmp_path / "out/note.ann").read_text().splitlines()
    assert len(lines) == len(document.mentions) > 0
    for line in lines:
        _, place, surface = line.split("\t")
        _, start, end = place.split(" ")
        assert text[int(start) : int(end)] == surface


def test_a_mention_over_lines_has_a_fragment_on_each() -> None:
    document = Document("1", "severe\r\nrenal failure", (Mention("", ((0, 13), (14, 21)), "Disease"),))
    assert brat_annotations(document) == "T1\tDisease 0 6;8 13;14 21\tsevere renal failure\n"


@given(st.text(st.sampled_from("ab \r\n\u2028\x0b"), max_size=12), st.data())
def test_fragments_hold_no_end_of_a_line_and_nothing_else_is_lost(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    if start == end or not text[start:end].strip("\r\n"):
        return
    line = brat_annotations(Document("1", text, (Mention("", ((start, end),), "D"),)))
    _, place, _ = line.split("\t", 2)
    spans = [tuple(map(int, part.split(" "))) for part in place.removeprefix("D ").split(";")]
    covered = {index for first, last in spans for index in range(first, last)}
    assert covered == {index for index in range(start, end) if text[index] not in "\r\n"}
    assert line.count("\n") == 1 and line.endswith("\n")


def test_nothing_is_written_where_something_is_wrong(run: Path, tmp_path: Path) -> None:
    good, latin, lines = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.jsonl"
    good.write_text("aspirin")
    latin.write_bytes(b"na\xefve")
    lines.write_text('{"id": "1", "text": "x"}\n{"id": "2"}\n')
    (tmp_path / "empty").mkdir()
    (tmp_path / "again").mkdir()
    (tmp_path / "again/a.txt").write_text("x")
    for texts, message in [
        ([latin], r"b.txt: expected UTF-8, found byte 0xef at 2; convert it"),
        ([tmp_path / "none.txt"], r"none.txt: expected a text file, a folder, or JSON Lines \(.jsonl\), found: No such file"),
        ([lines], r"c.jsonl:2: not a document: expected 'text' of type str, got NoneType; write a JSON object with id and text"),
        ([tmp_path / "empty"], r"empty: expected files that end in .txt, found none"),
        ([good, tmp_path / "again"], r"again/a.txt: expected documents with ids of their own, found 'a' in .*a.txt too"),
    ]:
        with pytest.raises(BionerError, match=message):
            tag(run, *texts, "--output", tmp_path / "o.jsonl")
    for name in ("../up", "", ".", "./a", "a//b"):  # files elsewhere, beside the folder, and of another document
        write_documents(tmp_path / "up.jsonl", [Document(name, "aspirin")])
        with pytest.raises(BionerError, match=r"'.*': expected an id that names a file below"):
            tag(run, tmp_path / "up.jsonl", "--brat", tmp_path / "out")
    lines.write_bytes(b'{"id": "1", "text": "x"}\n{"id": "2", "text": "na\xefve"}\n')
    with pytest.raises(BionerError, match=r"c.jsonl:2: not a document: .*utf-8.*0xef"):
        tag(run, lines, "--output", tmp_path / "o.jsonl")
    with pytest.raises(BionerError, match="--threads: expected at least 1, got 0"):
        main([str(good), "--run", str(run), "--output", str(tmp_path / "o.jsonl"), "--threads", "0"])
    with pytest.raises(BionerError, match=r"expected the folder of a trained run, with run.json, found none"):
        tag(tmp_path / "nowhere", good, "--output", tmp_path / "o.jsonl")
    assert (
        not (tmp_path / "o.jsonl").exists()
        and not (tmp_path / "up.txt").exists()
        and not (tmp_path / "out.txt").exists()
        and not list(tmp_path.glob(".*.partial"))
    )


def test_lines_that_python_would_split_are_one(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"id": "1", "text": "a\u2028b\rc"}, ensure_ascii=False) + "\n\n", newline="")
    assert [document.text for document in read_texts([tmp_path / "x.jsonl"])] == ["a\u2028b\rc"]


def test_what_lines_have_beside_the_text_comes_back_as_it_was(run: Path, tmp_path: Path) -> None:
    meta = {"edits": "by hand", "original_spans": {"0": [[9, 9]]}, "title": "t"}
    write_documents(tmp_path / "x.jsonl", [Document("1", "aspirin\u00a0helps", meta=meta)])
    tag(run, tmp_path / "x.jsonl", "--output", tmp_path / "o.jsonl")
    assert [document.meta for document in read_documents(tmp_path / "o.jsonl")] == [meta]


def test_a_run_without_its_weights_is_one_line(run: Path, tmp_path: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    write_json(tmp_path / "half/run.json", facts)
    (tmp_path / "a.txt").write_text("aspirin")
    with pytest.raises(BionerError, match=r"half/.*: expected"):
        tag(tmp_path / "half", tmp_path / "a.txt", "--output", tmp_path / "o.jsonl")
