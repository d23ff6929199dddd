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
AT_HAND = pytest.mark.skipif(not ONTOLOGIES.is_dir(), reason=f"the Disease Ontology is not at {ONTOLOGIES}")
OBO = r"""format-version: 1.2
synonymtypedef: OMO:0003012 "acronym"

[Term]
id: DOID:1
name: scaly fever \! of mice ! a comment
synonym: "morbus squameus" EXACT []
synonym: "SF" EXACT OMO:0003012 []
synonym: "fever, \"scaly\"" EXACT [MESH:D000001, URL:http\://x]
synonym: "fever\: scaly" EXACT [] {synonymtypedef="acronym"} ! a comment
synonym: "flaky fever" []
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
! a line of comment
id: DOID:3 ! a comment
name: other fever {source="somewhere"} ! a comment
xref: MESH:D000009
xref: OMIM:222101

[Typedef]
id: part_of
name: part of
synonym: "within" EXACT []
"""
NAMES = {"scaly fever ! of mice", "morbus squameus", "SF", 'fever, "scaly"', "fever: scaly"}


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
    assert list(read_obo(write(tmp_path / "c.obo", OBO.replace("]\n", "] \n").rstrip()))) == plain


def test_a_table_gives_its_names(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "MESH:D000001\tscaly  fever\n\nMIM:222100\t morbus squameus\r\nD000001\tSF")
    assert read_lexicon("own", {"tsv": str(path)}).names == {"D000001": ("SF", "scaly fever"), "OMIM:222100": ("morbus squameus",)}


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("obo", OBO.replace('"SF" EXACT OMO:0003012 []', '"SF EXACT []'), r"f:8: expected synonym"),
        ("obo", "id: 1\nname: x\n", "found no .Term."),
        ("obo", b"[Term]\nid: D\nname: \xff\n", "f:3: expected UTF-8, found byte 0xff"),
        ("obo", OBO.replace('"SF" EXACT', '"SF" EXCAT'), "f:8: expected synonym"),
        ("obo", "x: y\n\n[Term]\nname: a\n\n[Term]\nid: D\n", "f:3: expected a .Term. with an id"),
        ("obo", "[Term]\nid: D\n\n[Term]\nname: a", "f:4: expected a .Term. with an id"),
        ("obo", "[Term]\nid: D\n<name>a</name>\n", "f:3: expected `tag: value`"),
        ("tsv", "D1\tx\n" * 2000 + "D2\n", "f:2001: expected concept and name"),
        ("tsv", b"D1\tx\n" * 2000 + b"D2\t\xe9\n", "f:2001: expected UTF-8, found byte 0xe9"),
        ("tsv", "D1\tx\t\n", "f:1: expected concept and name"),
        ("tsv", "D1\tx\nD2 y\n", "f:2: expected concept and name"),
        ("tsv", "D1\tx\ty\n", "f:1: expected concept and name"),
        ("tsv", "\tx\n", "f:1: expected concept and name"),
        ("tsv", b"D1\t\xe9\n", "f:1: expected UTF-8"),
    ],
)
def test_what_is_not_of_the_format_is_told_with_its_line(tmp_path: Path, kind: str, text: str | bytes, told: str) -> None:
    with pytest.raises(BionerError, match=told):
        read_lexicon("x", {kind: str(write(tmp_path / "f", text))})


@pytest.mark.parametrize(
    "settings", [None, {}, {"obo": "a", "tsv": "b"}, {"csv": "a"}, {"obo": "/nowhere/at.all"}, {"obo": "/"}, {"tsv": 3}]
)
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


def test_a_file_that_may_not_be_read_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "f", OBO)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BionerError, match=r"f: expected a file of names, found none \(Permission denied\)"):
        read_lexicon("x", {"obo": str(path)})


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


@AT_HAND
@pytest.mark.parametrize(
    ("files", "terms", "living", "synonyms", "exact"),
    [("2016-09-01/doid.obo", 9344, 6971, 12020, 11537), ("2026-07-31/*.obo", 7364, 7355, 14211, 13751)],
)
def test_counts_of_the_disease_ontology(files: str, terms: int, living: int, synonyms: int, exact: int) -> None:
    """As SOURCES.md counts them (a term in several files once), recounted by lines, and what is read of them."""
    lines: dict[str, set[str]] = {}
    names: dict[str, set[str]] = defaultdict(set)
    for path in sorted(ONTOLOGIES.glob(files)):
        for block in re.split(r"\n(?=\[)", path.read_text(encoding="utf-8")):
            if block.startswith("[Term]"):
                lines.setdefault(re.findall(r"^id: (\S+)", block, re.MULTILINE)[0], set()).update(block.splitlines())
        for concept, name in read_obo(path):
            names[concept].add(name)
    assert len(lines) == terms
    alive = {id: found for id, found in lines.items() if "is_obsolete: true" not in found}
    told = [line for found in alive.values() for line in found if line.startswith("synonym: ")]
    assert (len(alive), len(told)) == (living, synonyms)
    assert sum('" EXACT ' in line for line in told) == exact
    read = {id: found for id, found in names.items() if id.startswith("DOID:")}
    assert read.keys() == alive.keys()
    assert sum(map(len, read.values())) <= living + exact  # a name may be told twice
    assert all({line[6:] for line in alive[id] if line.startswith("name: ")} <= found for id, found in read.items())


@AT_HAND
@pytest.mark.parametrize("path", sorted(ONTOLOGIES.glob("*/*.tsv")), ids=lambda path: path.name)
def test_reports_of_the_disease_ontology_are_no_tables_of_names(path: Path) -> None:
    """They have three columns and a heading; refused in one line, not read by halves."""
    with pytest.raises(BionerError, match=rf"{re.escape(path.name)}:1: expected concept and name"):
        read_lexicon("doid", {"tsv": str(path)})


@AT_HAND
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
