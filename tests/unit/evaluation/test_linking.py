"""Linking to an ontology made up here: names, ambiguity, codes, and what links are worth."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands.link import main as link_main
from bioner.commands.postprocess import definitions
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.documents import read_documents, write_documents
from bioner.entities import NO_CONCEPT, Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.icd10 import codes_of, describe
from bioner.evaluation.linked import linking_rows
from bioner.evaluation.linking import Link, codes, link_document, link_name
from bioner.evaluation.ontology import KEYS, Ontology, identifier, read_ontology, same_core, same_letters, same_set, same_words
from bioner.preparation.lexicons import read_obo

TERMS = """id\tlabel\txref
"X:1"\t"zorbin fever"\t"MESH:D000001"
"X:1"\t"zorbin fever"\t"ICD10CM:A01.0"
"X:2"\t"frost disease"\t"MESH:D000002"
"X:2"\t"frost disease"\t"MIM:100001"
"X:3"\t"zonal frost"\t"MESH:D000002"
"X:3"\t"zonal frost"\t"ICD10CM:B02"
"X:4"\t"frost of the ear"\t"ICD10CM:B02.9"
"X:5"\t"plain ague"\t"ICD10CM:NO.SUCH"
"""
MANY = "".join(f'"X:7"\t"wide rash"\t"ICD10CM:{code}"\n' for code in ("L30", "B09", "A38", "R21", "L20", "T88"))
MORE = 'id\tlabel\tsubClassOf\n"X:6"\t"quartan chill"\t"plain ague"\n"X:5"\t"simple ague"\t""\n'
OBO = """format-version: 1.2

[Term]
id: X:1
name: zorbin pyrexia
synonym: "frosty heat" EXACT []
synonym: "heat" BROAD []
xref: MESH:D000001

[Term]
id: X:4
name: frost of the ear
synonym: "frosty heat" EXACT []

[Term]
id: X:9
name: gone
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("terms.tsv", TERMS), ("more.tsv", MORE), ("names.obo", OBO)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def ontology(folder: Path) -> Ontology:
    return read_ontology([folder / name for name in ("terms.tsv", "more.tsv", "names.obo")], read_obo)


def test_tables_and_names_are_one_ontology(ontology: Ontology) -> None:
    assert sorted(ontology.terms) == [f"X:{number}" for number in range(1, 7)]
    assert ontology.terms["X:1"].xrefs == ("ICD10CM:A01.0", "MESH:D000001")
    assert ontology.by_xref["MESH:D000002"] == {"X:2", "X:3"} and ontology.by_xref["OMIM:100001"] == {"X:2"}
    assert ontology.unused == 1


@pytest.mark.parametrize(
    ("name", "status", "terms"),
    [
        ("Zorbin  Fever", "linked", ["X:1"]),
        ("zorbin pyrexia", "linked", ["X:1"]),
        ("zorbin fevers", "linked", ["X:1"]),
        ("zorbin-fever", "linked", ["X:1"]),
        ("ear frost", "linked", ["X:4"]),
        ("simple ague", "linked", ["X:5"]),
        ("Zorbin's fever", "linked", ["X:1"]),
        ("frost", "linked", ["X:2"]),
        ("frosty heat", "ambiguous", ["X:1", "X:4"]),
        ("heat", "unknown", []),
        ("gone", "unknown", []),
        ("disease", "unknown", []),
        ("...", "unknown", []),
    ],
)
def test_names(ontology: Ontology, name: str, status: str, terms: list[str]) -> None:
    assert link_name(ontology, name) == Link(status, tuple(terms))


def test_a_label_comes_before_a_synonym(folder: Path) -> None:
    (folder / "names.obo").write_text(OBO + '\n[Term]\nid: X:6\nname: quartan chill\nsynonym: "zorbin fever" EXACT []\n')
    both = read_ontology([folder / "terms.tsv", folder / "more.tsv", folder / "names.obo"], read_obo)
    assert link_name(both, "zorbin fever") == Link("linked", ("X:1",))


@given(st.text("aeis ,'-OF", max_size=20))
def test_each_key_is_looser_than_the_one_before(name: str) -> None:
    assert same_words(same_letters(name)) == same_words(name)
    assert same_set(name).split() == sorted(same_set(name).split())
    assert set(same_core(name).split()) <= set(same_set(name).split()) <= set(same_words(name).split())
    assert [key(name.upper()) for key in KEYS] == [key(name) for key in KEYS]


def test_british_spellings_possessives_and_plurals() -> None:
    assert same_words("Tumours, oedema") == same_words("tumor edema")
    assert same_words("leukaemias") == same_words("leukemia") and same_words("Crohn’s disease") == same_words("Crohn disease")
    assert same_words("biopsies") == "biopsy" and same_words("sepsis virus mass") == "sepsis virus mass"
    assert same_set("cancer of the breast") == same_set("breast cancer")


