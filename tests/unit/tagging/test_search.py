"""Searches: suggestions follow from the finished trials, trials are judged on validation, the best one's values reach a recipe."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from threading import Event, Thread
from typing import Any

import optuna
import pytest

from bioner.commands import recipe as recipe_command
from bioner.commands import search as search_command
from bioner.commands import trial as trial_command
from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.provenance import value_digest
from bioner.recipes import with_best, with_values
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.searching import summarize_search
from bioner.tagging.suggesting import suggest
from bioner.tagging.training import Training
from bioner.tagging.trials import run_trial

SPACE: dict[str, Any] = {
    "training.learning_rate": {"kind": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "training.epochs": {"kind": "int", "low": 1, "high": 4, "log": False},
    "adversary": {"kind": "choice", "choices": [{"kind": "none"}, {"kind": "fgsm", "epsilon": 0.1}], "log": False},
}
SEARCH: dict[str, Any] = {"search": "rates", "space": SPACE, "parallel": 2, "startup": 4, "seed": 1}


def finished(count: int, settings: dict[str, Any] = SEARCH) -> list[dict[str, Any]]:
    """Trials of a made-up objective that is best at a learning rate of 1e-3 without an adversary."""
    told: list[dict[str, Any]] = []
    for trial in range(count):
        values = suggest(settings, told[: trial - trial % settings["parallel"]], trial)
        score = 0.9 - 0.1 * abs(math.log10(values["training.learning_rate"]) + 3) - 0.2 * (values["adversary"]["kind"] == "fgsm")
        told.append({"trial": trial, "values": values, "validation_f1": score})
    return told


def test_suggestions_are_a_function_of_the_finished_trials() -> None:
    told = finished(12)
    assert told == finished(12)
    again = json.loads(json.dumps(told[:10]))
    assert suggest(SEARCH, again[::-1], 10) == told[10]["values"] and suggest(SEARCH, again, 11) == told[11]["values"]
    assert len({value_digest(trial["values"]) for trial in told}) == 12
    assert finished(12, SEARCH | {"seed": 2})[0]["values"] != told[0]["values"]
    changed = [trial | {"validation_f1": 1 - trial["validation_f1"]} for trial in told[:10]]
    assert suggest(SEARCH, changed, 10) != told[10]["values"]


def test_suggestions_stay_inside_the_space_and_are_of_its_kinds() -> None:
    for trial in finished(20):
        values = trial["values"]
        assert values.keys() == SPACE.keys() and 1e-5 <= values["training.learning_rate"] <= 1e-2
        assert type(values["training.epochs"]) is int and 1 <= values["training.epochs"] <= 4
        assert values["adversary"] in SPACE["adversary"]["choices"]


def test_the_estimator_comes_nearer_than_chance() -> None:
    def distance(told: list[dict[str, Any]]) -> float:
        return sum(abs(math.log10(trial["values"]["training.learning_rate"]) + 3) for trial in told[20:]) / len(told[20:])

    guided = [finished(40, SEARCH | {"seed": seed}) for seed in range(3)]
    drawn = [finished(40, SEARCH | {"seed": seed, "startup": 1000}) for seed in range(3)]
    assert sum(map(distance, guided)) < 0.6 * sum(map(distance, drawn))


def test_a_generation_of_one_is_what_optuna_itself_suggests() -> None:
    """The same sampler in a study of its own, told the same results."""
    settings = SEARCH | {"parallel": 1, "space": {key: SPACE[key] for key in ("training.learning_rate",)}}
    told = [{"trial": n, "values": {"training.learning_rate": 10.0 ** -(2 + n % 3)}, "validation_f1": 0.1 * n} for n in range(6)]
    space = {"training.learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-2, log=True)}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1_000_003 + 6, n_startup_trials=4))
    for trial in told:
        study.add_trial(optuna.trial.create_trial(params=trial["values"], distributions=space, value=trial["validation_f1"]))
    asked = study.ask(space)
    assert suggest(settings, told, 6) == asked.params


def test_trials_without_a_result_are_kept_clear_of() -> None:
    """No score is made up for them, and the estimator takes them for the worst all the same."""
    settings = SEARCH | {"parallel": 1, "startup": 6}

    def refused(values: dict[str, Any]) -> bool:
        return bool(values["adversary"]["kind"] == "fgsm")

    def tried(state: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for trial in range(30):
            values = suggest(settings, told, trial)
            score = None if refused(values) and state == "infeasible" else 0.5
            told.append({"trial": trial, "state": state if score is None else "finished", "values": values, "validation_f1": score})
        return told

    guided = tried("infeasible")
    assert guided == tried("infeasible") and 0 < sum(refused(trial["values"]) for trial in guided[6:]) < 8
    assert sum(refused(trial["values"]) for trial in tried("finished")[6:]) > 8


def test_suggestions_go_on_where_no_trial_has_a_result() -> None:
    told: list[dict[str, Any]] = []
    for trial in range(12):
        values = suggest(SEARCH, told[: trial - trial % 2], trial)
        told.append({"trial": trial, "state": "infeasible", "values": values, "validation_f1": None})
    assert len({value_digest(trial["values"]) for trial in told}) == 12


def test_results_that_are_missing_are_told() -> None:
    told = finished(4)
    with pytest.raises(BionerError, match=r"trial 5: expected the results of the 4 trials before .*, found those of \[0, 1, 3\]"):
        suggest(SEARCH, [told[0], told[1], told[3]], 5)


RECIPE = {"model": "toy", "adversary": {"kind": "fgsm", "epsilon": 0.1}, "window": 32, "searched": None, "training": {"epochs": 3}}


def test_values_take_the_place_of_a_recipes_own() -> None:
    values = {"training.epochs": 5, "window": 64, "adversary.epsilon": 0.2, "training.clip": 2.0}
    changed = with_values(RECIPE, values)
    assert changed == {
        "model": "toy", "adversary": {"kind": "fgsm", "epsilon": 0.2}, "window": 64, "searched": None,
        "training": {"epochs": 5, "clip": 2.0},
    }  # fmt: skip
    assert RECIPE["training"] == {"epochs": 3}
    with pytest.raises(BionerError, match=r"window\.size: expected a mapping window in the recipe"):
        with_values(RECIPE, {"window.size": 1})


def test_a_recipe_tells_where_its_values_come_from(tmp_path: Path) -> None:
    best = {"search": "rates", "trial": 3, "validation_f1": 0.8, "values": {"training.epochs": 7}, "trials": 5}
    write_json(tmp_path / "best.json", best)
    options = ["--settings", json.dumps(RECIPE), "--output", str(tmp_path / "recipe.json")]
    recipe_command.main(options)
    assert read_json(tmp_path / "recipe.json") == RECIPE
    recipe_command.main([*options, f"--best={tmp_path / 'best.json'}"])
    searched = {"search": "rates", "trial": 3, "validation_f1": 0.8, "digest": value_digest(best)}
    assert read_json(tmp_path / "recipe.json") == RECIPE | {"training": {"epochs": 7}, "searched": searched}
    assert with_best(RECIPE, best | {"trials": 6})["searched"]["digest"] != searched["digest"]


def trial_file(folder: Path, number: int, f1: float | None, **more: Any) -> Path:
    facts = {"state": "finished", "epochs": 2, "best_epoch": 1, "encoder": {}, "data": {}, "versions": {}}
    values = {"training.epochs": number, "adversary": {"kind": "none"}}
    write_json(folder / f"trial{number}.json", {"trial": number, "values": values, "validation_f1": f1} | facts | more)
    return folder / f"trial{number}.json"


def test_the_first_of_the_best_trials_is_chosen(tmp_path: Path) -> None:
    files = [trial_file(tmp_path, number, f1) for number, f1 in ((11, 0.7), (2, 0.8), (1, 0.5), (10, 0.8))]
    files.append(trial_file(tmp_path, 0, 0.0, state="diverged", epochs=None, best_epoch=None))
    settings = {"search": "rates", "space": {"training.epochs": {}, "adversary": {}}}
    summarize_search(settings=settings, trials=files, best=tmp_path / "best.json", table=tmp_path / "trials.csv")
    best = read_json(tmp_path / "best.json")
    assert (best["trial"], best["validation_f1"], best["trials"], best["search"]) == (2, 0.8, 5, "rates")
    with open(tmp_path / "trials.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "10", "11"] and rows[0]["state"] == "diverged" and rows[0]["epochs"] == ""
    assert rows[2]["adversary"] == '{"kind": "none"}' and rows[2]["training.epochs"] == "2"
    with pytest.raises(BionerError, match=r"searches\.rates: expected a training that ends well, found 1 that diverged"):
        summarize_search(settings=settings, trials=files[-1:], best=tmp_path / "best.json", table=tmp_path / "trials.csv")


def test_a_table_tells_why_a_trial_has_no_score_and_no_such_trial_is_the_best(tmp_path: Path) -> None:
    refused = {"state": "infeasible", "epochs": None, "best_epoch": None, "reason": "expected overlap between 0 and 13 pieces"}
    files = [trial_file(tmp_path, 0, None, **refused), trial_file(tmp_path, 1, 0.0)]
    settings = {"search": "rates", "space": {"training.epochs": {}, "adversary": {}}}
    summarize_search(settings=settings, trials=files, best=tmp_path / "best.json", table=tmp_path / "trials.csv")
    with open(tmp_path / "trials.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["reason"] for row in rows] == ["expected overlap between 0 and 13 pieces", ""]
    assert (rows[0]["state"], rows[0]["validation_f1"]) == ("infeasible", "") and read_json(tmp_path / "best.json")["trial"] == 1
    files[1] = trial_file(tmp_path, 1, 0.0, state="diverged", epochs=None, best_epoch=None)
    with pytest.raises(BionerError) as caught:
        summarize_search(settings=settings, trials=files, best=tmp_path / "best.json", table=tmp_path / "trials.csv")
    assert str(caught.value) == (
        "searches.rates: expected a training that ends well, found 1 that diverged and 1 that cannot be made "
        "(trial 0: expected overlap between 0 and 13 pieces); lower the learning rates in its space, or take out the values that do not fit"
    )


TRAINING = {
    "learning_rate": 0.005, "head_learning_rate": 0.01, "loss_learning_rate": 0.01, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0,
    "batch_pieces": 128, "accumulation": 1, "gradient_checkpointing": False, "epochs": 2, "minimum_steps": 0, "patience": 6,
    "select_by": "micro_f1", "dropout": None, "attention_dropout": 0.0, "frozen_layers": None, "precision": "fp32", "threads": 1,
}  # fmt: skip
TRAINED: dict[str, Any] = {
    "model": "toy", "encoder": "toy", "tags": "iob2", "alignment": "first", "word_vectors": None, "head": "linear", "constrained": False,
    "loss": {"kind": "cross_entropy", "smoothing": 0.0, "class_weights": "none"}, "adversary": {"kind": "none"}, "augmentation": [],
    "window": 32, "overlap": 8, "adaptation": None, "searched": None, "training": TRAINING,
}  # fmt: skip


def documents(name: str, count: int) -> list[Document]:
    texts = [f"The aspirin caused severe pain in patients; {number}." for number in range(count)]
    return [Document(f"{name}{number}", text, (Mention("T1", ((4, 11),), "Chemical"),)) for number, text in enumerate(texts)]


@pytest.fixture
def options(tmp_path: Path, bert: Path) -> dict[str, Any]:
    fold = tmp_path / "fold"
    write_documents(fold / "train.jsonl", documents("a", 12))
    write_documents(fold / "variants.jsonl", [])
    write_documents(fold / "validation.jsonl", documents("b", 4))
    write_json(fold / "composition.json", {"protocol": "official", "types": ["Chemical"], "normalize": ["unicode"]})
    write_json(tmp_path / "audit.json", {"verdict": "clean", "checks": []})
    fetch_encoder("toy", {"sources": [{"folder": str(bert)}]}, tmp_path / "encoder" / "encoder.json")
    files = {"encoder": tmp_path / "encoder/encoder.json", "fold": fold, "audit": tmp_path / "audit.json"}
    return files | {"recipe": TRAINED, "settings": SEARCH, "trials": [], "trial": 1, "seed": 1, "folder": tmp_path / "work"}


def test_a_trial_needs_no_test_part_and_leaves_one_small_file(tmp_path: Path, options: dict[str, Any]) -> None:
    run_trial(**options, output=tmp_path / "trial1.json")
    told = read_json(tmp_path / "trial1.json")
    assert told["trial"] == 1 and told["state"] == "finished" and 0 <= told["validation_f1"] <= 1
    assert told["values"] == suggest(SEARCH, [], 1) and told["recipe"] == value_digest(with_values(TRAINED, told["values"]))
    assert told["epochs"] == told["values"]["training.epochs"] and set(told["data"]) >= {"train.jsonl", "validation.jsonl"}
    assert not (tmp_path / "work").exists()


def test_a_stopped_trial_goes_on_to_the_same_file(tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run_trial(**options, output=tmp_path / "whole.json")
    original, steps = Training._step, []

    def stop(self: Training, *arguments: Any) -> Any:
        steps.append(self.progress.step)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", stop)
        with pytest.raises(KeyboardInterrupt):
            run_trial(**options, output=tmp_path / "stopped.json", checkpoint_seconds=-1.0)
    assert not (tmp_path / "stopped.json").exists() and list((tmp_path / "work").rglob("state.pt"))
    run_trial(**options, output=tmp_path / "stopped.json")
    assert sha256_file(tmp_path / "whole.json") == sha256_file(tmp_path / "stopped.json")


def test_a_second_job_of_a_trial_takes_the_first_ones_file(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output, original, begun = tmp_path / "trial.json", Training.run, Event()

    def slow(self: Training, *arguments: Any) -> None:
        begun.set()
        original(self, *arguments)

    monkeypatch.setattr(Training, "run", slow)
    first = Thread(target=run_trial, kwargs=options | {"output": output})
    first.start()
    assert begun.wait(60)
    begun.clear()
    run_trial(**options, output=output)
    first.join()
    told = capsys.readouterr().err
    assert "this trial is being made by process" in told and "made by the job that was waited for" in told
    assert not begun.is_set() and read_json(output)["state"] == "finished"
    assert not (tmp_path / "work").exists() and not (tmp_path / ".work.lock").exists()


def test_a_trial_that_diverges_counts_as_nothing(tmp_path: Path, options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    space = {"training.learning_rate": {"kind": "float", "low": 1e20, "high": 1e30, "log": True}}
    options |= {"settings": SEARCH | {"space": space}, "recipe": with_values(TRAINED, {"training.clip": 1e30, "training.epochs": 6})}
    run_trial(**options, output=tmp_path / "trial.json")
    told = read_json(tmp_path / "trial.json")
    assert (told["state"], told["validation_f1"], told["epochs"]) == ("diverged", 0.0, None)
    assert "it counts as an F1 of 0" in capsys.readouterr().err


VECTORS = {"size": 8, "epochs": 1, "context": 2, "minimum": 1, "learning_rate": 0.01, "file": None, "sha256": None}
IMPOSSIBLE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "together": ({"window": [16], "overlap": [20]}, {}, "expected overlap between 0 and 13 pieces for a window of 16, got 20"),
    "positions": ({"window": [128]}, {}, "expected window of at most 64 pieces, the encoder's positions"),
    "layers": ({"training.frozen_layers": [3]}, {}, "expected at most 2 frozen_layers for a BertForTokenClassification, got 3"),
    "words": ({"word_vectors.minimum": [99]}, {"word_vectors": VECTORS}, "expected words that occur 99 times in the training part"),
    "mapping": (
        {"word_vectors": [None], "word_vectors.epochs": [2]},
        {"word_vectors": VECTORS},
        "word_vectors.epochs: expected a mapping word_vectors in the recipe, found none",
    ),
}


def choices(space: dict[str, list[Any]]) -> dict[str, Any]:
    return {key: {"kind": "choice", "choices": values, "log": False} for key, values in space.items()}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_values_that_no_training_can_have_are_a_result(
    tmp_path: Path, options: dict[str, Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the trial and not of the job, which would be asked for again without end."""
    space, changed, reason = IMPOSSIBLE[name]
    options |= {"settings": SEARCH | {"space": choices(space)}, "recipe": TRAINED | changed}
    for file in ("first.json", "second.json"):
        run_trial(**options, output=tmp_path / file)
    told = read_json(tmp_path / "first.json")
    assert told["state"] == "infeasible" and told["reason"].startswith(reason) and "\n" not in told["reason"]
    assert (told["validation_f1"], told["epochs"], told["best_epoch"], told["trial"], told["seed"]) == (None, None, None, 1, 1)
    assert told["values"] == {key: values[0] for key, values in space.items()}
    assert sha256_file(tmp_path / "first.json") == sha256_file(tmp_path / "second.json")
    assert not (tmp_path / "work").exists() and f"trial 1: {told['reason']}; it has no score" in capsys.readouterr().err


