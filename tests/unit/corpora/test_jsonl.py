"""JSON Lines of documents: read as written, refused by file and line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bioner.corpora.jsonl import read
from bioner.corpora.limits import Limits
from bioner.corpora.quality import features_of
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.documents import to_json
from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError
from bioner.evaluation.attacks import attack_document
from bioner.preparation.normalize import normalize


def run(folder: Path, data: str | bytes, split: str | None = None, **limits: int) -> tuple[list[Document], Repairs]:
    raw = data.encode() if isinstance(data, str) else data
    (folder / "a.jsonl").write_bytes(raw)
    repairs = Repairs()
    corpus = RawCorpus("x", (RawFile(folder / "a.jsonl", "a.jsonl", split, "text", hashlib.sha256(raw).hexdigest()),))
    return list(read(corpus, repairs, {"limits": Limits(**limits)})), repairs


def test_documents_as_written(tmp_path: Path) -> None:
    mentions = (Mention("T1", ((0, 1), (2, 3)), "D", ("c",)), Mention("T2", ((2, 6),), "D", (), 0.5))
    document = Document("1", "\U0001d6fc\u2028gout", mentions, (Passage(0, 6, "x"),), "train", {"k": [1]})
    lines = json.dumps(to_json(document)) + "\r\n\n" + json.dumps(to_json(document), ensure_ascii=False)
    documents, repairs = run(tmp_path, lines)
    assert documents == [document, document]
    assert repairs.counts == {"carriage return at the end of a line": 1, "no newline at the end of the file": 1}
    assert [d.split for d in run(tmp_path, lines, "test")[0]] == ["test", "test"]


def test_mentions_are_read_once(tmp_path: Path) -> None:
    mentions = [{"id": f"T{n}", "spans": [[0, 4]], "type": kind, "concepts": names} for n, (kind, names) in enumerate(
        [("D", ["c"]), ("E", ["c"]), ("D", ["c"]), ("D", ["d", "c"])])]  # fmt: skip
    (document,), repairs = run(tmp_path, json.dumps({"id": "1", "text": "gout", "mentions": mentions}) + "\n")
    assert [(m.id, m.type, m.concepts) for m in document.mentions] == [("T0", "D", ("c", "d")), ("T1", "E", ("c",))]
    assert repairs.counts == {"duplicate annotation dropped": 1, "same span and type again: concepts joined": 1}


@pytest.mark.parametrize("ids", [("", ""), ("T1", "T1")])
def test_mentions_have_ids_of_their_own(tmp_path: Path, ids: tuple[str, str]) -> None:
    found = [{"id": name, "spans": [span], "type": "D", "concepts": []} for name, span in zip(ids, ([0, 4], [8, 14]), strict=True)]
    (document,), repairs = run(tmp_path, json.dumps({"id": "1", "text": "gout or asthma", "mentions": found}) + "\n")
    assert [mention.id for mention in document.mentions] == ["T1", "T2"]
    assert repairs.counts == {"mention ids repeated or missing: numbered anew": 1}


def test_what_stands_for_no_concept_is_none(tmp_path: Path) -> None:
    """As PubTator's column is read, and counted by the same names."""
    said = [["-"], ["-1", "c"], [""], ["c", "-"], []]
    found = [{"id": f"T{n}", "spans": [[n, n + 1]], "type": "D", "concepts": names} for n, names in enumerate(said)]
    (document,), repairs = run(tmp_path, json.dumps({"id": "1", "text": "a bit", "mentions": found}) + "\n")
    assert [mention.concepts for mention in document.mentions] == [(), ("c",), (), ("c",), ()]
    assert repairs.counts == {"annotation without a concept (-)": 2, "annotation without a concept (-1)": 1}
    assert features_of(document)["mentions_with_concept"] == 2


def test_a_corpus_with_keys_that_bioner_writes_is_prepared_and_attacked(tmp_path: Path) -> None:
    own = {"edits": "by hand", "own_edits": 1, "original_spans": {"0": [[9, 9]]}, "lost_by_cutting": "no", "source": "s", "title": "t"}
    (document,), repairs = run(tmp_path, json.dumps({"id": "1", "text": "severe gout", "mentions": [], "meta": own}) + "\n")
    kept = {"own_own_edits": "by hand", "own_edits": 1, "own_original_spans": {"0": [[9, 9]]}, "own_lost_by_cutting": "no"}
    assert document.meta == kept | {"source": "s", "title": "t"}
    assert repairs.counts == {"key of meta that bioner writes itself: kept with own_ before it": 3}
    assert normalize(document, ["unicode"]).meta == document.meta | {"edits": [], "lost_by_normalization": 0}
    attacked = attack_document(document, "typos", {"kind": "typos", "rate": 1.0, "minimum_length": 2, "seed": 1})
    assert attacked.meta["edits_made"] == 2 and attacked.meta["own_own_edits"] == "by hand"


def test_messages_have_no_text(tmp_path: Path) -> None:
    for part in ('"mentions": [["secret"]]', '"mentions": [{"id": "T", "secret": 1}]', '"mentions": [], "passages": ["secret"]'):
        with pytest.raises(BionerError, match=r"a\.jsonl:1: not a document: expected a ") as caught:
            run(tmp_path, f'{{"id": "1", "text": "secret", {part}}}\n')
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "a.jsonl:2: not a document: "),
        ("5", "a.jsonl:2: not a document: expected an object, got int"),
        ('{"id": "", "text": "a", "mentions": []}', "a.jsonl:2: expected a document with an id, found an empty one"),
        ('{"id": "1"}', "a.jsonl:2: not a document: expected 'text' of type str"),
        ('{"id": "1", "text": "a", "mentions": [{"id": "T", "spans": [[0, 2]], "type": "D"}]}', "a.jsonl:2: .*inside the text"),
        ('{"id": "1", "text": "\\ud835", "mentions": []}', "a.jsonl:2: not a document: .*surrogates"),
        ('{"id": "1", "text": "a", "mentions": [], "meta": {"a": NaN}}', "a.jsonl:2: not a document: expected a number, got NaN"),
        ('{"id": "1", "text": "a", "mentions": [], "meta": ' + "[" * 90000, "a.jsonl:2: .*nested too deep"),
        ('{"id": "1", "text": "a", "mentions": [], "meta": ' + "1" * 5000, "a.jsonl:2: not a document: "),
        ('{"id": "1", "text": "aaaa", "mentions": []}', "a.jsonl:2: expected at most 3 characters in a document"),
    ],
)
def test_refusals(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(BionerError, match=match) as caught:
        run(tmp_path, f"\n{line}\n", document_characters=3)
    assert "\n" not in str(caught.value)
