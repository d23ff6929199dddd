"""Definitions by Schwartz and Hearst against the package abbreviations, on the labelled pairs of Ab3P (MED1250).

A pair is right where short and long form are exactly the labelled ones of that abstract, but for white space; one that is
labelled or found twice in an abstract counts twice. Both sides get the same text, the package one sentence at a time, as it asks for.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioner.preparation.abbreviations import find_definitions
from bioner.preparation.sentences import split_sentences
from bioner.storage import write_json

LABELLED = Path(__file__).resolve().parents[2] / "shared/corpora/ab3p/MED1250_labeled"
FIGURES = Path(__file__).parent / "figures" / "abbreviations.json"
PUBLISHED = {
    "Ab3P, same pairs (Sohn et al. 2008)": (0.965, 0.832),
    "Schwartz and Hearst, other abstracts (2003)": (0.95, 0.82),
}
"""Precision and recall as the papers' abstracts tell them."""

PEER = """
import json, sys, time
from abbreviations.schwartz_hearst import extract_abbreviation_definition_pairs as extract
records = json.load(sys.stdin)
start = time.perf_counter()
found = [[pair for sentence in record for pair in extract(doc_text=sentence).items()] for record in records]
json.dump([time.perf_counter() - start, found], sys.stdout)
"""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Record:
    """An abstract under its title, a line each, and how often each pair of short and long form is labelled in it."""

    text: str
    pairs: Counter[Pair] = field(default_factory=Counter)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--labelled", type=Path, default=LABELLED, help="MED1250_labeled of github.com/ncbi-nlp/Ab3P")
    options.add_argument("--repeats", type=int, default=5, help="interleaved repeats, of which the medians of the seconds are taken")
    arguments = options.parse_args()
    if not arguments.labelled.is_file():
        print(f"skipped: expected the labelled pairs at {arguments.labelled}, found none; name the file with --labelled")
        return
    records = read_labelled(arguments.labelled)
    runs = [(find_ours(records), find_theirs(records)) for _ in range(arguments.repeats)]
    seconds = [statistics.median(run[side][0] for run in runs) for side in (0, 1)]
    ours, theirs = (measure(records, runs[0][side][1]) for side in (0, 1))
    rows = [
        row(f"{name} of {ours.labelled:,} pairs", getattr(ours, name), "abbreviations", getattr(theirs, name), goal=goal)
        for name, goal in (("precision", 0.98), ("recall", 1.0), ("f1", 1.0))
    ]
    rows += [row("f1, published", ours.f1, name, harmonic_mean(*published), goal=0.98) for name, published in PUBLISHED.items()]
    rows.append(row("abstracts a second", len(records) / seconds[0], "abbreviations", len(records) / seconds[1], goal=1.0))
    report(rows, f"ours: {ours}\nabbreviations: {theirs}")


def read_labelled(path: Path) -> list[Record]:
    """The abstracts of the file, in order. Lines end at LF alone; a record that goes on after its pairs begins with its number again."""
    lines: dict[str, list[str]] = {}
    pairs: dict[str, Counter[Pair]] = {}
    current = ""
    for line in path.read_bytes().decode("cp1252").split("\n"):
        if re.fullmatch(r"[0-9]+\s*", line):
            current = line.strip()
            lines.setdefault(current, [])
            pairs.setdefault(current, Counter())
        elif re.fullmatch(r"  [^|]+\|[^|]+", line):
            short, long = (" ".join(part.split()) for part in line.split("|"))
            pairs[current][short, long] += 1
        elif line.strip() and not line.startswith("//"):
            lines[current].append(" ".join(line.replace("\r", "").split()))
    return [Record("\n".join(lines[number]), pairs[number]) for number in lines]


def find_ours(records: Sequence[Record]) -> tuple[float, list[Counter[Pair]]]:
    """Seconds, and the pairs found in each abstract."""
    start = time.perf_counter()
    found = [[(record.text[slice(*d.short)], record.text[slice(*d.long)]) for d in find_definitions(record.text)] for record in records]
    return time.perf_counter() - start, [Counter(pairs) for pairs in found]


def find_theirs(records: Sequence[Record]) -> tuple[float, list[Counter[Pair]]]:
    """As `find_ours`, by the package, in a process of its own."""
    borders = [{place for place, letter in enumerate(record.text) if letter == "\n"} for record in records]
    sentences = [
        [record.text[slice(*span)] for span in split_sentences(record.text, edges)] for record, edges in zip(records, borders, strict=True)
    ]
    with tempfile.TemporaryDirectory() as elsewhere:  # this file has the package's name
        command = [sys.executable, "-c", PEER]
        done = subprocess.run(command, check=False, input=json.dumps(sentences), capture_output=True, text=True, cwd=elsewhere)
    if done.returncode:
        found = done.stderr.strip()[-200:]
        raise SystemExit(f"expected the package abbreviations to run, found: {found}; pip install -r requirements/dev.txt")
    seconds, found = json.loads(done.stdout)
    return seconds, [Counter((short, long) for short, long in pairs) for pairs in found]


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of pairs."""

    right: int
    found: int
    labelled: int

    @property
    def precision(self) -> float:
        return self.right / self.found

    @property
    def recall(self) -> float:
        return self.right / self.labelled

    @property
    def f1(self) -> float:
        return harmonic_mean(self.precision, self.recall)

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {getattr(self, name):.4f}" for name in ("precision", "recall", "f1"))
        return f"{self.right:,} right of {self.found:,} found and {self.labelled:,} labelled: {shares}"


def measure(records: Sequence[Record], found: Sequence[Counter[Pair]]) -> Measured:
    right = sum((record.pairs & pairs).total() for record, pairs in zip(records, found, strict=True))
    return Measured(right, sum(pairs.total() for pairs in found), sum(record.pairs.total() for record in records))


def harmonic_mean(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def row(case: str, ours: float, peer: str, theirs: float, *, goal: float) -> dict[str, Any]:
    """A line of the table; it holds when ours is at least `goal` times theirs."""
    ratio = ours / theirs
    numbers = {"ours": round(ours, 4), "theirs": round(theirs, 4), "ratio": round(ratio, 3)}
    return {"case": case, "peer": peer, **numbers, "goal": goal, "better": "higher", "holds": ratio >= goal}


def report(rows: Sequence[dict[str, Any]], told: str) -> None:
    """Print the counts and the table, and write the table as figures."""
    print(told)
    for line in rows:
        holds = "holds" if line["holds"] else "DOES NOT HOLD"
        compared = f"{line['ratio']:.3f} >= {line['goal']:g}: {holds}"
        print(f"{line['case']:<28} {line['ours']:>9.4g} | {line['peer']} {line['theirs']:.4g} | {compared}")
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }
    write_json(FIGURES, {"machine": machine, "rows": list(rows)})


if __name__ == "__main__":
    main()
