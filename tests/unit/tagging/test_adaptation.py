"""Masked-language-model training: what is masked, that it learns, resumes and is laid down as a fetched encoder is."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertModel, ElectraConfig, ElectraForPreTraining

from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.adaptation import Adaptation, adapt_encoder
from bioner.tagging.encode import Encoder, Window
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.manifest import verify_encoder
from bioner.tagging.masked_lm import guess, load_masked_lm
from bioner.tagging.masking import Masker
from bioner.tagging.tagger import load_tokenizer, new_tagger
from bioner.tags import TagSet

from .families import FAMILIES, save_family

SETTINGS: dict[str, Any] = {
    "encoder": "toy", "text": "training", "epochs": 4, "learning_rate": 0.01, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0,
    "batch_pieces": 128, "mask": 0.15, "window": 32, "seed": 1, "attention_dropout": 0.0, "precision": "fp32", "threads": 1,
}  # fmt: skip
SENTENCE = "The aspirin caused severe pain in patients with colitis; the drug was 12 mg. "


def documents(name: str, count: int) -> list[Document]:
    texts = (SENTENCE * 2 + f"Number {number} of the patients." for number in range(count))
    return [Document(f"{name}{number}", text, (Mention("T1", ((4, 11),), "Chemical"),)) for number, text in enumerate(texts)]


def windows_of(folder: Path, texts: list[str], size: int = 32) -> tuple[Masker, list[Window]]:
    tokenizer = load_tokenizer(folder)
    encoder = Encoder(tokenizer, TagSet(()), window=size, overlap=0)
    encoded = encoder.encode([Document(str(number), text) for number, text in enumerate(texts)])
    return Masker(tokenizer, 0.15, len(encoder.suffix)), [window for item in encoded for window in item.windows]


@given(text=strategies.text("ab cde1.,;-\n\U0001f9ec", max_size=200), seed=strategies.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_whole_words_are_masked_and_special_tokens_never(encoder_folder: Path, text: str, seed: int) -> None:
    masker, windows = windows_of(encoder_folder, [text], size=16)
    tokenizer = AutoTokenizer.from_pretrained(encoder_folder)
    # grouped by another way than the masker's: the pieces that a word's mean is taken over
    means = Encoder(tokenizer, TagSet(()), window=16, overlap=0, alignment="mean").encode([Document("0", text)])[0].windows
    for window, mean in zip(windows, means, strict=True):
        masked, positions = masker.mask(window, np.random.default_rng(seed))
        fixed = [place for place, piece in enumerate(window.pieces) if piece in tokenizer.all_special_ids]
        assert not set(positions) & set(fixed)
        assert np.array_equal(np.delete(masked.pieces, positions), np.delete(window.pieces, positions))
        assert masked.pieces.shape == window.pieces.shape and (np.diff(positions) > 0).all()
        stops = np.cumsum(mean.sizes)
        words = [set(mean.heads[start:stop].tolist()) for start, stop in zip(stops - mean.sizes, stops, strict=True)]
        assert all(word <= set(positions) or not word & set(positions) for word in words)
        assert bool(len(positions)) == any(not word & set(fixed) for word in words)


def test_the_shares_of_masks_random_and_kept_pieces(bert: Path) -> None:
    masker, windows = windows_of(bert, [SENTENCE * 200], size=64)
    random = np.random.default_rng(0)
    chosen = masked = kept = choosable = 0
    drawn: list[int] = []
    for _ in range(30):
        for window in windows:
            changed, positions = masker.mask(window, random)
            choosable += sum(stop - start for start, stop in masker.words(window))
            chosen += len(positions)
            new, old = changed.pieces[positions], window.pieces[positions]
            masked += int((new == masker.tokenizer.mask_token_id).sum())
            kept += int((new == old).sum())
            drawn += new[(new != old) & (new != masker.tokenizer.mask_token_id)].tolist()
    assert chosen > 20_000
    assert chosen / choosable == pytest.approx(0.15, abs=0.002)
    assert masked / chosen == pytest.approx(0.8, abs=0.01)
    assert kept / chosen == pytest.approx(0.1 + 0.1 / len(masker.ordinary), abs=0.01)
    counts = np.bincount(drawn, minlength=len(masker.tokenizer))
    assert not counts[masker.special].any() and (counts[masker.ordinary] > 0).all()
    expected = len(drawn) / len(masker.ordinary)
    assert abs(counts[masker.ordinary] - expected).max() < 6 * expected**0.5 + 0.1 * expected


def test_masks_are_the_same_from_the_same_seed_and_others_from_another(bert: Path) -> None:
    masker, (window, *_) = windows_of(bert, [SENTENCE * 3])
    first, second, other = (masker.mask(window, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first[0].pieces, second[0].pieces) and np.array_equal(first[1], second[1])
    assert not np.array_equal(first[1], other[1])


def test_a_window_of_unknown_words_has_nothing_to_mask(bert: Path) -> None:
    masker, (window,) = windows_of(bert, ["\U0001f9ec \u4e2d"])
    masked, positions = masker.mask(window, np.random.default_rng(0))
    assert not len(positions) and np.array_equal(masked.pieces, window.pieces)


def test_guesses_at_positions_are_those_of_the_whole_network(encoder_folder: Path) -> None:
    torch.manual_seed(0)
    network = load_masked_lm(encoder_folder, attention_dropout=None).eval()
    pieces, mask = torch.randint(5, 40, (3, 11)), torch.ones(3, 11, dtype=torch.bool)
    mask[1, 7:] = False
    positions = torch.tensor([0, 5, 17, 32])
    with torch.no_grad():
        whole = network(input_ids=pieces, attention_mask=mask.long()).logits.flatten(0, 1)
        torch.testing.assert_close(guess(network, pieces, mask, positions), whole[positions])


@pytest.fixture
def encoder(tmp_path: Path, bert: Path) -> Path:
    return fetched(tmp_path, bert)


def fetched(tmp_path: Path, folder: Path) -> Path:
    fetch_encoder("toy", {"sources": [{"folder": str(folder)}]}, tmp_path / "encoder" / "encoder.json")
    return tmp_path / "encoder" / "encoder.json"


def adapt(tmp_path: Path, encoder: Path, name: str = "adapted", settings: dict[str, Any] = SETTINGS, **options: Any) -> Path:
    write_documents(tmp_path / "train.jsonl", documents("a", 8))
    write_documents(tmp_path / "validation.jsonl", documents("b", 3))
    write_json(tmp_path / "audit.json", {"verdict": options.pop("verdict", "clean")})
    files: dict[str, Any] = {"text": [tmp_path / "train.jsonl"], "held_out": [tmp_path / "validation.jsonl"]} | options
    output = tmp_path / name / "encoder.json"
    adapt_encoder(name="more", settings=settings, encoder=encoder, audit=tmp_path / "audit.json", output=output, **files)
    return output


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_no_file_of_another_encoders_tokenizer_stays(tmp_path: Path, encoder: Path) -> None:
    stale = tmp_path / "adapted" / "vocab.txt"
    stale.parent.mkdir()
    stale.write_text("of an encoder before\n")
    output = adapt(tmp_path, encoder)
    assert not stale.exists() and "vocab.txt" not in read_json(output)["files"]


def test_the_loss_falls_and_what_is_left_is_an_encoder(tmp_path: Path, encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = SETTINGS | {"epochs": 8}
    output = adapt(tmp_path, encoder, settings=settings)
    history = rows(output.parent / "history.csv")
    assert [row["epoch"] for row in history] == [str(epoch) for epoch in range(9)] and history[0]["loss"] == ""
    losses = [float(row["loss"]) for row in history[1:]]
    perplexities = [float(row["perplexity"]) for row in history]
    assert losses[-1] < 0.7 * losses[0] and perplexities[-1] < 0.3 * perplexities[0]
    manifest = verify_encoder(output.parent)
    base = read_json(encoder)
    assert manifest["encoder"] == "toy" and manifest["source"]["encoder"] == base and manifest["source"]["settings"] == settings
    assert set(manifest["files"]) == set(base["files"]) and manifest["files"]["tokenizer.json"] == base["files"]["tokenizer.json"]
    assert {path.name for path in output.parent.iterdir() if path.is_file()} == {
        "encoder.json",
        "history.csv",
        "adaptation.json",
        *manifest["files"],
    }
    assert read_json(output.parent / "adaptation.json")["perplexity"] == pytest.approx(perplexities[-1])
    before, after = load_file(encoder.parent / "model.safetensors"), load_file(output.parent / "model.safetensors")
    assert before.keys() == after.keys() and not any(torch.equal(value, after[name]) for name, value in before.items() if value.dim() > 1)
    settled = AutoModelForMaskedLM.from_pretrained(output.parent).config
    assert settled.attention_probs_dropout_prob == 0.1 and settled.architectures == ["BertForMaskedLM"]
    tagger = new_tagger(output.parent, TagSet(("Chemical",)), crf=False)
    assert torch.equal(tagger.network.bert.embeddings.word_embeddings.weight, after["bert.embeddings.word_embeddings.weight"])
    told = capsys.readouterr().err
    assert "before training, held-out perplexity" in told and "epoch 8/8: loss" in told
    assert not any(word in told for word in ("aspirin", "colitis", "patients"))


def test_perplexity_of_a_network_that_knows_nothing_is_that_of_the_vocabulary(tmp_path: Path, bert: Path) -> None:
    network = load_masked_lm(bert, attention_dropout=None)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    tokenizer = load_tokenizer(bert)
    adaptation = Adaptation(network, Encoder(tokenizer, TagSet(()), window=32, overlap=0), SETTINGS, precision="fp32")
    write_documents(tmp_path / "held.jsonl", documents("b", 3))
    windows = adaptation.windows([tmp_path / "held.jsonl"])
    assert adaptation.perplexity(windows) == pytest.approx(network.config.vocab_size, rel=1e-5)
    assert adaptation.perplexity([]) is None


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, encoder: Path) -> None:
    first, second = (adapt(tmp_path, encoder, name).parent for name in ("x", "y"))
    other = adapt(tmp_path, encoder, "z", SETTINGS | {"seed": 2}).parent
    for file in ("encoder.json", "model.safetensors", "config.json", "history.csv"):
        assert sha256_file(first / file) == sha256_file(second / file), file
    assert sha256_file(first / "model.safetensors") != sha256_file(other / "model.safetensors")


@pytest.mark.parametrize("step", [1, 7, 12])
def test_a_stopped_adaptation_resumes_to_the_same_weights(
    tmp_path: Path, encoder: Path, step: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SETTINGS | {"attention_dropout": 0.1}
    whole = adapt(tmp_path, encoder, "whole", settings).parent
    original = Adaptation._step

    def stop(self: Adaptation, windows: list[Window], total: int) -> float:
        if self.progress.step == step:
            raise KeyboardInterrupt
        return original(self, windows, total)

    with monkeypatch.context() as patch:
        patch.setattr(Adaptation, "_step", stop)
        with pytest.raises(KeyboardInterrupt):
            adapt(tmp_path, encoder, "stopped", settings, checkpoint_seconds=-1.0)
    resumed = adapt(tmp_path, encoder, "stopped", settings).parent
    assert f"step {step}" in next(line for line in capsys.readouterr().err.splitlines() if line.startswith("resuming"))
    for file in ("encoder.json", "model.safetensors", "history.csv"):
        assert sha256_file(whole / file) == sha256_file(resumed / file), file
    assert not list(resumed.glob("checkpoint-*/state.pt"))
    (resumed / "model.safetensors").unlink()
    again = adapt(tmp_path, encoder, "stopped", settings).parent
    assert "this very adaptation had finished; its files are put back" in capsys.readouterr().err
    assert sha256_file(whole / "model.safetensors") == sha256_file(again / "model.safetensors")


def test_an_encoder_without_a_head_gets_a_new_one_and_says_so(tmp_path: Path, bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = tmp_path / "bare"
    torch.manual_seed(0)
    BertModel(BertConfig.from_pretrained(bert)).save_pretrained(bare)
    load_tokenizer(bert).save_pretrained(bare)
    output = adapt(tmp_path, fetched(tmp_path, bare))
    told = capsys.readouterr().err
    assert "comes without a masked-language-model head; a new one is trained (cls.predictions." in told
    losses = [float(row["loss"]) for row in rows(output.parent / "history.csv")[1:]]
    assert losses[-1] < losses[0] < 1.5 * math.log(100)
    adapted = AutoModelForMaskedLM.from_pretrained(output.parent)
    assert torch.equal(adapted.cls.predictions.decoder.weight, adapted.bert.embeddings.word_embeddings.weight)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"electra", "bert_uncased", "scibert"}))
def test_each_family_is_adapted_and_then_a_tagger(tmp_path: Path, name: str) -> None:
    output = adapt(tmp_path, fetched(tmp_path, save_family(name, tmp_path / name)), settings=SETTINGS | {"epochs": 6})
    perplexities = [float(row["perplexity"]) for row in rows(output.parent / "history.csv")]
    assert perplexities[-1] < 0.7 * perplexities[0]
    adapted = load_file(output.parent / "model.safetensors")
    weights = new_tagger(output.parent, TagSet(("Chemical",)), crf=False).network.state_dict()
    shared = [tensor for tensor in weights if tensor in adapted]
    assert len(shared) > 20 and all(torch.equal(weights[tensor], adapted[tensor]) for tensor in shared)


def test_the_discriminator_of_electra_is_refused(tmp_path: Path, bert: Path) -> None:
    folder = tmp_path / "electra"
    size = len(load_tokenizer(bert))
    shape = {"hidden_size": 32, "embedding_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    ElectraForPreTraining(ElectraConfig(vocab_size=size, **shape)).save_pretrained(folder)
    load_tokenizer(bert).save_pretrained(folder)
    with pytest.raises(BionerError, match="found ELECTRA's discriminator, which never saw a mask; adapt its generator"):
        adapt(tmp_path, fetched(tmp_path, folder))


def test_text_that_leaks_is_not_trained_on(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(BionerError, match=r"audit\.json: expected verdict 'clean', found 'leak'; take the text that leaks out"):
        adapt(tmp_path, encoder, verdict="leak")


def test_without_held_out_text_there_is_no_perplexity(tmp_path: Path, encoder: Path) -> None:
    output = adapt(tmp_path, encoder, settings=SETTINGS | {"epochs": 1}, held_out=[])
    assert [row["perplexity"] for row in rows(output.parent / "history.csv")] == ["", ""]


def test_a_loss_that_is_not_finite_stops_by_document(tmp_path: Path, encoder: Path) -> None:
    settings = SETTINGS | {"learning_rate": 1e30, "clip": 1e30}
    with pytest.raises(BionerError, match=r"expected a finite (loss|gradient), got .* on documents a\d"):
        adapt(tmp_path, encoder, settings=settings)
    assert not (tmp_path / "adapted" / "encoder.json").exists()


def test_a_window_longer_than_the_positions_is_refused(tmp_path: Path, encoder: Path) -> None:
    with pytest.raises(BionerError, match=r"expected window of at most 64 pieces.* recipe adaptations\.more has 65"):
        adapt(tmp_path, encoder, settings=SETTINGS | {"window": 65})
