"""Predictions scored again without any of bioner's code: seqeval, strict, on IOB2 tags of single characters.

    python tests/oracles/rescore.py GOLD PREDICTED

where GOLD is results/folds/<dataset>/<protocol>/fold<k>/test.jsonl and PREDICTED results/predictions/.../clean.jsonl, prints the gold
mentions and precision, recall and F1 in percent, micro. One tag a character, so that no tokenizer moves a boundary.
Overlapping mentions cannot be said in IOB2: such files are refused.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2


def rescore(gold: Path, predicted: Path) -> tuple[int, float, float, float]:
    """Gold mentions, and strict micro precision, recall and F1 in percent, of two files of documents."""
    truth, guesses = _read(gold), _read(predicted)
    if truth.keys() != guesses.keys():
        raise SystemExit(f"expected the same documents in {gold} and {predicted}, found {len(truth.keys() ^ guesses.keys())} in one only")
    tags = [(_tags(truth[name]), _tags(guesses[name])) for name in truth]
    gold_tags, predicted_tags = [pair[0] for pair in tags], [pair[1] for pair in tags]
    scores = [100 * score(gold_tags, predicted_tags, mode="strict", scheme=IOB2) for score in (precision_score, recall_score, f1_score)]
    return sum(len(document["mentions"]) for document in truth.values()), scores[0], scores[1], scores[2]


def _read(path: Path) -> dict[str, dict]:
    with open(path, encoding="utf-8", newline="\n") as handle:
        return {document["id"]: document for document in map(json.loads, handle)}


def _tags(document: dict) -> list[str]:
    tags = ["O"] * len(document["text"])
    for mention in document["mentions"]:
        (start, end), *more = mention["spans"]
        if more or any(tag != "O" for tag in tags[start:end]):
            raise SystemExit(f"document {document['id']}: expected mentions side by side, found one in several parts or over another")
        tags[start:end] = [f"B-{mention['type']}"] + [f"I-{mention['type']}"] * (end - start - 1)
    return tags


if __name__ == "__main__":
    mentions, precision, recall, f1 = rescore(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"gold {mentions:,}  P {precision:.2f}  R {recall:.2f}  F1 {f1:.2f}")
