"""The built-in corpora at hand, through download and harmonize: counts are those that were measured from the same bytes by other means."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.corpora.quality import features_of
from bioner.documents import read_documents
from bioner.planning.corpora import DATASET_KEYS

ROOT = Path(__file__).resolve().parents[3]
MIRROR = ROOT.parent / "shared" / "corpora"
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]

pytestmark = pytest.mark.skipif(not MIRROR.is_dir(), reason="needs the corpora in ../shared/corpora")

JNLPBA = {"protein": 5067, "cell_type": 1921, "DNA": 1056, "cell_line": 500, "RNA": 118}
# split -> documents, sentences where they are counted, mentions by type
COUNTS: dict[str, dict[str, tuple[int, int | None, dict[str, int]]]] = {
    "bc5cdr": {
        "train": (500, None, {"Chemical": 5203, "Disease": 4182}),
        "validation": (500, None, {"Chemical": 5347, "Disease": 4244}),
        "test": (500, None, {"Chemical": 5385, "Disease": 4424}),
    },
    "ncbi_disease": {
        "train": (593, None, {"Disease": 5145}),
        "validation": (100, None, {"Disease": 787}),
        "test": (100, None, {"Disease": 960}),
    },
    "jnlpba": {
        "train": (2000, None, {"protein": 30269, "DNA": 9533, "cell_type": 6718, "cell_line": 3830, "RNA": 951}),
        "test": (404, None, JNLPBA),
    },
    "jnlpba_iob2": {"test": (404, 3856, JNLPBA)},
    "bc2gm": {"train": (12574, 12574, {"GENE": 15197}), "validation": (2519, 2519, {"GENE": 3061}), "test": (5038, 5038, {"GENE": 6325})},
    "bc5cdr_chem": {
        "train": (4560, 4560, {"Chemical": 5203}),
        "validation": (4581, 4581, {"Chemical": 5347}),
        "test": (4797, 4797, {"Chemical": 5385}),
    },
    "bc5cdr_disease": {
        "train": (4560, 4560, {"Disease": 4182}),
        "validation": (4581, 4581, {"Disease": 4246}),
        "test": (4797, 4797, {"Disease": 4424}),
    },
    "linnaeus": {
        "train": (11935, 11935, {"Species": 2119}),
        "validation": (4078, 4078, {"Species": 711}),
        "test": (7142, 7142, {"Species": 1433}),
    },
    "species800": {
        "train": (5733, 5733, {"Species": 2557}),
        "validation": (830, 830, {"Species": 384}),
        "test": (1630, 1630, {"Species": 767}),
    },
    "anatem": {
        "train": (5861, 5861, {"Anatomy": 6946}),
        "validation": (2118, 2118, {"Anatomy": 2139}),
        "test": (3830, 3830, {"Anatomy": 4616}),
    },
    "bionlp13ge": {
        "train": (2449, 2449, {"Protein": 3566}),
        "validation": (2737, 2737, {"Protein": 4132}),
        "test": (3391, 3391, {"Protein": 4359}),
    },
}
TYPES_READ = {
    "ncbi_disease": {
        "train": {"SpecificDisease": 2972, "Modifier": 1289, "DiseaseClass": 769, "CompositeMention": 115},
        "validation": {"SpecificDisease": 412, "Modifier": 214, "DiseaseClass": 126, "CompositeMention": 35},
        "test": {"SpecificDisease": 555, "Modifier": 264, "DiseaseClass": 121, "CompositeMention": 20},
        "all": {"SpecificDisease": 3939, "Modifier": 1767, "DiseaseClass": 1016, "CompositeMention": 170},
    }
}
"""Mentions by type before types were renamed."""
NOTED = {
    "bc5cdr": {
        "annotation without a concept (-1)": 227,
        "composite: seventh column read over": 235,
        "empty seventh column": 18,
        "relation line skipped": 3116,
        "several concepts joined by |": 273,
    },
    "jnlpba": {"document id seen before: numbered": 10, "no annotations in a file": 4},
    "jnlpba_iob2": {"document id seen before: numbered": 2},
    "ncbi_disease": {
        "document id seen before: numbered": 1,
        "several concepts joined by |": 128,
        "stray blank in a concept id removed": 5,
        "trailing blank in a mention's text removed": 1,
    },
}
"""All that the reports note, by dataset; nothing of the others."""
CUT = {"bc5cdr": 15, "ncbi_disease": 2, "jnlpba": 30}
"""Mentions that begin or end inside a word."""
REPAIRED = {"ncbi_disease": 1}
"""Annotations that did not hold as written and were repaired by name."""


def entry(name: str) -> dict[str, Any]:
    """The dataset's entry; of jnlpba_iob2 the part that is at hand."""
    settings = dict(CONFIG[name])
    if name == "jnlpba_iob2":
        settings |= {"files": settings["files"][1:], "counts": {"test": settings["counts"]["test"]}}
    return settings


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_counts_and_offsets(tmp_path: Path, name: str) -> None:
    settings = entry(name)
    manifest, output, quality = tmp_path / "raw" / "manifest.json", tmp_path / "c.jsonl", tmp_path / "q.json"
    download(name, {key: settings[key] for key in DATASET_KEYS["download"] if key in settings}, manifest, mirror=str(MIRROR))
    told = {key: settings[key] for key in DATASET_KEYS["harmonize"] if key in settings} | {"strict_counts": True}
    harmonize(name, told, raw=manifest, output=output, quality=quality)
    report = json.loads(quality.read_text())
    found: dict[str, Any] = {split: [0, 0, {}] for split in COUNTS[name]}
    features: Counter[str] = Counter()
    for document in read_documents(output):
        features.update(features_of(document))
        counts = found[str(document.split)]
        counts[0] += 1
        counts[1] += sum(passage.kind == "sentence" for passage in document.passages)
        for mention in document.mentions:
            counts[2][mention.type] = counts[2].get(mention.type, 0) + 1
    expected = {split: [number, sentences or 0, types] for split, (number, sentences, types) in COUNTS[name].items()}
    assert found == expected
    assert {rule: found["count"] for rule, found in report["repairs"].items()} == NOTED.get(name, {})
    assert not any(features[name] for name in ("nested", "crossing", "same_span", "discontiguous"))
    assert features["boundary_inside_a_word"] == CUT.get(name, 0)
    assert report["types_read"] == TYPES_READ.get(name, {})
    assert report["filtered"] == {} and report["kept"] == report["counts"] and set(report["lost_mentions"].values()) == {0}
    checked = sum(sum(types.values()) for _, _, types in COUNTS[name].values())
    assert (report["offsets"]["checked"], report["offsets"]["exact"]) == (checked, checked - REPAIRED.get(name, 0))
    assert set(settings["groups"]) == {kind for _, _, types in COUNTS[name].values() for kind in types}


def test_entries_that_cannot_be_read_here_say_how_to_verify_them() -> None:
    downloaded = {name for name, settings in CONFIG.items() if settings["source"] == "download"}
    assert downloaded - COUNTS.keys() == {"bc4chemd", "medmentions_full", "medmentions_st21pv"}
    for name in downloaded:
        assert all(file.get("sha256") or file.get("git_blob") for file in CONFIG[name]["files"])
