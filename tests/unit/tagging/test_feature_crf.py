"""The CRF over features of words: its features, and training and prediction through their commands' own functions."""

from __future__ import annotations

import csv
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite
import pytest

from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.attacks import attack_file
from bioner.evaluation.columns import EPOCHS
from bioner.evaluation.strict import strict_scores
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.feature_crf import FeatureCRF, brief_shape, word_classes, word_features, word_shape
from bioner.tagging.predicting import predict_run
from bioner.tagging.runs import train_run
from bioner.tags import TagSet
from bioner.words import split_words

RECIPE: dict[str, Any] = {
    "model": "features", "encoder": None, "head": "feature_crf", "feature_crf": {"c1": 0.1, "c2": 0.1, "iterations": 40},
    "tags": "iob2", "augmentation": [], "training": {"threads": 1},
}  # fmt: skip


def documents(name: str, count: int, *, drugs: tuple[str, ...] = ("aspirin", "paracetamol")) -> list[Document]:
    made = []
    for number in range(count):
        drug, disease = drugs[number % len(drugs)], ("colitis", "severe pain", "renal failure")[number % 3]
        text = f"The {drug} caused {disease} in patients. In patients with {disease}, the {drug} “dose”; {number}."
        mentions = []
        for surface, kind in ((drug, "Chemical"), (disease, "Disease")):
            for start in (at for at in range(len(text)) if text.startswith(surface, at)):
                mentions.append(Mention(f"T{len(mentions)}", ((start, start + len(surface)),), kind))
        made.append(Document(f"{name}{number}", text, tuple(mentions)))
    return made


@pytest.fixture
def fold(tmp_path: Path) -> Path:
    folder = tmp_path / "fold"
    write_documents(folder / "train.jsonl", documents("a", 18))
    write_documents(folder / "variants.jsonl", [])
    write_documents(folder / "validation.jsonl", documents("b", 4))
    write_documents(folder / "test.jsonl", documents("c", 6, drugs=("naproxin", "aspirin")))
    write_json(
        folder / "composition.json", {"protocol": "official", "types": ["Chemical", "Disease"], "normalize": ["unicode", "shorthand"]}
    )
    write_json(tmp_path / "audit.json", {"verdict": "clean", "checks": []})
    return folder


def train(fold: Path, recipe: dict[str, Any] = RECIPE, output: str = "run", seed: int = 1) -> Path:
    folder = fold.parent
    write_json(folder / "recipe.json", recipe)
    train_run(recipe=folder / "recipe.json", encoder=None, fold=fold, audit=folder / "audit.json", seed=seed, output=folder / output)
    return folder / output


def predict(run: Path, test: Path, **attacked: Path) -> dict[str, list[Document]]:
    predict_run(run=run, test=test, attacks={}, attacked=attacked, threads=1, output=run.parent / "p")
    return {name: list(read_documents(run.parent / "p" / f"{name}.jsonl")) for name in ("clean", *attacked)}


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_a_toy_task_is_learned_and_predicted_in_original_offsets(fold: Path, scheme: str) -> None:
    run = train(fold, RECIPE | {"tags": scheme})
    files = {path.name for path in run.iterdir() if path.is_file()}
    assert files == {"model.safetensors", "config.json", "history.csv", "run.json"}
    facts = read_json(run / "run.json")
    assert facts["validation_f1"] == 1.0 and facts["recipe"]["tags"] == scheme and facts["encoder"] is None
    assert (facts["train_documents"], facts["train_mentions"]) == (18, 72) and facts["versions"]["python-crfsuite"]
    gold = list(read_documents(fold / "test.jsonl"))
    found = predict(run, fold / "test.jsonl")["clean"]
    assert [document.text for document in found] == [document.text for document in gold]
    assert strict_scores(gold, found).micro_f1 > 0.9  # a drug of it was never seen
    assert all(0 < mention.score <= 1 for document in found for mention in document.mentions if mention.score is not None)
    manifest = read_json(run.parent / "p" / "predictions.json")
    assert set(manifest["attacks"]) == {"clean"} and manifest["gradients"] is None


