"""Raw files as streams: lines whatever the blocks, every repair and refusal, limits, and the digest at the end of the file."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.harmonize import harmonize
from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_blocks, read_document, read_lines, text_lines, unpack
from bioner.corpora.raw import RawFile, manifest_entry, write_manifest
from bioner.corpora.repairs import Repairs
from bioner.errors import BionerError
from bioner.storage import sha256_file


def raw(path: Path, content: bytes) -> RawFile:
    path.write_bytes(content)
    return RawFile(path, path.name, None, "text", sha256_file(path))


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """The bytes in blocks that end at any places."""
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        yield data[start:end]


def lines(name: str, blocks: Iterator[bytes], limits: Limits = Limits()) -> tuple[list[str], dict[str, list[str]]]:  # noqa: B008
    repairs = Repairs()
    return list(text_lines(name, unpack(name, blocks, limits), repairs, limits)), repairs.places


TEXTS = st.text(st.one_of(st.sampled_from("\n\r\ufeff\u2028\x0b\x85"), st.characters(exclude_categories=["Cs"])), max_size=30)
PLACES = st.lists(st.integers(0, 60), max_size=6)


@given(TEXTS, PLACES, st.booleans())
def test_lines_are_those_of_the_whole_text_whatever_the_blocks(text: str, places: list[int], packed: bool) -> None:
    data = text.encode()
    stored = b"".join(map(gzip.compress, cut(data, places))) if packed else data
    found, repairs = lines("x.gz" if packed else "x", cut(stored, places))
    bare = text[1:] if text.startswith("\ufeff") else text
    parts = bare.split("\n")
    whole = parts if parts[-1] else parts[:-1]
    assert found == [part.removesuffix("\r") for part in whole]
    assert ("byte order mark removed" in repairs) == text.startswith("\ufeff")
    assert ("no newline at the end of the file" in repairs) == bool(parts[-1])
    name = "x.gz" if packed else "x"
    returns = [f"{name}:{number}" for number, part in enumerate(whole, 1) if part.endswith("\r")]
    assert repairs.get("carriage return at the end of a line", []) == returns[:5]


@given(st.binary(max_size=12), st.binary(max_size=4), PLACES)
def test_invalid_utf8_is_refused_with_its_line(before: bytes, bad: bytes, places: list[int]) -> None:
    data = before + b"\n" + bad
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        with pytest.raises(BionerError, match=f"^x:{line}: expected UTF-8, found byte {data[error.start]:#04x}"):
            lines("x", cut(data, places))


def test_many_blocks_of_a_real_file(tmp_path: Path) -> None:
    rows = [f"{number} " + "wort\u00e4" * (number % 90) for number in range(30_000)]
    data = "\n".join(rows).encode() + b"\n"
    assert len(data) > 5 << 20
    assert list(read_lines(raw(tmp_path / "a.txt", data), Repairs(), Limits())) == rows
    assert list(read_lines(raw(tmp_path / "a.gz", gzip.compress(data, 1)), Repairs(), Limits())) == rows
    assert b"".join(read_blocks(raw(tmp_path / "b.gz", gzip.compress(data, 1) + bytes(99)), Limits())) == data


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"\0\0", gzip.compress(b"abc", mtime=0)[:-1], gzip.compress(b"abc", mtime=0)[:5], gzip.compress(b"a", mtime=0) + b"b"],
)
def test_damaged_archives(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(BionerError, match=r"^x\.gz: expected gzip data, found"):
        list(read_blocks(raw(tmp_path / "x.gz", data), Limits()))
    wrong = bytearray(gzip.compress(b"abc", mtime=0))
    wrong[-6] ^= 1
    with pytest.raises(BionerError, match=r"^x\.gz: expected gzip data, found"):
        list(read_blocks(raw(tmp_path / "x.gz", bytes(wrong)), Limits()))


@pytest.mark.parametrize("data", [b"a\nbcde\nf\n", b"a\nbcde", b"a\nbcde\n", b"a\n\xc3\xa4bcd"])
def test_a_long_line_is_refused_by_its_number(data: bytes) -> None:
    for places in ([], list(range(9))):
        assert len(lines("x", cut(data, places), Limits(line_characters=4))[0]) >= 2
        with pytest.raises(BionerError, match=r"^x:2: expected at most 3 characters in a line, found more; .* raise line_characters"):
            lines("x", cut(data, places), Limits(line_characters=3))


def test_a_large_file_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    bomb = raw(tmp_path / "x.gz", gzip.compress(random.Random(1).randbytes(9 << 20), 1))
    taken = 0
    with pytest.raises(BionerError, match=r"^x\.gz: expected at most 3,000,000 bytes in a file, unpacked, found more"):
        for block in read_blocks(bomb, Limits(unpacked_bytes=3_000_000)):
            taken += len(block)
    assert taken <= 3_000_000
    with pytest.raises(BionerError, match=r"^x\.gz: expected at most 99 characters in a document"):
        read_document(bomb, Limits(document_characters=99))
    dense = raw(tmp_path / "y.gz", gzip.compress(bytes(3 << 20)))
    assert sum(map(len, read_blocks(dense, Limits(unpacked_bytes=1024 * 3 << 20)))) == 3 << 20
    with pytest.raises(BionerError, match=r"^y\.gz: expected at most 3,145,727 bytes of data that unpack a hundredfold"):
        list(read_blocks(dense, Limits(unpacked_bytes=(1024 * 3 << 20) - 1)))
    with pytest.raises(BionerError, match=r"^x\.gz:1: expected at most 10,000,000 characters in a line"):
        list(read_lines(raw(tmp_path / "x.gz", gzip.compress(random.Random(1).randbytes(6 << 20).hex().encode(), 1)), Repairs(), Limits()))
    # packed in one block with more, a bomb counts as what it is
    late = raw(tmp_path / "z.gz", gzip.compress(random.Random(1).randbytes(99_999)) + gzip.compress(bytes(200 << 20)))
    taken = 0
    with pytest.raises(BionerError, match=r"^z\.gz: expected at most 4,194,304 bytes of data that unpack a hundredfold"):
        for block in read_blocks(late, Limits()):
            taken += len(block)
    assert taken < 40 << 20


def test_another_file_than_the_manifests_is_told_at_its_end(tmp_path: Path) -> None:
    file = raw(tmp_path / "a", b"one\ntwo\n")
    assert read_document(file, Limits()) == file.data() == b"one\ntwo\n"
    file.path.write_bytes(b"one\nzwo\n")
    stream = read_lines(file, Repairs(), Limits())
    assert next(stream) == "one"
    with pytest.raises(BionerError, match=r"a: expected sha256 .*, found .*; the file changed, so run download again"):
        list(stream)
    file.path.unlink()
    with pytest.raises(BionerError, match="a: expected the raw file, found No such file"):
        list(read_blocks(file, Limits()))


def make(folder: Path, content: bytes, name: str = "a.txt") -> dict[str, Any]:
    (folder / name).write_bytes(content)
    write_manifest(folder / "manifest.json", "x", "", [manifest_entry(folder, name, None, "text")])
    return {"raw": folder / "manifest.json", "output": folder / "x.jsonl", "quality": folder / "x.json"}


MANY = b"1|t|gout\n1|a|\n" + b"".join(b"1\t0\t4\tgout\tT%d\tC1\n" % number for number in range(4))


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        ({"document_mentions": 3}, "a.txt:6: expected at most 3 annotations in a document"),
        ({"document_characters": 4}, "a.txt:1: expected at most 4 characters in a document"),
        ({"line_characters": 7}, "a.txt:1: expected at most 7 characters in a line"),
        ({"unpacked_bytes": 20}, "a.txt: expected at most 20 bytes in a file"),
        ({"lines": 20}, "limits: expected line_characters, document_characters, document_mentions, unpacked_bytes, archive_members, found"),
    ],
)
def test_the_limits_of_a_dataset(limits: dict[str, int], found: str, tmp_path: Path) -> None:
    paths = make(tmp_path, MANY)
    with pytest.raises(BionerError, match=f"^{re.escape(found)}"):
        harmonize("x", {"format": "pubtator", "limits": limits}, **paths)
    assert not paths["output"].exists()
    enough = {"document_mentions": 4, "document_characters": 5, "line_characters": 16, "unpacked_bytes": len(MANY)}
    harmonize("x", {"format": "pubtator", "limits": enough}, **paths)


def test_no_output_of_a_file_that_changed(tmp_path: Path) -> None:
    paths = make(tmp_path, MANY)
    (tmp_path / "a.txt").write_bytes(MANY.replace(b"C1", b"C2"))
    with pytest.raises(BionerError, match="expected sha256"):
        harmonize("x", {"format": "pubtator"}, **paths)
    assert not paths["output"].exists() and not paths["quality"].exists()
