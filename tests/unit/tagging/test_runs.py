"""Training and prediction through their commands' own functions, on a fold of toy documents."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer

from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.strict import strict_scores
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.predicting import predict_run
from bioner.tagging.processor import PRODUCTS, Dropout, prepare_for_processor
from bioner.tagging.tagger import new_tagger
from bioner.tags import TagSet
from bioner.words import split_words

from .test_feature_crf import RECIPE as FEATURES
from .toys import EVERYTHING, RECIPE, RECIPES, TRAINING, documents, lay_encoder, lay_fold, train


@pytest.fixture
def fold(tmp_path: Path) -> Path:
    return lay_fold(tmp_path / "fold")


@pytest.fixture
def encoder(tmp_path: Path, bert: Path) -> Path:
    return lay_encoder(tmp_path / "encoder", bert)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("name", RECIPES)
def test_a_toy_task_is_learned_and_saved(tmp_path: Path, encoder: Path, fold: Path, name: str) -> None:
    run = train(tmp_path, encoder, fold, RECIPES[name])
    facts = read_json(run / "run.json")
    assert facts["validation_f1"] > 0.9
    assert facts["recipe"] == RECIPES[name] and facts["train_documents"] == 12 and facts["train_mentions"] == 48
    assert set(facts["data"]) == {"train.jsonl", "variants.jsonl", "validation.jsonl", "composition.json"}
    assert not list(run.glob("checkpoint-*/state.pt"))
    predict_run(
        run=run, test=fold / "test.jsonl", attacks={"fgsm": {"kind": "fgsm", "epsilon": 0.5}}, attacked={}, threads=1, output=tmp_path / "p"
    )
    manifest = read_json(tmp_path / "p" / "predictions.json")
    assert set(manifest["attacks"]) == {"clean", "fgsm"}
    predicted = list(read_documents(tmp_path / "p" / "clean.jsonl"))
    found = {(document.id, document.surface(mention), mention.type) for document in predicted for mention in document.mentions}
    assert ("c1", "aspirin", "Chemical") in found and ("c0", "severe pain", "Disease") in found
    assert all(0 < mention.score <= 1 for document in predicted for mention in document.mentions)
    assert sha256_file(tmp_path / "p" / "fgsm.jsonl") != sha256_file(tmp_path / "p" / "clean.jsonl")


@pytest.mark.parametrize("recipe", [RECIPE, FEATURES], ids=["encoder", "features"])
def test_no_epoch_is_chosen_by_documents_that_were_trained_on(tmp_path: Path, encoder: Path, fold: Path, recipe: dict[str, Any]) -> None:
    composition = read_json(fold / "composition.json")
    write_json(fold / "composition.json", composition | {"protocol": "official_trainval"})
    write_documents(fold / "train.jsonl", [*documents("a", 12), *documents("b", 4)])
    run = train(tmp_path, encoder, fold, recipe | {"training": TRAINING | {"epochs": 3, "patience": 1}})
    facts, history = read_json(run / "run.json"), rows(run / "history.csv")
    assert facts["validation_f1"] is None and facts["validation_macro_f1"] is None
    assert facts["best_epoch"] == facts["epochs"] == len(history) and (recipe is FEATURES or len(history) == 3)
    assert {row["f1"] for row in history} == {""}


@pytest.mark.parametrize(("precision", "gradients"), [("fp32", "fp32"), ("fp16", "fp32"), ("bf16", "bf16")])
def test_attacks_have_gradients_that_do_not_vanish(tmp_path: Path, encoder: Path, fold: Path, precision: str, gradients: str) -> None:
    run = train(tmp_path, encoder, fold, RECIPE | {"training": TRAINING | {"precision": precision, "epochs": 8}})
    facts = read_json(run / "run.json")
    assert facts["precision"] == precision and facts["validation_f1"] > 0.9
    attacks = {"fgsm": {"kind": "fgsm", "epsilon": 0.5}}
    predict_run(run=run, test=fold / "test.jsonl", attacks=attacks, attacked={}, threads=1, output=tmp_path / "p")
    assert read_json(tmp_path / "p" / "predictions.json")["gradients"] == gradients


def test_predictions_in_bf16_are_asked_for_and_told(tmp_path: Path, encoder: Path, fold: Path) -> None:
    run = train(tmp_path, encoder, fold, RECIPE)
    found = {}
    for precision in ("fp32", "bf16"):
        output = tmp_path / precision
        predict_run(run=run, test=fold / "test.jsonl", attacks={}, attacked={}, threads=1, output=output, precision=precision)
        assert read_json(output / "predictions.json")["precision"] == precision
        found[precision] = list(read_documents(output / "clean.jsonl"))
    scores = {name: [mention.score for document in documents for mention in document.mentions] for name, documents in found.items()}
    assert scores["fp32"] != scores["bf16"]  # another arithmetic
    gold = list(read_documents(fold / "test.jsonl"))
    f1 = {name: strict_scores(gold, documents).micro_f1 for name, documents in found.items()}
    assert abs(f1["fp32"] - f1["bf16"]) < 0.05 and f1["fp32"] > 0.8


def test_gradient_checkpointing_gives_the_same_weights(tmp_path: Path, encoder: Path, fold: Path) -> None:
    runs = [
        train(tmp_path, encoder, fold, EVERYTHING | {"training": EVERYTHING["training"] | {"gradient_checkpointing": wanted}}, output)
        for wanted, output in ((False, "x"), (True, "y"))
    ]
    for file in ("model.safetensors", "history.csv"):
        assert sha256_file(runs[0] / file) == sha256_file(runs[1] / file), file


@pytest.mark.parametrize("name", ["plain", "adaptive", "everything"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, encoder: Path, fold: Path, name: str) -> None:
    recipe = (RECIPES | {"everything": EVERYTHING})[name]
    first, second, other = (train(tmp_path, encoder, fold, recipe, output, seed) for output, seed in (("x", 1), ("y", 1), ("z", 2)))
    for file in ("model.safetensors", "history.csv", "config.json"):
        assert sha256_file(first / file) == sha256_file(second / file), file
    assert sha256_file(first / "model.safetensors") != sha256_file(other / "model.safetensors")


def test_patience_waits_for_the_minimum_of_steps(tmp_path: Path, encoder: Path, fold: Path) -> None:
    impatient = TRAINING | {"patience": 1, "learning_rate": 1e-9, "head_learning_rate": 0.02, "minimum_steps": 60}
    facts = read_json(train(tmp_path, encoder, fold, RECIPE | {"training": impatient}) / "run.json")
    assert int(rows(tmp_path / "run" / "history.csv")[-1]["step"]) >= 60 and facts["epochs"] > 6


def test_without_mentions_to_validate_on_the_last_epoch_is_kept(tmp_path: Path, encoder: Path, fold: Path) -> None:
    write_documents(fold / "validation.jsonl", [replace(document, mentions=()) for document in documents("b", 4)])
    facts = read_json(train(tmp_path, encoder, fold, RECIPE | {"training": TRAINING | {"patience": 2}}) / "run.json")
    assert (facts["epochs"], facts["best_epoch"], facts["validation_f1"]) == (6, 6, None)


def test_gradients_that_are_not_finite_stop_the_training_by_document(
    tmp_path: Path, encoder: Path, fold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda parameters, largest: torch.tensor(float("nan")))
    with pytest.raises(BionerError, match=r"expected a finite gradient, got nan on documents a\d.*; lower the learning rate"):
        train(tmp_path, encoder, fold, RECIPE)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_plain_transformers_loads_a_linear_run_and_predicts_the_same_tags(tmp_path: Path, encoder: Path, fold: Path) -> None:
    run = train(tmp_path, encoder, fold, RECIPE | {"training": TRAINING | {"epochs": 2}})
    model = AutoModelForTokenClassification.from_pretrained(run).eval()
    tokenizer = AutoTokenizer.from_pretrained(run)
    names = model.config.id2label
    short = [replace(document, text=document.text[:40], mentions=()) for document in read_documents(fold / "test.jsonl")]
    write_documents(tmp_path / "short.jsonl", short)
    predict_run(run=run, test=tmp_path / "short.jsonl", attacks={}, attacked={}, threads=1, output=tmp_path / "q")
    compared = 0
    for gold, predicted in zip(short, read_documents(tmp_path / "q" / "clean.jsonl"), strict=True):
        words = split_words(gold.text)
        encoding = tokenizer([gold.text[a:b] for a, b in words], is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            tags = model(**encoding).logits[0].argmax(-1)
        heads = [encoding.word_ids().index(index) for index in range(len(words))]
        theirs = [names[int(tags[head])] for head in heads]
        begins = {mention.start for mention in predicted.mentions}
        ours = []
        for start, end in words:
            owner = next((mention for mention in predicted.mentions if mention.start <= start and end <= mention.end), None)
            ours.append("O" if owner is None else f"{'B' if start in begins else 'I'}-{owner.type}")
        repaired = [
            tag if tag[0] != "I" or (index and theirs[index - 1][1:] == tag[1:]) else "B" + tag[1:] for index, tag in enumerate(theirs)
        ]
        assert ours == repaired
        compared += len(words)
    assert compared > 20


def test_whole_documents_of_any_shape_are_predicted(tmp_path: Path, encoder: Path, fold: Path) -> None:
    run = train(tmp_path, encoder, fold, RECIPES["adaptive"])
    sentence = "The aspirin caused colitis in patients. "
    shapes = {
        "long": sentence * (100_000 // len(sentence)),
        "empty": "",
        "blank": " \n ",
        "token": "x" * 5_000 + " colitis",
        "strange": "\u200b\U0001f9ec \ufffd colitis\x00",
        "none": "The patients.",
    }
    write_documents(tmp_path / "odd.jsonl", [Document(name, text) for name, text in shapes.items()])
    predict_run(run=run, test=tmp_path / "odd.jsonl", attacks={}, attacked={}, threads=1, output=tmp_path / "p")
    predicted = {document.id: document for document in read_documents(tmp_path / "p" / "clean.jsonl")}
    assert {name: document.text for name, document in predicted.items()} == shapes
    assert predicted["empty"].mentions == predicted["blank"].mentions == ()
    found = [mention.start for mention in predicted["long"].mentions if predicted["long"].surface(mention) == "aspirin"]
    assert len(found) > 1000 and found[0] < 1000 and found[-1] > 99_000


def test_a_leaking_fold_is_not_trained_on(tmp_path: Path, encoder: Path, fold: Path) -> None:
    write_json(tmp_path / "audit.json", {"verdict": "leak", "checks": []})
    with pytest.raises(BionerError, match=r"audit\.json: expected verdict 'clean'.*found 'leak'"):
        train(tmp_path, encoder, fold, RECIPE)


def test_a_damaged_encoder_is_refused(tmp_path: Path, encoder: Path, fold: Path) -> None:
    weights = encoder.parent / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(BionerError, match=r"expected sha256 .* run fetch_encoder again"):
        train(tmp_path, encoder, fold, RECIPE)


def test_an_encoder_with_another_digest_is_refused(tmp_path: Path, bert: Path) -> None:
    with pytest.raises(BionerError, match="expected sha256 0000"):
        fetch_encoder("toy", {"sources": [{"folder": str(bert)}], "sha256": "0" * 64}, tmp_path / "encoder.json")
    assert not (tmp_path / "encoder.json").exists()


def test_the_next_source_is_tried_and_all_failures_are_told(tmp_path: Path, bert: Path) -> None:
    sources = [{"package": "no_such_package"}, {"hub": "someone/something", "revision": None}]
    with pytest.raises(BionerError, match=r"no_such_package, it is not installed.*revision is null"):
        fetch_encoder("toy", {"sources": sources}, tmp_path / "encoder.json")
    fetch_encoder("toy", {"sources": [*sources, {"folder": str(bert)}]}, tmp_path / "encoder.json")
    assert json.loads((tmp_path / "encoder.json").read_text())["source"] == {"folder": str(bert)}


def test_weights_of_another_architecture_are_refused(tmp_path: Path, encoder: Path, fold: Path, albert: Path) -> None:
    """transformers would start from random weights with a warning."""
    mixed = tmp_path / "mixed"
    fetch_encoder("toy", {"sources": [{"folder": str(encoder.parent)}]}, mixed / "encoder.json")
    (mixed / "model.safetensors").write_bytes((albert / "model.safetensors").read_bytes())
    fetch_encoder("toy", {"sources": [{"folder": str(mixed)}]}, tmp_path / "again" / "encoder.json")
    with pytest.raises(BionerError, match="expected weights for all of the encoder"):
        train(tmp_path, tmp_path / "again" / "encoder.json", fold, RECIPE)


def test_frozen_layers_do_not_move(tmp_path: Path, encoder: Path, fold: Path) -> None:
    run = train(tmp_path, encoder, fold, RECIPES["fgsm"] | {"training": TRAINING | {"frozen_layers": 1, "epochs": 1}})
    before, after = load_file(encoder.parent / "model.safetensors"), load_file(run / "model.safetensors")
    moved = {name for name, value in after.items() if name in before and not torch.equal(value, before[name])}
    assert moved and all(name.startswith("bert.encoder.layer.1.") for name in moved)


def test_attention_by_products_changes_no_float32_result(bert: Path) -> None:
    torch.manual_seed(0)
    tagger = new_tagger(bert, TagSet(("Disease",)), crf=False).eval()
    pieces, mask = torch.randint(5, 60, (2, 9)), torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    before = tagger.network(input_ids=pieces, attention_mask=mask).logits
    prepare_for_processor(tagger.network, "bf16")
    assert tagger.network.config._attn_implementation == PRODUCTS
    after = tagger.network(input_ids=pieces, attention_mask=mask).logits
    torch.testing.assert_close(before[mask.bool()], after[mask.bool()])
    with torch.autocast("cpu", torch.bfloat16):
        half = tagger.network(input_ids=pieces, attention_mask=mask, output_hidden_states=True)
    assert half.hidden_states[0].dtype == torch.bfloat16
    torch.testing.assert_close(before[mask.bool()], half.logits[mask.bool()].float(), atol=0.05, rtol=0.05)


def test_dropout_by_sixteen_bits_is_dropout() -> None:
    layer, ones = Dropout(0.1), torch.ones(1001, 997)
    torch.manual_seed(7)
    dropped = layer(ones)
    assert set(dropped.unique().tolist()) == {0.0, dropped.max().item()}
    assert abs((dropped == 0).double().mean().item() - 0.1) < 4 * (0.09 / ones.numel()) ** 0.5
    assert dropped.max().item() == pytest.approx(1 / (1 - layer.p)) and abs(layer.p - 0.1) < 1 / 65536
    for lag in (1, 2, 4):  # four draws come from one number
        pairs = (dropped.flatten()[:-lag] == 0) & (dropped.flatten()[lag:] == 0)
        assert abs(pairs.double().mean().item() - 0.01) < 0.001
    torch.manual_seed(7)
    assert torch.equal(layer(ones), dropped) and not torch.equal(layer(ones), dropped)
    assert torch.equal(layer.eval()(ones), ones)


def test_a_network_prepared_for_a_processor_has_no_other_dropout(bert: Path) -> None:
    tagger = new_tagger(bert, TagSet(("Disease",)), crf=False)
    before = [layer.p for layer in tagger.network.modules() if type(layer) is torch.nn.Dropout and layer.p]
    prepare_for_processor(tagger.network, "fp32")
    assert [layer.p for layer in tagger.network.modules() if isinstance(layer, Dropout)] == pytest.approx(before, abs=1e-5)
    assert not any(type(layer) is torch.nn.Dropout and layer.p for layer in tagger.network.modules())
    assert tagger.network.config._attn_implementation == "sdpa"


def test_an_encoder_fetched_anew_leaves_nothing_of_the_old_one(tmp_path: Path, bert: Path, albert: Path) -> None:
    output = tmp_path / "encoder" / "encoder.json"
    fetch_encoder("toy", {"sources": [{"folder": str(bert)}]}, output)
    (output.parent / "vocab.txt").write_text("of the first source")
    fetch_encoder("toy", {"sources": [{"folder": str(albert)}]}, output)
    assert {path.name for path in output.parent.iterdir()} == {"encoder.json", *read_json(output)["files"]}
