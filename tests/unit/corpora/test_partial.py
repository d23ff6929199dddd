"""Partial files: kept, locked, and never written to once they have their final name."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from bioner.corpora.partial import Partial
from bioner.errors import BionerError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_goes_on_after_a_failure_and_is_installed_whole(tmp_path: Path) -> None:
    final = tmp_path / "new/a.txt"
    with pytest.raises(ZeroDivisionError), Partial(final) as partial:
        partial.write(b"first ")
        _ = 1 // 0
    assert names(final.parent) == [".a.txt.partial"]
    with Partial(final) as partial:
        assert partial.size == 6
        partial.write(b"second")
        partial.install()
    assert names(final.parent) == ["a.txt"] and final.read_bytes() == b"first second"


def test_an_empty_one_leaves_nothing_unless_it_is_the_file(tmp_path: Path) -> None:
    with Partial(tmp_path / "a.txt") as partial:
        partial.write(b"wrong")
        partial.empty()
        assert partial.size == 0
    assert names(tmp_path) == []
    with Partial(tmp_path / "a.txt") as partial:
        partial.install()
    assert names(tmp_path) == ["a.txt"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Partial(tmp_path / "a.txt") as held:
        held.write(b"first")
        with pytest.raises(BionerError, match=r"a\.txt: expected to fetch it alone, found another process"), Partial(held.final):
            pass
        held.write(b", second")
    assert held.path.read_bytes() == b"first, second"


def test_what_another_process_installs_before_the_lock_is_had_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final, lock = tmp_path / "a.txt", fcntl.flock
    (tmp_path / ".a.txt.partial").write_bytes(b"theirs")

    def late(*arguments: Any) -> None:
        if not final.exists():
            (tmp_path / ".a.txt.partial").replace(final)
        lock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with Partial(final) as partial:
        assert partial.size == 0
        partial.write(b"ours")
    assert final.read_bytes() == b"theirs" and (tmp_path / ".a.txt.partial").read_bytes() == b"ours"


def test_places_that_take_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BionerError, match=r"file/a\.txt: cannot be written"), Partial(tmp_path / "file/a.txt"):
        pass
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(BionerError, match=r"a\.txt: cannot be written .Is a directory"), Partial(tmp_path / "a.txt") as partial:
        partial.write(b"x")
        partial.install()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.partial").symlink_to("/dev/full")
    with (
        pytest.raises(BionerError, match=r"a\.txt: cannot be written .No space left on device.; free space"),
        Partial(tmp_path / "a.txt") as partial,
    ):
        partial.write(b"x")
    assert names(tmp_path) == []
