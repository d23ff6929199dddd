"""Mutated files of every format end in documents that hold, or in one BionerError that names the file: never in another exception."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import re
import signal
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bioner.corpora.harmonize import FORMATS, check, splitted
from bioner.corpora.limits import Limits
from bioner.corpora.quality import Quality
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.documents import from_json, to_line
from bioner.entities import Document
from bioner.errors import BionerError


@dataclass(frozen=True)
class Seed:
    """Small valid files of a format: name -> (role, content); `lines` where every error about content has a line.

    `members` are the names of files inside of them, which errors name instead.
    """

    files: Mapping[str, tuple[str, str]]
    options: Mapping[str, Any] = field(default_factory=dict)
    lines: bool = True
    members: tuple[str, ...] = ()


PUBTATOR = (
    "7|t|Zorvamab and gout\n7|a|Renal and hepatic failure followed \U0001f9ec zorvamab.\n"
    "7\t0\t8\tZorvamab\tChemical\tC1\n7\t13\t17\tgout\tDisease\t D1\n7\t13\t17\tgout\tDisease\tD2\n7\t18\t43\tRenal and hepatic failure"
    "\tDisease\tD1|D2\trenal failure|hepatic failure\n7\tCID\tC1\tD1\n\n8|t|b\n8|a|c \n8\t0\t1\tb \tT001,T002\t-1\n"
)
NOTE = "Visit :\n\nMr. Roe has mild  gout and\ttakes oral zorvamab .\nA knee MRI \U0001f9ec showed no effusion .\n"
CONCEPTS = 'c="effusion" 4:6 4:6||t="problem"\nc="mild gout" 3:3 3:4||t="problem"\nc="a knee mri" 4:0 4:2||t="test"\n'
IOB2 = "-DOCSTART-\tO\n\nMild\tB-Disease\ngout\tI-Disease\nand\tO\nzorvamab\tB-Drug\n\n\U0001f9ec\tB-Gene\n.\tO\n\n"
IOBES = IOB2.replace("B-Drug", "S-Drug").replace("I-Disease", "E-Disease").replace("B-Gene", "S-Gene")
TEXT = "Mild gout, \U0001f9ec zorvamab\nand renal or hepatic failure."
ANNOTATIONS = (
    "T1\tDisease 0 9\tMild gout\nT2\tDrug 13 21\tzorvamab\nT3\tDisease 26 31;43 50\trenal failure\n"
    "R1\tCauses Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tnone\n"
)
LINE = (
    '{"id":"1","split":null,"text":"Mild gout \U0001f9ec","passages":[{"start":0,"end":11,"kind":"title"}],'
    '"mentions":[{"id":"T1","spans":[[0,4],[5,9]],"type":"Disease","concepts":["D1"]}],"meta":{"x":[1.5]}}\n'
)
BIOC_JSON = (
    '{"source":"x","date":"","key":"","infons":{},"documents":[{"id":"1","infons":{},"passages":[{"offset":0,"infons":{"type":"title"},'
    '"text":"Mild gout \U0001f9ec zorvamab","sentences":[],"annotations":[{"id":"T1","infons":{"type":"Disease","identifier":"D1"},'
    '"text":"gout","locations":[{"offset":5,"length":4}]}],"relations":[]}],"relations":[]}]}'
)
BIOC_XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<collection><source>x</source><date></date><key></key>\n<document><id>1</id>\n<passage>'
    '<infon key="type">title</infon><offset>0</offset><text>Mild gout &amp; \U0001f9ec zorvamab</text>\n<annotation id="T1">'
    '<infon key="type">Disease</infon><infon key="identifier">D1</infon><location offset="5" length="4"/><text>gout</text></annotation>\n'
    "</passage></document></collection>\n"
)


def archive(**members: str) -> str:
    """A tar archive of files in the folder `s`; their names have `_` before the suffix."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"s/{name.replace('_', '.')}")
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue().decode()


SEEDS = {
    "pubtator": [Seed({"a.txt": ("text", PUBTATOR)}), Seed({"a.txt.gz": ("text", PUBTATOR)})],
    "i2b2": [Seed({"n.txt": ("text", NOTE), "n.con": ("annotations", CONCEPTS)})],
    "conll": [
        Seed({"a.tsv": ("text", IOB2)}, {"scheme": "iob2", "document_mark": "-DOCSTART-"}),
        Seed({"a.tsv": ("text", IOB2)}, {"scheme": "iob1", "separator": "blank"}),
        Seed({"a.tsv": ("text", IOBES)}, {"scheme": "iobes"}),
    ],
    "brat": [
        Seed({"a.txt": ("text", TEXT), "a.ann": ("annotations", ANNOTATIONS)}),
        Seed({"a.tar": ("text", archive(a_txt=TEXT, a_ann=ANNOTATIONS))}, lines=False, members=("s/a.txt", "s/a.ann")),
    ],
    "jsonl": [Seed({"a.jsonl": ("text", LINE)})],
    "bioc_json": [Seed({"a.json": ("text", BIOC_JSON)}, lines=False), Seed({"a.json.gz": ("text", BIOC_JSON)}, lines=False)],
    "bioc_xml": [Seed({"a.xml": ("text", BIOC_XML)}, lines=False), Seed({"a.xml.gz": ("text", BIOC_XML)}, lines=False)],
}
"""Format -> seeds: a new format is one entry."""

CASES = [pytest.param(kind, seed, id=f"{kind}-{number}") for kind in FORMATS for number, seed in enumerate(SEEDS[kind])]

