"""The predictions of a run, linked and measured: files in, files out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.evaluation.columns import KEYS, LINKS, run_keys
from bioner.evaluation.consistency import FindDefinitions
from bioner.evaluation.linked import Links, linking_rows
from bioner.evaluation.linking import link_document
from bioner.evaluation.ontology import Ontology
from bioner.storage import write_rows

GOLD = "gold"


def link_run(
    *,
    ontology: Ontology,
    gold: str | Path,
    predictions: Mapping[str, str | Path],
    types: Sequence[str],
    keys: Mapping[str, Any],
    find: FindDefinitions,
    output: str | Path,
    table: str | Path,
) -> None:
    """Link gold mentions and predictions of a run; write the last of these with their links, and a table of what links are worth.

    Args:
        gold: test documents as harmonized, with concepts.
        predictions: files by what they are called in the table (`clean`, `postprocessed`), at least one.
        types: of the mentions to link.
        keys: of the run: the first columns of every row.

    Raises:
        BionerError: a file is missing or malformed; documents do not correspond.
    """
    documents = list(read_documents(gold))
    linked: dict[str, tuple[list[Document], Links]] = {GOLD: _link(ontology, documents, types, find)}
    for name, path in predictions.items():
        linked[name] = _link(ontology, list(read_documents(path)), types, find)
    first = run_keys(keys, "keys")
    rows = [first | row for row in linking_rows(ontology, documents, linked, types)]
    write_rows(table, (*KEYS, *LINKS), rows)
    write_documents(output, linked[list(linked)[-1]][0])
    say(f"link: {len(ontology.terms)} terms, {ontology.unused} names of terms that are no more left out")
    for row in rows:
        say("link: " + ", ".join(f"{column} {row[column]}" for column in LINKS))


def _link(ontology: Ontology, documents: Sequence[Document], types: Sequence[str], find: FindDefinitions) -> tuple[list[Document], Links]:
    done, links = [], {}
    for document in documents:
        found, links[document.id] = link_document(ontology, document, types, find)
        done.append(found)
    return done, links