def test_a_search_goes_past_values_that_do_not_go_together(tmp_path: Path, options: dict[str, Any]) -> None:
    space = choices({"window": [16, 32], "overlap": [8, 20]})
    settings = SEARCH | {"space": space, "seed": 3}
    recipe = with_values(TRAINED, {"training.epochs": 1})
    shared = ["--recipe", json.dumps(recipe), "--settings", json.dumps(settings), "--seed", "1", "--folder", str(tmp_path / "work")]
    shared += [f"--{name}={options[name]}" for name in ("encoder", "fold", "audit")]
    files = [tmp_path / f"trial{number}.json" for number in range(6)]
    for number, file in enumerate(files):
        before = ["--trials", *map(str, files[: number - number % 2])]
        trial_command.main([*shared, *before, "--trial", str(number), "--output", str(file)])
    told = [read_json(file) for file in files]
    states = {trial["state"] for trial in told}
    assert states == {"finished", "infeasible"}
    for trial in told:
        assert (trial["state"] == "infeasible") == (trial["values"] == {"window": 16, "overlap": 20})
    written = ["--best", str(tmp_path / "best.json"), "--table", str(tmp_path / "trials.csv")]
    search_command.main(["--settings", json.dumps(settings), "--trials", *map(str, files), *written])
    assert told[read_json(tmp_path / "best.json")["trial"]]["state"] == "finished"


def test_other_errors_of_a_trial_are_errors(tmp_path: Path, options: dict[str, Any]) -> None:
    write_json(tmp_path / "audit.json", {"verdict": "leak", "checks": []})
    with pytest.raises(BionerError, match="expected verdict 'clean'"):
        run_trial(**options, output=tmp_path / "trial.json")
    assert not (tmp_path / "trial.json").exists()


def test_without_mentions_to_validate_on_there_is_no_trial(tmp_path: Path, options: dict[str, Any]) -> None:
    write_documents(options["fold"] / "validation.jsonl", [Document("b", "The patients.")])
    with pytest.raises(BionerError, match=r"validation\.jsonl: expected mentions to judge trials by, found none; search on another fold"):
        run_trial(**options, output=tmp_path / "trial.json")
