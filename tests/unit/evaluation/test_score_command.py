"""The score and collect commands on files, in the order in which the workflow calls them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bioner.commands.collect import main as collect_main
from bioner.commands.score import main as score_main
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.collecting import collect as collect_runs
from bioner.evaluation.collecting import selected_runs
from bioner.evaluation.columns import RUN_TABLES
from bioner.storage import read_json, sha256_file, write_json

KEYS = {"dataset": "invented", "protocol": "kfold5", "model": "plain", "fold": 0, "seed": 1}


def document(name: str, text: str, *mentions: tuple[int, int, str]) -> Document:
    return Document(name, text, tuple(Mention(str(i), ((a, b),), kind) for i, (a, b, kind) in enumerate(mentions)))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    gold = [document("a", "inventamide helps", (0, 11, "Chemical")), document("b", "nothing here")]
    attacked = [document("a", "invntamide helps", (0, 10, "Chemical")), document("b", "nothing here")]
    write_documents(tmp_path / "test.jsonl", gold)
    write_documents(tmp_path / "typos.jsonl", attacked)
    predictions = tmp_path / "predictions"
    write_documents(predictions / "clean.jsonl", gold)
    write_documents(predictions / "fgsm.jsonl", [document("a", gold[0].text, (0, 11, "Disease")), gold[1]])
    write_documents(predictions / "typos.jsonl", [document("a", attacked[0].text), attacked[1]])
    digests = {name: sha256_file(predictions / f"{name}.jsonl") for name in ("typos", "clean", "fgsm")}
    write_json(predictions / "predictions.json", {"attacks": digests})
    write_documents(tmp_path / "train.jsonl", [document("t", "Inventamide  and inventamide", (0, 11, "Chemical"), (17, 28, "Chemical"))])
    write_json(tmp_path / "composition.json", {"normalize": ["unicode"]})
    return tmp_path


def score(files: Path, *more: str, output: str = "scores", keys: dict = KEYS, attacked: str = "typos.jsonl", name: str = "typos") -> Path:
    score_main(
        [
            *("--gold", str(files / "test.jsonl"), "--attacked", f"{name}={files / attacked}"),
            *("--predictions", str(files / "predictions" / "predictions.json"), "--keys", json.dumps(keys)),
            *("--training", str(files / "train.jsonl"), "--composition", str(files / "composition.json")),
            *("--output-folder", str(files / output), *more),
        ]
    )
    return files / output


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_tables(files):
    folder = score(files)
    scores = rows(folder / "scores.csv")
    assert ",".join(scores[0]) == "dataset,protocol,model,fold,seed,attack,definition,average,type,metric,value"
    assert [*dict.fromkeys(row["attack"] for row in scores)] == ["clean", "fgsm", "typos"]
    f1 = {r["attack"]: r["value"] for r in scores if (r["definition"], r["average"], r["metric"]) == ("strict", "micro", "f1")}
    assert f1 == {"clean": "1.0", "fgsm": "0.0", "typos": "0.0"}
    span = {r["attack"]: r["value"] for r in scores if (r["definition"], r["average"], r["metric"]) == ("span", "micro", "f1")}
    assert span == {"clean": "1.0", "fgsm": "1.0", "typos": "0.0"}
    assert {(r["dataset"], r["protocol"], r["model"], r["fold"], r["seed"]) for r in scores} == {("invented", "kfold5", "plain", "0", "1")}
    counts = [[r["attack"], r["document"], r["gold"], r["predicted"], r["correct"]] for r in rows(folder / "documents.csv")]
    assert counts == [
        *(["clean", "a", "1", "1", "1"], ["clean", "b", "0", "0", "0"]),
        *(["fgsm", "a", "1", "1", "0"], ["fgsm", "b", "0", "0", "0"]),
        *(["typos", "a", "1", "0", "0"], ["typos", "b", "0", "0", "0"]),
    ]
    confusion = [(r["attack"], r["gold_type"], r["predicted_type"], r["count"]) for r in rows(folder / "confusion.csv")]
    assert confusion == [("clean", "Chemical", "Chemical", "1"), ("fgsm", "Chemical", "Disease", "1"), ("typos", "Chemical", "", "1")]
    assert not any("np." in row["value"] for row in scores)


def test_same_bytes_again(files):
    first, second = score(files), score(files, output="again")
    assert {path.name for path in first.iterdir()} == set(RUN_TABLES)
    for name in RUN_TABLES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def table(folder: Path, name: str) -> list[tuple[str, ...]]:
    """The rows of a table without the run's keys."""
    return [tuple(row.values())[5:] for row in rows(folder / name)]


