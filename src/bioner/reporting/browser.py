"""The error browser's data: scripts that a page on disk can load, a few at a time, without a server.

Below the folder, for each corpus and fold: `<gold>.docs.js` (ids and gold mentions), `<gold>.text<n>.js` (texts, `CHUNK` documents each)
and, for each run and condition, `<model>.seed<s>.<condition>.js` (judgements). `<gold>` is `clean`, the name of a text attack, or that of a
run and of an attack that searched its own texts. `index.js` tells what there is. See `judgements` for the lists.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.columns import CLEAN, POSTPROCESSED
from bioner.evaluation.errors import ERROR_KINDS
from bioner.evaluation.judging import attacked_beside, verify_predictions
from bioner.evaluation.postprocess import verify_postprocessed
from bioner.reporting.judgements import Numbers, edit_spans, evenly, gold_list, judgements, script
from bioner.reporting.settings import ReportSettings
from bioner.storage import write_text

CHUNK = 50
"""Documents whose texts share a file."""


@dataclass
class _Fold:
    """A test set that is being written into `folder`, <dataset>/fold<k>; `written` are the names of golds that have their files.

    `conditions` are those of the experiment: a run can have been attacked for others too.
    """

    folder: Path
    results: Path
    protocol: str
    documents: list[Document]
    places: Sequence[int]
    types: Numbers
    conditions: set[str]
    written: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        return f"{self.folder.parent.name}/{self.protocol}/{self.folder.name}"

    def run(self, model: str, seed: int) -> str:
        return f"{self.folder.parent.name}/{self.protocol}/{model}/{self.folder.name}/seed{seed}"

    def pick(self, documents: Sequence[Document]) -> list[Document]:
        return [documents[place] for place in self.places]

    def read(self, path: Path) -> list[Document]:
        """Attacked documents in the order of the test set."""
        found = {document.id: document for document in read_documents(path)}
        if found.keys() != {document.id for document in self.documents}:
            raise BionerError(f"{path}: expected the documents of the test set, found others; run the attack again")
        return [found[document.id] for document in self.documents]


def write_browser(folder: str | Path, *, settings: ReportSettings, selection: Mapping[str, Any], results: str | Path) -> dict[str, Any]:
    """Write the scripts of an experiment's runs under its own protocol; returns what `index.js` holds.

    Of corpora under a data use agreement nothing is read and nothing written.

    Args:
        folder: where the scripts go; what it holds is removed.
        selection: the parts whose product are the experiment's runs, as the rule collect gets them; `postprocessed`: whether clean
            predictions were post-processed; `documents`: most documents of a test set, evenly picked, None for all.
        results: folder with `folds`, `attacks`, `predictions` and `postprocessed`.

    Raises:
        BionerError: a file is missing, or not as its digest or its text demands.
    """
    folder = Path(folder)
    if folder.exists():
        shutil.rmtree(folder)
    corpora, sets, runs = [], [], []
    for dataset in selection["datasets"]:
        if settings.datasets[dataset].closed or selection["documents"] == 0:
            continue
        types = Numbers()
        for number in selection["folds"]:
            fold = _open_fold(folder / dataset / f"fold{number}", Path(results), selection, types, {CLEAN, *settings.attacks})
            for model, seed in product(selection["models"], selection["seeds"]):
                conditions = _write_run(fold, model, seed, postprocessed=selection["postprocessed"])
                runs.append({"dataset": dataset, "fold": number, "model": model, "seed": seed, "conditions": conditions})
            sets.append({"dataset": dataset, "fold": number, "documents": len(fold.places), "of": len(fold.documents)})
        corpora.append({"name": dataset, "title": settings.datasets[dataset].title, "types": types.names})
        say(f"report: error browser, {dataset}")
    index = {"chunk": CHUNK, "kinds": list(ERROR_KINDS), "corpora": corpora, "sets": sets, "runs": runs}
    write_text(folder / "index.js", script("index", index))
    return index


def _open_fold(folder: Path, results: Path, selection: Mapping[str, Any], types: Numbers, conditions: set[str]) -> _Fold:
    dataset, number = folder.parent.name, folder.name
    documents = list(read_documents(results / "folds" / dataset / selection["protocol"] / number / "test.jsonl"))
    places = evenly(len(documents), selection["documents"])
    fold = _Fold(folder, results, selection["protocol"], documents, places, types, conditions)
    _write_gold(fold, CLEAN, documents)
    return fold


def _write_run(fold: _Fold, model: str, seed: int, *, postprocessed: bool) -> dict[str, str]:
    """Write the judgements of a run under each condition; returns the name of each one's gold."""
    run, name = fold.run(model, seed), f"{model}.seed{seed}"
    manifest = fold.results / "predictions" / run / "predictions.json"
    files = {name: manifest.parent / f"{name}.jsonl" for name in verify_predictions(manifest) if name in fold.conditions}
    if postprocessed:
        files[POSTPROCESSED] = verify_postprocessed(fold.results / "postprocessed" / run / "postprocess.json")
    searched = attacked_beside(manifest)
    golds = {}
    for condition, path in files.items():
        predicted = {document.id: document for document in read_documents(path)}
        if all(document.id in predicted and predicted[document.id].text == document.text for document in fold.documents):
            golds[condition], documents = CLEAN, fold.documents
        elif condition in searched:
            golds[condition] = f"{name}.{condition}.gold"
            documents = fold.read(searched[condition])
        else:
            golds[condition] = condition
            documents = fold.read(fold.results / "attacks" / fold.path / f"{condition}.jsonl")
        if predicted.keys() != {document.id for document in documents}:
            raise BionerError(f"{path}: expected the documents of the test set, found others; run predict again")
        _write_gold(fold, golds[condition], documents)
        _write(fold, f"{name}.{condition}", [judgements(gold, predicted[gold.id], fold.types) for gold in fold.pick(documents)])
    return golds


def _write_gold(fold: _Fold, gold: str, documents: Sequence[Document]) -> None:
    """Write ids, gold mentions and texts, unless an earlier run had the same."""
    if gold in fold.written:
        return
    fold.written.add(gold)
    picked, clean = fold.pick(documents), fold.pick(fold.documents)
    _write(fold, f"{gold}.docs", {"ids": [d.id for d in picked], "gold": [gold_list(d, fold.types) for d in picked]})
    for first in range(0, len(picked), CHUNK):
        pairs = zip(clean[first : first + CHUNK], picked[first : first + CHUNK], strict=True)
        texts = [[document.text, *(edit_spans(original, document) if gold != CLEAN else ())] for original, document in pairs]
        _write(fold, f"{gold}.text{first // CHUNK}", texts)


def _write(fold: _Fold, name: str, value: Any) -> None:
    write_text(fold.folder / f"{name}.js", script(f"{fold.folder.parent.name}/{fold.folder.name}/{name}", value))
