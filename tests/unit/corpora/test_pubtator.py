"""PubTator: each irregularity by itself, a round trip over arbitrary text, and damaged bytes."""

from __future__ import annotations

import gzip
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora import pubtator
from bioner.corpora.demo_formats import to_pubtator
from bioner.corpora.limits import Limits
from bioner.corpora.lines import text_lines, unpack
from bioner.corpora.pubtator import parse
from bioner.corpora.repairs import Repairs
from bioner.entities import Document, Mention, Passage, sort_mentions
from bioner.errors import BionerError

TITLE, ABSTRACT = "Zorvamab and gout", "Renal and hepatic failure followed zorvamab."
TEXT = f"{TITLE} {ABSTRACT}"
HEAD = f"7|t|{TITLE}\n7|a|{ABSTRACT}\n"


def read(data: str | bytes, name: str = "x.txt", limits: Limits = Limits()) -> tuple[list[Document], Repairs]:  # noqa: B008
    repairs = Repairs()
    raw = data.encode() if isinstance(data, str) else data
    return list(parse(name, text_lines(name, unpack(name, [raw], limits), repairs, limits), repairs, limits)), repairs


def row(surface: str, *rest: str, start: int | None = None) -> str:
    """An annotation line of document 7."""
    begin = TEXT.index(surface) if start is None else start
    return "\t".join(("7", str(begin), str(begin + len(surface)), surface, *rest)) + "\n"


def test_text_is_title_blank_abstract_with_passages_and_mentions() -> None:
    (document,), repairs = read(HEAD + row("gout", "Disease", "D1") + row("Zorvamab", "Chemical", "C1") + "\n")
    assert document.text == TEXT
    assert [document.text[p.start : p.end] for p in document.passages] == [TITLE, ABSTRACT]
    assert [(document.surface(m), m.type, m.concepts) for m in document.mentions] == [
        ("Zorvamab", "Chemical", ("C1",)),
        ("gout", "Disease", ("D1",)),
    ]
    assert (repairs.counts, repairs.annotations, repairs.exact) == ({}, 2, 2)


@pytest.mark.parametrize(
    ("columns", "concepts", "rule"),
    [
        (("Disease", "D1|D2", "renal failure|hepatic failure"), ("D1", "D2"), "composite: seventh column read over"),
        (("Disease", "D1", ""), ("D1",), "empty seventh column"),
        (("Disease", "-1"), (), "annotation without a concept (-1)"),
        (("Disease", "D1|-1"), ("D1",), "annotation without a concept (-1)"),
        (("Disease", "-"), (), "annotation without a concept (-)"),
        (("Disease", "D1|-"), ("D1",), "annotation without a concept (-)"),
        (("Disease", " D1"), ("D1",), "stray blank in a concept id removed"),
        (("Disease", "OMIM:1 "), ("OMIM:1",), "stray blank in a concept id removed"),
        (("T038,T047", "UMLS:C1"), ("UMLS:C1",), "several types: first one taken"),
        (("Disease", "D1|D2"), ("D1", "D2"), "several concepts joined by |"),
        (("Disease", "D1+D2"), ("D1+D2",), None),
        (("Disease",), (), None),
        (("Disease", ""), (), None),
    ],
)
def test_columns_of_an_annotation(columns: tuple[str, ...], concepts: tuple[str, ...], rule: str | None) -> None:
    (document,), repairs = read(HEAD + row("Renal and hepatic failure", *columns))
    (mention,) = document.mentions
    assert (document.surface(mention), mention.type, mention.concepts) == ("Renal and hepatic failure", columns[0].split(",")[0], concepts)
    assert rule is None or repairs.counts[rule] == 1


def test_relation_lines_are_skipped_and_counted() -> None:
    (document,), repairs = read(HEAD + "7\tCID\tC1\tD1\n7\tCID\tC1\tD2\n\n")
    assert document.mentions == ()
    assert repairs.counts == {"relation line skipped": 2}
    assert repairs.places["relation line skipped"] == ["x.txt:3", "x.txt:4"]


