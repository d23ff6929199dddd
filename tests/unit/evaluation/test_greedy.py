"""The greedy search against victims whose weakness is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.greedy import search_attack

TEXT = "Early treatment with zorbine reduced fever, while placebolol caused sudden rashes; zorbine after weekly dosing was stable"
NAMES = {"zorbine": "Chemical", "placebolol": "Chemical", "fever": "Disease", "rashes": "Disease"}
CUES = {"zorbine": ["treatment", "weekly"], "placebolol": ["caused"], "fever": ["reduced"], "rashes": ["sudden", "caused"]}


def gold(name: str = "d", text: str = TEXT) -> Document:
    found = sorted((match.start(), match.end(), kind) for word, kind in NAMES.items() for match in re.finditer(word, text))
    return Document(name, text, tuple(Mention(f"T{number}", ((a, b),), kind) for number, (a, b, kind) in enumerate(found)))


class Reader:
    """Finds a name while one of its cues is in the text; the score is the share of its cues there."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.calls = 0

    def __call__(self, documents: Sequence[Document]) -> list[Document]:
        self.calls += 1
        self.seen.update(document.id for document in documents)
        return [replace(document, mentions=tuple(self.mentions(document.text))) for document in documents]

    def mentions(self, text: str) -> list[Mention]:
        words = set(re.findall(r"\w+", text))
        found = []
        for name, kind in NAMES.items():
            share = sum(cue in words for cue in CUES[name]) / len(CUES[name])
            found += [Mention("P", (match.span(),), kind, score=share) for match in re.finditer(rf"\b{name}\b", text) if share]
        return found


def search(documents: list[Document], victim: Any, **changes: Any) -> list[Document]:
    return search_attack(documents, victim, "found", {"kind": "search", "moves": ["typos"], "edits": 10, "queries": 200} | changes)


def found_by(victim: Reader, document: Document) -> int:
    keys = {(mention.spans, mention.type) for mention in victim.mentions(document.text)}
    return sum((mention.spans, mention.type) in keys for mention in document.mentions)


@pytest.mark.parametrize("rank", ["deletion", "confidence"])
def test_all_weaknesses_are_found_and_nothing_else_is_edited(rank: str) -> None:
    victim = Reader()
    (attacked,) = search([gold()], victim, rank=rank)
    assert found_by(victim, gold()) == 5 and found_by(victim, attacked) == 0
    edited = {TEXT[slice(*span)] for span in attacked.meta["original_spans"]}
    assert edited == {cue for cues in CUES.values() for cue in cues}
    assert [attacked.surface(mention) for mention in attacked.mentions] == [gold().surface(mention) for mention in gold().mentions]
    assert attacked.meta["queries"] == victim.seen["d"] <= 200 and attacked.meta["attack"] == "found"


def test_words_that_matter_are_tried_before_those_that_do_not() -> None:
    """Deletion ranks the cues first, so that few queries suffice; the same without ranking takes more."""
    used = {}
    for rank in ("deletion", "confidence"):
        victim = Reader()
        (attacked,) = search([gold()], victim, rank=rank, tries=1)
        assert found_by(victim, attacked) == 0
        words = sum(len(word) >= 3 for word in re.findall(r"\w+", TEXT)) - len(gold().mentions)
        used[rank] = attacked.meta["queries"] - 1 - (words if rank == "deletion" else 0)
    assert used["deletion"] == 5 < used["confidence"]


@settings(max_examples=30, deadline=None)
@given(
    edits=st.integers(1, 6),
    queries=st.integers(2, 60),
    rank=st.sampled_from(["deletion", "confidence"]),
    target=st.sampled_from(["context", "mentions", "all"]),
    moves=st.lists(st.sampled_from(["typos", "ocr", "case", "punctuation"]), min_size=1, unique=True),
    seed=st.integers(0, 3),
)
def test_budgets_are_kept_and_harm_only_grows(edits: int, queries: int, rank: str, target: str, moves: list[str], seed: int) -> None:
    settings_of: dict[str, Any] = {"edits": edits, "queries": queries, "rank": rank, "target": target, "moves": moves, "seed": seed}
    documents = [gold("a"), gold("b", TEXT.replace("sudden ", "")), Document("c", "Nothing of this kind here")]
    victim = Reader()
    attacked = search(documents, victim, **settings_of)
    assert [document.id for document in attacked] == ["a", "b", "c"]
    for before, after in zip(documents, attacked, strict=True):
        meta = after.meta
        assert meta["edits_made"] <= edits and meta["queries"] == victim.seen[before.id] <= queries
        assert found_by(victim, after) <= found_by(victim, before)
        assert [(m.id, m.type) for m in after.mentions] == [(m.id, m.type) for m in before.mentions]
        if target == "context":
            assert [after.surface(mention) for mention in after.mentions] == [before.surface(mention) for mention in before.mentions]
    assert attacked[2].meta["queries"] == 1 and attacked[2].text == documents[2].text
    assert attacked == [found for document in documents for found in search([document], Reader(), **settings_of)]
    fewer = search(documents, Reader(), **settings_of | {"edits": max(1, edits - 1)})
    for small, large in zip(fewer, attacked, strict=True):
        assert all(span in large.meta["original_spans"] for span in small.meta["original_spans"])


