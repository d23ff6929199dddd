"""Forth and back: every mention of every corpus at hand, through each normalization step and through all of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.corpora.demo import generate
from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.documents import read_documents
from bioner.entities import Document
from bioner.preparation.normalize import STEPS, Step, normalize, normalize_text, original_mentions, restore

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared/corpora"
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

AT_HAND = [
    name
    for name, entry in CONFIG["datasets"].items()
    if entry["source"] == "demo" or (entry["source"] == "download" and all((SHARED / file["path"]).is_file() for file in entry["files"]))
]

# one exotic character for each plain one, so that offsets stay: spaces, dashes, quotes, a ligature, Greek, Kelvin and astral letters
EXOTIC = str.maketrans(" -'fbKx", "\u2009\u2010\u2019\ufb01\u03b2\u212a\U0001d4b3")
EXOTIC_EVERY = 10
QUICK = ("bc5cdr", "ncbi_disease", "demo_bc5cdr", "demo_i2b2", "demo_medmentions")
CORPORA = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in AT_HAND]
FEW = 100  # documents of a demo corpus, in which some steps find nothing


@pytest.fixture(scope="module", params=CORPORA)
def documents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """A corpus as the workflow reads it from the files at hand."""
    folder, plan = tmp_path_factory.mktemp(request.param), load_plan(yaml.safe_load(yaml.safe_dump(CONFIG)), ROOT)
    if request.param.startswith("demo_"):
        generate(request.param, plan.slice("generate", request.param), folder / "raw/manifest.json")
    else:
        download(request.param, plan.slice("download", request.param), folder / "raw/manifest.json", mirror=str(SHARED))
    settings = plan.slice("harmonize", request.param)
    harmonize(request.param, settings, raw=folder / "raw/manifest.json", output=folder / "c.jsonl", quality=folder / "q.json")
    return list(read_documents(folder / "c.jsonl"))


@pytest.fixture(scope="module")
def steps(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Step]:
    """Every step; the dictionary is of the corpus's own frequent words, which only a test may do."""
    counts = Counter(word for document in documents for word in re.findall("[a-z]{5,}", document.text))
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("".join(f"{word}\t{count}\n" for word, count in counts.items() if count > 3))
    spelling: dict[str, Any] = {"dictionary": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return {name: {"spelling": spelling} if name == "spelling" else name for name in STEPS}


def test_every_mention_comes_back(documents: list[Document], steps: dict[str, Step]) -> None:
    """By the map alone, as predictions do, in the plain text and in one full of what the steps change."""
    edits: Counter[str] = Counter()
    for number, document in enumerate(documents):
        for text in [document.text, document.text.translate(EXOTIC)][: 1 + (number % EXOTIC_EVERY == 0)]:
            changed = Document(document.id, text, document.mentions, document.passages)
            for name, chosen in {**{name: [step] for name, step in steps.items()}, "all": list(steps.values())}.items():
                if found := normalize_text(text, chosen)[1]:
                    normalized = normalize(changed, chosen)
                    assert restore(normalized, normalized.mentions) == original_mentions(normalized) == document.mentions
                    edits[name] += len(found)
    wanted = ("unicode", "nfkc", "greek", "ligatures", "abbreviations", "spelling", "all") if len(documents) >= FEW else ("all",)
    assert all(edits[name] > 20 for name in wanted), edits
