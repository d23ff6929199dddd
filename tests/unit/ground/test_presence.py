"""What selected experiments use and what is not there: told before anything runs; what nothing uses is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.checks.datasets import missing_reason
from bioner.config import load_plan
from bioner.descriptions import describe
from bioner.errors import ConfigError
from bioner.planning import Plan

CONFIG = Path(__file__).parents[3] / "config.yaml"
MINE = {"title": "Mine", "format": "jsonl", "source": "provided", "licence": "x", "folder": "mine"}
FOLDER = {"sources": [{"folder": "big"}]}
ENTRY = {"title": "x", "scale": "demo", "datasets": ["demo_bc5cdr"], "models": ["plain"], "protocol": "kfold"}
TRANSFER = {"transfer": [{"from": "demo_bc5cdr", "to": "mine", "types": {"Disease": "Disease"}}]}
VECTORS = {"size": 8, "file": "vectors.bin", "sha256": "0" * 64}
SEARCH = {"model": "plain", "dataset": "mine", "trials": 2, "space": {"training.learning_rate": {"low": 1e-4, "high": 1e-3}}}
ADAPTED = {"adapted": {"encoder": "minilm", "adaptation": "more"}}
READS_MINE = {"more": {"encoder": "minilm", "text": ["mine"]}}
SPELLING = {"preparation": {"normalize": ["unicode", {"spelling": {"dictionary": "words.tsv", "sha256": "0" * 64}}]}}


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIONER_MIRROR", raising=False)


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in change.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else copy.deepcopy(value)
    return result


def plan(base: Path, entry: dict[str, Any] | None = None, **changes: Any) -> Plan:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    known = {"run": ["mine"], "datasets": {"mine": MINE}, "encoders": {"big": FOLDER}, "experiments": {"mine": ENTRY | (entry or {})}}
    return load_plan(merged(merged(config, known), changes), base)


def corpus(base: Path) -> None:
    (base / "mine").mkdir()


def encoder(base: Path) -> None:
    (base / "big").mkdir()


def file(name: str) -> Callable[[Path], None]:
    return lambda base: (base / name).touch()


Case = tuple[dict[str, Any], dict[str, Any], str, Callable[[Path], None]]
ABSENT: dict[str, Case] = {
    "target of a transfer": (
        TRANSFER,
        {},
        "experiments.mine.transfer.0.to: 'mine' is not provided: put its files under mine; "
        "or set experiments.mine.missing to row, which leaves this transfer out",
        corpus,
    ),
    "text of an adaptation": (
        {"models": ["adapted"], "missing": "row"},
        {"adaptations": READS_MINE, "models": ADAPTED},
        "experiments.mine.models: model 'adapted' needs the text of 'mine' (adaptations.more.text), which is not provided: "
        "put its files under mine; or leave the model out",
        corpus,
    ),
    "text of an attack's adaptation": (
        {"attacks": ["guess"]},
        {"adaptations": READS_MINE, "attacks": {"guess": {"kind": "context", "adaptation": "more"}}},
        "experiments.mine.attacks: attack 'guess' needs the text of 'mine' (adaptations.more.text), which is not provided",
        corpus,
    ),
    "dataset of a search": (
        {"models": ["found"]},
        {"searches": {"own": SEARCH}, "models": {"found": {"encoder": "minilm", "values_from": "own"}}},
        "experiments.mine.models: model 'found' (its search 'own' with model 'plain') needs 'mine', which is not provided: "
        "put its files under mine; or leave the model out",
        corpus,
    ),
    "encoder of a search": (
        {"models": ["found"]},
        {
            "searches": {"own": SEARCH | {"model": "other", "dataset": "demo_bc5cdr", "protocol": "official"}},
            "models": {"found": {"encoder": "minilm", "values_from": "own"}, "other": {"encoder": "big"}},
            "experiments": {"mine": {"protocol": "official"}},
        },
        "experiments.mine.models: model 'found' (its search 'own' with model 'other') needs encoder 'big', found no folder big",
        encoder,
    ),
    "encoder of a model": (
        {"models": ["large"]},
        {"models": {"large": {"encoder": "big"}}},
        "experiments.mine.models: model 'large' needs encoder 'big', found no folder big; put the encoder there",
        encoder,
    ),
    "encoder of an attack": (
        {"attacks": ["guess"]},
        {"attacks": {"guess": {"kind": "context", "encoder": "big"}}},
        "experiments.mine.attacks: attack 'guess' needs encoder 'big', found no folder big; put the encoder there",
        encoder,
    ),
    "encoder of an attack's adaptation": (
        {"attacks": ["guess"]},
        {"adaptations": {"more": {"encoder": "big"}}, "attacks": {"guess": {"kind": "context", "adaptation": "more"}}},
        "experiments.mine.attacks: attack 'guess' needs encoder 'big', found no folder big",
        encoder,
    ),
    "translator": (
        {},
        {"preparation": {"back_translation": {"forward": "minilm", "backward": "big"}}},
        "preparation.back_translation.backward: needs encoder 'big', found no folder big",
        encoder,
    ),
    "dictionary": (
        {},
        SPELLING,
        "preparation.normalize.1.spelling.dictionary: expected a file, found none at words.tsv; put it there, or correct the path",
        file("words.tsv"),
    ),
    "word vectors": (
        {"models": ["words"]},
        {"models": {"words": {"encoder": "minilm", "word_vectors": VECTORS}}},
        "experiments.mine.models: model 'words' needs word vectors, found no file vectors.bin; "
        "put it there, correct its word_vectors.file, or leave the model out",
        file("vectors.bin"),
    ),
}


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_used_and_absent_is_told_before_anything_runs(tmp_path: Path, name: str) -> None:
    entry, changes, message, provide = ABSENT[name]
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, entry, **changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    provide(tmp_path)
    assert plan(tmp_path, entry, **changes).experiment("mine").runs


@pytest.mark.parametrize("name", [name for name in ABSENT if name not in ("translator", "dictionary")])
def test_what_no_selected_experiment_uses_may_be_absent(tmp_path: Path, name: str) -> None:
    entry, changes, *_ = ABSENT[name]
    assert plan(tmp_path, entry, **(changes | {"run": ["demo"]})).experiment("demo").runs


def test_an_encoder_that_was_fetched_before_needs_no_folder(tmp_path: Path) -> None:
    (tmp_path / "results/encoders/big").mkdir(parents=True)
    (tmp_path / "results/encoders/big/encoder.json").touch()
    entry, changes, *_ = ABSENT["encoder of an attack"]
    assert plan(tmp_path, entry, **changes).experiment("mine").runs


def test_what_was_made_before_needs_no_files(tmp_path: Path) -> None:
    """As in a clone to which results were copied: runs with word vectors that are trained, searches that have found their values."""
    entry, changes, *_ = ABSENT["word vectors"]
    runs = [f"runs/demo_bc5cdr/kfold10/words/fold{fold}/seed1" for fold in range(10)]
    for made in (*runs, "searches/own"):
        (tmp_path / "results" / made).mkdir(parents=True)
        (tmp_path / "results" / made / "run.json").touch()
    assert plan(tmp_path, entry, **changes).experiment("mine").runs
    (tmp_path / "results" / runs[3] / "run.json").unlink()
    with pytest.raises(ConfigError, match="needs word vectors"):
        plan(tmp_path, entry, **changes)
    entry, changes, *_ = ABSENT["dataset of a search"]
    (tmp_path / "results/searches/own/best.json").touch()
    assert plan(tmp_path, entry, **changes).experiment("mine").runs


def test_a_runs_own_text_is_no_other_dataset(tmp_path: Path) -> None:
    """Where `mine` is left out, no run adapts on it, and a run on it would read its own training part."""
    entry = {"models": ["adapted"], "datasets": ["mine"], "missing": "row"}
    made = plan(tmp_path, entry, adaptations=READS_MINE, models=ADAPTED)
    assert made.experiment("mine").runs == []


def test_a_transfer_to_what_is_not_provided_is_left_out_where_rows_may_be_missing(tmp_path: Path) -> None:
    two = [*TRANSFER["transfer"], {"from": "demo_bc5cdr", "to": "demo_i2b2", "types": {"Disease": "problem"}}]
    made = plan(tmp_path, {"transfer": two, "missing": "row"})
    assert {target for _, target in made.transfers("mine")} == {"demo_i2b2"}
    assert [entry["to"] for entry in made.table_settings("mine", "transfer")["transfers"]] == ["demo_i2b2"]
    assert "not transferred to mine, which is not provided: put its files under mine" in describe(made, "mine")["notes"][0]
    assert made.experiment("mine").absent == {"mine": "put its files under mine"}
    assert made.experiment("mine").present == ["demo_bc5cdr"]
    planned = Plan(made.config, [replace(made.experiment("mine"), absent={})])  # as of `bioner plan --provided`
    assert {target for _, target in planned.transfers("mine")} == {"mine", "demo_i2b2"}
    assert "transfer" not in plan(tmp_path, TRANSFER | {"missing": "row"}).further_tables("mine")
    (tmp_path / "mine").mkdir()
    assert {target for _, target in plan(tmp_path, {"transfer": two, "missing": "row"}).transfers("mine")} == {"mine", "demo_i2b2"}


def files(*entries: dict[str, Any]) -> dict[str, Any]:
    known = {"url": "https://host/a", "sha256": ["0" * 64]}
    return {"title": "F", "format": "jsonl", "source": "download", "licence": "x", "files": [known | entry for entry in entries]}


FILES: dict[str, tuple[dict[str, Any], str]] = {
    "no digest": ({"path": "a/x", "sha256": []}, "files.0: expected sha256 or git_blob, by which a/x is verified, found neither; add one"),
    "no name": ({"path": "a/.."}, "files.0.path: expected a path that ends in a file's name, found 'a/..'; correct it"),
    "the manifest": ({"path": "a/manifest.json"}, "files.0.path: expected a path that ends in a file's name, found 'a/manifest.json'"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", ["datasets", "ontologies"])
def test_files_that_could_not_be_fetched_are_told(tmp_path: Path, name: str, part: str) -> None:
    entry, message = FILES[name]
    fetched = files(entry)
    added = fetched if part == "datasets" else {key: fetched[key] for key in ("title", "licence", "files")}
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, **{part: {"new": added}})
    assert f"{part}.new.{message}" in str(caught.value)


def test_files_lie_in_one_folder_under_their_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"datasets\.new\.files\.1\.path: expected a file name of its own, found x of a/x again in b/x"):
        plan(tmp_path, datasets={"new": files({"path": "a/x"}, {"path": "b/x"})})


URLS = {
    "ftp://host/x": "expected a url of http, https, file, found ftp://host/x",
    "host/x": "expected a url of http, https, file, found host/x",
    "https://": "expected a url of http, https, file",
    "https://host:port/x": r"expected a url, found https://host:port/x \(no port after the host's name\)",
    "file://host/x": r"expected a file of this machine \(file:///...\), found file://host/x",
}


@pytest.mark.parametrize("url", URLS)
def test_urls_that_could_not_be_fetched_are_told_where_they_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    new = {"new": files({"path": "a/x", "url": url})}
    with pytest.raises(ConfigError, match=r"datasets\.new\.files\.0\.url: " + URLS[url]):
        plan(tmp_path, {"datasets": ["new"]}, datasets=new)
    with pytest.raises(ConfigError, match=r"datasets\.new\.files\.0\.url: " + URLS[url]):
        plan(tmp_path, {"transfer": [TRANSFER["transfer"][0] | {"to": "new"}]}, datasets=new)
    assert plan(tmp_path, datasets=new).experiment("mine").runs  # nothing fetches it
    assert plan(tmp_path, {"datasets": ["new"]}, datasets=new, mirror="files").experiment("mine").runs
    (tmp_path / "results/raw/new").mkdir(parents=True)
    (tmp_path / "results/raw/new/manifest.json").touch()
    assert plan(tmp_path, {"datasets": ["new"]}, datasets=new).experiment("mine").runs  # it is there


@pytest.mark.parametrize("url", ["http://host/x", "HTTPS://host:8080/x", "file:///files/x", "file://localhost/files/x"])
def test_urls_that_can_be_fetched_are_let_through(tmp_path: Path, url: str) -> None:
    assert plan(tmp_path, {"datasets": ["new"]}, datasets={"new": files({"path": "a/x", "url": url})}).experiment("mine").runs


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        ("m" * 300, "expected a folder or URL prefix, found a name that no folder can have (File name too long): mmm"),
        ("ftp://host/files", "expected a url of http, https, file, found ftp://host/files"),
    ],
)
@pytest.mark.parametrize("run", ["demo", "open"])
def test_a_mirror_that_there_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, message: str, run: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, run=[run], mirror=mirror)
    assert str(caught.value).startswith(f"mirror: {message}") and len(str(caught.value)) < 250
    monkeypatch.setenv("BIONER_MIRROR", mirror)
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, run=[run])
    assert str(caught.value).startswith(f"BIONER_MIRROR: {message}")


LONG = "m" * 300


@pytest.mark.parametrize(
    ("entry", "changes", "message"),
    [
        (
            {"models": ["large"]},
            {"models": {"large": {"encoder": "big"}}, "encoders": {"big": {"sources": [{"folder": LONG}]}}},
            "found no folder mmm",
        ),
        ({}, {"preparation": {"lexicons": {"own": {"tsv": LONG}}}}, "preparation.lexicons.own.tsv: expected a file, found none at mmm"),
        ({"datasets": ["mine"]}, {"datasets": {"mine": {"folder": LONG}}}, "'mine' is not provided: put its files under mmm"),
    ],
)
def test_names_that_are_too_long_are_one_line(tmp_path: Path, entry: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, entry, **changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_corpus_that_was_read_before_is_there_but_for_one_under_agreement(tmp_path: Path) -> None:
    """As in a clone to which results were pulled; what is made of a corpus under an agreement is never pulled."""
    entry = {"source": "provided", "folder": "gone", "agreement": None}
    for name in ("results/raw/mine/manifest.json", "results/corpora/mine.jsonl"):
        assert missing_reason("mine", entry, tmp_path) == "put its files under gone"
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert missing_reason("mine", entry, tmp_path) is None
    assert missing_reason("mine", entry | {"agreement": "sign it"}, tmp_path) == "sign it; put its files under gone"
