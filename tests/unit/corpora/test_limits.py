"""Files of real size, each through a process of its own: refused by a limit in little memory, or read where the limit is raised."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

import pytest

from bioner.corpora.raw import manifest_entry, write_manifest

pytestmark = pytest.mark.slow

MIB = 1 << 20
MEMORY = 600
"""MiB at most of a process that refuses a file."""
SECONDS = 120.0

Parts = Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Result:
    status: int
    message: str
    mib: float
    seconds: float


@contextmanager
def files(folder: Path, parts: dict[str, Parts]) -> Iterator[None]:
    """Large files and their manifest, gone at the end: pytest keeps the folders of its last runs."""
    try:
        for name, make in parts.items():
            with open(folder / name, "wb") as handle:
                handle.writelines(make())
        roles = {".ann": "annotations", ".con": "annotations"}
        entries = [manifest_entry(folder, name, None, roles.get(Path(name).suffix, "text")) for name in parts]
        write_manifest(folder / "manifest.json", "x", "", entries)
        yield
    finally:
        for path in folder.iterdir():
            path.unlink()


def harmonize(folder: Path, kind: str, limits: dict[str, int]) -> Result:
    """What the command says about the files, its peak resident memory and wall time."""
    command = [sys.executable, "-m", "bioner.commands.harmonize", "--dataset", "x"]
    command += ["--settings", json.dumps({"format": kind, "limits": limits}), "--raw", str(folder / "manifest.json")]
    command += ["--output", str(folder / "o"), "--quality", str(folder / "q")]
    start = time.monotonic()
    with open(folder / "log", "wb") as log, subprocess.Popen(command, stderr=log) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    result = Result(process.returncode, (folder / "log").read_text(), usage.ru_maxrss / 1024, time.monotonic() - start)
    print(f"{kind}, {limits or 'default limits'}: {result.mib:.0f} MiB, {result.seconds:.1f} s")
    return result


def line(before: bytes, after: bytes = b"\n") -> Parts:
    """1 GB of letters in one line."""
    return lambda: chain([before], repeat(b"a" * MIB, 1024), [after])


def packed_line(before: bytes) -> Parts:
    """The same in gzip members, of letters that do not pack well enough to be told by that."""
    letters = bytes(b"ab"[byte & 1] for byte in range(256))

    def make() -> Iterable[bytes]:
        member = gzip.compress(random.Random(1).randbytes(16 * MIB).translate(letters), 1)
        return chain([gzip.compress(before)], repeat(member, 64))

    return make


def bomb(unit: bytes, before: bytes = b"") -> Parts:
    """5 GiB of a short text again and again, in a few MiB."""
    return lambda: chain([gzip.compress(before)], repeat(gzip.compress(unit * (64 * MIB // len(unit))), 80))


def tar_bomb() -> Iterable[bytes]:
    """An archive with a large member that is no document."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("README")
        info.size = 5 << 30
        archive.addfile(info)
    return chain([gzip.compress(buffer.getvalue()[:512])], bomb(b"\0")())


@dataclass(frozen=True)
class Case:
    """Files of a format, and what is said about them under the default limits."""

    kind: str
    files: dict[str, Parts]
    says: str


LINE, TEXT = "expected at most 10,000,000 characters in a line", "expected at most 10,000,000 characters in a document"
MANY = "expected at most 500,000 annotations in a document"
DENSE = "expected at most 4,194,304 bytes of data that unpack a hundredfold"
XML = b"<collection><document><id>1</id><passage><offset>0</offset><text>"
JSON = b'{"documents": [{"id": "1", "passages": [{"offset": 0, "text": "'