def test_identifiers_meet() -> None:
    assert identifier("D003967") == identifier("MESH:D003967") == identifier("mesh:D003967") == "MESH:D003967"
    assert identifier("MIM:222100") == identifier("OMIM:222100") == "OMIM:222100" and identifier("C07") == "C07"
    assert identifier("C0011849") == identifier("UMLS_CUI:C0011849") == identifier("UMLS:C0011849") == "UMLS:C0011849"
    assert identifier("C536315") == "MESH:C536315" and identifier("C000730515") == "MESH:C000730515"


def test_codes_are_those_of_the_release() -> None:
    assert describe("E11.9") == "Type 2 diabetes mellitus without complications" and describe("E11") == "Type 2 diabetes mellitus"
    assert describe("NO.SUCH") is None and describe("A00-A09") is None and describe("1") is None
    assert codes_of(("ICD10CM:B02", "MESH:D1", "ICD10CM:A01", "ICD10CM:B02")) == ("A01", "B02")


TEXT = "Fever of Zorbin Valley (FZV) met zorbin fever, frosty heat, plain ague and old rust. ZF."


def document(*mentions: tuple[str, str, tuple[str, ...]], kind: str = "Disease", text: str = TEXT) -> Document:
    found = []
    for surface, name, concepts in mentions:
        start = text.index(surface)
        found.append(Mention(name, ((start, start + len(surface)),), kind, concepts))
    return Document("d", text, tuple(found))


def test_a_document_says_what_it_was_linked_to(ontology: Ontology) -> None:
    given = document(("zorbin fever", "P1", ()), ("frosty heat", "P2", ("old",)), ("plain ague", "P3", ()), ("old rust", "P4", ()))
    done, links = link_document(ontology, given, ["Disease"], definitions)
    assert [m.concepts for m in done.mentions] == [("X:1", "ICD10CM:A01.0"), (), ("X:5",), ()]
    assert done.meta["links"] == {
        "P1": {"status": "linked", "terms": ["X:1"], "icd10cm": {"A01.0": "Typhoid fever"}},
        "P2": {"status": "ambiguous", "terms": ["X:1", "X:4"], "icd10cm": {}},
        "P3": {"status": "linked", "terms": ["X:5"], "icd10cm": {"NO.SUCH": None}},
        "P4": {"status": "unknown", "terms": [], "icd10cm": {}},
    }
    assert links["P1"].term == "X:1" and links["P2"].term is None
    other, none = link_document(ontology, document(("zorbin fever", "P1", ("kept",)), kind="Gene"), ["Disease"], definitions)
    assert other.mentions[0].concepts == ("kept",) and not none


def test_a_short_form_is_linked_by_its_long_form(ontology: Ontology) -> None:
    text = "The zorbin fever (ZF) is old. No ZF."
    done, _ = link_document(ontology, document(("ZF", "P1", ()), text=text), ["Disease"], definitions)
    assert done.meta["links"]["P1"]["terms"] == ["X:1"]


def test_codes_and_terms_come_in_order(folder: Path) -> None:
    heats = "".join(f'\n[Term]\nid: X:{number}\nname: x{number}\nsynonym: "frosty heat" EXACT []\n' for number in (6, 3, 7, 2, 5))
    (folder / "terms.tsv").write_text(TERMS + MANY)
    (folder / "names.obo").write_text(OBO + heats)
    both = read_ontology([folder / name for name in ("terms.tsv", "more.tsv", "names.obo")], read_obo)
    assert codes(both, ["X:7"]) == ("A38", "B09", "L20", "L30", "R21", "T88")
    assert link_name(both, "frosty heat") == Link("ambiguous", tuple(f"X:{number}" for number in range(1, 8)))


GOLD = [
    ("zorbin fever", "T1", ("D000001",)),  # right
    ("frosty heat", "T2", ("D000001",)),  # ambiguous
    ("plain ague", "T3", ("D000002",)),  # linked to another term
    ("old rust", "T4", ("D999999",)),  # does not map
    ("ZF", "T5", ("D000002", "D000001")),  # two concepts, unknown
    ("FZV", "T6", ("-1",)),  # no concept
]


@pytest.mark.parametrize("concept", sorted(NO_CONCEPT))
def test_no_concept_is_none_whatever_a_corpus_writes(ontology: Ontology, concept: str) -> None:
    gold = document(("FZV", "T6", (concept,)))
    linked, links = link_document(ontology, gold, ["Disease"], definitions)
    assert [row["with_concepts"] for row in linking_rows(ontology, [gold], {"gold": ([linked], {"d": links})}, ["Disease"])] == [0, 0]


def worth(ontology: Ontology, predicted: Document, name: str = "clean") -> dict[str, dict]:
    gold = document(*GOLD)
    linked, links = link_document(ontology, predicted, ["Disease"], definitions)
    rows = linking_rows(ontology, [gold], {name: ([linked], {"d": links})}, ["Disease"])
    return {row["level"]: row for row in rows}


