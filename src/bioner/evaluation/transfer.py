"""Predictions on another corpus, scored there: types mapped, and nothing that the model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.columns import CLEAN, DOCUMENTS, SCORES, run_keys
from bioner.evaluation.judging import verify_predictions
from bioner.evaluation.scoring import score_documents
from bioner.storage import write_json, write_rows


def map_types(predicted: Document, types: Mapping[str, str]) -> Document:
    """A predicted document in the other corpus's types; mentions of types that stand for none are left out, doubled ones kept once."""
    mapped = {(m.spans, types[m.type]): m._replace(type=types[m.type]) for m in predicted.mentions if m.type in types}
    return replace(predicted, mentions=tuple(mapped.values()))


def only_types(gold: Document, types: Iterable[str]) -> Document:
    """A gold document with the mentions of some types alone."""
    wanted = set(types)
    return replace(gold, mentions=tuple(mention for mention in gold.mentions if mention.type in wanted))


def shared_documents(training: Iterable[Document], test: Iterable[Document], normalized: Callable[[str], str] = str) -> set[str]:
    """Ids of test documents that are training documents too, by their id or by their text (letters and digits alone, small).

    Args:
        normalized: brings the text of a test document into the shape of training texts; it is looked for as it stands too.
    """
    ids, texts = set(), set()
    for document in training:
        ids.add(document.id)
        texts.add(_letters(document.text))

    def shared(document: Document) -> bool:
        return document.id in ids or not texts.isdisjoint((_letters(document.text), _letters(normalized(document.text))))

    return {document.id for document in test if shared(document)}


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def score_transfer(
    *,
    gold: str | Path,
    training: Sequence[str | Path],
    predictions: str | Path,
    normalized: Callable[[str], str],
    types: Mapping[str, str],
    keys: Mapping[str, Any],
    output_folder: str | Path,
) -> None:
    """Score a run's predictions on another corpus; write scores.csv, documents.csv (as `score` does) and left_out.json.

    Left out of the scores are test documents that the run was trained on; their ids and number go into left_out.json.

    Args:
        gold: test documents of the other corpus, as harmonized.
        training: files of all documents that the run has seen: of its own fold, and those that its encoder was adapted on.
        predictions: predictions.json of the transfer.
        normalized: brings a text into the shape of the training texts.
        types: for each predicted type that counts the other corpus's type that it stands for.
        keys: dataset, protocol, model, fold, seed of the run.

    Raises:
        BionerError: files are missing, differ from their digests or do not correspond; nothing is left to score, or no gold
            mention has one of the types.
    """
    first = run_keys(keys, "keys")
    verify_predictions(predictions)
    documents = list(read_documents(gold))
    known = shared_documents((document for path in training for document in read_documents(path)), documents, normalized)
    expected = [only_types(document, types.values()) for document in documents if document.id not in known]
    if not any(document.mentions for document in expected):
        raise BionerError(
            f"{gold}: expected mentions of {', '.join(sorted(set(types.values())))} to score, found none; correct the types of transfer"
        )
    found = (map_types(document, types) for document in read_documents(Path(predictions).parent / f"{CLEAN}.jsonl"))
    scores = score_documents(expected, [document for document in found if document.id not in known])
    output = Path(output_folder)
    for file, columns, rows in (("scores.csv", SCORES, scores.rows()), ("documents.csv", DOCUMENTS, scores.documents())):
        write_rows(output / file, columns, _with(first, rows))
    write_json(output / "left_out.json", {"documents": len(documents), "left_out": sorted(known), "types": dict(types)})
    say(f"transfer: {len(expected)} documents scored, {len(known)} left out that the model was trained on")


def _with(keys: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    return ({**keys, "attack": CLEAN, **row} for row in rows)