def test_companion_tables(files):
    folder = score(files)
    assert table(folder, "types.csv") == [("clean", "a", "Chemical", "1", "1", "1")]
    assert table(folder, "errors.csv") == [
        ("clean", "correct", "Chemical", "Chemical", "1"),
        ("fgsm", "type", "Chemical", "Disease", "1"),
        ("typos", "missed", "Chemical", "", "1"),
    ]
    seen = [("length", "1"), ("frequency", "2-4"), ("novelty", "seen"), ("type_novelty", "Chemical/seen")]
    unseen = [("length", "1"), ("frequency", "0"), ("novelty", "unseen"), ("type_novelty", "Chemical/unseen")]
    assert table(folder, "groups.csv") == [
        *(("clean", group, value, "1", "1") for group, value in seen),
        *(("fgsm", group, value, "1", "0") for group, value in seen),
        *(("typos", group, value, "1", "0") for group, value in unseen),
    ]
    assert table(folder, "success.csv") == [
        ("fgsm", "", "", "1", "1", "0", "0", "0", "2", "0"),
        ("fgsm", "Chemical", "seen", "1", "1", "0", "", "", "", ""),
        ("typos", "", "", "1", "1", "0", "0", "0", "2", "1"),
        ("typos", "Chemical", "seen", "1", "1", "0", "", "", "", ""),
        ("worst_case", "", "", "1", "1", "0", "0", "0", "2", "1"),
        ("worst_case", "Chemical", "seen", "1", "1", "0", "", "", "", ""),
    ]


def test_gold_of_an_attack_that_made_its_own_documents(files):
    """An attack that queried the model: its documents lie beside its predictions, and their digest counts."""
    folder = files / "predictions"
    attacked = Document(
        "a", "inventamine helps", (Mention("0", ((0, 11),), "Chemical"),), meta={"attack": "search", "edits_made": 1, "queries": 7}
    )
    write_documents(folder / "search.gold.jsonl", [attacked, document("b", "nothing here")])
    write_documents(folder / "search.jsonl", [document("a", attacked.text, (0, 9, "Chemical")), document("b", "nothing here")])
    manifest = read_json(folder / "predictions.json")
    manifest["attacks"]["search"] = sha256_file(folder / "search.jsonl")
    manifest["attacked"] = {"search": sha256_file(folder / "search.gold.jsonl")}
    write_json(folder / "predictions.json", manifest)
    found = table(score(files), "success.csv")
    assert ("search", "", "", "1", "1", "1", "1", "7", "2", "1") in found
    # still overlapped under the search attack, lost by the others
    assert ("worst_case", "", "", "1", "1", "0", "1", "7", "2", "2") in found
    write_documents(folder / "search.gold.jsonl", [document("a", attacked.text), document("b", "nothing here")])
    with pytest.raises(BionerError, match=r"search.gold.jsonl: expected sha256"):
        score(files)


def test_an_attack_that_lost_a_mention_is_refused(files):
    write_documents(files / "lost.jsonl", [document("a", "invntamide helps"), document("b", "nothing here")])
    with pytest.raises(BionerError, match=r"typos: expected mention '0' of document 'a'"):
        score(files, attacked="lost.jsonl")


def test_postprocessed_predictions_are_a_condition_and_no_attack(files):
    folder = files / "postprocessed"
    write_documents(folder / "clean.jsonl", [document("a", "inventamide helps"), document("b", "nothing here", (0, 7, "Chemical"))])
    digests = {"predictions": sha256_file(files / "predictions" / "clean.jsonl"), "postprocessed": sha256_file(folder / "clean.jsonl")}
    write_json(folder / "postprocess.json", digests)
    found = score(files, "--postprocessed", str(folder / "postprocess.json"))
    assert ("postprocessed", "missed", "Chemical", "", "1") in table(found, "errors.csv")
    assert ("postprocessed", "b", "0", "1", "0") in table(found, "documents.csv")
    assert {row[0] for row in table(found, "success.csv")} == {"fgsm", "typos", "worst_case"}
    assert {row[0] for row in table(found, "types.csv")} == {"clean"}


