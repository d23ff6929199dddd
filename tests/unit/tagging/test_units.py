"""Units from hidden states: each alignment and tag scheme, and word vectors, trained, saved and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import sha256_file
from bioner.tagging import decoding
from bioner.tagging.batches import Batch, collate
from bioner.tagging.decoding import decode_document, predict
from bioner.tagging.encode import ALIGNMENTS, Encoder
from bioner.tagging.tagger import Tagger, load_run, load_tokenizer, make_encoder, mean_by_unit, new_tagger, save_tagger
from bioner.tagging.training import Training
from bioner.tagging.word_vectors import read_vocabulary, train_word_vectors
from bioner.tags import TagSet

TEXT = "aspirin caused severe colitis in patients with pain"
DOCUMENTS = [
    Document(str(number), f"{'the ' * number}{TEXT}", (Mention("1", ((4 * number, 4 * number + 7),), "Chemical"),)) for number in range(4)
]
VECTORS = {"size": 6, "epochs": 2, "context": 3, "minimum": 1, "learning_rate": 0.01, "file": None, "sha256": None}
TRAINING: dict[str, Any] = {
    "learning_rate": 0.005, "head_learning_rate": 0.05, "loss_learning_rate": 0.01, "weight_decay": 0.0, "warmup": 0.1, "clip": 1.0,
    "batch_pieces": 64, "epochs": 25, "minimum_steps": 0, "patience": 5, "dropout": None, "attention_dropout": 0.0, "frozen_layers": None,
    "precision": "fp32", "threads": 1, "accumulation": 1, "gradient_checkpointing": False, "select_by": "micro_f1",
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "model": "toy", "encoder": "toy", "head": "linear", "loss": {"kind": "cross_entropy"}, "adversary": {"kind": "none"},
    "augmentation": [], "window": 24, "overlap": 4, "tags": "iob2", "alignment": "first", "word_vectors": None, "constrained": False,
    "training": TRAINING,
}  # fmt: skip


def batch_of(encoder: Encoder) -> Batch:
    windows = [window for item in encoder.encode(DOCUMENTS) for window in item.windows]
    return collate(windows, 0, (len(encoder.prefix), len(encoder.suffix)))


def test_means_are_those_of_each_unit() -> None:
    values = torch.arange(12.0).reshape(6, 2)
    assert mean_by_unit(values, torch.tensor([1, 3, 2])).tolist() == [[0, 1], [4, 5], [9, 10]]


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_emissions_are_the_classifier_on_what_is_read(encoder_folder: Path, alignment: str) -> None:
    torch.manual_seed(0)
    tag_set = TagSet.of(["Chemical"])
    tagger = new_tagger(encoder_folder, tag_set, crf=False).eval()
    encoder = make_encoder(load_tokenizer(encoder_folder), tag_set, RECIPE | {"alignment": alignment}, tagger.network.config)
    batch = batch_of(encoder)
    hidden = tagger.network.base_model(input_ids=batch.pieces, attention_mask=batch.mask.long()).last_hidden_state
    rows = []
    for window, states in zip(batch.windows, hidden, strict=True):
        heads = window.heads.tolist()
        for size in window.sizes:
            rows.append(states[heads[:size]].mean(0))
            del heads[:size]
    expected = tagger.network.classifier(torch.stack(rows))
    torch.testing.assert_close(tagger.emissions(tagger.embed(batch.pieces), batch), expected)


@pytest.mark.parametrize(
    ("alignment", "scheme", "vectors"),
    [("first", "iobes", None), ("last", "iob2", None), ("mean", "iobes", VECTORS), ("all", "iob2", None), ("all", "iobes", VECTORS)],
)
def test_training_learns_and_a_saved_tagger_predicts_the_same(
    tmp_path: Path, bert: Path, alignment: str, scheme: str, vectors: dict[str, Any] | None
) -> None:
    recipe = RECIPE | {"alignment": alignment, "tags": scheme, "word_vectors": vectors, "head": "crf", "loss": {"kind": "crf"}}
    torch.manual_seed(0)
    vocabulary, weights = (None, None) if vectors is None else train_word_vectors(DOCUMENTS, vectors, 1)
    tag_set = TagSet.of(["Chemical"], scheme)
    tagger = new_tagger(bert, tag_set, crf=True, vectors=weights)
    before = None if weights is None else weights.clone()
    tokenizer = load_tokenizer(bert)
    encoder = make_encoder(tokenizer, tag_set, recipe, tagger.network.config, vocabulary)
    training = Training(tagger, encoder, recipe, seed=1, precision="fp32")
    training.run([window for item in encoder.encode(DOCUMENTS) for window in item.windows], DOCUMENTS)
    predicted = predict(tagger.eval(), encoder, DOCUMENTS)
    assert [[(m.spans, m.type) for m in document.mentions] for document in predicted] == [
        [(m.spans, m.type) for m in document.mentions] for document in DOCUMENTS
    ]
    save_tagger(tmp_path, tagger, tokenizer, recipe, vocabulary)
    loaded = load_run(tmp_path)
    assert predict(loaded.tagger, loaded.encoder, DOCUMENTS) == predicted
    if before is not None:
        assert isinstance(tagger, Tagger) and tagger.vectors is not None
        moved = (tagger.vectors.weight.detach() - before).abs().sum(1)
        assert moved[0] == 0 and (moved[1:] > 0).all()


def test_word_vectors_are_those_of_the_seed_and_begin_at_those_of_a_file(tmp_path: Path) -> None:
    vocabulary, weights = train_word_vectors(DOCUMENTS, VECTORS, 1)
    again = train_word_vectors(DOCUMENTS, VECTORS, 1)
    assert vocabulary == again[0] and torch.equal(weights, again[1])
    assert not torch.equal(weights, train_word_vectors(DOCUMENTS, VECTORS, 2)[1])
    assert sorted(vocabulary.values()) == list(range(1, len(vocabulary) + 1)) and weights[0].tolist() == [0.0] * 6
    path = tmp_path / "vectors.txt"
    path.write_text("2 6\naspirin 9 9 9 9 9 9\nunheard 1 1 1 1 1 1\n")
    begun, moved = train_word_vectors(DOCUMENTS, VECTORS | {"file": str(path), "sha256": sha256_file(path)}, 1)
    assert begun == vocabulary and (moved[begun["aspirin"]] - 9).abs().max() < 1 and weights[begun["aspirin"]].abs().max() < 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"minimum": 99}, "expected words that occur 99 times"),
        ({"file": "none.txt", "sha256": "0" * 64}, "none.txt: expected pretrained word vectors, found no file"),
        ({"file": "other.txt", "sha256": "0" * 64}, "other.txt: expected sha256 0000"),
        ({"file": "other.txt", "sha256": None}, "other.txt: expected vectors of size 6, found 3"),
        ({"file": "broken.txt", "sha256": None}, "broken.txt: expected vectors in word2vec's format, found something else"),
    ],
)
def test_faults_of_word_vectors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.txt").write_text("1 3\naspirin 1 2 3\n")
    Path("broken.txt").write_text("aspirin\n")
    settings = VECTORS | change
    if settings["file"] is not None and settings["sha256"] is None:
        settings["sha256"] = sha256_file(settings["file"])
    with pytest.raises(BionerError, match=told):
        train_word_vectors(DOCUMENTS, settings, 1)


def test_missing_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected the words of the word vectors, found none"):
        read_vocabulary(tmp_path / "words.txt")


@pytest.mark.parametrize("head", ["linear", "crf"])
def test_a_constrained_tagger_predicts_what_the_scheme_allows(bert: Path, head: str) -> None:
    tag_set = TagSet.of(["Chemical", "Disease"], "iobes")
    recipe = RECIPE | {"tags": "iobes"}
    paths = []
    for constrained in (False, True):
        torch.manual_seed(3)
        tagger = new_tagger(bert, tag_set, crf=head == "crf", constrained=constrained)
        encoder = make_encoder(load_tokenizer(bert), tag_set, recipe, tagger.network.config)
        encoded = encoder.encode(DOCUMENTS)
        scores = torch.randn(len(encoded[0].units), len(tag_set.names), generator=torch.Generator().manual_seed(5)).numpy()
        with mock.patch.object(decoding.tags, "decode", wraps=decoding.tags.decode) as decode:
            decode_document(tagger, encoded[0], scores)
        paths.append(decode.call_args.args[0])
    allowed = [all(tag_set.allowed(*pair) for pair in zip((None, *path), (*path, None), strict=True)) for path in paths]
    assert allowed == [False, True]