def test_mention_that_begins_or_ends_inside_a_word_is_kept() -> None:
    (document,), _ = read("1|t|5-HT6 and Ca2+\n1|a|\n1\t0\t4\t5-HT\tChemical\tD1\n1\t10\t12\tCa\tChemical\tD2\n")
    assert [document.surface(m) for m in document.mentions] == ["5-HT", "Ca"]


def test_offsets_count_code_points_also_beyond_the_basic_plane() -> None:
    (document,), repairs = read("1|t|\U0001f9ec α-X\n1|a|y\n1\t2\t5\tα-X\tC\tD1\n")
    assert [document.surface(m) for m in document.mentions] == ["α-X"]
    assert repairs.exact == 1


@pytest.mark.parametrize(
    ("line", "rule", "kept"),
    [
        ("7\t0\t8\tZorvamab  \tC\tD1\n", "trailing blank in a mention's text removed", (0, 8)),
        ("7\t0\t9\tZorvamab\tC\tD1\n", "trailing blank in a mention's span removed", (0, 8)),
        ("7\t1\t9\tZorvamab\tC\tD1\n", "dropped: mention is not the text at its offsets", None),
        ("7\t0\t8\tzorvamab\tC\tD1\n", "dropped: mention is not the text at its offsets", None),
        ("7\t5\t5\t\tC\tD1\n", "dropped: span empty or outside the text", None),
        ("7\t9\t3\tgout\tC\tD1\n", "dropped: span empty or outside the text", None),
        (f"7\t0\t{len(TEXT) + 1}\t{TEXT}\tC\tD1\n", "dropped: span empty or outside the text", None),
    ],
)
def test_offsets_that_do_not_hold(line: str, rule: str, kept: tuple[int, int] | None) -> None:
    (document,), repairs = read(HEAD + line)
    assert [m.spans[0] for m in document.mentions] == ([kept] if kept else [])
    assert (repairs.counts, repairs.annotations, repairs.exact) == ({rule: 1}, 1, 0)


def test_repeated_annotations() -> None:
    rows = row("gout", "Disease", "D1") * 2 + row("gout", "Disease", "D2") + row("gout", "Other", "D1")
    (document,), repairs = read(HEAD + rows)
    assert [(m.type, m.concepts) for m in document.mentions] == [("Disease", ("D1", "D2")), ("Other", ("D1",))]
    assert repairs.counts == {"duplicate annotation dropped": 1, "same span and type again: concepts joined": 1}


def test_nested_and_crossing_mentions_are_kept() -> None:
    rows = row("Renal and hepatic failure", "D", "1") + row("hepatic failure", "D", "2") + row("failure followed", "D", "3")
    (document,), _ = read(HEAD + rows)
    assert len(document.mentions) == 3


@pytest.mark.parametrize(
    "data",
    [
        "\n" + HEAD + "\n8|t|b\n8|a|c\n",
        HEAD + "\n\n \t\n8|t|b\n8|a|c",
        HEAD + "8|t|b\n8|a|c\n\n\n",
        "\ufeff" + HEAD + "\n8|t|b\n8|a|c\n\n",
        (HEAD + "\n8|t|b\n8|a|c\n\n").replace("\n", "\r\n"),
    ],
)
def test_blank_lines_line_ends_and_the_end_of_the_file(data: str) -> None:
    documents, _ = read(data)
    assert [(d.id, d.text) for d in documents] == [("7", TEXT), ("8", "b c")]
    packed, _ = read(gzip.compress(data.encode()), "x.txt.gz")
    assert packed == documents


