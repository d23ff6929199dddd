"""MedMentions in its own form, with invented text: through a mirror, its git blob ids and the entries of the config.

The real files are not at hand. Of them are known: the form (PubTator, six columns, packed), the numbers that the entries expect, and
what is irregular: several types, `UnknownType`, mentions inside and across others, `UMLS:` before the concepts of ST21pv, whose split
lists are those of the full corpus.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.corpora.quality import features_of
from bioner.documents import read_documents
from bioner.errors import BionerError
from bioner.planning.corpora import DATASET_KEYS

CONFIG = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text(encoding="utf-8"))["datasets"]
LISTS = {"train": "trng", "validation": "dev", "test": "test"}

Row = tuple[int, int, list[str], str]
"""Start, end, types as listed, concept."""


@dataclass(frozen=True)
class Made:
    """A document as it was invented."""

    id: str
    split: str
    title: str
    abstract: str
    rows: list[Row]


WORDS = [f"{start}{middle}{end}" for start in ("zor", "mel", "β-ka", "in", "5-h") for middle in ("ta", "lo\U0001f9ec", "") for end in "xyz"]


def invent(name: str, split: str, mentions: int, rng: random.Random, prefix: str) -> Made:
    """A document with so many mentions, all of different spans; among them long ones, which hold and cross others."""
    words = rng.choices(WORDS, k=12 + mentions)
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    spans: set[tuple[int, int]] = set()
    while len(spans) < mentions:
        first = rng.randrange(len(words))
        last = min(len(words), first + rng.choice((1, 1, 1, 2, 2, 3, 6)))
        spans.add((starts[first], starts[last] - 1))
    rows = []
    # the original lists its mentions in no strict order
    for start, end in sorted(spans, key=lambda span: (span[0], rng.random())):
        kinds = [f"T{rng.randrange(1, 205):03d}"]
        if not prefix:
            kinds = rng.choice((kinds, kinds, kinds, ["UnknownType"], sorted({*kinds, "T002", "T001"})))
        rows.append((start, end, kinds, f"{prefix}C{rng.randrange(10**7):07d}"))
    cut = starts[9]
    text = " ".join(words)
    return Made(name, split, text[: cut - 1], text[cut:], rows)


def corpus(counts: dict[str, Any], prefix: str, seed: int) -> Iterator[Made]:
    """Documents of all splits, mixed, in an order that is not that of the lists."""
    rng = random.Random(seed)
    shares: list[tuple[str, int]] = []
    for split in LISTS:
        documents, mentions = counts[split]["documents"], counts[split]["mentions"]
        bounds = sorted(rng.sample(range(1, mentions), documents - 1))
        shares += [(split, end - start) for start, end in zip([0, *bounds], [*bounds, mentions], strict=True)]
    rng.shuffle(shares)
    for number, (split, mentions) in enumerate(shares):
        yield invent(str(27_000_000 + 7 * number), split, mentions, rng, prefix)


def put(mirror: Path, entry: dict[str, Any], made: Iterator[Made]) -> dict[str, list[Made]]:
    """Write documents and split lists where an entry's files lie; the entry's digests become theirs. The documents by split."""
    splits: dict[str, list[Made]] = {split: [] for split in LISTS}
    text, *lists = entry["files"]
    target = mirror / text["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(target, "wb", compresslevel=1, mtime=0) as handle:
        for document in made:
            splits[document.split].append(document)
            handle.write(pubtator(document).encode())
    data = target.read_bytes()
    text["git_blob"] = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    for file in lists:
        listed = "".join(f"{document.id}\n" for document in reversed(splits[file["split"]]))
        assert file["role"] == "ids" and file["path"].endswith(f"pmids_{LISTS[file['split']]}.txt")
        (mirror / file["path"]).parent.mkdir(parents=True, exist_ok=True)
        (mirror / file["path"]).write_text(listed)
        file |= {"sha256": [hashlib.sha256(listed.encode()).hexdigest()], "bytes": len(listed)}
    return splits


def pubtator(made: Made) -> str:
    text = f"{made.title} {made.abstract}"
    rows = [f"{made.id}\t{start}\t{end}\t{text[start:end]}\t{','.join(kinds)}\t{concept}\n" for start, end, kinds, concept in made.rows]
    return f"{made.id}|t|{made.title}\n{made.id}|a|{made.abstract}\n{''.join(rows)}\n"


def read(folder: Path, name: str, entry: dict[str, Any], mirror: Path) -> Any:
    """The report after the two commands' functions, told what the workflow tells them."""
    told = {command: {key: entry[key] for key in keys if key in entry} for command, keys in DATASET_KEYS.items()}
    download(name, told["download"], folder / "raw" / "manifest.json", mirror=str(mirror))
    paths = {"raw": folder / "raw" / "manifest.json", "output": folder / "c.jsonl", "quality": folder / "q.json"}
    harmonize(name, told["harmonize"] | {"strict_counts": True}, **paths)
    return json.loads((folder / "q.json").read_text())


