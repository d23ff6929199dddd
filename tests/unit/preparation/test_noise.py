from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.documents import from_json, to_json
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.keyboard import NEIGHBOURS
from bioner.preparation.noise import Noise, _Layout, _word_actions, add_noise, noise_of
from bioner.preparation.normalize import normalize


@given(st.data(), st.integers(0, 5))
def test_labels_stay_exact_under_any_noise(draw_document: Callable[[st.DataObject], Document], data: st.DataObject, seed: int) -> None:
    document = normalize(draw_document(data), ["unicode"])
    noisy = add_noise(document, Noise(1.0, seed))
    assert noisy == add_noise(document, Noise(1.0, seed))
    assert from_json(to_json(noisy)) == noisy
    assert [(m.id, m.type, m.concepts, len(m.spans)) for m in noisy.mentions] == [
        (m.id, m.type, m.concepts, len(m.spans)) for m in document.mentions
    ]
    assert noisy.id == "d~noise1" and noisy.meta == {"source": "d", "augmentation": "noise"}
    for before, after in zip(document.mentions, noisy.mentions, strict=True):
        for (start, end), (new_start, new_end) in zip(before.spans, after.spans, strict=True):
            # what is not a letter is never touched inside a mention, and each run of letters has one edit at most
            old, new = document.text[start:end], noisy.text[new_start:new_end]
            assert [c for c in old if not c.isalpha()] == [c for c in new if not c.isalpha()]
            assert all(one_edit(a, b) for a, b in zip(runs(old), runs(new), strict=True))


def runs(text: str) -> list[str]:
    """The runs of letters between other characters, empty ones too."""
    return "".join(letter if letter.isalpha() else " " for letter in text).split(" ")


def one_edit(a: str, b: str) -> bool:
    """Whether at most one letter comes, goes or is another, or two neighbours change places: by what differs between equal ends."""
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return (len(a) <= 1 and len(b) <= 1) or (len(a) == 2 and b == a[::-1])


def test_rate_is_the_share_of_disturbed_words() -> None:
    text = " ".join(map("".join, itertools.islice(itertools.product("abcdefghijklm", repeat=4), 2000)))
    noisy = add_noise(Document("d", text), Noise(0.05))
    matcher = difflib.SequenceMatcher(None, text.split(), noisy.text.split(), autojunk=False)
    changed = sum(tag != "equal" for tag, *_ in matcher.get_opcodes())
    assert 70 <= changed <= 150
    assert add_noise(Document("d", text), Noise(0.0)).text == text
    assert add_noise(Document("e", text), Noise(0.05)).text != noisy.text


@given(st.text("abLlé\u00df\u0130\u03b1", min_size=2, max_size=6), st.integers(0, 50))
def test_what_is_drawn_changes_the_word(word: str, seed: int) -> None:
    """Bug: two equal letters changed places, and letters without neighbours became themselves."""
    assert add_noise(Document("d", word), Noise(1.0, seed)).text != word
    mention = Document("d", f"{word} {word}.", (Mention("T1", ((0, len(word)),), "Drug"),))
    assert add_noise(mention, Noise(1.0, seed)).surface(add_noise(mention, Noise(1.0, seed)).mentions[0]) != word


def test_equal_words_do_not_change_places() -> None:
    actions = [_word_actions(text, (0, 6), (7, 13), _Layout(Document("d", text))) for text in ("zorbin zorbin", "zorbin plimur")]
    assert actions == [["double word", "delete word"], ["double word", "delete word", "swap words"]]


def test_all_kinds_of_noise_happen_and_words_of_mentions_stay() -> None:
    text = "alpha beta zorbinol gamma delta. "
    seen = set()
    for number in range(300):
        noisy = add_noise(Document(str(number), text, (Mention("T1", ((11, 19),), "Drug"),)), Noise(0.3))
        surface = noisy.surface(noisy.mentions[0])
        assert abs(len(surface) - 8) <= 1 and set(surface) <= set("zorbinol") | {c for letter in "zorbinol" for c in NEIGHBOURS[letter]}
        words = noisy.text.replace(surface, "M", 1).split()
        seen |= {"swapped"} & ({"swapped"} if words[:2] == ["beta", "alpha"] else set())
        seen |= {"doubled"} & ({"doubled"} if words.count("beta") == 2 else set())
        seen |= {"deleted"} & ({"deleted"} if "gamma" not in noisy.text and "delta." in noisy.text and len(words) == 4 else set())
        seen |= {"letter"} & ({"letter"} if "alpha" not in noisy.text and len(words) == 5 else set())
        seen |= {"mention"} & ({"mention"} if surface != "zorbinol" else set())
    assert seen == {"swapped", "doubled", "deleted", "letter", "mention"}


def test_keyboard_neighbours_are_mutual_and_near() -> None:
    assert all(letter in NEIGHBOURS[other] for letter in NEIGHBOURS for other in NEIGHBOURS[letter])
    assert set(NEIGHBOURS["g"]) == set("tyfhvb")
    assert set(NEIGHBOURS["q"]) == set("wa")


@given(st.data(), st.integers(0, 5))
def test_mentions_stay_untouched_when_asked(
    draw_document: Callable[[st.DataObject], Document],
    check_variant: Callable[[Document, Document, str], None],
    data: st.DataObject,
    seed: int,
) -> None:
    document = draw_document(data)
    noisy = add_noise(document, Noise(1.0, seed, mentions=False))
    check_variant(noisy, document, "noise")
    parts, old = ([made.text[start:end] for m in made.mentions for start, end in m.spans] for made in (noisy, document))
    assert parts == old


def test_the_context_of_untouched_mentions_is_as_noisy() -> None:
    text = "alpha zorbinol gamma " * 50
    mentions = tuple(Mention(f"T{turn}", ((turn * 21 + 6, turn * 21 + 14),), "Drug") for turn in range(50))
    noisy = add_noise(Document("d", text, mentions), Noise(0.5, mentions=False))
    assert {noisy.surface(mention) for mention in noisy.mentions} == {"zorbinol"}
    assert noisy.text.count("alpha") < 45 and noisy.text.count("gamma") < 45


@pytest.mark.parametrize("settings", [{"rate": 0.1, "mentions": 1}, {"rate": 0.1, "mention": True}, None, {"rate": -1}])
def test_wrong_settings_of_noise_are_told(settings: object) -> None:
    with pytest.raises(BionerError, match="expected `noise"):
        noise_of(settings)
    assert noise_of({"rate": 0.1, "mentions": False}) == Noise(0.1, 1, False)