def test_what_links_of_gold_mentions_are_worth(ontology: Ontology) -> None:
    rows = worth(ontology, document(*GOLD), "gold")
    counts = {"number": 6, "with_concepts": 5, "ambiguous": 1, "unknown": 3, "uncoded": 1}
    ratios = {"precision": 1 / 2, "recall": 1 / 4, "f1": 1 / 3}
    assert rows["term"] == {"mentions": "gold", "level": "term", **counts, "mapped": 4, "given": 2, "right": 1, **ratios}
    ratios = {"precision": 1.0, "recall": 1 / 4, "f1": 2 / 5}
    assert rows["icd10cm"] == {"mentions": "gold", "level": "icd10cm", **counts, "mapped": 4, "given": 1, "right": 1, **ratios}


def test_a_link_for_what_nobody_annotated_is_wrong(ontology: Ontology) -> None:
    spurious = Mention("P3", ((9, 15),), "Disease")  # Zorbin, unknown: no link, no harm
    right, wrong = document(("zorbin fever", "P1", ()), ("plain ague", "P2", ())).mentions
    moved = wrong._replace(spans=((wrong.start, wrong.end + 1),))  # not the gold mention's spans, and linked
    predicted = Document("d", TEXT, (right, moved, spurious))
    row = worth(ontology, predicted)["term"]
    assert (row["number"], row["given"], row["right"], row["mapped"], row["unknown"]) == (3, 2, 1, 4, 1)


def test_a_code_is_right_if_terms_of_the_concept_have_it(ontology: Ontology) -> None:
    text = "zonal frost and frost disease"
    gold = document(("zonal frost", "T1", ("D000002",)), ("frost disease", "T2", ("D000002",)), text=text)
    linked, links = link_document(ontology, gold, ["Disease"], definitions)
    rows = {row["level"]: row for row in linking_rows(ontology, [gold], {"gold": ([linked], {"d": links})}, ["Disease"])}
    assert (rows["term"]["right"], rows["term"]["given"]) == (2, 2)
    assert (rows["icd10cm"]["right"], rows["icd10cm"]["given"], rows["icd10cm"]["uncoded"]) == (1, 1, 1)  # X:2 has no code


def test_command(folder: Path) -> None:
    files = ("terms.tsv", "more.tsv", "names.obo")
    write_manifest(folder / "manifest.json", "x", "none", [manifest_entry(folder, name, None, "text") for name in files])
    write_documents(folder / "gold.jsonl", [document(*GOLD)])
    write_documents(folder / "clean.jsonl", [document(("zorbin fever", "P1", ()))])
    write_documents(folder / "post.jsonl", [document(("zorbin fever", "P1", ()), ("old rust", "P2", ()))])
    keys = {"dataset": "invented", "protocol": "official", "model": "plain", "fold": 0, "seed": 1, "ontology": "x"}
    link_main(
        [
            *("--ontology", str(folder / "manifest.json"), "--gold", str(folder / "gold.jsonl")),
            *("--predictions", f"clean={folder / 'clean.jsonl'}", "--predictions", f"postprocessed={folder / 'post.jsonl'}"),
            *("--types", "Disease", "--keys", json.dumps(keys), "--output", str(folder / "out.jsonl"), "--table", str(folder / "out.csv")),
        ]
    )
    (written,) = read_documents(folder / "out.jsonl")
    assert [m.concepts for m in written.mentions] == [("X:1", "ICD10CM:A01.0"), ()]
    with open(folder / "out.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["mentions"], row["level"], row["number"]) for row in rows] == [
        *(("gold", "term", "6"), ("gold", "icd10cm", "6"), ("clean", "term", "1")),
        *(("clean", "icd10cm", "1"), ("postprocessed", "term", "2"), ("postprocessed", "icd10cm", "2")),
    ]
    (folder / "terms.tsv").write_text(TERMS.replace("zorbin", "zorbon"))
    others = ("--gold", "x", "--predictions", "clean=x", "--types", "D", "--keys", "{}", "--output", "o", "--table", "t")
    with pytest.raises(BionerError, match="expected sha256"):
        link_main(["--ontology", str(folder / "manifest.json"), *others])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "name\tcode\nx\ty\n", "a.tsv:1: expected columns id and label, found name, code"),
        ("a.tsv", "id\tlabel\n\tx\n", "a.tsv:2: expected an id and a label, found none"),
        ("a.owl", "x", "a.owl: expected a table"),
        ("a.obo", OBO, "expected a table of terms"),
        ("a.tsv", None, "a.tsv: expected a table of terms, found none"),
    ],
)
def test_files_that_are_no_ontology(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BionerError, match=message):
        read_ontology([tmp_path / name], read_obo)
