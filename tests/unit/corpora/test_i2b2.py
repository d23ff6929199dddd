"""i2b2 notes: the worked example of the format, each irregularity, a round trip, damaged bytes; never the note's text in a message."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.demo_formats import to_concepts
from bioner.corpora.i2b2 import TYPES, pair, parse
from bioner.corpora.i2b2 import read as read_corpus
from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention
from bioner.errors import BionerError

NOTE = "Visit :\n\nMr. Roe has mild  gout and takes oral zorvamab .\nA knee MRI showed no effusion .\n"
CONCEPTS = (
    'c="effusion" 4:5 4:5||t="problem"\n'
    'c="mild gout" 3:3 3:4||t="problem"\n'
    'c="oral zorvamab" 3:7 3:8||t="treatment"\n'
    'c="a knee mri" 4:0 4:2||t="test"\n'
)


def read(note: str | bytes, concepts: str | bytes | None) -> tuple[Document, Repairs]:
    repairs = Repairs()
    note = note.encode() if isinstance(note, str) else note
    concepts = concepts.encode() if isinstance(concepts, str) else concepts
    return parse("txt/n1.txt", note, repairs, concepts=None if concepts is None else ("con/n1.con", concepts)), repairs


def surfaces(document: Document) -> list[tuple[str, str]]:
    return [(document.surface(mention), mention.type) for mention in document.mentions]


def test_lines_and_tokens_become_characters() -> None:
    document, repairs = read(NOTE, CONCEPTS)
    assert document.id == "n1" and document.text == NOTE
    assert surfaces(document) == [
        ("mild  gout", "problem"),
        ("oral zorvamab", "treatment"),
        ("A knee MRI", "test"),
        ("effusion", "problem"),
    ]
    assert [document.text[p.start : p.end] for p in document.passages] == [line for line in NOTE.split("\n") if line]
    assert {p.kind for p in document.passages} == {"line"}
    assert (repairs.counts, repairs.annotations, repairs.exact) == ({}, 4, 4)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ('c="gout" 3:3 3:3||t="problem"', "dropped: concept's text is not the note's"),
        ('c="gout" 3:40 3:40||t="problem"', "dropped: line or token is not in the note"),
        ('c="gout" 0:0 0:0||t="problem"', "dropped: line or token is not in the note"),
        ('c="gout" 90:0 90:0||t="problem"', "dropped: line or token is not in the note"),
        ('c="visit" 2:0 2:0||t="problem"', "dropped: line or token is not in the note"),
        ('c="gout" 3:4 3:3||t="problem"', "dropped: concept ends before it begins"),
        ('c="gout" 4:0 3:4||t="problem"', "dropped: concept ends before it begins"),
        ('c="gout" 3:4 3:4||t="person"', "dropped: type is none of problem, test, treatment"),
    ],
)
def test_what_does_not_hold_is_dropped_by_name_without_text(row: str, rule: str) -> None:
    document, repairs = read(NOTE, CONCEPTS + row + "\n")
    assert len(document.mentions) == 4
    assert repairs.counts == {rule: 1}
    assert repairs.places == {rule: ["con/n1.con:5"]}


def test_duplicates_nesting_and_the_same_span_with_another_type() -> None:
    more = 'c="mild gout" 3:3 3:4||t="problem"\nc="gout" 3:4 3:4||t="problem"\nc="gout" 3:4 3:4||t="test"\n'
    document, repairs = read(NOTE, CONCEPTS + more)
    assert len(document.mentions) == 6
    assert repairs.counts == {"duplicate annotation dropped": 1}


def test_a_concept_over_two_lines_is_one_span() -> None:
    document, repairs = read("has severe\n left  pain now", 'c="severe left pain" 1:1 2:1||t="problem"')
    assert surfaces(document) == [("severe\n left  pain", "problem")]
    assert repairs.counts == {"concept over more than one line: kept as one span": 1}


def test_quotes_and_pipes_inside_the_text() -> None:
    document, _ = read('saw " spots "" or a || b', 'c="" spots """ 1:1 1:3||t="problem"\nc="a || b" 1:5 1:7||t="problem" \n')
    assert surfaces(document) == [('" spots ""', "problem"), ("a || b", "problem")]


def test_crlf_blank_lines_tabs_and_no_final_newline() -> None:
    document, repairs = read(NOTE.replace("\n", "\r\n").replace("knee ", "knee\t"), CONCEPTS.replace("\n", "\r\n\r\n").rstrip())
    assert len(document.mentions) == 4
    assert "\r" not in document.text
    assert repairs.counts == {"CRLF line ends read as LF": 2}


def test_only_line_feeds_are_lines_and_only_blanks_and_tabs_end_tokens() -> None:
    document, _ = read("a\x0bb\x85c\u2028d pain\nno pain", 'c="pain" 1:1 1:1||t="problem"\nc="pain" 2:1 2:1||t="problem"')
    assert len(document.mentions) == 2


def test_marks_of_removed_names_are_tokens() -> None:
    document, repairs = read("[**Name 12**] has **gout** .", 'c="**gout**" 1:3 1:3||t="problem"\nc="[**name 12**]" 1:0 1:1||t="test"\n')
    assert surfaces(document) == [("[**Name 12**]", "test"), ("**gout**", "problem")] and not repairs.counts


