"""The built-in ontology as it is in the mirror: recounted from other files of the same release, and what its names are worth."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bioner.commands.postprocess import definitions
from bioner.entities import Document, Mention
from bioner.evaluation.icd10 import describe
from bioner.evaluation.linked import linking_rows
from bioner.evaluation.linking import link_document
from bioner.evaluation.ontology import Ontology, identifier, read_ontology
from bioner.preparation.lexicons import read_obo

ROOT = Path(__file__).parents[3]
MIRROR = ROOT.parent / "shared" / "corpora"
RELEASE = MIRROR / "disease_ontology" / "2026-07-31"
pytestmark = pytest.mark.skipif(not RELEASE.is_dir(), reason="needs the ontology in ../shared/corpora")


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    files = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["ontologies"]["disease_ontology"]["files"]
    return read_ontology([MIRROR / file["path"] for file in files], read_obo)


@pytest.mark.parametrize(("file", "prefix"), [("ICD10inDO.tsv", "ICD10CM:"), ("MESHinDO.tsv", "MESH:")])
def test_cross_references_are_those_of_the_tables_that_have_one_vocabulary(ontology: Ontology, file: str, prefix: str) -> None:
    with open(RELEASE / file, encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if not row["label"].startswith("obsolete ")]
    told = {row["id"]: {identifier(xref.strip()) for xref in row["xrefs"].split(",")} for row in rows}
    found = {term.id: {xref for xref in term.xrefs if xref.startswith(prefix)} for term in ontology.terms.values()}
    assert len(told) > 3500 and {term: xrefs for term, xrefs in found.items() if xrefs} == told


def test_nearly_all_codes_are_of_the_release(ontology: Ontology) -> None:
    codes = {xref.removeprefix("ICD10CM:") for term in ontology.terms.values() for xref in term.xrefs if xref.startswith("ICD10CM:")}
    known = {code for code in codes if describe(code) is not None}
    assert len(codes) > 2000 and len(known) / len(codes) > 0.95


def read_pubtator(path: Path) -> Iterator[Document]:
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        title, abstract, *lines = block.split("\n")
        rows = [line.split("\t") for line in lines]
        mentions = (
            Mention(f"T{number}", ((int(row[1]), int(row[2])),), row[4], tuple(row[5].split("|")))
            for number, row in enumerate(rows)
            if row[1] != "CID"
        )
        yield Document(title.split("|")[0], f"{title.split('|', 2)[2]} {abstract.split('|', 2)[2]}", tuple(mentions))


def test_links_of_a_validation_part(ontology: Ontology) -> None:
    path = MIRROR / "bc5cdr" / "CDR_DevelopmentSet.PubTator.txt"
    gold = list(read_pubtator(path))
    linked = [link_document(ontology, document, ["Disease"], definitions) for document in gold]
    links = {document.id: found for document, found in linked}
    rows = linking_rows(ontology, gold, {"gold": ([document for document, _ in linked], links)}, ["Disease"])
    term, icd10cm = rows
    assert (term["number"], icd10cm["number"]) == (4244, 4244)
    assert term["precision"] > 0.94 and term["recall"] > 0.55 and icd10cm["precision"] > 0.97
