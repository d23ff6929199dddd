"""Harmonize a corpus of MedMentions' size against the package bioc merely reading it, and its memory at four times the size."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import report, row

from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.storage import atomic_path

DOCUMENTS, MENTIONS = 4_392, 352_496
PEER = "import gzip, sys; from bioc import pubtator\nwith gzip.open(sys.argv[1], 'rt', encoding='utf-8') as f: pubtator.load(f)"
FIGURES = Path(__file__).parent / "figures" / "corpora.json"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5, help="interleaved repeats, of which medians are taken")
    options.add_argument("--seed", type=int, default=1, help="seed of the invented corpus")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        write_corpus(small, seed=arguments.seed, copies=1)
        write_corpus(large, seed=arguments.seed, copies=4)
        runs = [(harmonize(small), read_with_peer(small)) for _ in range(arguments.repeats)]
        ours, theirs = ({key: statistics.median(run[side][key] for run in runs) for key in runs[0][side]} for side in (0, 1))
        grown = harmonize(large)
    size = f"{MENTIONS:,} mentions"
    rows = [
        row(f"{size}: seconds", ours["wall"], "bioc load", theirs["wall"], theirs["wall"] / ours["wall"], goal=2.0, better="higher"),
        row(f"{size}: processor seconds", ours["cpu"], "bioc load", theirs["cpu"], theirs["cpu"] / ours["cpu"], goal=2.0, better="higher"),
        row(f"{size}: seconds at most", ours["wall"], "limit", 10.0, ours["wall"], goal=10.0, better="lower"),
        row("peak MiB, 4 times the documents", grown["mib"], "once", ours["mib"], grown["mib"] / ours["mib"], goal=1.1, better="lower"),
        row("peak MiB", ours["mib"], "bioc load", theirs["mib"], theirs["mib"] / ours["mib"], goal=1.0, better="higher"),
    ]
    report(rows, FIGURES)


def harmonize(folder: Path) -> dict[str, float]:
    """Seconds and peak memory of the command, start of the interpreter included."""
    command = ["-m", "bioner.commands.harmonize", "--dataset", "invented", "--settings", json.dumps({"format": "pubtator"})]
    command += ["--raw", str(folder / "manifest.json"), "--output", str(folder / "out.jsonl"), "--quality", str(folder / "out.json")]
    return measure([sys.executable, *command])


def read_with_peer(folder: Path) -> dict[str, float]:
    return measure([sys.executable, "-c", PEER, str(folder / "corpus.txt.gz")])


def measure(command: list[str]) -> dict[str, float]:
    """Wall seconds, processor seconds and peak resident MiB of a process that must succeed."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"expected {command[:3]} to succeed, found exit status {process.returncode}; run it by itself")
    return {"wall": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def write_corpus(folder: Path, *, seed: int, copies: int) -> None:
    """A gz PubTator file of the form of MedMentions, its text invented, and its manifest; copies have ids of their own."""
    folder.mkdir()
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdeghilmnoprstuvy", k=rng.randint(2, 11))) for _ in range(9_000)]
    words += [f"{word}-{rng.randint(1, 99)}" for word in words[:400]] + [f"{word}β" for word in words[400:600]]
    types = [f"T{number:03d}" for number in rng.sample(range(1, 205), 127)]
    shares = [MENTIONS * (n + 1) // DOCUMENTS - MENTIONS * n // DOCUMENTS for n in range(DOCUMENTS)]
    documents = [_document(rng, words, types, mentions) for mentions in shares]
    with atomic_path(folder / "corpus.txt.gz") as temporary, gzip.GzipFile(temporary, "wb", compresslevel=6, mtime=0) as handle:
        for copy in range(copies):
            for number, (head, rows) in enumerate(documents):
                name = str(20_000_000 + copy * DOCUMENTS + number)
                handle.write("".join(f"{name}{line}\n" for line in (*head, *rows)).encode() + b"\n")
    write_manifest(folder / "manifest.json", "invented", "", [manifest_entry(folder, "corpus.txt.gz", None, "text")])


def _document(rng: random.Random, words: list[str], types: list[str], mentions: int) -> tuple[list[str], list[str]]:
    """The lines of a document without its id: title and abstract, then so many annotations of one to three words."""
    title = rng.choices(words, k=13)
    text, starts = title + rng.choices(words, k=222), [0]
    for word in text:
        starts.append(starts[-1] + len(word) + 1)
    spans = sorted({(place, min(place + rng.choice((1, 1, 2, 3)), len(text))) for place in rng.sample(range(len(text)), mentions)})
    joined, rows = " ".join(text), []
    for first, last in spans:
        start, end = starts[first], starts[last] - 1
        kinds = ",".join(sorted(rng.sample(types, 2))) if rng.random() < 0.1 else rng.choice(types)
        rows.append(f"\t{start}\t{end}\t{joined[start:end]}\t{kinds}\tC{rng.randint(0, 9_999_999):07d}")
    cut = starts[len(title)]
    return [f"|t|{joined[: cut - 1]}", f"|a|{joined[cut:]}"], rows


if __name__ == "__main__":
    main()