def test_empty_abstract_missing_abstract_and_empty_file() -> None:
    assert [d.text for d in read("1|t|a\n1|a|\n")[0]] == ["a "]
    documents, repairs = read("1|t|a\n\n2|t|b\n2|a|c\n")
    assert [d.text for d in documents] == ["a ", "b c"]
    assert repairs.counts == {"no abstract line": 1}
    assert [read(data)[0] for data in ("", "\n", "\r\n\n")] == [[], [], []]


def test_only_line_feeds_end_lines() -> None:
    text = "a\u2028b\x0bc\x85d\re"
    (document,), _ = read(f"1|t|{text}\n1|a|{text}\n")
    assert document.text == f"{text} {text}"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("7\t0\t8\tZorvamab\tC\tD1\n", 1),
        ("7|a|abstract first\n", 1),
        (HEAD + "8\t0\t8\tZorvamab\tC\tD1\n", 3),
        (HEAD + "7\tzero\t8\tZorvamab\tC\tD1\n", 3),
        (HEAD + "7\t0\t99999999999\tZorvamab\tC\tD1\n", 3),
        (HEAD + "7\t0\t8\tZorvamab\t\tD1\n", 3),
        (HEAD + "7\t0\t8\tZorvamab\t,\tD1\n", 3),
        (HEAD + "7\t0\t8\n", 3),
        (HEAD + "\n7\t0\t8\tZorvamab\tC\tD1\tx\ty\n", 4),
        (HEAD + "7|a|again\n", 3),
        (HEAD + "plain prose\n", 3),
        ("7|t|a\n8|a|b\n", 2),
        (b"7|t|a\n7|a|\xff\n", 2),
    ],
)
def test_malformed_lines_are_refused_with_file_and_line(data: str | bytes, line: int) -> None:
    with pytest.raises(BionerError, match=rf"^x\.txt:{line}: expected"):
        read(data)


@pytest.mark.parametrize(
    ("data", "limits", "message"),
    [
        (HEAD + "7\t0\t8\tZorvamab\tC\tD1\n" * 3, {"document_mentions": 2}, "x.txt:5: expected at most 2 annotations"),
        (HEAD + "\n7\t0\t8\tZorvamab\tC\tD1\n" * 3, {"document_mentions": 2}, "x.txt:8: expected at most 2 annotations"),
        (HEAD + "8\tanything\n" * 3, {"document_mentions": 2}, "x.txt:5: expected at most 2 annotations"),
        (HEAD + row("gout", "D", "x" * 244), {"document_characters": 62, "document_mentions": 2}, r"x.txt:3: expected at most 62 .*"),
        (HEAD, {"document_characters": len(TEXT) - 1}, f"x.txt:2: expected at most {len(TEXT) - 1} characters"),
        (f"7|t|{TITLE}\n", {"document_characters": len(TITLE)}, f"x.txt:1: expected at most {len(TITLE)} characters"),
    ],
)  # fmt: skip
def test_limits(data: str, limits: dict[str, int], message: str) -> None:
    with pytest.raises(BionerError, match=f"^{message} in a document, found more"):
        read(data, limits=Limits(**limits))
    assert read(data.replace("8\tany", "7\tCID\tany\t"), limits=Limits(**{name: 9 * size for name, size in limits.items()}))


@pytest.mark.parametrize("data", [b"", b"not gzip", gzip.compress(HEAD.encode())[:-9]])
def test_a_damaged_archive_is_refused(data: bytes) -> None:
    with pytest.raises(BionerError, match=r"^x\.gz: expected gzip"):
        read(data, "x.gz")


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t"), max_size=30)
LABELS = st.text("ABCdef019_", min_size=1, max_size=5)


@st.composite
def documents(draw: st.DrawFn, number: int = 0) -> Document:
    title, abstract = draw(WORDS), draw(WORDS)
    text = f"{title} {abstract}"
    passages = (Passage(0, len(title), "title"), Passage(len(title) + 1, len(text), "abstract"))
    spans = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=4))
    mentions: dict[tuple[int, int, str], Mention] = {}
    for start, end in spans:
        kind, concepts = draw(LABELS), tuple(draw(st.lists(LABELS, max_size=2, unique=True)))
        if start < end:
            mentions.setdefault((start, end, kind), Mention(f"T{len(mentions) + 1}", ((start, end),), kind, concepts))
    return Document(str(number + 1), text, sort_mentions(mentions.values()), passages if title else ())


