"""Words that a masked language model proposes: those of the whole network, at the right places."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertModel

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.attacks import attack_document
from bioner.evaluation.sources import Sources
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.masked_replacement import SPARE, MaskedReplacement
from bioner.tagging.tagger import load_tokenizer
from bioner.words import split_words

from .families import FAMILIES, save_family

TEXT = "the drug caused severe pain in patients with colitis"


def fetched(folder: Path, source: Path) -> Path:
    fetch_encoder("toy", {"sources": [{"folder": str(source)}]}, folder / "encoder.json")
    return folder / "encoder.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> MaskedReplacement:
    return MaskedReplacement.load(fetched(tmp_path_factory.mktemp("encoder"), bert), top=2)


def naive(folder: Path, words: list[str], place: int, count: int) -> list[str]:
    """Proposals by transformers alone: a text with the mask in place of the word, all scores of its position."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForMaskedLM.from_pretrained(folder).eval()
    text = " ".join([*words[:place], tokenizer.mask_token, *words[place + 1 :]])
    encoding = tokenizer(text, return_tensors="pt")
    (position,) = (encoding["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0].tolist()
    with torch.no_grad():
        scores = network(**encoding).logits[0, position].tolist()
    vocabulary = {number: piece for piece, number in tokenizer.get_vocab().items()}
    whole = [number for number, piece in vocabulary.items() if piece.isalpha() and number not in tokenizer.all_special_ids]
    return [vocabulary[number] for number in sorted(whole, key=lambda number: -scores[number])][:count]


def test_proposals_are_those_of_the_whole_network(model: MaskedReplacement, bert: Path) -> None:
    words = TEXT.split()
    found = model(Document("d", TEXT), split_words(TEXT))
    assert len(found) == len(words)
    for place in range(len(words)):
        assert found[place] == naive(bert, words, place, 2 * SPARE), words[place]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.integers(0, 179), min_size=1, max_size=8, unique=True))
def test_a_proposal_depends_on_no_other_word_that_is_asked_for(model: MaskedReplacement, chosen: list[int]) -> None:
    """In long documents too, which are seen in windows."""
    document = Document("d", " ".join([TEXT] * 20))
    spans = split_words(document.text)
    together = model(document, [spans[index] for index in chosen])
    assert together == [model(document, [spans[index]])[0] for index in chosen]
    assert all(len(words) == 2 * SPARE for words in together)


def test_what_is_no_word_gets_no_proposal(model: MaskedReplacement) -> None:
    assert model(Document("d", TEXT), [(0, 3), (1, 3), (0, 8)])[1:] == [[], []]
    assert model(Document("d", ""), []) == [] and model(Document("d", "the " + "x" * 500 + " drug"), [(505, 509)])[0]


@pytest.mark.parametrize("name", sorted({"albert", "roberta", "bert_cased", "deberta", "modernbert"} & set(FAMILIES)))
def test_each_family_proposes_words_of_letters(tmp_path: Path, name: str) -> None:
    model = MaskedReplacement.load(fetched(tmp_path / "encoder", save_family(name, tmp_path / name)), top=2)
    found = model(Document("d", TEXT), split_words(TEXT))
    assert all(len(words) == 2 * SPARE and all(word.isalpha() for word in words) for words in found)


def test_an_attack_replaces_words_around_mentions(model: MaskedReplacement) -> None:
    start = TEXT.index("colitis")
    document = Document("d", TEXT, (Mention("1", ((start, start + 7),), "Disease"),))
    attacked = attack_document(document, "words", {"kind": "context", "rate": 1.0, "minimum_length": 2}, Sources(propose=model))
    assert attacked.meta["edits_made"] == 7 and attacked.surface(attacked.mentions[0]) == "colitis"
    assert len(split_words(attacked.text)) == len(split_words(TEXT))
    assert not any(new == old for new, old in zip(attacked.text.split()[1:-1], TEXT.split()[1:-1], strict=True))


def test_an_encoder_without_a_head_is_refused(tmp_path: Path, bert: Path) -> None:
    bare = tmp_path / "bare"
    BertModel(BertConfig.from_pretrained(bert)).save_pretrained(bare)
    load_tokenizer(bert).save_pretrained(bare)
    with pytest.raises(BionerError, match=r"expected a model with a masked-language-model head, found none .cls\.predictions"):
        MaskedReplacement.load(fetched(tmp_path / "encoder", bare), top=2)
