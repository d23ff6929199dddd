"""Each family of encoders through fetching, training with an adversary, saving, loading and predicting; its vocabulary, sound or not."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from sentencepiece import SentencePieceProcessor
from transformers import AutoModelForTokenClassification

from bioner.config import load_plan
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import read_json, write_json
from bioner.tagging.batches import collate
from bioner.tagging.decoding import predict
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.runs import train_run
from bioner.tagging.tagger import Tagger, load_run, load_tokenizer, make_encoder, new_tagger, save_tagger
from bioner.tags import TagSet
from bioner.words import split_words

from .families import FAMILIES, TOKENS, VOCABULARIES, save_family

TAGS = TagSet(("Chemical", "Disease"))
ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"window": 48, "overlap": 8}


def documents(name: str, count: int) -> list[Document]:
    made = []
    for number in range(count):
        drug, disease = ("Aspirin", "severe pain") if number % 2 else ("TNF-β5", "naïve hepatitis")
        text = f"The {drug} caused {disease} in patients ({number} mg/day). In {disease}, {drug}."
        found = [(text.find(surface), text.rfind(surface), surface, kind) for surface, kind in ((drug, "Chemical"), (disease, "Disease"))]
        spans = [(start, start + len(surface), kind) for *starts, surface, kind in found for start in starts]
        mentions = tuple(Mention(f"T{i}", ((start, end),), kind) for i, (start, end, kind) in enumerate(sorted(spans)))
        made.append(Document(f"{name}{number}", text, mentions))
    return made


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fetched encoder of a family; its folder has the family's name."""
    base = tmp_path_factory.mktemp("family")
    source = save_family(request.param, base / "source")
    fetch_encoder(request.param, {"sources": [{"folder": str(source)}]}, base / request.param / "encoder.json")
    return base / str(request.param)


def recipe(folder: Path, **model: Any) -> dict[str, Any]:
    """The resolved recipe of a model on the encoder, as the workflow writes it."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    training = {
        "learning_rate": 0.003,
        "head_learning_rate": 0.01,
        "batch_pieces": 256,
        "epochs": 6,
        "minimum_steps": 0,
        "frozen_layers": None,
        "precision": "fp32",
    }
    entry = {"encoder": folder.name, "training": training | model.pop("training", {})} | SETTINGS | model
    config["encoders"][folder.name] = {"sources": [{"folder": str(folder)}]}
    config["models"]["of_the_test"] = entry
    config["experiments"]["demo"]["models"] = ["of_the_test"]
    return load_plan(config, ROOT).recipe("of_the_test")


def train(folder: Path, output: Path, settings: dict[str, Any]) -> Path:
    """Train on a fold of few documents; gives the run's folder."""
    fold = output / "fold"
    for name, count in (("train", 6), ("validation", 2)):
        write_documents(fold / f"{name}.jsonl", documents(name, count))
    write_documents(fold / "variants.jsonl", [])
    write_json(fold / "composition.json", {"protocol": "official", "types": list(TAGS.types), "normalize": ["unicode"]})
    write_json(output / "audit.json", {"verdict": "clean", "checks": []})
    write_json(output / "recipe.json", settings)
    paths = {"recipe": output / "recipe.json", "encoder": folder / "encoder.json", "fold": fold, "audit": output / "audit.json"}
    train_run(**paths, seed=1, output=output / "run")
    return output / "run"


def history(run: Path) -> list[dict[str, float]]:
    with open(run / "history.csv", newline="", encoding="utf-8") as handle:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(handle)]


