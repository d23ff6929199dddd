from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands import augment as command
from bioner.documents import from_json, read_documents, to_json, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.augment import NEIGHBOURS, Noise, add_noise
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
            # what is not a letter is never touched inside a mention, and one letter a word at most comes or goes
            old, new = document.text[start:end], noisy.text[new_start:new_end]
            assert [c for c in old if not c.isalpha()] == [c for c in new if not c.isalpha()]
            assert abs(len(old) - len(new)) <= len(old.split())


def test_rate_is_the_share_of_disturbed_words() -> None:
    text = " ".join(map("".join, itertools.islice(itertools.product("abcdefghijklm", repeat=4), 2000)))
    noisy = add_noise(Document("d", text), Noise(0.05))
    matcher = difflib.SequenceMatcher(None, text.split(), noisy.text.split(), autojunk=False)
    changed = sum(tag != "equal" for tag, *_ in matcher.get_opcodes())
    assert 70 <= changed <= 150
    assert add_noise(Document("d", text), Noise(0.0)).text == text
    assert add_noise(Document("e", text), Noise(0.05)).text != noisy.text


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


def test_command_writes_one_variant_for_each_document(tmp_path: Path, corpus: list[Document]) -> None:
    write_documents(tmp_path / "n.jsonl", (normalize(document, ["unicode"]) for document in corpus))
    argv = [
        "--normalized",
        str(tmp_path / "n.jsonl"),
        "--settings",
        json.dumps({"noise": {"rate": 0.2, "seed": 1}}),
        "--output",
        str(tmp_path / "v.jsonl"),
    ]
    command.main(argv)
    first = (tmp_path / "v.jsonl").read_bytes()
    variants = list(read_documents(tmp_path / "v.jsonl"))
    assert [variant.source for variant in variants] == [document.id for document in corpus]
    assert [variant.split for variant in variants] == [document.split for document in corpus]
    command.main(argv)
    assert (tmp_path / "v.jsonl").read_bytes() == first
    command.main([*argv[:3], "{}", *argv[4:]])
    assert (tmp_path / "v.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "settings", ["[]", '{"noises": {}}', '{"noise": {"rate": 2}}', '{"noise": {"rate": 0.1, "speed": 1}}', '{"noise": {"rate": true}}']
)
def test_wrong_settings_are_told(tmp_path: Path, settings: str) -> None:
    with pytest.raises(BionerError, match="expected"):
        command.main(["--normalized", "n", "--settings", settings, "--output", str(tmp_path / "v.jsonl")])
