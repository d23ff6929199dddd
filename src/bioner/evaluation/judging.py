"""All predictions of a run, against their gold: the tables of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.columns import CLEAN, POSTPROCESSED, RUN_TABLES, WORST_CASE, run_keys
from bioner.evaluation.groups import Pairs, error_rows, group_rows, type_rows
from bioner.evaluation.novelty import TrainingNames
from bioner.evaluation.plausibility import suspicions
from bioner.evaluation.postprocess import verify_postprocessed
from bioner.evaluation.prediction_rows import prediction_rows
from bioner.evaluation.scoring import score_documents
from bioner.evaluation.sentences_exact import Splitter
from bioner.evaluation.strict import pair_documents
from bioner.evaluation.success import Baseline, Outcome, baseline, outcome, success_rows, worst_case
from bioner.storage import read_json, sha256_file, write_rows

Rows = list[dict[str, Any]]


def judge(
    *,
    gold: str | Path,
    attacked: Mapping[str, str | Path],
    predictions: str | Path,
    training: str | Path,
    normalized: Callable[[str], str],
    keys: Mapping[str, Any],
    output_folder: str | Path,
    postprocessed: str | Path | None = None,
    sentences: Splitter | None = None,
) -> None:
    """Score every prediction file of a run; write the files of `RUN_TABLES`.

    Args:
        gold: test documents as harmonized; also the gold of attacks that leave the text alone.
        attacked: by name of a text attack, its attacked test documents. Those of an attack that queried the model lie beside its
            predictions and are named there.
        predictions: predictions.json, {"attacks": {name: sha256 of <name>.jsonl beside it}, and of attacks that made documents of their
            own "attacked": {name: sha256 of <name>.gold.jsonl}}.
        training: training documents of the fold, which novelty and frequency of mentions are counted from.
        normalized: brings the surface form of a test mention into the shape of training texts.
        keys: dataset, protocol, model, fold, seed: the first columns of every row.
        output_folder: where the tables go.
        postprocessed: postprocess.json of the run, to score its clean predictions after post-processing too.
        sentences: finds the sentences of a document; without it nothing is scored by sentence.

    Raises:
        BionerError: a file is missing or differs from its digest; other predictions were post-processed; an attack is given that was
            not predicted; documents do not correspond; an attack lost a mention.
    """
    names = verify_predictions(predictions)
    unknown = sorted(set(attacked) - set(names))
    if unknown:
        raise BionerError(
            f"{predictions}: expected predictions under {', '.join(unknown)}, found {', '.join(names)} only; run predict again"
        )
    first = run_keys(keys, "keys")
    files = {name: Path(predictions).parent / f"{name}.jsonl" for name in names}
    if postprocessed is not None:
        files[POSTPROCESSED] = verify_postprocessed(postprocessed, read_json(predictions)["attacks"][CLEAN])
    attacked = {**attacked, **attacked_beside(predictions)}
    training_names = TrainingNames.of(read_documents(training))
    original = list(read_documents(gold))
    tables: dict[str, Rows] = {file: [] for file in RUN_TABLES}

    def add(condition: str, found: Mapping[str, Rows]) -> None:
        for file, rows in found.items():
            tables[file] += [{**first, "attack": condition, **row} for row in rows]

    clean, outcomes = Baseline({}, {}), list[Outcome]()
    for name, file in files.items():
        say(f"score: {name}")
        pairs = _pairs(_gold_under(name, original, attacked, gold), file)
        add(name, _tables(pairs, training_names, normalized, sentences))
        if name == CLEAN:
            add(name, {"scores.csv": prediction_rows(read_json(predictions), str(predictions))})
            clean = baseline(pairs, training_names, normalized)
            add(name, {"types.csv": type_rows(pairs)})
        elif name != POSTPROCESSED:
            outcomes.append(outcome(clean, pairs, name))
            add(name, {"success.csv": list(success_rows(clean, outcomes[-1]))})
    if outcomes:
        add(WORST_CASE, {"success.csv": list(success_rows(clean, worst_case(outcomes)))})
    for table, columns in RUN_TABLES.items():
        write_rows(Path(output_folder) / table, columns, tables[table])


def attacked_beside(predictions: str | Path) -> dict[str, Path]:
    """Attacked documents that predict made itself, by name of the attack; each file is as its digest says.

    Raises:
        BionerError: a file is missing or differs.
    """
    digests = read_json(predictions).get("attacked", {})
    return {name: _verified(Path(predictions).parent / f"{name}.gold.jsonl", digests[name], predictions) for name in sorted(digests)}


def verify_predictions(path: str | Path) -> list[str]:
    """Names of the attacks that a run was predicted under, `clean` first; each file is as its digest says.

    Raises:
        BionerError: predictions.json is not as promised, or a file is missing or differs.
    """
    manifest = read_json(path)
    digests = manifest.get("attacks") if isinstance(manifest, dict) else None
    if not isinstance(digests, dict) or CLEAN not in digests:
        raise BionerError(f"{path}:1: expected attacks, '{CLEAN}' among them, got {digests!r:.60}; run predict again")
    names = sorted(digests, key=lambda name: (name != CLEAN, name))
    for name in names:
        _verified(Path(path).parent / f"{name}.jsonl", digests[name], path)
    return names


def _verified(file: Path, expected: str, manifest: str | Path) -> Path:
    if not file.is_file():
        raise BionerError(f"{file}: expected the file named in {manifest}, found none; run predict again")
    digest = sha256_file(file)
    if digest != expected:
        raise BionerError(f"{file}: expected sha256 {expected} as in {manifest}, got {digest}; run predict again")
    return file


def _gold_under(name: str, original: list[Document], attacked: Mapping[str, str | Path], gold: str | Path) -> list[Document]:
    if name not in attacked:
        return original
    documents = list(read_documents(attacked[name]))
    odd = {document.id for document in documents} ^ {document.id for document in original}
    if odd:
        raise BionerError(f"{attacked[name]}: expected the documents of {gold}, got a difference in {min(odd)!r}; run attack again")
    return documents


def _pairs(gold: list[Document], file: Path) -> list[tuple[Document, Document]]:
    predicted = list(read_documents(file))
    try:
        return pair_documents(gold, predicted)
    except BionerError as error:
        raise BionerError(f"{file}: {error}") from error


def _tables(pairs: Pairs, names: TrainingNames, normalized: Callable[[str], str], sentences: Splitter | None) -> dict[str, Rows]:
    """The rows of one condition, without the run's keys."""
    scores = score_documents([gold for gold, _ in pairs], [predicted for _, predicted in pairs], sentences)
    for sign in suspicions(scores):
        say(f"suspicious: {sign}")
    return {
        "scores.csv": scores.rows(),
        "documents.csv": scores.documents(),
        "confusion.csv": scores.confusion(),
        "errors.csv": error_rows(pairs),
        "groups.csv": group_rows(pairs, names, normalized),
    }