def test_a_run_is_trained_with_an_adversary_saved_and_loaded(tmp_path: Path, family: Path) -> None:
    adversary = {"kind": "pgd", "epsilon": 0.05, "steps": 2, "step_size": 0.03}
    loss = {"kind": "adaptive", "bounds": [0.05, 0.95]}
    run = train(family, tmp_path, recipe(family, head="crf", loss=loss, adversary=adversary))
    epochs = history(run)
    # to first order, the perturbation makes the loss larger under the same dropout: word embeddings are what is read
    assert all(row["adversarial"] > row["loss"] for row in epochs) and epochs[-1]["loss"] < epochs[0]["loss"]
    loaded = load_run(run)
    validation = list(read_documents(tmp_path / "fold" / "validation.jsonl"))
    predicted = predict(loaded.tagger, loaded.encoder, validation)
    assert predicted == predict(*[getattr(load_run(run), name) for name in ("tagger", "encoder")], validation)
    gold, found = ({(item.id, m.start, m.end, m.type) for item in texts for m in item.mentions} for texts in (validation, predicted))
    assert 2 * len(gold & found) / (len(gold) + len(found)) == pytest.approx(read_json(run / "run.json")["validation_f1"])
    before, after = load_file(family / "model.safetensors"), load_file(run / "model.safetensors")
    changed = [name for name in before.keys() & after.keys() if not torch.equal(before[name], after[name])]
    assert any("word_embeddings" in name or "tok_embeddings" in name for name in changed) and len(changed) > 10


def test_a_run_is_trained_in_bfloat16(tmp_path: Path, family: Path) -> None:
    adversary = {"kind": "fgsm", "epsilon": 0.05}
    run = train(family, tmp_path, recipe(family, adversary=adversary, training={"precision": "bf16", "epochs": 2}))
    assert all(epoch["adversarial"] > epoch["loss"] for epoch in history(run)) and read_json(run / "run.json")["precision"] == "bf16"


def scores(tagger: Tagger, folder: Path, texts: list[Document]) -> tuple[Any, torch.Tensor]:
    """A batch of all windows of documents, and its emissions in evaluation mode."""
    encoder = make_encoder(load_tokenizer(folder), TAGS, {"model": "of_the_test", **SETTINGS}, tagger.network.config)
    windows = [window for item in encoder.encode(texts) for window in item.windows]
    batch = collate(windows, encoder.tokenizer.pad_token_id, (len(encoder.prefix), len(encoder.suffix)))
    with torch.inference_mode():
        return batch, tagger.eval().emissions(tagger.embed(batch.pieces), batch)


def test_emissions_are_the_logits_of_plain_transformers(tmp_path: Path, family: Path) -> None:
    torch.manual_seed(2)
    tagger = new_tagger(family, TAGS, crf=False)
    texts = [*documents("d", 2), Document("short", "Pain.", ()), Document("long", "Aspirin (12 mg/day) caused pain. " * 9, ())]
    batch, emissions = scores(tagger, family, texts)
    assert len({len(window.pieces) for window in batch.windows}) > 2  # some are padded
    save_tagger(tmp_path / "run", tagger, load_tokenizer(family), {"model": "of_the_test", **SETTINGS})
    plain = AutoModelForTokenClassification.from_pretrained(tmp_path / "run", local_files_only=True).eval()
    with torch.inference_mode():
        logits = plain(input_ids=batch.pieces, attention_mask=batch.mask.long()).logits.flatten(0, 1)[batch.heads]
    assert torch.allclose(emissions, logits, atol=1e-5)
    assert torch.equal(scores(load_run(tmp_path / "run").tagger, tmp_path / "run", texts)[1], emissions)


