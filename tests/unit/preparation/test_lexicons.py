from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.lexicons import ExternalLexicon, concept_key, external_synonyms, read_lexicon, read_obo
from bioner.preparation.synonyms import Lexicon, replace_synonyms
from bioner.storage import sha256_file

ONTOLOGIES = Path(__file__).parents[4] / "shared/corpora/disease_ontology"
OBO = r"""format-version: 1.2
synonymtypedef: OMO:0003012 "acronym"

[Term]
id: DOID:1
name: scaly fever \! of mice ! a comment
synonym: "morbus squameus" EXACT []
synonym: "SF" EXACT OMO:0003012 []
synonym: "fever, \"scaly\"" EXACT [MESH:D000001, URL:http\://x]
synonym: "fever" BROAD []
synonym: "scales" RELATED OMO:0003012 []
synonym: "scale fever" NARROW []
xref: MESH:D000001
xref: MIM:222100
xref: UMLS_CUI:C0000001 {source="somewhere"}
xref: NCI:C7
xref: MESH:D000009

[Term]
id: DOID:2
name: old fever
synonym: "antique fever" EXACT []
xref: MESH:D000002
is_obsolete: true

[Term]
id: DOID:3
name: other fever
xref: MESH:D000009
xref: OMIM:222101

[Typedef]
id: part_of
name: part of
synonym: "within" EXACT []
"""
NAMES = {"scaly fever ! of mice", "morbus squameus", "SF", 'fever, "scaly"'}


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_an_ontology_gives_names_and_exact_synonyms_under_id_and_xrefs(tmp_path: Path) -> None:
    lexicon = read_lexicon("doid", {"obo": str(write(tmp_path / "d.obo", OBO))})
    assert lexicon.sha256 == sha256_file(tmp_path / "d.obo")
    assert {key: set(names) for key, names in lexicon.names.items()} == {
        **{key: NAMES for key in ("DOID:1", "D000001", "OMIM:222100", "C0000001", "NCI:C7")},
        **{key: {"other fever"} for key in ("DOID:3", "OMIM:222101")},
    }
    assert all(list(names) == sorted(names) for names in lexicon.names.values())


def test_line_ends_and_a_mark_at_the_start_change_nothing(tmp_path: Path) -> None:
    plain = list(read_obo(write(tmp_path / "a.obo", OBO)))
    assert list(read_obo(write(tmp_path / "b.obo", b"\xef\xbb\xbf" + OBO.replace("\n", "\r\n").encode()))) == plain


def test_a_table_gives_its_names(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "MESH:D000001\tscaly  fever\n\nMIM:222100\t morbus squameus\r\nD000001\tSF")
    assert read_lexicon("own", {"tsv": str(path)}).names == {"D000001": ("SF", "scaly fever"), "OMIM:222100": ("morbus squameus",)}


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("obo", OBO.replace('"SF" EXACT OMO:0003012 []', '"SF EXACT []'), r"f:8: expected synonym"),
        ("obo", "id: 1\nname: x\n", "found no .Term."),
        ("obo", b"[Term]\nid: D\nname: \xff\n", "f:[123]: expected UTF-8"),
        ("tsv", "D1\tx\nD2 y\n", "f:2: expected concept and name"),
        ("tsv", "D1\tx\ty\n", "f:1: expected concept and name"),
        ("tsv", "\tx\n", "f:1: expected concept and name"),
        ("tsv", b"D1\t\xe9\n", "f:1: expected UTF-8"),
    ],
)
def test_what_is_not_of_the_format_is_told_with_its_line(tmp_path: Path, kind: str, text: str | bytes, told: str) -> None:
    with pytest.raises(BionerError, match=told):
        read_lexicon("x", {kind: str(write(tmp_path / "f", text))})


@pytest.mark.parametrize("settings", [None, {}, {"obo": "a", "tsv": "b"}, {"csv": "a"}, {"obo": "/nowhere/at.all"}])
def test_wrong_settings_and_missing_files_are_told(settings: object) -> None:
    with pytest.raises(BionerError, match="expected"):
        read_lexicon("x", settings)


