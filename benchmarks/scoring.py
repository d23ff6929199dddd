"""All definitions of the metric over 10,000 documents with 300,000 gold mentions, against seqeval (default and strict) and nervaluate.

Documents and predictions are invented, with 21 types and mentions that tags can say, so that all sides can be given the same ones. Each
measurement is a process of its own, which makes its input before the clock starts: documents for us, lists of tags for
seqeval, lists of spans for nervaluate. The figures that both sides know must be equal. Ours are all rows of
scores.csv, documents.csv and confusion.csv, sentences found on the way.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from table import report, row

from bioner.entities import Document, Mention
from bioner.tags import TagSet, encode
from bioner.words import split_words

DOCUMENTS, MENTIONS, WORDS = 10_000, 30, 230
TYPES = tuple(f"T{number:03d}" for number in range(21))
FIGURES = Path(__file__).parent / "figures" / "scoring.json"

Sides = tuple[list[Document], list[Document]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3, help="interleaved repeats, of which medians are taken")
    options.add_argument("--documents", type=int, default=DOCUMENTS, help="number of documents; figures are written for the default only")
    options.add_argument("--seed", type=int, default=1, help="seed of the invented documents")
    options.add_argument("--measure", choices=sorted(MEASURES), help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](documents(arguments.documents, arguments.seed))))
        return
    runs = [{name: measured(name, arguments) for name in MEASURES} for _ in range(arguments.repeats)]
    for run in runs:
        check(run)
    middle = {name: {key: statistics.median(run[name][key] for run in runs) for key in runs[0][name]} for name in MEASURES}
    report(rows_of(middle, arguments.documents), FIGURES if arguments.documents == DOCUMENTS else None)


def rows_of(middle: dict[str, dict[str, float]], number: int) -> list[dict[str, Any]]:
    case = f"{number:,} documents, {int(middle['ours']['gold']):,} mentions"
    ours, theirs = middle["ours"]["seconds"], middle["seqeval"]["seconds"] + middle["nervaluate"]["seconds"]
    peers = f"seqeval {middle['seqeval']['seconds']:.1f} s and nervaluate {middle['nervaluate']['seconds']:.1f} s"
    mib = middle["ours"]["mib"]
    return [
        row(f"{case}: all definitions, seconds", ours, "limit", 10.0, ours, goal=10.0, better="lower"),
        row(f"{case}: peak MiB, documents included", mib, "limit", 1024.0, mib, goal=1024.0, better="lower"),
        row(f"{case}: times as fast", ours, peers, theirs, theirs / ours, goal=20.0, better="higher"),
    ]


def measured(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """A measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--documents", str(arguments.documents), "--seed", str(arguments.seed)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def check(run: dict[str, dict[str, float]]) -> None:
    """All sides must have counted the same mentions, to the same scores."""
    ours = run["ours"]
    for name, keys in (("seqeval", ("gold", "strict", "seqeval")), ("nervaluate", ("gold", "strict", "partial", "ent_type"))):
        for key in keys:
            if abs(ours[key] - run[name][key]) > 1e-9:
                raise SystemExit(f"expected the same {key} from {name}, found {run[name][key]} and ours {ours[key]}; correct the scorer")


def measure_ours(sides: Sides) -> dict[str, float]:
    from bioner.evaluation.scoring import score_documents
    from bioner.preparation.sentences import sentence_spans

    start = time.perf_counter()
    scores = score_documents(*sides, sentence_spans)
    rows = scores.rows()
    scores.documents()
    scores.confusion()
    seconds = time.perf_counter() - start
    micro = {(line["definition"], line["metric"]): line["value"] for line in rows if line["average"] == "micro"}
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    f1 = {name: float(micro[name, "f1"]) for name in ("strict", "seqeval", "partial", "ent_type")}
    return {"seconds": seconds, "mib": mib, "gold": float(micro["strict", "gold"]), **f1}


def measure_seqeval(sides: Sides) -> dict[str, float]:
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    tag_set = TagSet.of(TYPES)
    names = tag_set.names
    tags = [[[names[tag] for tag in encode(d.mentions, split_words(d.text), tag_set)[0]] for d in side] for side in sides]
    start = time.perf_counter()
    default = classification_report(*tags, output_dict=True, zero_division=0)
    strict = classification_report(*tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    seconds = time.perf_counter() - start
    values = {
        "seqeval": default["micro avg"]["f1-score"],
        "strict": strict["micro avg"]["f1-score"],
        "gold": strict["micro avg"]["support"],
    }
    return {"seconds": seconds, **{name: float(value) for name, value in values.items()}}


def measure_nervaluate(sides: Sides) -> dict[str, float]:
    from nervaluate.evaluator import Evaluator

    spans = [[[{"label": m.type, "start": m.start, "end": m.end - 1} for m in d.mentions] for d in side] for side in sides]
    start = time.perf_counter()
    found = Evaluator(*spans, list(TYPES), loader="dict").evaluate()["overall"]
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "gold": float(found["strict"].possible),
        **{name: found[name].f1 for name in ("strict", "partial", "ent_type")},
    }


MEASURES: dict[str, Callable[[Sides], dict[str, float]]] = {
    "ours": measure_ours,
    "seqeval": measure_seqeval,
    "nervaluate": measure_nervaluate,
}


def documents(number: int, seed: int) -> Sides:
    """Documents with gold mentions of one to three words, and predictions of which some are missed, moved, mistyped or invented."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdeghilmnoprstuvy", k=rng.randint(2, 11))) for _ in range(9_000)]
    pairs = [_document(rng, words, str(name)) for name in range(number)]
    return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]


def _document(rng: random.Random, words: list[str], name: str) -> tuple[Document, Document]:
    text = rng.choices(words, k=WORDS)
    for end in range(rng.randint(12, 25), WORDS - 1, 22):
        text[end] += "."
        text[end + 1] = text[end + 1].capitalize()
    starts = [0]
    for word in text:
        starts.append(starts[-1] + len(word) + 1)
    joined = " ".join(text)
    room = WORDS // MENTIONS
    sides: list[list[tuple[int, int, str]]] = [[], []]
    for slot in range(MENTIONS):
        first = slot * room + rng.randint(0, room - 5)
        mention = first, first + rng.choice((1, 1, 2, 3)), rng.choice(TYPES)
        sides[0].append(mention)
        sides[1] += _guess(rng, mention)
    return _made(name, joined, text, starts, sides[0]), _made(name, joined, text, starts, sides[1])


def _guess(rng: random.Random, mention: tuple[int, int, str]) -> list[tuple[int, int, str]]:
    first, last, kind = mention
    draw = rng.random()
    if draw < 0.75:
        return [mention]
    if draw < 0.85:
        return [(first, last + 1, kind)]
    if draw < 0.9:
        return [(first, last, rng.choice(TYPES))]
    return [(last, last + 1, kind)] if draw < 0.95 else []


def _made(name: str, joined: str, text: list[str], starts: list[int], runs: list[tuple[int, int, str]]) -> Document:
    ends = [start + len(word.rstrip(".")) for start, word in zip(starts, text, strict=False)]
    return Document(name, joined, tuple(Mention(str(i), ((starts[a], ends[b - 1]),), kind) for i, (a, b, kind) in enumerate(runs)))


if __name__ == "__main__":
    main()