def test_padding_changes_nothing(family: Path) -> None:
    tagger = new_tagger(family, TAGS, crf=False)
    short, longer = Document("short", "Severe pain.", ()), Document("longer", "The drug caused severe pain in patients with hepatitis.", ())
    together = scores(tagger, family, [short, longer])[1]
    alone = torch.cat([scores(tagger, family, [text])[1] for text in (short, longer)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_gradient_reaches_every_piece_of_its_own_document_only(family: Path) -> None:
    """What an adversary perturbs: embeddings of the pieces, one example apart from the other."""
    tagger = new_tagger(family, TAGS, crf=False).eval()
    encoder = make_encoder(load_tokenizer(family), TAGS, {"model": "of_the_test", **SETTINGS}, tagger.network.config)
    windows = [item.windows[0] for item in encoder.encode(documents("d", 2))]
    batch = collate(windows, encoder.tokenizer.pad_token_id, (len(encoder.prefix), len(encoder.suffix)))
    embeddings = tagger.embed(batch.pieces).detach().requires_grad_()
    first = int(batch.lengths[0])
    (gradient,) = torch.autograd.grad(tagger.emissions(embeddings, batch)[:first].logsumexp(1).sum(), embeddings)
    reached = gradient.abs().sum(2) > 0
    assert torch.equal(reached[0], batch.mask[0]) and not reached[1].any()


cached_tokenizer = lru_cache(load_tokenizer)


# letters of many scripts, combining marks, ligatures, emoji with joiners, private use, unassigned and invisible characters
ODD = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.text(
    "aB1-αβÅﬁ\u0301\u200b\u200d\ufeff\u00ad👩\U0001f52c日本ҾⅣ²\ue000\t .", max_size=30
)


@given(odd=ODD)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_each_word_has_its_own_pieces(family: Path, odd: str) -> None:
    tokenizer = cached_tokenizer(family)
    text = f"Pain {odd} caused"
    (encoded,) = make_encoder(tokenizer, TAGS, {"model": "of_the_test", **SETTINGS}, _Positions()).encode([Document("d", text, ())])
    words = split_words(text)
    assert list(encoded.units) == words
    assert [i for window in encoded.windows for i in range(*window.owned)] == list(range(len(words)))
    for window in encoded.windows:
        stops = [*window.heads[1:].tolist(), None]
        for number, head, stop in zip(range(*window.owned), window.heads.tolist(), stops, strict=True):
            start, end = words[number]
            found = window.pieces[head:stop].tolist() if stop else window.pieces[head : len(window.pieces) - 1].tolist()
            blank = start == 0 or text[start - 1].isspace()
            if blank or not is_sentence_piece(tokenizer):
                # the word by itself, as transformers tokenizes text; nothing at all becomes one unknown piece
                alone = tokenizer(" " * blank + text[start:end], add_special_tokens=False)["input_ids"] or [tokenizer.unk_token_id]
                own, theirs = (unmarked(tokenizer, pieces) for pieces in (found, alone))
                assert own[: len(theirs)] == theirs[: len(own)]
            elif not tokenizer.backend_tokenizer.normalizer.normalize_str(text[start:end]).startswith((" ", "▁")):
                assert not tokenizer.convert_ids_to_tokens(found[0]).startswith("▁")


def unmarked(tokenizer: Any, pieces: list[int]) -> list[str]:
    """Pieces without blanks that are pieces of their own: transformers leaves them out before symbols that ALBERT's model file names."""
    return [piece for piece in tokenizer.convert_ids_to_tokens(pieces) if piece != "▁"]


def is_sentence_piece(tokenizer: Any) -> bool:
    return "Metaspace" in str(tokenizer.backend_tokenizer.pre_tokenizer)


def test_words_have_the_pieces_of_their_text(family: Path) -> None:
    """Blanks are marked as in the text that the encoder was trained on: not before what follows a letter, not left out after a blank."""
    tokenizer = cached_tokenizer(family)
    text = " Severe pain (12 mg/day) caused TNF-alpha; hepatitis was naive."
    (encoded,) = make_encoder(tokenizer, TAGS, {"model": "of_the_test", **SETTINGS}, _Positions()).encode([Document("d", text, ())])
    (window,) = encoded.windows
    pieces = unmarked(tokenizer, window.pieces[1:-1].tolist())
    expected = tokenizer(text, add_special_tokens=False)["input_ids"]
    if family.name == "albert":  # transformers marks what follows a symbol that the model file names, SentencePiece does not
        expected = SentencePieceProcessor(model_file=str(family / "spiece.model")).encode(text.lower())
    assert pieces == unmarked(tokenizer, expected)
    assert len(pieces) > 12


class _Positions:
    """What `make_encoder` asks of a configuration."""

    model_type = "bert"
    max_position_embeddings = 128


def spoil(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return apply


BROKEN: dict[str, Callable[[Path], None]] = {
    "empty": spoil(lambda data: b""),
    "missing": Path.unlink,
    "half": spoil(lambda data: data[: len(data) // 2]),
    "most": spoil(lambda data: data[: len(data) * 8 // 10]),
    "zeros": spoil(lambda data: bytes(len(data))),
    "a page": spoil(lambda data: b"<!DOCTYPE html>\n<html>Please sign in</html>\n"),
    "a pointer": spoil(lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 10\n"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_vocabulary_is_noticed(tmp_path: Path, family: Path, how: str) -> None:
    folder = Path(shutil.copytree(family, tmp_path / "broken"))
    BROKEN[how](folder / TOKENS.get(family.name, "vocab.txt"))
    with pytest.raises(BionerError, match=r"broken: expected (a tokenizer that|a vocabulary of about)") as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("merges", ["", "#version: 0.2\n", "#version: 0.2\nq x\nx q\n"])
def test_merges_that_are_not_the_vocabularys_are_noticed(tmp_path: Path, merges: str) -> None:
    """The vocabulary has its size then, and text falls into single bytes."""
    save_family("roberta", tmp_path / "broken")
    assert load_tokenizer(tmp_path / "broken").tokenize(" severe pain") == ["Ġsevere", "Ġpain"]
    (tmp_path / "broken" / "merges.txt").write_text(merges)
    with pytest.raises(BionerError, match=r"broken: expected (the vocabulary's pieces to come back|a tokenizer that)"):
        load_tokenizer(tmp_path / "broken")


@pytest.mark.skipif(not VOCABULARIES.is_dir(), reason="needs the real vocabularies of ../shared/vocab")
@pytest.mark.parametrize(("name", "cased"), [("bert_cased", True), ("bert_uncased", False), ("scibert", False)])
def test_a_cased_vocabulary_is_read_as_cased_where_nothing_says_otherwise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, cased: bool
) -> None:
    """Repositories of clinical and biomedical BERTs come without tokenizer_config.json, and transformers lower-cases by default."""
    folder = save_family(name, tmp_path / name)
    said = load_tokenizer(folder).tokenize("Pain in Aspirin")
    (folder / "tokenizer_config.json").unlink()
    capfd.readouterr()
    assert load_tokenizer(folder).tokenize("Pain in Aspirin") == said
    assert (said[0] == "Pain") == cased and ("the vocabulary is cased" in capfd.readouterr().err) == cased
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True})
    assert load_tokenizer(folder).tokenize("Pain")[0] == "pain"


@pytest.mark.skipif(not VOCABULARIES.is_dir(), reason="needs the real vocabularies of ../shared/vocab")
def test_alberts_pieces_are_those_of_sentencepiece(tmp_path: Path) -> None:
    """Word by word; what transformers adds on top is known: symbols that the model file names are pieces without a mark before them."""
    tokenizer = load_tokenizer(save_family("albert", tmp_path / "albert"))
    oracle = SentencePieceProcessor(model_file=str(tmp_path / "albert" / "spiece.model"))
    words = ["aspirin", "hepatitis", "tnf", "β", "12", "receptor", "x", "nonsteroidal", "5", "immunoglobulin"]
    for word in words:
        assert tokenizer([word], is_split_into_words=True, add_special_tokens=False)["input_ids"] == oracle.encode(word)
        assert np.array_equal(
            tokenizer([word.upper()], is_split_into_words=True, add_special_tokens=False)["input_ids"], oracle.encode(word)
        )
