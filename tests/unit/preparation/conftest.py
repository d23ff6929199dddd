"""Random documents, and a small invented corpus, for the tests of preparation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from bioner.documents import from_json, to_json
from bioner.entities import Document, Mention, Passage, sort_mentions

ALPHABET = st.one_of(
    st.sampled_from("abcxyzEV .,-/()15\n"),
    st.sampled_from(["vs", " vs. ", "w/ ", "w/o ", " approx. ", "s/p "]),
    st.sampled_from(
        "\u00a0\u2009\u2013\u2212\u2019\u201c\u200b\u200d\ufeff\u00ad\ufe0f\u0301\u0323\u0327\u00b2\u00bd\u2122\u03b1\ufb01\u00e9\u2026"
    ),
    st.sampled_from("\U0001d6fc\U0001f9ec\u1112\u1161\u11ab\u09c7\u09be\uff9e\uff76"),
    st.sampled_from(["\r", "\r\n", "\u2028", "\u0130", "\u00df", "zorbin fever (ZF) ", " ZF ", "\u200b\u200b"]),
    st.characters(codec="utf-8"),
)


@pytest.fixture(scope="session")
def texts() -> st.SearchStrategy[str]:
    """Texts full of what normalization touches: combining, astral, invisible and compatibility characters, shorthand."""
    return st.lists(ALPHABET, max_size=25).map("".join)


@pytest.fixture(scope="session")
def draw_document(texts: st.SearchStrategy[str]) -> Callable[[st.DataObject], Document]:
    """Draws a document with passages and nested, overlapping, touching and discontiguous mentions."""

    def draw(data: st.DataObject) -> Document:
        text = data.draw(texts)
        mentions = []
        for index in range(data.draw(st.integers(0, 4)) if text else 0):
            cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=4)) if len(text) > 1 else {0, 1})
            spans = tuple(zip(cuts[::2], cuts[1::2], strict=False))
            mentions.append(Mention(f"T{index}", spans, data.draw(st.sampled_from(["Drug", "Disease"])), ("C1",)))
        middle = data.draw(st.integers(0, len(text)))
        passages = (Passage(0, middle, "title"), Passage(middle, len(text), "abstract"))
        return Document("d", text, sort_mentions(mentions), passages)

    return draw


@pytest.fixture(scope="session")
def corpus() -> list[Document]:
    """Sixty invented documents of different sizes with two common types and a rare one; each concept has two names."""
    names = {
        "C1": ("zorbinol", "ZB-7"),
        "C2": ("plimurin", "plimurin acid"),
        "D1": ("scaly fever", "morbus squameus"),
        "R1": ("Xia mouse", "Mus xia"),
    }
    types = {"C": "Drug", "D": "Disease", "R": "Species"}
    documents = []
    for number in range(60):
        text = f"Report {number} \u2013 of trial."
        mentions = []
        for turn in range(1 + number % 5):
            concept = "R1" if number % 6 == 0 and turn == 0 else ("C1", "C2", "D1")[(number + turn) % 3]
            name = names[concept][(number // 6 + turn) % 2]
            text += f" Patients vs controls w/ {name} in week {turn}."
            start = text.index(name, text.rindex("w/"))
            mentions.append(Mention(f"T{turn}", ((start, start + len(name)),), types[concept[0]], (concept,)))
        split = ("train", "train", "train", "validation", "test")[number % 5]
        documents.append(Document(f"d{number}", text, tuple(mentions), (Passage(0, len(text), "text"),), split))
    return documents


@pytest.fixture(scope="session")
def check_names() -> Callable[[Document, Document], None]:
    """Asserts that names of mentions that nothing overlaps are all that changed, by putting them in one by one."""

    def check(variant: Document, document: Document) -> None:
        expected = document.text
        for old, new in sorted(zip(document.mentions, variant.mentions, strict=True), key=lambda pair: pair[0].start, reverse=True):
            before, after = ([made.text[slice(*span)] for span in m.spans] for made, m in ((document, old), (variant, new)))
            if before != after:
                others = [other for other in document.mentions if other is not old]
                assert len(old.spans) == 1 and all(other.end <= old.start or old.end <= other.start for other in others)
                expected = expected[: old.start] + after[0] + expected[old.end :]
        assert expected == variant.text

    return check


@pytest.fixture(scope="session")
def check_variant() -> Callable[[Document, Document, str], None]:
    """Asserts what every variant of a document keeps: source, mentions by id and type, spans inside of the text."""

    def check(variant: Document, document: Document, kind: str) -> None:
        assert from_json(to_json(variant)) == variant  # spans sorted, not empty and inside of the text
        assert variant.id == f"{document.id}~{kind}1"
        assert variant.meta == {"source": document.source, "augmentation": kind}
        assert sorted((m.id, m.type, len(m.spans)) for m in variant.mentions) == sorted(
            (m.id, m.type, len(m.spans)) for m in document.mentions
        )
        starts = [mention.start for mention in variant.mentions]
        assert starts == sorted(starts)
        assert [passage.kind for passage in variant.passages] == [passage.kind for passage in document.passages]
        assert (variant.passages[0].start, variant.passages[-1].end) == (0, len(variant.text))

    return check
