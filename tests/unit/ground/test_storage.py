"""Files appear whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bioner.errors import BionerError
from bioner.storage import atomic_path, atomic_text, read_json, sha256_file, write_json, write_rows


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_text(path) as handle:
        handle.write("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_appears_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(BionerError, match=r"x\.txt: cannot be written \(No space left on device\); free space"), atomic_path(path):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"


def test_json_has_one_form(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": ["é"]})
    write_json(tmp_path / "b.json", {"a": ["é"], "b": 1})
    assert sha256_file(tmp_path / "a.json") == sha256_file(tmp_path / "b.json")
    assert read_json(tmp_path / "a.json") == {"a": ["é"], "b": 1}


def test_json_errors_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{\n"a": ?}')
    with pytest.raises(BionerError, match=r"x\.json:2: expected JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(BionerError, match="found none"):
        read_json(tmp_path / "none.json")


def test_rows_refuse_unknown_columns(tmp_path: Path) -> None:
    write_rows(tmp_path / "x.csv", ["a", "b"], [{"a": 1, "b": None}])
    assert (tmp_path / "x.csv").read_bytes() == b"a,b\n1,\n"
    with pytest.raises(ValueError, match="c"):
        write_rows(tmp_path / "x.csv", ["a"], [{"a": 1, "c": 2}])
    assert (tmp_path / "x.csv").read_bytes() == b"a,b\n1,\n"


def test_a_copy_that_finds_no_room_names_the_file_that_it_was_for(tmp_path):
    """`shutil.copyfile` names its source first, and what it was writing second."""
    (tmp_path / "source").write_bytes(b"x" * 8192)
    message = r"copy: cannot be written \(No space left on device\).* bytes are free there"
    with pytest.raises(BionerError, match=message), atomic_path(tmp_path / "copy") as temporary:
        temporary.symlink_to("/dev/full")
        shutil.copyfile(tmp_path / "source", temporary)