HUGE = {
    "pubtator line": Case("pubtator", {"a.txt": line(b"1|t|")}, f"a.txt:1: {LINE}"),
    "pubtator packed line": Case("pubtator", {"a.gz": packed_line(b"1|t|")}, f"a.gz:1: {LINE}"),
    "pubtator bomb of one line": Case("pubtator", {"a.gz": bomb(b"\0")}, f"a.gz: {DENSE}"),
    "pubtator bomb of blank lines": Case("pubtator", {"a.gz": bomb(b"\n")}, f"a.gz: {DENSE}"),
    "pubtator bomb of documents": Case("pubtator", {"a.gz": bomb(b"1|t|a\n")}, f"a.gz: {DENSE}"),
    "conll line": Case("conll", {"a.tsv": line(b"")}, f"a.tsv:1: {LINE}"),
    "conll packed line": Case("conll", {"a.gz": packed_line(b"")}, f"a.gz:1: {LINE}"),
    "conll bomb of tokens": Case("conll", {"a.gz": bomb(b"a\tO\n")}, f"a.gz: {DENSE}"),
    "jsonl line": Case("jsonl", {"a.jsonl": line(b'{"id": "1", "text": "')}, f"a.jsonl:1: {LINE}"),
    "jsonl packed line": Case("jsonl", {"a.gz": packed_line(b'{"id": "1", "text": "')}, f"a.gz:1: {LINE}"),
    "jsonl bomb": Case("jsonl", {"a.gz": bomb(b"\n")}, f"a.gz: {DENSE}"),
    "brat text": Case("brat", {"a.txt": line(b""), "a.ann": list}, f"a.txt: {TEXT}"),
    "brat annotation": Case("brat", {"a.txt": lambda: [b"gout"], "a.ann": line(b"T1\tD 0 4\t")}, f"a.ann: {TEXT}"),
    "brat bomb": Case("brat", {"a.tar.gz": tar_bomb}, f"a.tar.gz: {DENSE}"),
    "i2b2 text": Case("i2b2", {"n.txt": line(b""), "n.con": list}, f"n.txt: {TEXT}"),
    "i2b2 concept": Case("i2b2", {"n.txt": lambda: [b"gout"], "n.con": line(b'c="')}, f"n.con: {TEXT}"),
    "bioc_xml text": Case("bioc_xml", {"a.xml": line(XML)}, f"a.xml:1: {TEXT}"),
    "bioc_xml tag": Case("bioc_xml", {"a.xml": line(b"<collection><document a='")}, f"a.xml:1: {LINE}"),
    "bioc_xml packed text": Case("bioc_xml", {"a.gz": packed_line(XML)}, f"a.gz:1: {TEXT}"),
    "bioc_xml passages": Case(
        "bioc_xml", {"a.xml": lambda: chain([b"<collection><document>\n"], repeat(b"<passage/>" * 10_000, 10_000))}, f"a.xml:2: {MANY}"
    ),
    "bioc_xml bomb": Case("bioc_xml", {"a.gz": bomb(b" ", b"<collection>")}, f"a.gz: {DENSE}"),
    "bioc_json text": Case("bioc_json", {"a.json": line(JSON)}, f"a.json:1: {TEXT}"),
    "bioc_json packed text": Case("bioc_json", {"a.gz": packed_line(JSON)}, f"a.gz:1: {TEXT}"),
    "bioc_json bomb": Case("bioc_json", {"a.gz": bomb(b" ")}, f"a.gz: {DENSE}"),
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_files_are_refused_in_little_memory(name: str, tmp_path: Path) -> None:
    case = HUGE[name]
    with files(tmp_path, case.files):
        result = harmonize(tmp_path, case.kind, {})
        assert not (tmp_path / "o").exists()
    assert result.status == 1 and result.message.startswith(f"error: {case.says}") and result.message.count("\n") == 1
    assert result.mib < MEMORY and result.seconds < SECONDS


MILLION = 1_000_000
WORDS = 1_000
GOUTS = b" ".join([b"gout"] * WORDS)


def rows(before: bytes, row: bytes, after: bytes = b"") -> Parts:
    """A million annotations of a thousand words, each word with as many types."""

    def numbered() -> Iterable[bytes]:
        for number in range(MILLION):
            start = number % WORDS * 5
            yield row % {b"start": start, b"end": start + 4, b"kind": number // WORDS}

    return lambda: chain([before], numbered(), [after])


def note() -> Iterable[bytes]:
    return repeat(b"gout " * 9 + b"gout\n", MILLION // 10)


def concepts() -> Iterable[bytes]:
    return (b'c="gout" %d:%d %d:%d||t="problem"\n' % (n // 10 + 1, n % 10, n // 10 + 1, n % 10) for n in range(MILLION))


@dataclass(frozen=True)
class Million(Case):
    """A document with a million mentions; `limits` are those under which it is read."""

    limits: dict[str, int] = field(default_factory=lambda: {"document_mentions": MILLION})


ANNOTATION = (
    b'<annotation id="1"><infon key="type">T%(kind)d</infon><location offset="%(start)d" length="4"/><text>gout</text></annotation>\n'
)
OBJECT = b'{"infons": {"type": "T%(kind)d"}, "text": "gout", "locations": [{"offset": %(start)d, "length": 4}]},\n'
MENTION = b'{"id": "T", "spans": [[%(start)d, %(end)d]], "type": "T%(kind)d"},'
FIRST = {b"start": 0, b"end": 4, b"kind": 0}
DOCUMENTS = {
    "pubtator": Million(
        "pubtator",
        {"a.txt": rows(b"1|t|" + GOUTS + b"\n1|a|\n", b"1\t%(start)d\t%(end)d\tgout\tT%(kind)d\tC1\n")},
        f"a.txt:500003: {MANY}",
    ),
    "conll": Million("conll", {"a.tsv": lambda: chain(repeat(b"gout\tB-X\n", MILLION), [b"\n"])}, f"a.tsv:500001: {MANY}"),
    "brat": Million(
        "brat", {"a.txt": lambda: [GOUTS], "a.ann": rows(b"", b"T1\tT%(kind)d %(start)d %(end)d\tgout\n")}, f"a.ann:500001: {MANY}"
    ),
    "i2b2": Million("i2b2", {"n.txt": note, "n.con": concepts}, f"n.con: {MANY}"),
    "jsonl": Million(
        "jsonl",
        {"a.jsonl": rows(b'{"id": "1", "text": "' + GOUTS + b'", "mentions": [', MENTION, MENTION[:-1] % FIRST + b"]}\n")},
        f"a.jsonl:1: {LINE}",
        {"line_characters": 10**8, "document_mentions": MILLION},
    ),
    "bioc_xml": Million(
        "bioc_xml",
        {"a.xml": rows(XML + GOUTS + b"</text>\n", ANNOTATION, b"</passage></document></collection>")},
        f"a.xml:500002: {MANY}",
    ),
    "bioc_json": Million(
        "bioc_json",
        {"a.json": rows(JSON + GOUTS + b'", "annotations": [\n', OBJECT, OBJECT.strip(b",\n") % FIRST + b"]}]}]}")},
        f"a.json:1: {TEXT}",
        {"document_mentions": MILLION + 1, "document_characters": 10**8},
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_million_mentions_are_refused_or_read_where_the_limits_say_so(name: str, tmp_path: Path) -> None:
    case = DOCUMENTS[name]
    with files(tmp_path, case.files):
        refused = harmonize(tmp_path, case.kind, {})
        assert not (tmp_path / "o").exists()
        taken = harmonize(tmp_path, case.kind, case.limits)
        report = json.loads((tmp_path / "q").read_text()) if taken.status == 0 else {}
    assert refused.status == 1 and refused.message.startswith(f"error: {case.says}") and refused.message.count("\n") == 1
    assert refused.mib < MEMORY and refused.seconds < SECONDS
    assert taken.status == 0, taken.message
    assert report["counts"]["all"]["mentions"] == MILLION and taken.seconds < 2 * SECONDS
