"""The error browser's files: what they hold, what they never hold, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioner.documents import read_documents, write_documents
from bioner.errors import BionerError
from bioner.reporting.browser import CHUNK, write_browser
from bioner.reporting.report import browser_context
from bioner.reporting.settings import read_settings
from bioner.storage import sha256_file, write_json


def value_of(path: Path) -> tuple[str, Any]:
    name, value = json.loads(path.read_text(encoding="utf-8").removeprefix("browser.put(...").removesuffix(");\n"))
    return name, value


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the experiment's files, to be spoiled."""
    root = tmp_path / "results"
    shutil.copytree(finished.root, root)
    return root


def write(finished, root: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    return write_browser(folder, settings=read_settings(finished.settings), selection=finished.chosen | changes, results=root)


def test_files_are_called_as_they_say(shown):
    files = sorted((shown / "data").rglob("*.js"))
    assert len(files) > 50
    for path in files:
        if path.name != "vega.js":
            assert value_of(path)[0] == path.relative_to(shown / "data").with_suffix("").as_posix()


def test_texts_and_conditions_are_those_of_the_runs(finished, shown):
    _, index = value_of(shown / "data" / "index.js")
    assert [corpus["name"] for corpus in index["corpora"]] == ["demo_medmentions", "demo_bc5cdr"]
    assert len(index["runs"]) == 8 and index["sets"][0] == {"dataset": "demo_medmentions", "fold": 0, "documents": 12, "of": 12}
    run = next(run for run in index["runs"] if (run["dataset"], run["model"], run["fold"]) == ("demo_bc5cdr", "fgsm", 1))
    assert run["conditions"] == {
        "clean": "clean",
        "fgsm": "clean",
        "postprocessed": "clean",
        "search": "fgsm.seed1.search.gold",
        "typos": "typos",
    }
    sources = {
        "clean": "folds/demo_bc5cdr/kfold5/fold1/test.jsonl",
        "typos": "attacks/demo_bc5cdr/kfold5/fold1/typos.jsonl",
        "fgsm.seed1.search.gold": "predictions/demo_bc5cdr/kfold5/fgsm/fold1/seed1/search.gold.jsonl",
    }
    for gold, source in sources.items():
        documents = list(read_documents(finished.root / source))
        _, told = value_of(shown / "data" / "demo_bc5cdr" / "fold1" / f"{gold}.docs.js")
        _, texts = value_of(shown / "data" / "demo_bc5cdr" / "fold1" / f"{gold}.text0.js")
        assert told["ids"] == [document.id for document in documents]
        assert [text for text, *_ in texts] == [document.text for document in documents]
        for (_, *edits), document in zip(texts, documents, strict=True):
            if "edit_spans" in document.meta:
                assert edits == [document.meta["edit_spans"], document.meta["original_spans"]]
            assert len(edits) == (0 if gold == "clean" else 2)


def test_nothing_of_a_corpus_under_agreement_is_in_the_report(finished, shown):
    documents = list(read_documents(finished.root / "folds" / finished.closed / "kfold5" / "fold0" / "test.jsonl"))
    words = {document.surface(mention) for document in documents for mention in document.mentions if mention.id.startswith("T")}
    secrets = {document.id for document in documents} | {word for word in words if len(word) > 9}
    assert len(secrets) > 20
    for path in shown.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [secret for secret in secrets if secret in text], path
            assert path.name == "index.html" or f"{finished.closed}/" not in text
    assert "under a data use agreement" in (shown / "errors.html").read_text(encoding="utf-8")


def test_settings_that_do_not_call_a_corpus_open_close_it(finished, tmp_path):
    settings = json.loads(json.dumps(finished.settings))
    for dataset in settings["datasets"].values():
        del dataset["closed"]
    read = read_settings(settings)
    index = write_browser(tmp_path / "data", settings=read, selection=finished.chosen, results=tmp_path / "nothing")
    assert index["sets"] == [] and [path.name for path in (tmp_path / "data").iterdir()] == ["index.js"]
    assert len(browser_context(index, read)["closed"]) == 3


def test_a_limit_picks_documents_and_says_so(finished, tmp_path):
    index = write(finished, finished.root, tmp_path / "data", documents=5)
    assert all((part["documents"], part["of"]) == (5, 12) for part in index["sets"])
    _, told = value_of(tmp_path / "data" / "demo_bc5cdr" / "fold0" / "typos.docs.js")
    assert [name.rsplit(".", 1)[1] for name in told["ids"]] == ["0", "2", "4", "7", "9"]
    assert "at most 5 documents" in browser_context(index, read_settings(finished.settings))["picked"]
    assert write(finished, finished.root, tmp_path / "none", documents=0)["sets"] == []


def test_attacks_of_other_experiments_are_left_out(finished, tmp_path):
    settings = read_settings(finished.settings | {"attacks": {"typos": {"kind": "typos"}}})
    index = write_browser(tmp_path / "data", settings=settings, selection=finished.chosen, results=finished.root)
    assert all(set(run["conditions"]) == {"clean", "typos", "postprocessed"} for run in index["runs"])
    assert not list((tmp_path / "data").rglob("*search*"))


def test_documents_share_text_files_by_chunk(finished, copy, tmp_path):
    place = "demo_bc5cdr/kfold5/{}fold0"
    test = list(read_documents(copy / "folds" / place.format("") / "test.jsonl"))
    many = [replace(test[number % 12], id=f"n{number}") for number in range(CHUNK * 2 + 3)]
    write_documents(copy / "folds" / place.format("") / "test.jsonl", many)
    run = copy / "predictions" / place.format("plain/") / "seed1"
    write_documents(run / "clean.jsonl", many)
    write_json(run / "predictions.json", {"attacks": {"clean": sha256_file(run / "clean.jsonl")}})
    write(finished, copy, tmp_path / "data", datasets=["demo_bc5cdr"], folds=[0], models=["plain"], postprocessed=False)
    folder = tmp_path / "data" / "demo_bc5cdr" / "fold0"
    chunks = [value_of(folder / f"clean.text{number}.js")[1] for number in range(3)]
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 3]
    assert [text for chunk in chunks for [text] in chunk] == [document.text for document in many]
    assert value_of(folder / "plain.seed1.clean.js")[1] == [[]] * len(many)


def test_what_an_earlier_report_left_is_removed(finished, tmp_path):
    stale = tmp_path / "data" / "notes" / "fold0" / "clean.text0.js"
    stale.parent.mkdir(parents=True)
    stale.write_text("old", encoding="utf-8")
    write(finished, finished.root, tmp_path / "data", documents=1)
    assert not stale.exists()


def test_other_documents_and_changed_files_are_refused(finished, copy, tmp_path):
    attacked = copy / "attacks" / "demo_bc5cdr" / "kfold5" / "fold0" / "typos.jsonl"
    documents = list(read_documents(attacked))
    write_documents(attacked, documents[:-1])
    with pytest.raises(BionerError, match=r"typos.jsonl: expected the documents of the test set"):
        write(finished, copy, tmp_path / "data")
    write_documents(attacked, documents)
    for name, rule in (("predictions/{}/clean.jsonl", "predict"), ("postprocessed/{}/clean.jsonl", "postprocess")):
        path = copy / name.format("demo_bc5cdr/kfold5/plain/fold0/seed1")
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        with pytest.raises(BionerError, match=rf"run {rule} again"):
            write(finished, copy, tmp_path / "data")
        path.write_bytes(kept)