def test_postprocessed_predictions_of_other_predictions_are_refused(files):
    folder = files / "postprocessed"
    write_documents(folder / "clean.jsonl", [document("a", "inventamide helps"), document("b", "nothing here")])
    write_json(folder / "postprocess.json", {"predictions": "0a1b", "postprocessed": sha256_file(folder / "clean.jsonl")})
    with pytest.raises(BionerError, match=r"postprocess.json: expected predictions of sha256 .*, found '0a1b'; run postprocess again"):
        score(files, "--postprocessed", str(folder / "postprocess.json"))


def test_what_a_user_keeps_in_meta_is_no_count_of_an_attack(files):
    gold = [replace(one, meta={"queries": None, "edits_made": "none"}) for one in read_documents(files / "test.jsonl")]
    write_documents(files / "test.jsonl", gold)
    assert ("fgsm", "", "", "1", "1", "0", "0", "0", "2", "0") in table(score(files), "success.csv")


def test_names_are_compared_as_training_texts_are_normalized(files):
    gold = [document("a", "in\u2010ventamide", (0, 12, "Chemical")), document("b", "nothing here")]
    write_documents(files / "test.jsonl", gold)
    write_documents(files / "predictions" / "clean.jsonl", gold)
    write_json(files / "predictions" / "predictions.json", {"attacks": {"clean": sha256_file(files / "predictions" / "clean.jsonl")}})
    write_documents(files / "train.jsonl", [document("t", "In-ventamide", (0, 12, "Chemical"))])
    arguments = ("--gold", str(files / "test.jsonl"), "--predictions", str(files / "predictions" / "predictions.json"))
    common = ("--keys", json.dumps(KEYS), "--training", str(files / "train.jsonl"), "--output-folder", str(files / "out"))
    for steps, novelty in ((["unicode"], "seen"), ([], "unseen")):
        write_json(files / "composition.json", {"normalize": steps})
        score_main([*arguments, *common, "--composition", str(files / "composition.json")])
        assert ("clean", "novelty", novelty, "1", "1") in table(files / "out", "groups.csv")
    write_json(files / "composition.json", {})
    with pytest.raises(BionerError, match=r"composition.json:1: expected a composition"):
        score_main([*arguments, *common, "--composition", str(files / "composition.json")])


def test_a_changed_file_is_refused(files):
    path = files / "predictions" / "fgsm.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(BionerError, match=r"fgsm.jsonl: expected sha256"):
        score(files)
    assert not (files / "scores").exists()


def test_a_missing_file_is_refused(files):
    (files / "predictions" / "clean.jsonl").unlink()
    with pytest.raises(BionerError, match=r"clean.jsonl"):
        score(files)


def test_an_attack_that_was_not_predicted_is_refused(files):
    with pytest.raises(BionerError, match="swaps"):
        score(files, name="swaps")


def test_attacked_gold_must_hold_the_same_documents(files):
    write_documents(files / "short.jsonl", [document("b", "nothing here")])
    with pytest.raises(BionerError, match=r"short.jsonl.*'a'"):
        score(files, attacked="short.jsonl")


def test_predictions_on_another_text_name_file_and_document(files):
    with pytest.raises(BionerError, match=r"typos.jsonl.*'a'"):
        score(files, attacked="test.jsonl")


def test_keys_are_checked(files):
    with pytest.raises(BionerError, match="no seed"):
        score(files, keys={key: value for key, value in KEYS.items() if key != "seed"})


@pytest.fixture
def runs(files: Path) -> Path:
    found = []
    for fold in (0, 1):
        run = files / f"run{fold}"
        keys = KEYS | {"fold": fold}
        score(files, output=f"scores{fold}", keys=keys)
        write_json(run / "run.json", {"device": "cpu", "seconds": 1.5, "epochs": 2, "recipe": "unrelated"})
        (run / "history.csv").write_text("epoch,step,loss,f1\n1,10,0.5,\n1,,,0.25\n")
        found.append(keys | {"scores": str(files / f"scores{fold}"), "run": str(run)})
    write_json(files / "runs.json", found)
    return files


