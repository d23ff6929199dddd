from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.shuffling import names_by_type, shuffle_from, shuffle_within, shuffling_of

Check = Callable[[Document, Document, str], None]
Draw = Callable[[st.DataObject], Document]


def surfaces(document: Document) -> Counter[tuple[str, str, tuple[str, ...]]]:
    return Counter((mention.type, document.surface(mention), mention.concepts) for mention in document.mentions)


def context(document: Document) -> str:
    """The text with mentions that stand alone cut out."""
    text = document.text
    for mention in sorted(document.mentions, key=lambda mention: mention.start, reverse=True):
        text = text[: mention.start] + "#" + text[mention.end :]
    return text


def three(*names: str, type: str = "Drug", id: str = "d") -> Document:
    """A document with mentions in a row, each its own concept."""
    text, mentions = "We gave", []
    for number, name in enumerate(names):
        text += f" {name};"
        mentions.append(Mention(f"T{number}", ((len(text) - len(name) - 1, len(text) - 1),), type, (f"C-{name}",)))
    return Document(id, text, tuple(mentions))


@given(st.data(), st.integers(0, 5))
def test_any_variant_is_exact_and_repeats(
    draw_document: Draw, check_variant: Check, check_names: Callable[[Document, Document], None], data: st.DataObject, seed: int
) -> None:
    document = draw_document(data)
    pool = names_by_type([document, three("zorbinol", "ZB-7"), three("scaly fever", type="Disease")])
    for shuffle in (lambda rate: shuffle_within(document, rate, seed), lambda rate: shuffle_from(document, pool, rate, seed)):
        variant = shuffle(1.0)
        assert variant == shuffle(1.0) and shuffle(0.0) is None
        if variant is not None:
            check_variant(variant, document, "shuffling")
            check_names(variant, document)
            assert variant.text != document.text
    within = shuffle_within(document, 1.0, seed)
    alone = all(a.end <= b.start for a, b in pairwise(document.mentions))
    if within is not None and alone and all(len(mention.spans) == 1 for mention in document.mentions):
        assert surfaces(within) == surfaces(document) and context(within) == context(document)


def test_names_change_places_inside_their_type_and_concepts_go_with_them() -> None:
    text = "zorbinol or ZB-7 or plimurin for scaly fever"
    spans = {"zorbinol": "Drug", "ZB-7": "Drug", "plimurin": "Drug", "scaly fever": "Disease"}
    places = {name: (text.index(name), text.index(name) + len(name)) for name in spans}
    mentions = tuple(Mention(name, (places[name],), type, (f"C-{name}",)) for name, type in spans.items())
    document = Document("d", text, mentions)
    seen = set()
    for seed in range(40):
        variant = shuffle_within(document, 1.0, seed)
        assert variant is not None and surfaces(variant) == surfaces(document)
        assert all(mention.concepts == (f"C-{variant.surface(mention)}",) for mention in variant.mentions)
        drugs = [variant.surface(mention) for mention in variant.mentions[:3]]
        assert all(new != old for new, old in zip(drugs, spans, strict=False))
        seen.add(tuple(drugs))
        assert variant.text == f"{drugs[0]} or {drugs[1]} or {drugs[2]} for scaly fever"
    assert len(seen) == 2  # both ways round


def test_rate_is_the_share_of_mentions_that_take_part() -> None:
    document = three(*(f"name{number}" for number in range(1000)))
    pool = names_by_type([three(*(f"other{number}" for number in range(50)))])
    for variant in (shuffle_within(document, 0.3, 1), shuffle_from(document, pool, 0.3, 1)):
        assert variant is not None
        changed = sum(variant.surface(new) != document.surface(old) for new, old in zip(variant.mentions, document.mentions, strict=True))
        assert 250 < changed < 350


def test_names_are_drawn_from_the_given_part_as_often_as_they_are_mentioned() -> None:
    pool = names_by_type([three("often", "often", "often", "seldom"), three("fever", type="Disease")])
    assert pool["Drug"] == [("often", ("C-often",))] * 3 + [("seldom", ("C-seldom",))]
    variant = shuffle_from(three(*["x"] * 400), pool, 1.0, 1)
    assert variant is not None
    counted = surfaces(variant)
    assert set(counted) == {("Drug", "often", ("C-often",)), ("Drug", "seldom", ("C-seldom",))}
    assert 250 < counted["Drug", "often", ("C-often",)] < 350
    assert shuffle_from(three("x", type="Species"), pool, 1.0, 1) is None


def test_names_of_the_training_part_do_not_depend_on_the_order_of_documents() -> None:
    documents = [three(f"zorbin{number}", f"plim{number}", id=str(number)) for number in range(20)]
    pools = [names_by_type(order) for order in (documents, documents[::-1])]
    forth, back = ([shuffle_from(document, pool, 0.5, 1) for document in documents] for pool in pools)
    assert forth == back and any(forth)


def test_what_cannot_be_replaced_as_a_whole_stays() -> None:
    text = "liver and kidney failure\nor mouse\nmodel, and rat, and hen, \u200b"
    mentions = (
        Mention("T1", ((0, 5), (17, 24)), "X"),
        Mention("T2", ((28, 39),), "X"),
        Mention("T3", ((45, 48),), "X"),
        Mention("T4", ((45, 48),), "X"),
        Mention("T5", ((54, 57),), "X"),
        Mention("T6", ((59, 60),), "X"),
    )
    document = Document("d", text, mentions)
    assert names_by_type([document]) == {"X": [("hen", ())]}
    assert shuffle_within(document, 1.0, 1) is None


@pytest.mark.parametrize("settings", [None, {"rate": 0.3, "within": "test"}, {"rate": 2}, {"rate": 0.3, "seeds": 1}])
def test_wrong_settings_are_told(settings: object) -> None:
    with pytest.raises(BionerError, match="expected `shuffling`"):
        shuffling_of(settings)
    assert shuffling_of({"rate": 0.3}) == (0.3, 1, "document")
