"""The search attack inside predict: the documents that it makes, their digests, and what the victim was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bioner.commands.predict import main
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.evaluation.strict import strict_scores
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.predicting import predict_run
from bioner.tagging.runs import train_run

from .toys import RECIPES, documents, lay_encoder, lay_fold, train

SEARCH: dict[str, Any] = {"kind": "search", "edits": 4, "queries": 20, "target": "all", "minimum_length": 3}
FEATURES = {
    "model": "features", "encoder": None, "tags": "iob2", "head": "feature_crf", "augmentation": [],
    "feature_crf": {"c1": 0.01, "c2": 0.01, "iterations": 50}, "training": {"threads": 1},
}  # fmt: skip


def tagged(tmp_path: Path, bert: Path, name: str) -> Path:
    fold = lay_fold(tmp_path / "fold")
    write_documents(fold / "test.jsonl", documents("c", 6))
    if name != "features":
        return train(tmp_path, lay_encoder(tmp_path / "encoder", bert), fold, RECIPES[name])
    write_json(tmp_path / "recipe.json", FEATURES)
    audit = tmp_path / "audit.json"
    train_run(recipe=tmp_path / "recipe.json", encoder=None, fold=fold, audit=audit, seed=1, output=tmp_path / "run")
    return tmp_path / "run"


def f1(gold: list[Document], predicted: Path) -> float:
    return strict_scores(gold, list(read_documents(predicted))).micro_f1


@pytest.mark.parametrize("name", ["adaptive", "features"])
def test_a_search_writes_its_documents_beside_its_predictions(tmp_path: Path, bert: Path, name: str) -> None:
    run, test = tagged(tmp_path, bert, name), tmp_path / "fold" / "test.jsonl"
    output = tmp_path / "p"
    attacks = {"found": SEARCH, "one": SEARCH | {"edits": 1}}
    arguments = ["--run", str(run), "--test", str(test), "--attacks", json.dumps(attacks), "--threads", "1", "--output", str(output)]
    main(arguments)
    manifest = read_json(output / "predictions.json")
    assert set(manifest["attacks"]) == {"clean", "found", "one"} and set(manifest["attacked"]) == {"found", "one"}
    assert manifest["norms"] == {}
    for attack, digest in manifest["attacked"].items():
        assert digest == sha256_file(output / f"{attack}.gold.jsonl")
    originals = list(read_documents(test))
    made = {attack: list(read_documents(output / f"{attack}.gold.jsonl")) for attack in attacks}
    for attack, limit in (("found", 4), ("one", 1)):
        for before, after, predicted in zip(originals, made[attack], read_documents(output / f"{attack}.jsonl"), strict=True):
            assert (before.id, after.text) == (after.id, predicted.text)
            assert after.meta["attack"] == attack and after.meta["edits_made"] <= limit and 1 <= after.meta["queries"] <= 20
            assert [(m.id, m.type, m.concepts) for m in before.mentions] == [(m.id, m.type, m.concepts) for m in after.mentions]
    clean, found = f1(originals, output / "clean.jsonl"), f1(made["found"], output / "found.jsonl")
    assert clean > 0.9 and found < clean and found <= f1(made["one"], output / "one.jsonl")
    before = {path.name: sha256_file(path) for path in output.iterdir()}
    main(arguments)
    assert before == {path.name: sha256_file(path) for path in output.iterdir()}


def test_other_predictions_do_not_depend_on_a_search(tmp_path: Path, bert: Path) -> None:
    run, test = tagged(tmp_path, bert, "plain"), tmp_path / "fold" / "test.jsonl"
    fgsm: dict[str, Any] = {"fgsm": {"kind": "fgsm", "epsilon": 0.1}}
    for name, attacks in (("alone", fgsm), ("both", fgsm | {"found": SEARCH | {"queries": 10}})):
        predict_run(run=run, test=test, attacks=attacks, attacked={}, threads=1, output=tmp_path / name)
    for file in ("clean.jsonl", "fgsm.jsonl"):
        assert sha256_file(tmp_path / "alone" / file) == sha256_file(tmp_path / "both" / file)
    assert set(read_json(tmp_path / "both" / "predictions.json")["norms"]) == {"fgsm"}
