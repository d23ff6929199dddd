"""CoNLL columns: tag schemes, document marks, ids, repairs and refusals; tags of random mentions are read back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.conll import read
from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError


def run(folder: Path, data: str | bytes, name: str = "train.tsv", **options: Any) -> tuple[list[Document], Repairs]:
    raw = data.encode() if isinstance(data, str) else data
    (folder / name).write_bytes(raw)
    repairs = Repairs()
    corpus = RawCorpus("x", (RawFile(folder / name, name, "train", "text", hashlib.sha256(raw).hexdigest()),))
    return list(read(corpus, repairs, {"limits": Limits()} | options)), repairs


def tagged(*tags: str) -> str:
    return "".join(f"w{number}\t{tag}\n" for number, tag in enumerate(tags)) + "\n"


def found(documents: list[Document]) -> list[tuple[str, str]]:
    return [(document.surface(mention), mention.type) for document in documents for mention in document.mentions]


def test_a_sentence_is_a_document_without_marks(tmp_path: Path) -> None:
    documents, repairs = run(tmp_path, "Gout\tB-D\nis\tO\npain\tB-D\nful\tI-D\n\n\nNo\tO\n\n")
    assert [(d.id, d.text, d.split) for d in documents] == [("train-1", "Gout is pain ful", "train"), ("train-2", "No", "train")]
    assert [(m.spans, m.type, m.id) for m in documents[0].mentions] == [(((0, 4),), "D", "T1"), (((8, 16),), "D", "T2")]
    assert [(p.start, p.end, p.kind) for p in documents[0].passages] == [(0, 16, "sentence")]
    assert (repairs.annotations, repairs.exact, repairs.counts) == (2, 2, {})


@pytest.mark.parametrize(
    ("mark", "separator", "data", "ids"),
    [
        ("###ID:", "tab", "###ID:77\n\na\tO\n\nb\tB-X\n\n###ID:78\n\nc\tO\n\n", ["77", "78"]),
        ("-DOCSTART-", "tab", "-DOCSTART-\tO\n\na\tO\n\nb\tB-X\n\n-DOCSTART-\tO\n\nc\tO\n\n", ["train-1", "train-2"]),
        ("-DOCSTART-", "blank", "-DOCSTART- -X- O O\n\na  NN\tO\n\nb NN B-X\n-DOCSTART- -X- O O\nc NN O\n\n", ["train-1", "train-2"]),
    ],
)
def test_document_marks(tmp_path: Path, mark: str, separator: str, data: str, ids: list[str]) -> None:
    documents, repairs = run(tmp_path, data, document_mark=mark, separator=separator)
    assert [(d.id, d.text) for d in documents] == [(ids[0], "a\nb"), (ids[1], "c")]
    assert [(p.start, p.end) for p in documents[0].passages] == [(0, 1), (2, 3)]
    assert documents[0].mentions[0].spans == ((2, 3),) and not repairs.counts


def test_tokens_before_the_first_mark_and_marks_without_tokens(tmp_path: Path) -> None:
    documents, repairs = run(tmp_path, "a\tO\n\n#1\n#2\n\nb\tO\n\n", document_mark="#")
    assert [(d.id, d.text) for d in documents] == [("train-1", "a"), ("2", "b")]
    assert repairs.counts == {
        "tokens before the first document mark: a document of their own": 1,
        "document mark without tokens: no document": 1,
    }
    assert repairs.places["document mark without tokens: no document"] == ["train.tsv:3"]


def test_columns_untyped_tags_and_line_ends(tmp_path: Path) -> None:
    data = "\ufeffB x α\r\nI y \U0001d6fc\u00a0b\r\nO z c".encode()
    documents, repairs = run(tmp_path, data, token=2, tag=0, type="Species", separator="blank")
    assert [(d.text, found([d])) for d in documents] == [("α \U0001d6fc\u00a0b c", [("α \U0001d6fc\u00a0b", "Species")])]
    assert repairs.counts == {
        "byte order mark removed": 1,
        "carriage return at the end of a line": 2,
        "no newline at the end of the file": 1,
        "no empty line after the last sentence": 1,
    }


@pytest.mark.parametrize(
    ("scheme", "tags", "expected", "rules"),
    [
        ("iob2", ["B-X", "B-X", "I-X", "B-Y", "O"], ["w0", "w1 w2", "w3"], {}),
        ("iob2", ["I-X", "I-X", "O", "I-Y", "I-X"], ["w0 w1", "w3", "w4"], {"orphan I- read as B-": 3}),
        ("iob1", ["I-X", "I-X", "B-X", "I-Y", "O", "I-Y"], ["w0 w1", "w2", "w3", "w5"], {}),
        ("iob1", ["B-X", "I-X", "B-Y"], ["w0 w1", "w2"], {"B- where IOB1 writes I-": 2}),
        ("iobes", ["S-X", "B-X", "I-X", "E-X", "S-Y", "O"], ["w0", "w1 w2 w3", "w4"], {}),
        ("iobes", ["I-X", "E-X", "E-X"], ["w0 w1", "w2"], {"orphan I- read as B-": 1, "orphan E- read as S-": 1}),
        ("iobes", ["B-X", "O", "B-X", "S-X", "B-X", "E-Y", "B-X"], ["w0", "w2", "w3", "w4", "w5", "w6"],
         {"mention without E- ended at its last token": 4, "orphan E- read as S-": 1}),
    ],
)  # fmt: skip
def test_schemes(tmp_path: Path, scheme: str, tags: list[str], expected: list[str], rules: dict[str, int]) -> None:
    documents, repairs = run(tmp_path, tagged(*tags), scheme=scheme)
    assert [surface for surface, _ in found(documents)] == expected
    assert repairs.counts == rules


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        ("a\tO\nb\n", {}, "train.tsv:2: expected 2 columns as in train.tsv:1, found 1"),
        ("a\nb\n", {}, "train.tsv:1: expected a token in column 0 and a tag in column -1, found 1 columns"),
        ("a\tO\n", {"tag": 2}, "train.tsv:1: expected a token in column 0 and a tag in column 2, found 2 columns"),
        ("a\tE-X\n", {}, "train.tsv:1: expected a token and a tag of iob2"),
        ("a\tO-X\n", {}, "train.tsv:1: expected a token and a tag of iob2"),
        ("a\tB-\n", {}, "train.tsv:1: expected a token and a tag of iob2"),
        ("a\t\n", {}, "train.tsv:1: expected a token and a tag of iob2"),
        ("\tO\n", {}, "train.tsv:1: expected a token and a tag of iob2"),
        ("a\tB\n", {}, "train.tsv:1: expected a type after B-, found none; set `conll.type`"),
        (b"a\tO\n\xff\tO\n", {}, "train.tsv:2: expected UTF-8"),
        ("a\tO\n", {"scheme": "bilou"}, "expected scheme in iob1, iob2, iobes"),
        ("a\tO\n", {"schema": "iob2"}, "conll: expected keys scheme, .*, found 'schema'"),
        ("aa\tO\nbb\tO\n", {"limits": Limits(document_characters=5)}, "train.tsv:2: expected at most 5 characters in a document"),
        (tagged("B-X", "B-X"), {"limits": Limits(document_mentions=1)}, "train.tsv:2: expected at most 1 annotations in a document"),
        (tagged("I-X", "O", "I-X"), {"limits": Limits(document_mentions=1)}, "train.tsv:3: expected at most 1 annotations in a document"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, data: str | bytes, options: dict[str, Any], match: str) -> None:
    with pytest.raises(BionerError, match=match):
        run(tmp_path, data, **options)


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=" \t"), min_size=1, max_size=4)
PIECES = st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from([None, "X", "Y"])), min_size=1, max_size=6)


def write(pieces: list[tuple[list[str], str | None]], scheme: str) -> str:
    """Independent writer: mentions and words outside of them as tags of a scheme."""
    rows: list[str] = []
    before: str | None = None
    for words, kind in pieces:
        for index, word in enumerate(words):
            if kind is None:
                tag = "O"
            elif scheme == "iobes":
                tag = ("S-" if len(words) == 1 else "B-" if index == 0 else "E-" if index == len(words) - 1 else "I-") + kind
            elif scheme == "iob1":
                tag = ("B-" if index == 0 and before == kind else "I-") + kind
            else:
                tag = ("I-" if index else "B-") + kind
            rows.append(f"{word}\t{tag}\n")
        before = kind
    return "".join(rows) + "\n"


@given(st.lists(PIECES, min_size=1, max_size=3), st.sampled_from(["iob1", "iob2", "iobes"]))
def test_written_mentions_are_read_back(tmp_path_factory: pytest.TempPathFactory, sentences: list[Any], scheme: str) -> None:
    data = "".join(write(pieces, scheme) for pieces in sentences)
    documents, repairs = run(tmp_path_factory.mktemp("conll"), data, scheme=scheme)
    assert [d.text for d in documents] == [" ".join(word for words, _ in pieces for word in words) for pieces in sentences]
    assert found(documents) == [(" ".join(words), kind) for pieces in sentences for words, kind in pieces if kind]
    assert not repairs.counts.keys() - {"byte order mark removed"} and repairs.exact == repairs.annotations


@given(st.text(st.sampled_from("aB-IOESX\t\n #\r"), max_size=60), st.sampled_from(["iob1", "iob2", "iobes"]), st.sampled_from([None, "#"]))
def test_any_text_ends_in_documents_or_one_named_error(
    tmp_path_factory: pytest.TempPathFactory, data: str, scheme: str, mark: str | None
) -> None:
    try:
        documents, _ = run(tmp_path_factory.mktemp("conll"), data, scheme=scheme, document_mark=mark)
    except BionerError as error:
        assert str(error).startswith("train.tsv:")
    else:
        assert all(0 <= m.start < m.end <= len(d.text) for d in documents for m in d.mentions)