@given(st.lists(st.integers(0, 9), max_size=3).flatmap(lambda xs: st.tuples(*(documents(n) for n in range(len(xs))))))
def test_what_was_written_is_read(made: tuple[Document, ...]) -> None:
    found, repairs = read("".join(to_pubtator(document) for document in made))
    assert [(d.id, d.text) for d in found] == [(d.id, d.text) for d in made]
    for one, other in zip(found, made, strict=True):
        assert [(m.spans, m.type, m.concepts) for m in one.mentions] == [(m.spans, m.type, m.concepts) for m in other.mentions]
    assert repairs.exact == repairs.annotations == sum(len(document.mentions) for document in made)


GOOD = (HEAD + row("gout", "Disease", "D1|D2", "a|b") + "7\tCID\tC1\tD1\n\n8|t|\U0001f9ecb\n8|a|c\n8\t0\t2\t\U0001f9ecb\tX\t-1\n").encode()


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)), min_size=1, max_size=6))
def test_damaged_bytes_give_documents_or_a_bioner_error(edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(GOOD)
    for position, new in edits:
        data[position : position + 1] = new
    try:
        found, _ = read(bytes(data))
    except BionerError:
        return
    for document in found:
        assert all(0 <= m.start < m.end <= len(document.text) for m in document.mentions)


PLAIN = HEAD + row("Zorvamab", "T1,T2", "C1") + row("gout", "Disease", "D1") + row("Renal and hepatic failure", "Disease", "D2|D3")
EDITS = st.tuples(st.integers(len(HEAD), len(PLAIN) - 1), st.integers(0, 2), st.sampled_from(["", *"\t\n ,|0123789T\u0663\xa0"]))


def outcome(data: str) -> tuple[list[Document], Repairs] | str:
    try:
        return read(data)
    except BionerError as error:
        return str(error)


@given(st.lists(EDITS, max_size=3))
def test_all_lines_at_once_say_what_each_by_itself_says(edits: list[tuple[int, int, str]]) -> None:
    data = PLAIN.replace("D2|D3", "D2")
    for place, length, new in edits:
        data = data[:place] + new + data[place + length :]
    found = outcome(data)
    with mock.patch.object(pubtator, "_regular", return_value=None):
        assert outcome(data) == found


def test_plain_lines_are_read_at_once() -> None:
    with mock.patch.object(pubtator, "_any", side_effect=AssertionError):
        assert len(read(PLAIN.replace("D2|D3", "D2"))[0][0].mentions) == 3


def test_a_short_line_and_a_long_one_do_not_pass_for_two_whole_ones() -> None:
    (document,), repairs = read(HEAD + row("gout", "Disease") + row("Zorvamab", "Chemical", "C1", "x"))
    assert [(document.surface(m), m.concepts) for m in document.mentions] == [("Zorvamab", ("C1",)), ("gout", ())]
    assert repairs.counts == {"composite: seventh column read over": 1}


@pytest.mark.parametrize("size", range(1, 9))
def test_runs_of_annotations_end_anywhere(size: int) -> None:
    head, rows = HEAD, [row(surface, "T", "C") for surface in ("Zorvamab", "gout", "Renal", "hepatic", "failure")]
    data = head + "".join(rows) + " \n" + (head + "".join(rows)).replace("7", "8") + "\n" + head.replace("7", "9") + "".join(rows[:0])
    whole = read(data)
    with mock.patch.object(pubtator, "RUN", size), mock.patch.object(pubtator, "BATCH", 9 - size):
        assert read(data) == whole
    assert [len(document.mentions) for document in whole[0]] == [5, 5, 0]
