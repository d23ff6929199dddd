"""JSON Lines: what is written is read; what is not a document is refused by file and line."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.documents import from_json, read_documents, to_json, write_documents
from bioner.entities import Document, Mention, Passage, entity_types, sort_mentions
from bioner.errors import BionerError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(TEXT)
    spans = []
    if text:
        bounds = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=8))))
        spans = [(start, end) for start, end in itertools.pairwise(bounds)]
    mentions = [
        Mention(
            f"T{number}",
            (span,),
            draw(st.sampled_from(["A", "B"])),
            draw(st.sampled_from([(), ("C1",)])),
            draw(st.sampled_from([None, 0.25])),
        )
        for number, span in enumerate(spans)
    ]
    passages = (Passage(0, len(text), "text"),)
    return Document(draw(st.text("abc0", min_size=1)), text, tuple(mentions), passages, draw(st.sampled_from(["train", None])), {"k": 1})


@given(documents())
def test_json_and_back(document: Document) -> None:
    assert from_json(json.loads(json.dumps(to_json(document)))) == document


@given(st.lists(documents(), max_size=5, unique_by=lambda document: document.id))
def test_files_and_back(tmp_path_factory: pytest.TempPathFactory, made: list[Document]) -> None:
    path = tmp_path_factory.mktemp("documents") / "x.jsonl"
    assert write_documents(path, made) == len(made)
    assert list(read_documents(path)) == made


def test_a_text_with_line_separators_stays_one_document(tmp_path: Path) -> None:
    document = Document("1", "a\u2028b\rc\x0bd\ne")
    write_documents(tmp_path / "x.jsonl", [document])
    assert list(read_documents(tmp_path / "x.jsonl")) == [document]


def test_what_users_files_bring_in_meta_is_kept(tmp_path: Path) -> None:
    document = Document("1", "abc", meta={"number": 1 << 70, "half": 0.5, "name": "ä\u2028"})
    write_documents(tmp_path / "x.jsonl", [document])
    assert list(read_documents(tmp_path / "x.jsonl")) == [document]


GOOD = '{"id": "1", "text": "abc", "mentions": []}'
BAD = {
    "not json": ("{", "not a document"),
    "no text": ('{"id": "1", "mentions": []}', "expected 'text' of type str"),
    "no object": ("[]", "expected an object"),
    "bad split": ('{"id": "1", "text": "", "mentions": [], "split": "dev"}', "expected 'split' null or one of train, validation, test"),
    "outside": ('{"id": "1", "text": "abc", "mentions": [{"id": "T", "spans": [[2, 4]], "type": "A"}]}', "inside the text"),
    "empty span": ('{"id": "1", "text": "abc", "mentions": [{"id": "T", "spans": [[2, 2]], "type": "A"}]}', "not empty"),
    "no span": ('{"id": "1", "text": "abc", "mentions": [{"id": "T", "spans": [], "type": "A"}]}', "to have a span"),
    "no type": ('{"id": "1", "text": "abc", "mentions": [{"id": "T", "spans": [[0, 1]]}]}', "expected a mention with id, spans and type"),
    "passage": ('{"id": "1", "text": "abc", "mentions": [], "passages": [{"start": 0, "end": 9, "kind": "t"}]}', "passage inside the text"),
    "repeated": (GOOD, "expected ids to be unique"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_a_document_is_refused_by_line(tmp_path: Path, name: str) -> None:
    line, message = BAD[name]
    path = tmp_path / "x.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(BionerError) as caught:
        list(read_documents(path))
    assert f"{path}:2: " in str(caught.value) and message in str(caught.value)


def test_a_missing_file_and_bad_bytes_are_told(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected a file of documents, found none"):
        list(read_documents(tmp_path / "none.jsonl"))
    (tmp_path / "x.jsonl").write_bytes(b'{"id": "\xff"}')
    with pytest.raises(BionerError, match="expected UTF-8, found byte 0xff"):
        list(read_documents(tmp_path / "x.jsonl"))


def test_mentions_are_sorted_in_reading_order() -> None:
    first, second, third = Mention("b", ((0, 4),), "A"), Mention("a", ((0, 4),), "B"), Mention("c", ((2, 3), (5, 6)), "A")
    assert sort_mentions([third, second, first]) == (first, second, third)
    assert entity_types([Document("1", "abcdef", (second,)), Document("2", "abcdef", (first,))]) == ["A", "B"]
    assert Document("1", "abcdefg").surface(third) == "c f"
