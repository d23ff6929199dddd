"""Attack the test documents of a fold with a text attack that needs no model under attack."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import execute, json_argument
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.attacks import attack_file
from bioner.evaluation.sources import Propose, Sources
from bioner.preparation.abbreviations import find_definitions
from bioner.preparation.normalize import normalizer
from bioner.preparation.sentences import sentence_spans
from bioner.preparation.shuffling import names_by_type
from bioner.preparation.synonyms import build_lexicon
from bioner.preparation.variants import lone_mentions


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.attack`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.attack", description=__doc__)
    result.add_argument("--test", type=Path, required=True, help="test.jsonl of the fold, as harmonized")
    result.add_argument("--names", type=Path, nargs="*", default=[], help="train.jsonl and validation.jsonl, for kinds that look at names")
    result.add_argument("--composition", type=Path, help="composition.json of the fold, with --names: how their texts were normalized")
    result.add_argument("--model", type=Path, nargs="*", default=[], help="encoder.json of a masked language model, for context")
    result.add_argument("--name", required=True, help="name of the attack in the config")
    result.add_argument("--settings", type=json_argument, required=True, help="the attack's entry in the config, as JSON")
    result.add_argument("--output", type=Path, required=True, help="attacked documents, JSON Lines")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Attack one test set."""
    given = parser().parse_args(argv)
    if given.names and not given.composition:
        raise BionerError("expected with --names the composition.json of the fold, got none; give --composition")
    normalized = normalizer(given.composition) if given.composition else str
    sources = gather(given.test, given.names, _propose(given.model, given.settings), normalized=normalized)
    attack_file(given.test, given.output, name=given.name, settings=given.settings, sources=sources)


def gather(test: Path, names: Sequence[Path], propose: Propose | None = None, *, normalized: Callable[[str], str] = str) -> Sources:
    """What attacks draw on: the test documents, and names of the training and validation documents where these are given.

    Args:
        normalized: brings a name into the shape of those documents' texts.
    """
    documents = list(read_documents(test))
    if len(names) not in (0, 2):
        raise BionerError(f"expected no names, or those of train.jsonl and validation.jsonl, got {len(names)} files; correct --names")
    training, validation = (list(read_documents(path)) for path in names) if names else ([], [])
    return Sources(
        definitions=find_definitions,
        sentences=sentence_spans,
        replaceable=lambda document: [mention for mention in lone_mentions(document) if len(mention.spans) == 1],
        synonyms=build_lexicon(training).surfaces,
        seen=names_by_type(training),
        other=names_by_type([*validation, *documents]),
        known=_surfaces(training),
        held_out=_surfaces([*validation, *documents]),
        documents=documents,
        propose=propose,
        normalized=normalized,
    )


def _surfaces(documents: Iterable[Document]) -> dict[str, set[str]]:
    """The surfaces of all mentions by entity type."""
    found: dict[str, set[str]] = {}
    for document in documents:
        for mention in document.mentions:
            found.setdefault(mention.type, set()).add(document.surface(mention))
    return found


def _propose(models: Sequence[Path], settings: Any) -> Propose | None:
    """The masked language model of a folder; None without one."""
    if not models:
        return None
    from bioner.tagging.masked_replacement import MaskedReplacement  # here, for torch takes seconds and other kinds need none of it

    return MaskedReplacement.load(models[0], top=settings.get("top", 10))


if __name__ == "__main__":
    execute(main)