def test_the_history_tells_the_objective_and_the_last_validation(fold: Path) -> None:
    run = train(fold)
    with open(run / "history.csv", newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        rows = list(reader)
        assert set(reader.fieldnames or ()) <= set(EPOCHS)
    assert len(rows) == read_json(run / "run.json")["epochs"] and 1 < len(rows) <= 40
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) and float(rows[-1]["f1"]) == 1.0 and not rows[0]["f1"]


def test_two_trainings_give_the_same_bytes_whatever_the_seed(fold: Path) -> None:
    first, second = train(fold, output="x"), train(fold, output="y", seed=2)
    for file in ("model.safetensors", "history.csv", "config.json"):
        assert sha256_file(first / file) == sha256_file(second / file), file
    other = train(fold, RECIPE | {"feature_crf": {"c1": 1.0, "c2": 0.1, "iterations": 40}}, "z")
    assert sha256_file(first / "model.safetensors") != sha256_file(other / "model.safetensors")


def test_a_finished_training_whose_files_were_removed_is_not_made_again(
    fold: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither by a workflow that had not heard of the end, nor by one that asks for the same again."""
    run = train(fold)
    files = [path for path in run.iterdir() if path.is_file()]
    before = {path: sha256_file(path) for path in files}
    trained: list[int] = []
    monkeypatch.setattr(FeatureCRF, "train", lambda *arguments, **options: trained.append(1))
    for path in files:
        path.unlink()
    train(fold)
    assert f"{run}: this very training had finished; its files are put back" in capsys.readouterr().err
    assert {path: sha256_file(path) for path in files} == before and not trained


@pytest.mark.parametrize("what", ["recipe", "data", "seed", "code", "versions"])
def test_another_training_is_made_although_one_had_finished(fold: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train(fold)
    recipe = RECIPE | {"feature_crf": {"c1": 1.0, "c2": 0.1, "iterations": 40}} if what == "recipe" else RECIPE
    if what == "data":
        write_documents(fold / "train.jsonl", documents("a", 17))
    elif what == "code":
        monkeypatch.setattr("bioner.tagging.runs.code_digest", lambda command: "edited")
    elif what == "versions":
        monkeypatch.setattr("bioner.tagging.runs.version", lambda package: "0.1")
    run, fresh = (train(fold, recipe, output, seed=2 if what == "seed" else 1) for output in ("run", "fresh"))
    facts = [read_json(folder / "run.json") for folder in (run, fresh)]
    assert {key for key in facts[0] if facts[0][key] != facts[1][key]} <= {"seconds"}
    assert sha256_file(run / "model.safetensors") == sha256_file(fresh / "model.safetensors") and len(list(run.glob("checkpoint-*"))) == 1


def test_text_attacks_are_predicted_and_white_boxes_refused(fold: Path) -> None:
    run, attacked = train(fold), fold / "typos.jsonl"
    attack_file(fold / "test.jsonl", attacked, name="typos", settings={"kind": "typos", "rate": 0.5, "minimum_length": 4, "seed": 1})
    found = predict(run, fold / "test.jsonl", typos=attacked)
    assert [document.text for document in found["typos"]] == [document.text for document in read_documents(attacked)]
    assert [document.text for document in found["typos"]] != [document.text for document in found["clean"]]
    with pytest.raises(BionerError, match="expected no white-box attack on a feature CRF, got fgsm"):
        predict_run(run=run, test=fold / "test.jsonl", attacks={"fgsm": {"kind": "fgsm"}}, attacked={}, threads=1, output=fold.parent / "p")


def test_variants_are_trained_on_if_asked_for(fold: Path) -> None:
    variants = [Document(f"{d.id}~noise", d.text, d.mentions, meta={"augmentation": "noise", "source": d.id}) for d in documents("a", 3)]
    write_documents(fold / "variants.jsonl", variants)
    assert read_json(train(fold, RECIPE | {"augmentation": ["noise"]}) / "run.json")["train_documents"] == 21
    assert read_json(train(fold, RECIPE) / "run.json")["train_documents"] == 18


def test_documents_of_any_shape_are_trained_on_and_predicted(fold: Path) -> None:
    odd = ["", " \n ", "\x00\x00 a", "\u200b\U0001f9ec �", "x" * 3000, "a=b:c|d\\ e", "aspirin " * 3000]
    write_documents(fold / "train.jsonl", [*documents("a", 18), *(Document(f"odd{n}", text) for n, text in enumerate(odd))])
    write_documents(fold / "odd.jsonl", [Document(f"o{number}", text) for number, text in enumerate(odd)])
    found = predict(train(fold), fold / "odd.jsonl")["clean"]
    assert [document.text for document in found] == odd


def test_without_mentions_none_are_predicted_and_without_words_nothing_is_trained(fold: Path) -> None:
    write_documents(fold / "train.jsonl", [Document("a", "No name in here."), Document("b", "")])
    write_documents(fold / "validation.jsonl", [Document("c", "No name.")])
    run = train(fold)
    assert read_json(run / "run.json")["validation_f1"] is None
    assert not any(document.mentions for document in predict(run, fold / "test.jsonl")["clean"])
    write_documents(fold / "train.jsonl", [Document("b", " ")])
    with pytest.raises(BionerError, match="expected documents with words to train on, found none"):
        train(fold)


def test_a_leaking_fold_is_not_trained_on(fold: Path) -> None:
    write_json(fold.parent / "audit.json", {"verdict": "leak", "checks": []})
    with pytest.raises(BionerError, match="expected verdict 'clean'"):
        train(fold)


def test_scores_are_marginals_of_the_tags_by_enumeration(fold: Path) -> None:
    """Of the weights that CRFsuite tells, over all tag sequences of a short text."""
    model, _, _ = FeatureCRF.train(documents("a", 18), TagSet.of(["Chemical", "Disease"]), c1=0.1, c2=0.1, iterations=15)
    text = "the naproxin caused severe pain"
    words = text.split()
    tagger = pycrfsuite.Tagger()
    tagger.open_inmemory(model.model)
    info, features = tagger.info(), word_features(words)
    labels = tagger.labels()  # those that occurred
    scores = {}
    for path in product(labels, repeat=len(words)):
        state = sum(info.state_features.get((name, label), 0) for names, label in zip(features, path, strict=True) for name in names)
        scores[path] = state + sum(info.transitions.get(pair, 0) for pair in pairwise(path))
    best = max(scores, key=lambda path: scores[path])
    total = np.logaddexp.reduce(list(scores.values()))

    def marginal(word: int, label: str) -> float:
        return float(np.exp(np.logaddexp.reduce([score for path, score in scores.items() if path[word] == label]) - total))

    (document,) = model.predict([Document("d", text)])
    spans = split_words(text)
    assert document.mentions and {best[0], best[2]} == {"O"}
    for mention in document.mentions:
        covered = [index for index, (start, end) in enumerate(spans) if mention.start <= start and end <= mention.end]
        assert [best[index][2:] for index in covered] == [mention.type] * len(covered)
        expected = np.mean([marginal(index, best[index]) for index in covered])
        assert mention.score == pytest.approx(float(expected), abs=1e-4)


def test_shapes_and_classes() -> None:
    assert [word_shape(word) for word in ("IL", "p53", "Aspirin", "α", "-")] == ["XX", "x00", "Xxxxxxx", "x", "-"]
    assert [brief_shape(word) for word in ("IL", "p53", "Aspirin", "1234")] == ["X", "x0", "Xx", "0"]
    assert word_classes("p53") == ("mixed",) and word_classes("2010") == ("number",)
    assert word_classes("TNF") == ("upper",) and word_classes("Tumour") == ("capital",) and word_classes("mRNA") == ("inner",)
    assert set(word_classes("β")) == {"single", "greek"} and word_classes("alpha") == ("greek",) and word_classes("-") == ("punctuation",)


def test_features_see_two_words_on_either_side() -> None:
    first, second, third, fourth = word_features(["Low", "TNF", "alpha", "levels"])
    assert {"word=Low", "lower=low", "prefix3=low", "suffix2=ow", "edge[-1]", "1:lower=tnf", "2:lower=alpha"} <= set(first)
    assert {"prefix2=tn", "-1:lower=low", "1:greek", "lower[-1:0]=low|tnf", "lower[0:1]=tnf|alpha"} <= set(second)
    assert not any("=low" in feature for feature in fourth) and "edge[1]" in fourth and "edge[2]" in third
    assert {len(part) for part in (feature.split("=")[1] for feature in fourth if feature.startswith("prefix"))} == {1, 2, 3, 4}
