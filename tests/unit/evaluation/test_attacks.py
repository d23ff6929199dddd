"""Text attacks keep the labels exact, and do what their settings say."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioner.commands.attack import main
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError
from bioner.evaluation.attacks import TEXT_ATTACKS, WHITE_BOX_ATTACKS, attack_document
from bioner.evaluation.edits import Edit, check_labels
from bioner.evaluation.typos import NEIGHBOURS, misspell
from bioner.words import split_words

ALWAYS = {"kind": "typos", "rate": 1.0, "minimum_length": 2, "seed": 1}


@st.composite
def documents(draw) -> Document:
    text = draw(st.text(alphabet="abcdefgABC éß漢12-. \n", min_size=1, max_size=80))
    mentions = []
    for number in range(draw(st.integers(0, 5))):
        cuts = draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=4, unique=True).map(sorted))
        spans = tuple((cuts[i], cuts[i + 1]) for i in range(0, len(cuts) - 1, 2))
        mentions.append(Mention(f"m{number}", spans, draw(st.sampled_from("XY")), ("C1",)))
    return Document(draw(st.text("abc", min_size=1)), text, tuple(mentions), (Passage(0, len(text), "line"),))


@settings(max_examples=200, deadline=None)
@given(documents(), st.floats(0, 1), st.integers(0, 5))
def test_labels_stay_exact(document, rate, seed):
    attacked = attack_document(document, "noisy", {"kind": "typos", "rate": rate, "minimum_length": 3, "seed": seed})
    assert attacked.meta["attack"] == "noisy"
    assert [(m.id, m.type, m.concepts, len(m.spans)) for m in attacked.mentions] == [
        (m.id, m.type, m.concepts, len(m.spans)) for m in document.mentions
    ]
    # an edit keeps first letters and touches neither spaces nor punctuation: borders can be recounted without knowing the edits
    old, new = split_words(document.text), split_words(attacked.text)
    assert len(old) == len(new)
    changed = {i for i, (a, b) in enumerate(zip(old, new, strict=True)) if document.text[slice(*a)] != attacked.text[slice(*b)]}
    assert len(changed) == attacked.meta["edits_made"]
    for i in changed:
        word = document.text[slice(*old[i])]
        assert word.isalpha() and len(word) >= 3 and word[0] == attacked.text[new[i][0]]

    def moved(position: int) -> int:
        for a, b in zip(old, new, strict=True):
            if a[0] <= position < a[1]:
                return b[0] + position - a[0]
        earlier = [(a, b) for a, b in zip(old, new, strict=True) if a[1] <= position]
        return earlier[-1][1][1] + position - earlier[-1][0][1] if earlier else position

    for before, after in zip(document.mentions, attacked.mentions, strict=True):
        for (start, end), (new_start, new_end) in zip(before.spans, after.spans, strict=True):
            assert new_start == moved(start) and new_start < new_end
            inside = [i for i, (a, b) in enumerate(old) if start <= a and b <= end]
            if not changed.intersection(inside):
                assert attacked.text[new_start:new_end] == document.text[start:end]


@settings(max_examples=200, deadline=None)
@given(st.text("abcdeXYéß", min_size=2, max_size=12), st.integers())
def test_exactly_one_edit(word, seed):
    edited = misspell(word, Random(seed))
    assert edited != word and edited[0] == word[0] and abs(len(edited) - len(word)) <= 1
    if len(edited) == len(word):
        different = [i for i in range(len(word)) if word[i] != edited[i]]
        swapped = len(different) == 2 and different[1] == different[0] + 1 and edited[different[0]] == word[different[1]]
        beside = len(different) == 1 and edited[different[0]].lower() in NEIGHBOURS[word[different[0]].lower()]
        assert swapped or beside
    else:
        longer, shorter = sorted((word, edited), key=len, reverse=True)
        assert any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


def test_every_kind_of_edit_occurs():
    found = {misspell("abcdef", Random(seed)) for seed in range(300)}
    swaps = {"acbdef", "abdcef", "abcedf", "abcdfe"}
    assert found >= swaps
    assert found >= {"acdef", "abdef", "abcef", "abcdf", "abcde"}
    assert found >= {"abbcdef", "abccdef", "abcddef", "abcdeef", "abcdeff"}
    assert {word for word in found - swaps if len(word) == 6}


def test_keyboard_neighbours():
    assert set(NEIGHBOURS["s"]) == set("awedzx")
    assert all(letter in NEIGHBOURS[other] for letter, others in NEIGHBOURS.items() for other in others)


def invented(name: str = "d1") -> Document:
    text = "Patients received inventamide daily, then placebolol again"
    return Document(name, text, (Mention("1", ((18, 29),), "Chemical", ("C7",)), Mention("2", ((42, 52),), "Chemical")))


def test_rate_and_seed():
    attacked = attack_document(invented(), "typos", ALWAYS)
    assert attacked.meta["edits_made"] == 7
    assert attack_document(invented(), "typos", ALWAYS) == attacked
    assert attack_document(invented(), "typos", ALWAYS | {"seed": 2}).text != attacked.text
    assert replace(attack_document(invented("d2"), "typos", ALWAYS), id="d1").text != attacked.text
    none = attack_document(invented(), "typos", ALWAYS | {"rate": 0})
    assert (none.text, none.mentions) == (invented().text, invented().mentions)
    assert (none.meta["attack"], none.meta["edits_made"], none.meta["edit_spans"]) == ("typos", 0, [])


def test_share_of_words_edited_is_the_rate():
    text = "invented wordings everywhere " * 1000
    attacked = attack_document(Document("d", text), "typos", {"kind": "typos", "rate": 0.3, "minimum_length": 5})
    assert 0.27 < attacked.meta["edits_made"] / 3000 < 0.33


def test_errors_at_a_lower_rate_are_among_those_at_a_higher():
    text = "invented wordings everywhere " * 50
    low, high = (attack_document(Document("d", text), "typos", {"kind": "typos", "rate": rate}).text.split() for rate in (0.1, 0.5))
    original = text.split()
    assert all(b == a for o, a, b in zip(original, low, high, strict=True) if a != o)


def test_words_across_a_border_are_left_alone():
    document = Document("d", "betablocker", (Mention("1", ((0, 4),), "X"),))
    assert attack_document(document, "typos", ALWAYS).text == "betablocker"


def test_check_labels_refuses_what_is_not_exact():
    document = invented()
    for broken in (
        replace(document, mentions=document.mentions[:1]),
        replace(document, mentions=(document.mentions[0]._replace(type="Disease"), document.mentions[1])),
        replace(document, mentions=(document.mentions[0]._replace(concepts=()), document.mentions[1])),
        replace(document, mentions=(document.mentions[0].at((18, 28)), document.mentions[1])),
        replace(document, mentions=(document.mentions[0].at((18, 18)), document.mentions[1])),
    ):
        with pytest.raises(BionerError, match="'d1'"):
            check_labels(document, broken, [])
    with pytest.raises(BionerError, match=r"mention 1 at \(18, 29\) to have its 10 characters") as caught:
        check_labels(document, document, [Edit((18, 29), "inventamid")])
    assert "inventamid" not in str(caught.value)  # the corpus may be under an agreement


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "fgsm"}, "fgsm"),
        ({"kind": None}, "None"),
        ({"rate": 1.5}, "1.5"),
        ({"rate": "much"}, "much"),
        ({"minimum_length": 1}, "1"),
        ({"epsilon": 1}, "epsilon"),
    ],
)
def test_settings_are_checked(change, named):
    with pytest.raises(BionerError, match=named):
        attack_document(invented(), "typos", ALWAYS | change)


def test_normalized_documents_are_refused():
    with pytest.raises(BionerError, match="'d1'"):
        attack_document(replace(invented(), meta={"edits": []}), "typos", ALWAYS)


def test_kinds_do_not_meet():
    assert "typos" in TEXT_ATTACKS and not set(TEXT_ATTACKS) & set(WHITE_BOX_ATTACKS)


def test_command(tmp_path):
    write_documents(tmp_path / "test.jsonl", [invented("a"), invented("b")])
    for output in ("one.jsonl", "two.jsonl"):
        main(
            [
                "--test",
                str(tmp_path / "test.jsonl"),
                "--name",
                "noisy",
                "--settings",
                json.dumps(ALWAYS),
                "--output",
                str(tmp_path / output),
            ]
        )
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    attacked = list(read_documents(tmp_path / "one.jsonl"))
    assert [d.id for d in attacked] == ["a", "b"] and attacked[0].text != attacked[1].text
    meta = attacked[0].meta
    assert (meta["attack"], meta["edits_made"], meta["queries"], meta["label_validity"]) == ("noisy", 7, 0, 1.0)
    assert meta["labels"] == {"checked": 2, "edited": 2, "added": 0}
    for before, after in zip(meta["original_spans"], meta["edit_spans"], strict=True):
        assert invented().text[slice(*before)][0] == attacked[0].text[slice(*after)][0]
