"""Linking and transfer in the real workflow, on an ontology made on the spot."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bioner.documents import read_documents
from bioner.storage import sha256_file

from .conftest import Project
from .test_trace import trace_all, trace_rows

RUN = "demo_bc5cdr/kfold3/plain/fold0/seed1"
TRANSFER = {"from": "demo_bc5cdr", "to": "demo_i2b2", "types": {"Disease": "problem"}}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def write_ontology(project: Project) -> dict[str, object]:
    """An ontology of all names of the demo corpus's diseases, below a mirror; its entry in the configuration."""
    lines = ["id\tlabel\txref"]
    for document in read_documents(project.folder / "results/corpora/demo_bc5cdr.jsonl"):
        for mention in document.mentions:
            if mention.type == "Disease" and mention.concepts:
                lines += [f"X:{mention.concepts[0]}\t{document.surface(mention)}\t{xref}" for xref in (mention.concepts[0], "ICD10CM:A01")]
    path = project.folder / "mirror" / "terms.tsv"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n")
    return {
        "title": "Small",
        "licence": "none",
        "files": [{"path": "terms.tsv", "url": "https://none.invalid/t", "sha256": [sha256_file(path)]}],
    }


@pytest.mark.slow
def test_linking_and_transfer_need_no_training(finished: Project) -> None:
    overlay = {
        "mirror": "mirror",
        "ontologies": {"small": write_ontology(finished)},
        "datasets": {"demo_i2b2": {"documents": 15}},
        "experiments": {"toy": {"linking": "small", "transfer": [TRANSFER]}},
    }
    (finished.folder / "encoder.json").write_text(json.dumps(json.loads((finished.folder / "encoder.json").read_text()) | overlay))
    planned = finished.planned()
    assert {rule: planned[rule] for rule in ("link", "transfer", "score_transfer", "tabulate")} == {
        **dict.fromkeys(("link", "transfer", "score_transfer"), 2),
        "tabulate": 2,
    }
    assert not planned.keys() & {"train", "predict", "score", "table1"}
    finished.run()
    results = finished.folder / "results"
    linked = rows(results / "toy/tables/linking.csv")
    assert [(row["mentions"], row["level"]) for row in linked[:2]] == [("gold", "term"), ("gold", "icd10cm")]
    assert linked[0]["mapped"] == linked[0]["with_concepts"] != "0" and float(linked[0]["f1"]) > 90
    transferred = rows(results / "toy/tables/transfer.csv")
    assert [(row["model"], row["types"], row["left_out"]) for row in transferred] == [
        (m, "Disease → problem", "0") for m in ("plain", "adaptive")
    ]
    gold = list(read_documents(results / "folds/demo_i2b2/kfold3/fold0/test.jsonl"))
    assert transferred[0]["documents"] == str(len(gold))
    for table in ("linking", "transfer"):
        trace_all(results / f"toy/tables/{table}.csv")
    assert "ontology" in trace_rows(results / "toy/tables/linking.csv")
    assert {"predictions there", "weights used there"} <= trace_rows(results / "toy/tables/transfer.csv")
    predicted = read_documents(results / f"transferred/{RUN}/demo_i2b2/clean.jsonl")
    assert [document.text for document in predicted] == [document.text for document in gold]
    assert finished.planned() == {}