@given(st.text(alphabet='[]Termidnaxrefsyo:"\\ {}!,\n\tEXACT', max_size=80))
def test_any_text_ends_in_names_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = write(tmp_path_factory.mktemp("o") / "f", "[Term]\n" + text)
    for kind in ("obo", "tsv"):
        try:
            names = read_lexicon("x", {kind: str(path)}).names
        except BionerError:
            continue
        assert all(name.strip() == name and "\n" not in name for found in names.values() for name in found)


def test_vocabularies_meet_under_one_key() -> None:
    pairs = {"MESH:D003967": "D003967", "D003967": "D003967", "MIM:1": "OMIM:1", "OMIM:1": "OMIM:1", "UMLS:C1": "C1", "UMLS_CUI:C1": "C1"}
    assert {concept: concept_key(concept) for concept in pairs} == pairs
    assert concept_key("DOID:1") == "DOID:1" and concept_key("-") == "-"


def test_names_are_offered_for_concepts_of_the_training_part_only_and_normalized() -> None:
    training = Lexicon({("MESH:D1", "Disease"): ("x",), ("D1", "Modifier"): ("x",), ("D7", "Disease"): ("y",)}, {"x": ("a",), "y": ("a",)})
    source = ExternalLexicon("own", "0", {"D1": ("scaly\u2010fever", "x vs y"), "D2": ("other",)})
    external = external_synonyms(training, source, ["unicode", "shorthand"])
    assert external.surfaces == {key: ("scaly-fever", "x versus y") for key in (("MESH:D1", "Disease"), ("D1", "Modifier"))}
    assert external.provenance == {}
    document = Document("d", "an x here", (Mention("T1", ((3, 4),), "Disease", ("MESH:D1",)),))
    variant = replace_synonyms(document, external, 1.0, 1, "external_synonyms")
    assert variant is not None and variant.surface(variant.mentions[0]) in ("scaly-fever", "x versus y")
    assert variant.id == "d~external_synonyms1" and variant.meta == {"source": "d", "augmentation": "external_synonyms"}


@pytest.mark.skipif(not ONTOLOGIES.is_dir(), reason=f"the Disease Ontology is not at {ONTOLOGIES}")
@pytest.mark.parametrize("file", ["2016-09-01/doid.obo", "2026-07-31/NCIthesaurus.obo", "2026-07-31/DO_rare_slim.obo"])
def test_real_ontologies_are_read_whole(file: str) -> None:
    """Recounted by blocks and regular expressions: terms, exact synonyms, and MeSH ids that one living term has."""
    path = ONTOLOGIES / file
    blocks = re.split(r"\n(?=\[)", path.read_text(encoding="utf-8"))
    terms = [block for block in blocks if block.startswith("[Term]") and "\nis_obsolete: true" not in block]
    expected: dict[str, set[int]] = defaultdict(set)
    for number, block in enumerate(terms):
        for code in set(re.findall(r"^xref: MESH:(\S+)", block, re.MULTILINE)):
            expected[code].add(number)
    names = read_lexicon("doid", {"obo": str(path)}).names
    assert {key for key in names if key.startswith("DOID:")} == {re.findall(r"^id: (\S+)", block, re.MULTILINE)[0] for block in terms}
    mesh = {code for code, holders in expected.items() if len(holders) == 1}
    assert mesh <= names.keys() and not (expected.keys() - mesh) & names.keys()
    count = Counter[str]()
    for block in terms:
        count["exact"] += len(
            {*re.findall(r'^synonym: "(.*)" EXACT ', block, re.MULTILINE), *re.findall(r"^name: (.*)$", block, re.MULTILINE)}
        )
    assert sum(len(found) for key, found in names.items() if key.startswith("DOID:")) == pytest.approx(
        count["exact"], abs=5
    )  # blanks joined
