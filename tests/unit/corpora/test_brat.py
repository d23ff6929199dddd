"""brat standoff: files and archives, mentions in parts, offsets in other units, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora.brat import parse, read
from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError


def one(text: str | bytes, annotations: str, **limits: int) -> tuple[Document, Repairs]:
    repairs = Repairs()
    raw = text.encode() if isinstance(text, str) else text
    return parse("d/a", raw, annotations.encode(), repairs, Limits(**limits)), repairs


def corpus(folder: Path, files: dict[str, bytes], split: str | None = None) -> RawCorpus:
    found = []
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        role = "annotations" if name.endswith(".ann") else "text"
        found.append(RawFile(folder / name, name, split, role, hashlib.sha256(data).hexdigest()))
    return RawCorpus("x", tuple(found))


def run(raw: RawCorpus, **options: Any) -> tuple[list[Document], Repairs]:
    repairs = Repairs()
    return list(read(raw, repairs, {"limits": Limits()} | options)), repairs


def pack(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = (len(data), kind) if kind == tarfile.REGTYPE else (0, kind)
            info.linkname = "/etc/hostname" if kind == tarfile.SYMTYPE else ""
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def damaged(archive: bytes) -> bytes:
    """The archive with an error in the header of its third member."""
    data = bytearray(gzip.decompress(archive))
    data[4 * 512 + 8] ^= 1
    return gzip.compress(data, mtime=0)


def test_mentions_in_parts_and_lines_that_are_skipped() -> None:
    lines = [
        "T1\tD 0 4;11 14\tleft toe",
        "T2\tD 5 7;8 10\tor th",
        "T3\tE 15 24\tgout here",
        "T4\tD 0 14\tleft or th toe",
        "T5\tD 0 4;11 14\tleft toe",
        "R1\tIs Arg1:T1 Arg2:T2",
        "E1\tD:T1",
        "A1\tNegated T1",
        "M1\tNegated T1",
        "N1\tReference T1 X:1\tx",
        "#1\tAnnotatorNotes T1\tx",
        "*\tEquiv T1 T2",
        "",
    ]
    document, repairs = one("left or th toe\ngout\nhere", "\n".join([*lines, ""]))
    assert [(m.spans, m.type) for m in document.mentions] == [
        (((0, 4), (11, 14)), "D"),
        (((0, 14),), "D"),
        (((5, 7), (8, 10)), "D"),
        (((15, 24),), "E"),
    ]
    skipped = {"relation": 1, "event": 1, "attribute": 2, "normalization": 1, "note": 1, "equivalence": 1}
    assert repairs.counts == {f"{what} line skipped": number for what, number in skipped.items()} | {"duplicate annotation dropped": 1}
    assert (repairs.annotations, repairs.exact) == (5, 5) and document.id == "a"


def test_parts_on_both_sides_of_a_line_break_are_one_mention() -> None:
    document, repairs = one("the left \n toe", "T1\tD 4 8;11 14\tleft toe\n")
    assert [m.spans for m in document.mentions] == [((4, 14),)]
    assert repairs.counts == {"parts on both sides of a line break joined": 1} and repairs.exact == 1


@pytest.mark.parametrize(
    ("text", "place", "found", "rules"),
    [
        ("\U0001d6fc gout", "2 6", (2, 6), {}),
        ("\U0001d6fc gout", "3 7", (2, 6), {"offsets counted UTF-16 units": 1}),
        ("\U0001d6fc gout", "5 9", (2, 6), {"offsets counted UTF-8 bytes": 1}),
        ("\ufeffa gout", "3 7", (2, 6), {"byte order mark removed": 1, "offsets counted the byte order mark": 1}),
        ("\ufeffa gout", "2 6", (2, 6), {"byte order mark removed": 1}),
        ("a\r\ngout", "3 7", (3, 7), {"carriage returns in a text kept": 1}),
        ("a\r\ngout", "2 6", (3, 7), {"carriage returns in a text kept": 1, "offsets left carriage returns out": 1}),
        ("a\ngout", "3 7", (2, 6), {"offsets counted carriage returns": 1}),
        ("a gout", "1 5", None, {"dropped: mention is not the text at its offsets": 1}),
        ("a gout", "2 99", None, {"dropped: mention is not the text at its offsets": 1}),
        ("a gout", "6 2", None, {"dropped: span empty or parts overlap": 1}),
        ("a gout", "2 4;3 6", None, {"dropped: span empty or parts overlap": 1}),
    ],
)
def test_offsets_in_other_units(text: str, place: str, found: tuple[int, int] | None, rules: dict[str, int]) -> None:
    document, repairs = one(text, f"T1\tD {place}\tgout\n")
    assert [m.spans for m in document.mentions] == ([(found,)] if found else [])
    assert repairs.counts == rules and repairs.annotations == 1
    assert all(document.surface(m) == "gout" for m in document.mentions)


def test_files_are_paired_and_an_empty_annotation_file_is_counted(tmp_path: Path) -> None:
    files = {"b/1.txt": b"gout", "b/1.ann": b"T1\tD 0 4\tgout\r\n", "a/1.ann": b"", "a/1.txt": b"pain"}
    documents, repairs = run(corpus(tmp_path, files, "train"))
    assert [(d.id, d.text, d.split, len(d.mentions)) for d in documents] == [("1", "gout", "train", 1), ("1", "pain", "train", 0)]
    assert repairs.counts == {"no annotations in a file": 1, "carriage return at the end of a line": 1}
    for name in ("b/1.ann", "a/1.txt"):
        with pytest.raises(BionerError, match=r"expected a \.txt"):
            run(corpus(tmp_path, {key: value for key, value in files.items() if key != name}))


MEMBERS = {
    "top/s/test/2.txt": b"pain",
    "top/s/train/1.ann": b"T1\tD 0 4\tgout\n",
    "top/s/train/1.txt": b"gout",
    "top/README.txt": b"\xff no document",
    "top/s/test/2.ann": b"",
}


def test_an_archive_is_read_by_folders(tmp_path: Path) -> None:
    raw = corpus(tmp_path, {"x.tar.gz": pack(MEMBERS)})
    documents, _ = run(raw, folders={"train": "s/train", "test": "s/test/"})
    assert [(d.id, d.split, d.text) for d in documents] == [("1", "train", "gout"), ("2", "test", "pain")]
    plain = corpus(tmp_path, {"x.tar": gzip.decompress(pack(MEMBERS))})
    assert [d.id for d in run(plain, folders={"train": "top/s/train"})[0]] == ["1"]
    assert [
        (d.id, d.split) for d in run(corpus(tmp_path, {"x.tar": gzip.decompress(pack(MEMBERS))}, "test"), folders={"test": "s"})[0]
    ] == [
        ("1", "test"),
        ("2", "test"),
    ]
    changed = RawCorpus("x", (RawFile(raw.files[0].path, "x.tar.gz", None, "text", "0" * 64),))
    with pytest.raises(BionerError, match="expected sha256 000"):
        run(changed, folders={"train": "s/train"})


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (pack({"a/1.txt": b""}, tarfile.SYMTYPE), {}, "x.tar.gz: expected plain files below the archive, found a/1.txt"),
        (pack({"a/1.txt": b""}, tarfile.LNKTYPE), {}, "x.tar.gz: expected plain files below the archive"),
        (pack({"a/1.txt": b""}, tarfile.CHRTYPE), {}, "x.tar.gz: expected plain files below the archive"),
        (pack({"/a/1.txt": b""}), {}, "x.tar.gz: expected plain files below the archive, found /a/1.txt"),
        (pack({"a/../../1.txt": b""}), {}, "x.tar.gz: expected plain files below the archive"),
        (pack({"a/\udcff1.txt": b""}), {}, r"x.tar.gz: expected plain files below the archive, found 'a/\\udc"),
        (pack({"a/\n1.txt": b""}), {}, r"x.tar.gz: expected plain files below the archive, found 'a/\\n1.txt'"),
        (damaged(pack(MEMBERS)), {}, "x.tar.gz: expected a tar archive, found a damaged one .there is more after its end"),
        (pack({"a/1.txt": b""}), {}, "x.tar.gz: expected a/1.txt and .ann, found only .txt"),
        (pack({"a/1.txt": b"x" * 90}), {"limits": Limits(document_characters=9)}, "a/1.txt: expected at most 9 characters"),
        (pack({"a/1.bin": b"x" * 90000}), {"limits": Limits(unpacked_bytes=20000)}, "x.tar.gz: expected at most 20,000 bytes"),
        (gzip.compress(b"no archive" * 200), {}, "x.tar.gz: expected a tar archive, found a damaged one"),
        (gzip.compress(gzip.decompress(pack({"a/1.txt": b"x" * 900}))[:800]), {}, "x.tar.gz: expected a tar archive"),
        (b"no gzip", {}, "x.tar.gz: expected gzip data"),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, data: bytes, options: dict[str, Any], match: str) -> None:
    with pytest.raises(BionerError, match=match):
        run(corpus(tmp_path, {"x.tar.gz": data}), **options)


@pytest.mark.parametrize(
    ("text", "annotations", "match"),
    [
        ("a", "T1 D 0 1 a\n", "d/a.ann:1: expected 'T1<tab>Type start end"),
        ("a", "\nT1\tD 0 1\n", "d/a.ann:2: expected 'T1<tab>Type start end"),
        ("a", "T1\tD 0 x\ta\n", "d/a.ann:1: expected 'T1<tab>Type start end"),
        ("a", "gout\n", "d/a.ann:1: expected a line of brat's"),
        (b"a\n\xff", "", "d/a.txt:2: expected UTF-8, found byte 0xff"),
        ("aa", "T1\tD 0 1\ta\nT2\tD 1 2\ta\n", "d/a.ann:2: expected at most 1 annotations"),
    ],
)
def test_lines_that_are_refused(text: str | bytes, annotations: str, match: str) -> None:
    with pytest.raises(BionerError, match=match):
        one(text, annotations, document_mentions=1)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.data())
def test_written_mentions_are_read_back(text: str, data: st.DataObject) -> None:
    text = text.removeprefix("\ufeff") or "x"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)))
    pairs = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    written = " ".join(text[a:b] for a, b in pairs).replace("\n", " ").replace("\r", " ")
    document, repairs = one(text, f"T1\tD {';'.join(f'{a} {b}' for a, b in pairs)}\t{written}\n")
    (mention,) = document.mentions
    assert (mention.start, mention.end, document.text) == (pairs[0][0], pairs[-1][1], text)
    assert repairs.exact == 1
    if "parts on both sides of a line break joined" not in repairs.counts:
        assert mention.spans == tuple(pairs)
