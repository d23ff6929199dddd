"""The demo's corpora: the same bytes twice, every type and irregularity, read by the real parsers, neither trivial nor hopeless."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from bioner.commands.generate import main
from bioner.corpora.demo import generate
from bioner.corpora.demo_text import Mark, Text, Writer, disturb, join
from bioner.corpora.harmonize import harmonize
from bioner.corpora.quality import features_of
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.errors import BionerError

FORMATS = {"demo_medmentions": "pubtator", "demo_bc5cdr": "pubtator", "demo_i2b2": "i2b2"}
ST21PV = [f"T{n:03d}" for n in (5, 7, 17, 22, 31, 33, 37, 38, 58, 62, 74, 82, 91, 92, 97, 98, 103, 168, 170, 201, 204)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[Document], Any]]:
    """Dataset -> its raw folder, its documents and its quality report."""
    found = {}
    for dataset, kind in FORMATS.items():
        folder = tmp_path_factory.mktemp(dataset)
        generate(dataset, {}, folder / "raw" / "manifest.json")
        harmonize(dataset, {"format": kind}, raw=folder / "raw/manifest.json", output=folder / "x.jsonl", quality=folder / "x.json")
        found[dataset] = folder / "raw", list(read_documents(folder / "x.jsonl")), json.loads((folder / "x.json").read_text())
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("dataset", FORMATS)
def test_the_same_settings_give_the_same_bytes_and_another_seed_others(dataset: str, made: Any, tmp_path: Path) -> None:
    main(["--dataset", dataset, "--settings", '{"seed": 13, "documents": 60}', "--output", str(tmp_path / "a/manifest.json")])
    assert contents(tmp_path / "a") == contents(made[dataset][0])
    generate(dataset, {"seed": 14}, tmp_path / "b/manifest.json")
    assert contents(tmp_path / "b").keys() == contents(tmp_path / "a").keys()
    assert contents(tmp_path / "b") != contents(tmp_path / "a")


@pytest.mark.parametrize("dataset", FORMATS)
def test_offsets_are_exact_and_documents_short(dataset: str, made: Any) -> None:
    _, documents, report = made[dataset]
    assert report["offsets"]["share"] == 1.0 and report["offsets"]["checked"] > 800
    assert not any(rule.startswith("dropped") for rule in report["repairs"])
    assert len(documents) == 60 and len({document.text for document in documents}) >= 59
    lengths = [len(document.text.split()) for document in documents]
    assert 80 < sum(lengths) / len(lengths) < 135
    assert any(not document.mentions for document in documents)
    text = "".join(document.text for document in documents)
    assert any(ord(char) > 0xFFFF for char in text) and any(0x7F < ord(char) <= 0xFFFF for char in text)


def test_medmentions_has_all_types_in_train_too_and_its_irregularities(made: Any, tmp_path: Path) -> None:
    folder, documents, report = made["demo_medmentions"]
    assert sorted(report["counts"]["all"]["types"]) == sorted(report["counts"]["train"]["types"]) == ST21PV
    assert any(features_of(document)["nested"] for document in documents)
    assert [report["counts"][split]["documents"] for split in ("train", "validation", "test")] == [36, 12, 12]
    assert any(document.text.endswith(" ") and document.mentions for document in documents)
    assert all(concept.startswith("UMLS:C") for document in documents for m in document.mentions for concept in m.concepts)
    packed = (folder / "corpus_pubtator.txt.gz").read_bytes()
    assert packed[4:8] == bytes(4) and b"\t" in gzip.decompress(packed)
    generate("demo_medmentions", {"documents": 12}, tmp_path / "manifest.json")
    small = gzip.decompress((tmp_path / "corpus_pubtator.txt.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in small.splitlines()]
    assert {row[4] for row in rows if len(row) == 6} == set(ST21PV)


def test_bc5cdr_has_its_irregularities(made: Any) -> None:
    folder, documents, _ = made["demo_bc5cdr"]
    rows = [line.split("\t") for path in sorted(folder.glob("*.txt")) for line in path.read_text().split("\n") if "\t" in line]
    assert {len(row) for row in rows} == {4, 6, 7}
    assert {row[1] for row in rows if len(row) == 4} == {"CID"}
    assert any(len(row) == 7 and row[6] == "" for row in rows) and any(len(row) == 7 and "|" in row[6] for row in rows)
    assert any(row[5:6] == ["-1"] for row in rows) and any("|-1" in row[5] for row in rows if len(row) > 5)
    assert sum(features_of(document)["boundary_inside_a_word"] for document in documents) >= 2
    found = {document.text[m.start : m.end + 1] for document in documents for m in document.mentions}
    assert {"5-HT6", "Ca2"} <= found
    relations = {(row[0], row[2], row[3]) for row in rows if len(row) == 4}
    ids = {(row[0], concept) for row in rows if len(row) > 5 for concept in row[5].split("|")}
    assert relations and all((name, a) in ids and (name, b) in ids for name, a, b in relations)


def test_i2b2_has_its_irregularities(made: Any) -> None:
    folder, documents, report = made["demo_i2b2"]
    notes = {path.stem: path.read_bytes() for path in folder.rglob("*.txt")}
    concepts = {path.stem: path.read_text() for path in folder.rglob("*.con")}
    assert notes.keys() == concepts.keys() and {d.split for d in documents} == {"train", "test"}
    assert sum(b"\r\n" in note for note in notes.values()) == 1
    assert sum(not rows for rows in concepts.values()) == 1
    assert all(row == row.lower() for rows in concepts.values() for row in rows.splitlines())
    assert report["repairs"]["duplicate annotation dropped"]["count"] == 1
    assert report["repairs"]["concept over more than one line: kept as one span"]["count"] == 1
    assert any(rows.splitlines() != sorted(rows.splitlines(), key=_line) for rows in concepts.values())
    text = b"".join(notes.values()).decode()
    assert "[**" in text and "  " in text and "\n\n" in text


def _line(row: str) -> int:
    return int(row.rsplit("||", 1)[0].rsplit(maxsplit=1)[-1].split(":", maxsplit=1)[0])


@pytest.mark.parametrize("dataset", ["demo_medmentions", "demo_bc5cdr"])
def test_concepts_have_synonyms_that_recur(dataset: str, made: Any) -> None:
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    for document in made[dataset][1]:
        for mention in document.mentions:
            if len(mention.concepts) == 1:
                surfaces[mention.concepts[0]][document.surface(mention).lower()] += 1
    assert sum(len(names) >= 2 for names in surfaces.values()) > 50


@pytest.mark.parametrize("dataset", FORMATS)
def test_a_dictionary_of_the_training_part_is_neither_right_nor_useless(dataset: str, made: Any) -> None:
    """Half the test names are new, and many known words are annotated in one place and not, or otherwise, in another."""
    documents = made[dataset][1]
    known: dict[str, str] = {}
    for document in documents[:48]:
        known |= {document.surface(mention).lower(): mention.type for mention in document.mentions}
    test = [(document, mention) for document in documents[48:] for mention in document.mentions]
    seen = sum(known.get(document.surface(mention).lower()) == mention.type for document, mention in test) / len(test)
    assert 0.2 < seen < 0.85
    spurious = 0
    for document in documents[48:]:
        covered = {place for mention in document.mentions for place in range(mention.start, mention.end)}
        lower = document.text.lower()
        for name in known:
            place = lower.find(name)
            spurious += place >= 0 and len(lower) == len(document.text) and not covered & set(range(place, place + len(name)))
    assert spurious > 10


def test_a_word_is_a_chemical_here_and_part_of_a_disease_there(made: Any) -> None:
    documents = made["demo_bc5cdr"][1]
    names = {kind: {d.surface(m).lower() for d in documents for m in d.mentions if m.type == kind} for kind in ("Chemical", "Disease")}
    both = {name for name in names["Chemical"] if any(other.startswith(f"{name} ") for other in names["Disease"])}
    assert len(both) >= 5


@pytest.mark.parametrize(("dataset", "settings"), [("bc5cdr", {}), ("demo_i2b2", {"documents": 5}), ("demo_i2b2", {"seed": "x"})])
def test_what_cannot_be_generated(dataset: str, settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected"):
        generate(dataset, settings, tmp_path / "manifest.json")


def test_templates() -> None:
    writer = Writer(random.Random(1), {}, {"n": ["7"]}, lambda key: f"id:{key}")
    text = writer.write("[[iron/C] lack/D:deficiency] in {~n} mg/kg [Ca/C]2+")
    assert text.text == "Iron lack in 7 mg/kg Ca2+"
    assert [(text.text[m.start : m.end], m.type, m.ids) for m in text.marks] == [
        ("Iron", "C", ("id:iron",)),
        ("Iron lack", "D", ("id:deficiency",)),
        ("Ca", "C", ("id:ca",)),
    ]
    both = join([text, text], " ")
    assert [both.text[m.start : m.end] for m in both.marks] == ["Iron", "Iron lack", "Ca"] * 2


def test_disturbed_marks_stay_on_words() -> None:
    text = Text("with severe left pain now", (Mark(12, 21, "D"),))
    found = {m.start for seed in range(60) for m in disturb(text, random.Random(seed), rate=1.0).marks}
    assert found == {5}
    assert disturb(text, random.Random(1), rate=0.0) == text
    assert any(not disturb(text, random.Random(seed), rate=1.0).marks for seed in range(9))