WORDS = b'\t \0 \n \r \r\n | " -1 ; , < &#0; { \\ud800 NaN 1e999 1.5 true null 0 \xff \xed\xa0\x80 \xef\xbb\xbf \xe2\x80\xa8 \x1c'
LONG = (b" ", b"[" * 2_000, b"9" * 30, b"9" * 5_000)
BITS = [*WORDS.split(b" "), *LONG, *(char.encode() for char in "\U0001f9ec\u0663\u0130\u0301")]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """The bytes after one to four changes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 1, 2, 8, 40)))
        rows = data.split(b"\n")
        one, other = rng.randrange(len(rows)), rng.randrange(len(rows))
        kind = rng.randrange(10)
        if kind == 0 and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << rng.randrange(8)]) + data[start + 1 :]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:]
        elif kind <= 4:
            data = data[:start] + rng.choice(BITS) + data[end:]
        elif kind == 5 and rng.random() < 0.3:
            data = data[:start]
        elif kind == 6:
            rows[one], rows[other] = rows[other], rows[one]
            data = b"\n".join(rows)
        elif kind == 7:
            data = b"\n".join([*rows[:one], rows[other], *rows[one:]])
        elif kind == 8:
            data = b"\n".join(rows[:one] + rows[one + 1 :])
        else:
            numbers = list(re.finditer(rb"[0-9]+", data))
            if numbers:
                found = rng.choice(numbers)
                data = data[: found.start()] + str(rng.choice((0, 1, 2, 7, 99, 10**6, 10**9, 10**40))).encode() + data[found.end() :]
    return data


def read(kind: str, seed: Seed, contents: Mapping[str, bytes], folder: Path) -> int:
    """Read files to their end; the number of mentions, all of them checked."""
    files = []
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        files.append(RawFile(folder / name, name, "train", seed.files[name][0], hashlib.sha256(content).hexdigest()))
    number, quality = 0, Quality()
    for document in FORMATS[kind](RawCorpus("x", tuple(files)), Repairs(), {**seed.options, "limits": Limits()}):
        check(document)
        quality.add(document)
        assert from_json(json.loads(to_line(document).decode())) == document
        number += len(document.mentions)
    return number


def packed(name: str, content: bytes) -> bytes:
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


def run(kind: str, seed: Seed, folder: Path, *, mutations: int, seconds: float) -> int:
    """Read mutated files; the number that were refused."""
    rng, refused = random.Random(kind), 0
    for index in range(mutations):
        contents = {name: packed(name, content.encode()) for name, (_, content) in seed.files.items()}
        name = rng.choice(sorted(contents))
        if name.endswith(".gz") and rng.random() < 0.5:
            contents[name] = packed(name, mutate(seed.files[name][1].encode(), rng))
        else:
            contents[name] = mutate(contents[name], rng)
        try:
            with limited(seconds):
                read(kind, seed, contents, folder)
        except BionerError as error:
            refused += 1
            place = r"(:\d+)?: " if not seed.lines or name.endswith(".gz") else r":\d+: "
            named = "|".join(map(re.escape, (*contents, *seed.members)))
            assert re.match(f"({named}){place}", str(error)), f"{kind} {index}: {error}"
            assert "\n" not in str(error), f"{kind} {index}: {error}"
        except Exception as error:
            pytest.fail(f"{kind}, mutation {index}: {error!r:.300} of {contents[name]!r:.2000}")
    return refused


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError when the block takes longer."""

    def late(signal_number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_the_seeds_are_valid(kind: str, seed: Seed, tmp_path: Path) -> None:
    assert read(kind, seed, {name: packed(name, content.encode()) for name, (_, content) in seed.files.items()}, tmp_path) > 0


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_mutated_files(kind: str, seed: Seed, tmp_path: Path) -> None:
    refused = run(kind, seed, tmp_path, mutations=1_500 // len(CASES), seconds=60)
    assert 0 < refused < 1_500 // len(CASES) or kind == "i2b2"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_a_hundred_thousand_mutated_files(kind: str, seed: Seed, tmp_path: Path) -> None:
    mutations, start = 100_000 // len(CASES) + 1, time.monotonic()
    refused = run(kind, seed, tmp_path, mutations=mutations, seconds=60)
    name = ", ".join(seed.files)
    print(f"{kind}, {name}: {mutations - refused} read, {refused} refused, {time.monotonic() - start:.0f} s")


def lists(mutations: int, folder: Path) -> int:
    """Read mutated split lists; the number that were refused."""
    rng, refused = random.Random("lists"), 0
    documents = [Document(name, "gout") for name in ("1", "2", "3", "a b", "\U0001f9ec")]
    good = {"train.txt": b"1\n2\r\n\n", "test.txt.gz": gzip.compress("3 \na b\n\U0001f9ec".encode(), mtime=0)}
    for index in range(mutations):
        name = rng.choice(sorted(good))
        contents = good | {name: mutate(good[name], rng)}
        files = []
        for path, content in contents.items():
            (folder / path).write_bytes(content)
            files.append(RawFile(folder / path, path, path.split(".")[0], "ids", hashlib.sha256(content).hexdigest()))
        try:
            found = list(splitted(documents, RawCorpus("x", tuple(files)), Repairs(), Limits()))
            assert [document.id for document in found] == [document.id for document in documents]
        except BionerError as error:
            refused += 1
            assert re.match(r"(train\.txt:\d+|test\.txt\.gz(:\d+)?): ", str(error)) and "\n" not in str(error), f"{index}: {error}"
        except Exception as error:
            pytest.fail(f"lists, mutation {index}: {error!r:.300} of {contents[name]!r:.2000}")
    return refused


@pytest.mark.parametrize("mutations", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_split_lists(mutations: int, tmp_path: Path) -> None:
    assert 0 < lists(mutations, tmp_path) < mutations