def test_encodings() -> None:
    document, repairs = read("caf\xe9 pain".encode("latin-1"), 'c="pain" 1:1 1:1||t="problem"')
    assert document.text == "caf\xe9 pain" and len(document.mentions) == 1
    assert repairs.counts == {"not UTF-8: read as latin-1": 1}
    document, repairs = read(b"\xef\xbb\xbfpain", 'c="pain" 1:0 1:0||t="problem"')
    assert document.text == "pain" and repairs.counts == {"byte order mark removed": 1}


def test_a_note_without_concepts() -> None:
    assert read(NOTE, "")[0].mentions == read(NOTE, None)[0].mentions == ()


@pytest.mark.parametrize(
    "row", ['c="secret" 3:4||t="problem"', "secret", 'c="secret" a:4 3:4||t="problem"', 'c="secret" 3:4 3:4||t="problem"||a="absent"']
)
def test_a_malformed_line_is_refused_without_its_text(row: str) -> None:
    with pytest.raises(BionerError, match=r"^con/n1\.con:5: expected") as caught:
        read(NOTE, CONCEPTS + row)
    assert "secret" not in str(caught.value)


def raw(*names: str, split: str | None = "train") -> RawCorpus:
    roles = {"txt": "text", "con": "annotations"}
    return RawCorpus("x", tuple(RawFile(Path(name), name, split, roles[name[-3:]], "") for name in names))


def test_notes_pair_by_stem_and_nearest_folder() -> None:
    notes = pair(raw("a/txt/n.txt", "b/txt/n.txt", "b/concept/n.con", "a/concept/n.con", "concepts/m.con", "txt/m.txt"))
    assert [(note.text.name, note.concepts.name) for note in notes] == [
        ("a/txt/n.txt", "a/concept/n.con"),
        ("b/txt/n.txt", "b/concept/n.con"),
        ("txt/m.txt", "concepts/m.con"),
    ]


@pytest.mark.parametrize("names", [("txt/n.txt",), ("concept/n.con",), ("txt/n.txt", "concept/m.con")])
def test_a_note_without_its_other_file_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BionerError, match="of the same split, found none"):
        pair(raw(*names))


TOKENS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r \t\ufeff"), min_size=1, max_size=6)
LINES = st.lists(st.lists(TOKENS, max_size=5), min_size=1, max_size=4)


@given(LINES, st.data())
def test_what_was_written_is_read(rows: list[list[str]], data: st.DataObject) -> None:
    text = "\n".join(data.draw(st.sampled_from(["", " "])) + data.draw(st.sampled_from([" ", "  ", "\t"])).join(row) for row in rows)
    tokens = [match.span() for match in re.finditer(r"[^ \t\n]+", text)]
    places = st.tuples(st.integers(0, max(0, len(tokens) - 1)), st.integers(0, max(0, len(tokens) - 1)), st.sampled_from(TYPES))
    chosen = {(a, b, kind) for a, b, kind in data.draw(st.lists(places, max_size=4)) if a <= b} if tokens else set()
    mentions = [Mention(f"T{n}", ((tokens[a][0], tokens[b][1]),), kind) for n, (a, b, kind) in enumerate(sorted(chosen))]
    document, repairs = read(text, to_concepts(Document("n1", text, tuple(mentions))))
    assert document.text == text
    assert {(m.spans, m.type) for m in document.mentions} == {(m.spans, m.type) for m in mentions}
    assert repairs.exact == len(mentions)


@given(
    st.lists(st.tuples(st.integers(0, len(NOTE) - 1), st.binary(max_size=3)), max_size=4),
    st.lists(st.tuples(st.integers(0, len(CONCEPTS) - 1), st.binary(max_size=3)), max_size=4),
)
def test_damaged_bytes_give_a_document_or_a_bioner_error(note: list[tuple[int, bytes]], concepts: list[tuple[int, bytes]]) -> None:
    damaged = []
    for data, edits in ((bytearray(NOTE.encode()), note), (bytearray(CONCEPTS.encode()), concepts)):
        for position, new in edits:
            data[position : position + 1] = new
        damaged.append(bytes(data))
    try:
        document, _ = read(*damaged)
    except BionerError:
        return
    assert all(0 <= m.start < m.end <= len(document.text) for m in document.mentions)


def test_a_changed_raw_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    path.write_text("one")
    file = RawFile(path, "n.txt", None, "text", hashlib.sha256(b"one").hexdigest())
    assert file.data() == b"one"
    path.write_text("two")
    with pytest.raises(BionerError, match="the file changed"):
        file.data()


def test_limits_and_the_files_of_a_note(tmp_path: Path) -> None:
    files = []
    for name, role, content in (("n.txt", "text", NOTE), ("n.con", "annotations", CONCEPTS)):
        (tmp_path / name).write_text(content)
        files.append(RawFile(tmp_path / name, name, "train", role, hashlib.sha256(content.encode()).hexdigest()))
    corpus = RawCorpus("x", tuple(files))
    (document,) = read_corpus(corpus, Repairs(), {"limits": Limits(document_mentions=4, document_characters=len(NOTE) + 60)})
    assert document.split == "train" and len(document.mentions) == 4
    with pytest.raises(BionerError, match=r"^n\.con: expected at most 3 annotations in a document"):
        list(read_corpus(corpus, Repairs(), {"limits": Limits(document_mentions=3)}))
    with pytest.raises(BionerError, match=r"^n\.txt: expected at most 70 characters in a document"):
        list(read_corpus(corpus, Repairs(), {"limits": Limits(document_characters=70)}))
