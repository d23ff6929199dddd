"""Tag texts of your own with the model of a trained run."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bioner.commandline import execute, say
from bioner.corpora.brat_writing import brat_annotations
from bioner.documents import write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.storage import write_text
from bioner.tagging.own_texts import read_texts, tagged


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="bioner tag", description=__doc__)
    arguments.add_argument("texts", nargs="+", type=Path, help="text files, folders of .txt files, or JSON Lines with id and text (.jsonl)")
    arguments.add_argument("--run", required=True, type=Path, help="results/runs/<dataset>/<protocol>/<model>/fold<k>/seed<s>")
    made = arguments.add_mutually_exclusive_group(required=True)
    made.add_argument("--output", type=Path, help="JSON Lines of documents to write, mentions with offsets and scores")
    made.add_argument("--brat", type=Path, help="folder for a .txt and an .ann file of each document")
    arguments.add_argument("--precision", default="auto", choices=["fp32", "bf16", "auto"], help="default: %(default)s")
    arguments.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of the processor (default: all)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Tag, write, and say how much was found."""
    given = parser().parse_args(argv)
    if given.threads < 1:
        raise BionerError(f"--threads: expected at least 1, got {given.threads}; leave it out for all")
    started, counts = time.monotonic(), [0, 0]
    documents = _counted(tagged(given.run, read_texts(given.texts), threads=given.threads, precision=given.precision), counts)
    if given.output:
        write_documents(given.output, documents)
    else:
        _write_brat(given.brat, documents)
    seconds = time.monotonic() - started
    say(f"{counts[0]:,} documents, {counts[1]:,} mentions in {seconds:.1f} s, see {given.output or given.brat}")


def _counted(documents: Iterable[Document], counts: list[int]) -> Iterator[Document]:
    for document in documents:
        counts[0] += 1
        counts[1] += len(document.mentions)
        yield document


def _write_brat(folder: Path, documents: Iterable[Document]) -> None:
    root = Path(os.path.abspath(folder))
    for document in documents:
        place = Path(os.path.abspath(root / document.id))
        if root not in place.parents or place.relative_to(root).as_posix() != document.id or "\0" in document.id:
            raise BionerError(f"{document.id!r:.80}: expected an id that names a file below {folder}; rename it, or use --output")
        write_text(place.with_name(f"{place.name}.txt"), document.text)
        write_text(place.with_name(f"{place.name}.ann"), brat_annotations(document))


if __name__ == "__main__":
    execute(main)