def collect(files: Path) -> Path:
    collect_runs(read_json(files / "runs.json"), files / "collected")
    return files / "collected"


def test_collect(runs):
    folder = collect(runs)
    for name in RUN_TABLES:
        assert rows(folder / name) == rows(runs / "scores0" / name) + rows(runs / "scores1" / name)
    history = rows(folder / "history.csv")
    keys = "dataset,protocol,model,fold,seed"
    epochs = ",epoch,step,loss,cross_entropy,crf,adversarial,alpha,learning_rate,precision,recall,f1,macro_f1,skipped_steps"
    assert ",".join(history[0]) == keys + epochs
    assert [(r["fold"], r["epoch"], r["step"], r["loss"], r["alpha"], r["f1"]) for r in history] == [
        *(("0", "1", "10", "0.5", "", ""), ("0", "1", "", "", "", "0.25")),
        *(("1", "1", "10", "0.5", "", ""), ("1", "1", "", "", "", "0.25")),
    ]
    facts = rows(folder / "runs.csv")
    columns = ",run,device,precision,threads,seconds,epochs,best_epoch,train_documents,train_mentions,pieces_per_second"
    assert ",".join(facts[0]) == keys + columns
    assert [(r["fold"], r["run"], r["device"], r["seconds"], r["threads"]) for r in facts] == [
        ("0", str(runs / "run0"), "cpu", "1.5", ""),
        ("1", str(runs / "run1"), "cpu", "1.5", ""),
    ]


@pytest.mark.parametrize(
    ("path", "rule"),
    [("scores1/scores.csv", "score"), ("scores0/confusion.csv", "score"), ("run1/history.csv", "train"), ("run0/run.json", "train")],
)
def test_collect_names_the_missing_file_and_its_rule(runs, path, rule):
    (runs / path).unlink()
    with pytest.raises(BionerError, match=f"{path}.*rule {rule}"):
        collect(runs)


def test_collect_refuses_other_columns(runs):
    path = runs / "scores0" / "documents.csv"
    path.write_text(path.read_text().replace("document,gold", "gold,document", 1))
    with pytest.raises(BionerError, match=r"documents.csv:1: expected columns"):
        collect(runs)


def test_collect_expands_a_selection(tmp_path, runs):
    selection = {"datasets": ["invented"], "protocol": "kfold5", "models": ["plain"], "folds": [0, 1], "seeds": [1]}
    for fold in (0, 1):
        for kind, source in (("scores", f"scores{fold}"), ("runs", f"run{fold}")):
            target = tmp_path / kind / f"invented/kfold5/plain/fold{fold}/seed1"
            target.parent.mkdir(parents=True, exist_ok=True)
            (runs / source).rename(target)
    folders = ("--scores", str(tmp_path / "scores"), "--runs", str(tmp_path / "runs"))
    collect_main(["--settings", json.dumps(selection), *folders, "--output-folder", str(tmp_path / "out")])
    assert {(r["fold"], r["seed"], r["model"]) for r in rows(tmp_path / "out" / "scores.csv")} == {("0", "1", "plain"), ("1", "1", "plain")}
    assert [r["run"] for r in rows(tmp_path / "out" / "runs.csv")] == [
        str(tmp_path / f"runs/invented/kfold5/plain/fold{k}/seed1") for k in (0, 1)
    ]


def test_a_selection_is_the_product_of_its_parts():
    selection = {"datasets": ["a", "b"], "protocol": "official", "models": ["m"], "folds": [0], "seeds": [1, 2]}
    found = [(run["dataset"], run["seed"], run["run"]) for run in selected_runs(selection, "s", "r")]
    assert found == [(d, s, f"r/{d}/official/m/fold0/seed{s}") for d in "ab" for s in (1, 2)]
    for broken in ([], {}, selection | {"models": []}, selection | {"protocol": None}, selection | {"models": "m"}):
        with pytest.raises(BionerError, match="settings"):
            selected_runs(broken, "s", "r")


def test_collected_files_do_not_appear_by_halves(runs):
    (runs / "scores1" / "scores.csv").unlink()
    with pytest.raises(BionerError):
        collect_runs(read_json(runs / "runs.json"), runs / "halves")
    assert list((runs / "halves").iterdir()) == []
