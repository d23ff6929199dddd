"""All predictions of a run, against their gold: the tables of one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.columns import CLEAN, CONFUSION, DOCUMENTS, SCORES, run_keys
from bioner.evaluation.scoring import Scores, score_documents
from bioner.storage import read_json, sha256_file, write_rows


def judge(
    *,
    gold: str | Path,
    attacked: Mapping[str, str | Path],
    predictions: str | Path,
    keys: Mapping[str, Any],
    output_folder: str | Path,
) -> None:
    """Score every prediction file of a run; write scores.csv, documents.csv and confusion.csv.

    Args:
        gold: test documents as harmonized; also the gold of attacks that leave the text alone.
        attacked: by name of a text attack, its attacked test documents.
        predictions: predictions.json, {"attacks": {name: sha256 of <name>.jsonl beside it}}.
        keys: dataset, protocol, model, fold, seed: the first columns of every row.
        output_folder: where the tables go.

    Raises:
        BionerError: a file is missing or differs from its digest; an attack is given that was not
            predicted; documents do not correspond.
    """
    names = verify_predictions(predictions)
    unknown = sorted(set(attacked) - set(names))
    if unknown:
        raise BionerError(
            f"{predictions}: expected predictions under {', '.join(unknown)}, found {', '.join(names)} only; run predict again"
        )
    first = run_keys(keys, "keys")
    original = list(read_documents(gold))
    scores: dict[str, Scores] = {}
    for name in names:
        say(f"score: {name}")
        scores[name] = _score(_gold_under(name, original, attacked, gold), Path(predictions).parent / f"{name}.jsonl")
    output = Path(output_folder)
    for file, columns, rows in (("scores.csv", SCORES, Scores.rows), ("documents.csv", DOCUMENTS, Scores.documents)):
        write_rows(output / file, columns, ({**first, "attack": name, **row} for name in names for row in rows(scores[name])))
    write_rows(
        output / "confusion.csv",
        CONFUSION,
        ({**first, "attack": name, **row} for name in names for row in scores[name].confusion()),
    )


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
        file = Path(path).parent / f"{name}.jsonl"
        if not file.is_file():
            raise BionerError(f"{file}: expected the predictions named in {path}, found none; run predict again")
        digest = sha256_file(file)
        if digest != digests[name]:
            raise BionerError(f"{file}: expected sha256 {digests[name]} as in {path}, got {digest}; run predict again")
    return names


def _gold_under(name: str, original: list[Document], attacked: Mapping[str, str | Path], gold: str | Path) -> list[Document]:
    if name not in attacked:
        return original
    documents = list(read_documents(attacked[name]))
    odd = {document.id for document in documents} ^ {document.id for document in original}
    if odd:
        raise BionerError(f"{attacked[name]}: expected the documents of {gold}, got a difference in {min(odd)!r}; run attack again")
    return documents


def _score(gold: list[Document], file: Path) -> Scores:
    try:
        return score_documents(gold, list(read_documents(file)))
    except BionerError as error:
        message = str(error)
        raise BionerError(message if message.startswith(str(file)) else f"{file}: {message}") from error