def test_the_victim_is_asked_for_many_variants_at_once() -> None:
    victim = Reader()
    search([gold(f"d{number}") for number in range(40)], victim)
    assert victim.calls < sum(victim.seen.values()) / 40


def test_an_edit_that_only_weakens_is_kept_on_the_way() -> None:
    """`zorbine` has two cues: each alone leaves it found, with a lower score."""
    text = "Early treatment with zorbine after weekly dosing"
    victim = Reader()
    one, two = (search([gold("d", text)], victim, edits=edits)[0] for edits in (1, 2))
    assert found_by(victim, one) == 1 and one.meta["edits_made"] == 1
    assert found_by(victim, two) == 0 and two.meta["edits_made"] == 2


class CaseBlind(Reader):
    """Reads small letters alone, as an uncased encoder does."""

    def mentions(self, text: str) -> list[Mention]:
        return super().mentions(text.lower())


@pytest.mark.parametrize("moves", [["case", "typos"], ["typos", "case"]])
def test_of_the_edits_of_a_word_the_one_that_hurts_is_taken(moves: list[str]) -> None:
    document = gold("d", "doses reduced fever")
    (attacked,) = search([document], CaseBlind(), moves=moves, edits=1)
    assert found_by(CaseBlind(), attacked) == 0 and attacked.text.startswith("doses ") and attacked.text.islower()


class Stubborn(Reader):
    """Finds names whatever stands around them, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __call__(self, documents: Sequence[Document]) -> list[Document]:
        self.texts += [document.text for document in documents]
        return super().__call__(documents)

    def mentions(self, text: str) -> list[Mention]:
        return [mention._replace(score=0.5) for mention in gold("d", text).mentions]


@pytest.mark.parametrize(("rank", "tries"), [("deletion", 1), ("confidence", 1), ("confidence", 3)])
def test_words_near_a_mention_come_first_and_every_edit_of_a_place_is_tried(rank: str, tries: int) -> None:
    text = "First before fever after third fourth fifth near rashes behind sixth"
    victim = Stubborn()
    (attacked,) = search([gold("d", text)], victim, rank=rank, tries=tries, queries=1 + 4 * (tries + (rank == "deletion")))
    assert attacked.text == text
    words = [[old for old in text.split() if old not in asked.split()] for asked in victim.texts[1:]]
    assert all(len(changed) == 1 for changed in words)
    assert {word for (word,) in words} == {"before", "after", "near", "behind"}
    assert len(set(victim.texts)) == len(victim.texts)


def test_the_same_edit_is_not_tried_twice() -> None:
    victim = Stubborn()
    search([gold("d", "before fever after")], victim, rank="confidence", moves=["case"], tries=3)
    assert victim.texts == ["before fever after", "BEFORE fever after", "before fever AFTER"]


class Literal(Reader):
    """Finds the name with a score that is the share of three neighbouring strings that are in the text."""

    def mentions(self, text: str) -> list[Mention]:
        score = sum(part in text for part in ("reduced", "-", "markedly")) / 3
        return [Mention("P", (match.span(),), "Disease", score=score) for match in re.finditer("fever", text) if score]


def test_no_edit_touches_another() -> None:
    (attacked,) = search([gold("d", "reduced-markedly fever")], Literal(), moves=["punctuation", "typos"])
    spans = attacked.meta["original_spans"]
    assert spans and all(end < start for (_, end), (start, _) in pairwise(spans))


def test_settings_and_documents_are_checked() -> None:
    with pytest.raises(BionerError, match="attack search: expected a list among typos, ocr, case, punctuation for moves"):
        search([gold()], Reader(), moves=["synonyms"])
    with pytest.raises(BionerError, match="expected document 'd' as harmonized"):
        search([replace(gold(), meta={"edits": []})], Reader())
