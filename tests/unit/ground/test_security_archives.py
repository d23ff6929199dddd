"""Archives: read as streams, never unpacked to the disk, and bounded in members and headers, as in size (corpora/test_limits.py)."""

from __future__ import annotations

import io
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from bioner.corpora.brat import LONGEST_HEADER, read
from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.storage import sha256_file


def archive(path: Path, members: list[tuple[str, bytes, bytes]]) -> Path:
    """An archive of members, each a name, a type of tarfile and a content (or the target of a link)."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as made:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content.decode()
                made.addfile(info)
            else:
                info.size = len(content)
                made.addfile(info, io.BytesIO(content))
    return path


def documents(path: Path, limits: Limits | None = None) -> list[Document]:
    corpus = RawCorpus("x", (RawFile(path, path.name, None, "text", sha256_file(path)),))
    return list(read(corpus, Repairs(), {"limits": limits or Limits()}))


ESCAPES = {
    "above": ("../../owned.txt", tarfile.REGTYPE, b"x"),
    "absolute": ("/owned.txt", tarfile.REGTYPE, b"x"),
    "symbolic link": ("a/1.txt", tarfile.SYMTYPE, b"/etc/hostname"),
    "hard link": ("a/1.txt", tarfile.LNKTYPE, b"../../secret"),
    "device": ("a/1.txt", tarfile.CHRTYPE, b""),
    "block device": ("a/1.txt", tarfile.BLKTYPE, b""),
    "pipe": ("a/1.txt", tarfile.FIFOTYPE, b""),
    "folder above, as a link": ("a/../../1.ann", tarfile.SYMTYPE, b"/etc"),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_no_member_leaves_its_archive(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = archive(inner / "x.tar", [("ok/0.txt", tarfile.REGTYPE, b"gout"), ("ok/0.ann", tarfile.REGTYPE, b""), ESCAPES[name]])
    before = sorted(str(made) for made in tmp_path.rglob("*"))
    here = os.getcwd()
    os.chdir(inner)
    try:
        with pytest.raises(BionerError, match=r"x\.tar: expected plain files below the archive, found"):
            documents(path)
    finally:
        os.chdir(here)
    assert sorted(str(made) for made in tmp_path.rglob("*")) == before


def test_what_is_no_document_is_not_looked_at(tmp_path: Path) -> None:
    others = [("../x.bin", tarfile.REGTYPE, b"x"), ("/dev/x", tarfile.CHRTYPE, b""), ("y", tarfile.SYMTYPE, b"/etc/hostname")]
    path = archive(tmp_path / "x.tar", [*others, ("0.txt", tarfile.REGTYPE, b"gout"), ("0.ann", tarfile.REGTYPE, b"")])
    assert [document.text for document in documents(path)] == ["gout"]
    assert [made.name for made in tmp_path.iterdir()] == ["x.tar"]


def test_members_are_counted(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar", [(f"{number}", tarfile.REGTYPE, b"") for number in range(7)])
    assert documents(path, Limits(archive_members=7)) == []
    with pytest.raises(BionerError, match=r"x\.tar: expected at most 6 members in an archive, found more; .*archive_members"):
        documents(path, Limits(archive_members=6))


def test_memory_does_not_grow_with_the_members(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        header = tarfile.TarInfo("x").tobuf()
        (tmp_path / "x.tar").write_bytes(header * count + bytes(10240))
        tracemalloc.start()
        try:
            assert documents(tmp_path / "x.tar") == []
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8000) < 1.3 * peak(4000)  # kept headers would make it 1.6


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_gigabytes_is_refused_unread(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, LONGEST_HEADER + 1
    (tmp_path / "x.tar").write_bytes(header.tobuf() + bytes(1024))
    with pytest.raises(BionerError, match=r"x\.tar: expected a tar archive, found a damaged one \(a header of 1,048,577 bytes\)"):
        documents(tmp_path / "x.tar")


def test_long_names_are_read(tmp_path: Path) -> None:
    name = "folder/" * 40 + "0"
    path = archive(tmp_path / "x.tar", [(f"{name}.txt", tarfile.REGTYPE, b"gout"), (f"{name}.ann", tarfile.REGTYPE, b"")])
    assert [document.id for document in documents(path)] == ["0"]