def check(folder: Path, name: str, counts: dict[str, Any], *, pairs: bool) -> None:
    """Everything that was invented is read: texts, splits, spans, first types, concepts, and what the report says."""
    entry = json.loads(json.dumps(CONFIG[name])) | {"counts": counts}
    prefix = "UMLS:" if name == "medmentions_st21pv" else ""
    splits = put(folder / "mirror", entry, corpus(counts, prefix, 1))
    report = read(folder, name, entry, folder / "mirror")
    made = {document.id: document for documents in splits.values() for document in documents}
    mentions = several = nested = crossing = 0
    features: Counter[str] = Counter()
    for document in read_documents(folder / "c.jsonl"):
        features.update(features_of(document))
        one = made.pop(document.id)
        assert (document.split, document.text) == (one.split, f"{one.title} {one.abstract}")
        expected = sorted(((start, end), kinds[0], concept) for start, end, kinds, concept in one.rows)
        assert [(mention.spans[0], mention.type, *mention.concepts) for mention in document.mentions] == expected
        mentions += len(expected)
        several += sum(len(kinds) > 1 for _, _, kinds, _ in one.rows)
        for ((a, b), *_), ((c, d), *_) in combinations(expected, 2) if pairs else ():
            inside = b >= d or a == c
            nested, crossing = nested + (c < b and inside), crossing + (c < b and not inside)
    assert not made
    assert report["offsets"] == {"checked": mentions, "exact": mentions, "share": 1.0}
    assert {rule: found["count"] for rule, found in report["repairs"].items()} == (
        {"several types: first one taken": several} if several else {}
    )
    assert (features["nested"], features["crossing"]) == (nested, crossing) or not pairs
    assert features["nested"] > 0 < features["crossing"] and features["discontiguous"] == 0
    assert features["mentions_with_concept"] == mentions
    assert bool(several) == ("UnknownType" in report["counts"]["all"]["types"]) == (not prefix)


SMALL = {
    "train": {"documents": 12, "mentions": 700},
    "validation": {"documents": 4, "mentions": 190},
    "test": {"documents": 5, "mentions": 210},
    "all": {"documents": 21, "mentions": 1100},
}
NAMES = ("medmentions_full", "medmentions_st21pv")


@pytest.mark.parametrize("name", NAMES)
def test_a_small_corpus_of_its_form(name: str, tmp_path: Path) -> None:
    check(tmp_path, name, SMALL, pairs=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_of_its_form_and_size(name: str, tmp_path: Path) -> None:
    counts = {split: dict(numbers) for split, numbers in CONFIG[name]["counts"].items()}
    if name == "medmentions_full":
        # published as a whole only
        counts["train"]["mentions"], counts["validation"]["mentions"], counts["test"]["mentions"] = 211_497, 70_499, 70_500
    assert counts["all"] == {"documents": 4392, "mentions": {"medmentions_full": 352_496, "medmentions_st21pv": 203_282}[name]}
    check(tmp_path, name, counts, pairs=False)


@pytest.mark.parametrize("name", NAMES)
def test_another_blob_or_list_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    entry = json.loads(json.dumps(CONFIG[name])) | {"counts": SMALL}
    put(tmp_path / "mirror", entry, corpus(SMALL, "", 1))
    text, *lists = entry["files"]
    for file in (text, lists[1]):
        path = tmp_path / "mirror" / file["path"]
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(BionerError, match=f"expected {'git blob' if file is text else 'sha256'} [0-9a-f]+, found [0-9a-f]+ from"):
            read(tmp_path / "out", name, entry, tmp_path / "mirror")
        assert not (tmp_path / "out" / "raw" / path.name).exists() and not (tmp_path / "out" / "raw" / "manifest.json").exists()
        path.write_bytes(good)
    assert read(tmp_path / "out", name, entry, tmp_path / "mirror")["counts"]["all"]["documents"] == 21


def test_other_numbers_than_the_entry_expects_are_refused(tmp_path: Path) -> None:
    entry = json.loads(json.dumps(CONFIG["medmentions_full"])) | {"counts": SMALL | {"test": {"documents": 6}}}
    put(tmp_path / "mirror", entry, corpus(SMALL, "", 1))
    with pytest.raises(BionerError, match="medmentions_full: test: expected 6 documents, found 5; download again or correct `counts`"):
        read(tmp_path, "medmentions_full", entry, tmp_path / "mirror")
    assert not (tmp_path / "c.jsonl").exists() and not (tmp_path / "q.json").exists()
