"""The quality report's counts against the same counted in another way."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.quality import Counts, Quality
from bioner.corpora.repairs import DROPPED, Repairs, keep
from bioner.entities import Document, Mention
from bioner.words import count_cuts, count_words, split_words

TEXT = st.text(
    st.one_of(st.sampled_from("aB1 _-\n\u0301\u3000α\U0001f9ec"), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20
)


@given(TEXT, st.lists(st.tuples(st.integers(0, 19), st.integers(1, 20)), max_size=6))
def test_spans_that_cut_words(text: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(start, min(start + length, len(text))) for start, length in pairs if start < len(text)]
    words = split_words(text)
    starts, ends = {start for start, _ in words}, {end for _, end in words}
    assert count_cuts(text, spans) == sum(start not in starts or end not in ends for start, end in spans)
    assert count_words(text) == len(words)


DOCUMENTS = st.builds(
    lambda split, kinds: Document("1", "abc", tuple(Mention(f"T{n}", ((0, 1),), kind) for n, kind in enumerate(kinds)), split=split),
    st.sampled_from(["train", "test", None]),
    st.lists(st.sampled_from("XYZ"), max_size=4),
)


@given(st.lists(DOCUMENTS, max_size=8), st.data())
def test_counts_and_what_is_left(documents: list[Document], data: st.DataObject) -> None:
    out = [document for document in documents if data.draw(st.booleans())]
    read, other, left = Counts(), Counts(), Counts()
    for document in documents:
        read.add(document)
        (other if any(document is one for one in out) else left).add(document)
    found, expected = read.without(other).to_json(), left.to_json()
    for split in found.keys() - expected.keys():
        assert found.pop(split) == {"documents": 0, "mentions": 0, "types": {}}
    assert found == expected
    assert read.mentions == read.to_json()["all"]["mentions"] == sum(len(document.mentions) for document in documents)


def test_types_before_renaming_and_lost_mentions() -> None:
    report, repairs = Quality(), Repairs()
    for split, kinds in (("train", "ab"), ("test", "b")):
        report.before.add(Document("1", "gout", tuple(Mention(kind, ((0, 4),), kind) for kind in kinds), split=split))
    for rule in (f"{DROPPED}one", f"{DROPPED}one", f"{DROPPED}two", "duplicate annotation dropped", "type dropped by the config"):
        repairs.note(rule, "x:1")
    value = report.to_json(repairs, {"a": "b", "c": "d"})
    assert value["types_read"] == {"train": {"a": 1, "b": 1}, "all": {"a": 1, "b": 2}}
    assert value["lost_mentions"] == {"reading": 3, "types": 1, "filters": 0}
    assert report.to_json(repairs, {"a": "a"})["types_read"] == {} == report.to_json(repairs)["types_read"]


@given(st.lists(st.tuples(st.sampled_from([((0, 1),), ((0, 2),)]), st.sampled_from("XY"), st.lists(st.sampled_from("cde"), unique=True))))
def test_mentions_are_kept_once_with_all_concepts(rows: list[tuple[tuple[tuple[int, int], ...], str, list[str]]]) -> None:
    found: dict[tuple[tuple[tuple[int, int], ...], str], Mention] = {}
    repairs = Repairs()
    for number, (spans, kind, concepts) in enumerate(rows):
        keep(found, Mention(f"T{number}", spans, kind, tuple(concepts)), "x:1", repairs)
    groups: dict[object, set[str]] = {}
    for spans, kind, concepts in rows:
        groups.setdefault((spans, kind), set()).update(concepts)
    assert {key: set(mention.concepts) for key, mention in found.items()} == groups
    assert sum(Counter(repairs.counts).values()) == len(rows) - len(groups)
