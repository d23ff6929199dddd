"""One process at a time in a folder."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from bioner.errors import BionerError
from bioner.locks import NAME, alone_in


def in_turn(folder: Path, log: Path, seconds: float) -> int:
    """A process that writes when it comes and goes."""
    if child := os.fork():
        return child
    try:
        with alone_in(folder, "a run", pause=lambda _: time.sleep(0.002)):
            for word in ("in", "out"):
                with open(log, "ab", buffering=0) as handle:
                    handle.write(f"{word} {os.getpid()}\n".encode())
                if word == "in":
                    time.sleep(seconds)
        os._exit(0)
    except BaseException:  # the parent sees the status
        os._exit(1)


def test_processes_are_in_the_folder_one_after_the_other(tmp_path: Path) -> None:
    children = [in_turn(tmp_path / "run", tmp_path / "log", 0.003) for _ in range(40)]
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [word for word, _ in lines] == ["in", "out"] * 40
    assert all(first[1] == second[1] for first, second in zip(lines[::2], lines[1::2], strict=True))
    assert not (tmp_path / "run" / NAME).exists()


def test_who_is_killed_keeps_nobody_out_and_who_waits_is_told_of_him(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child = in_turn(tmp_path / "run", tmp_path / "log", 60)
    while not (tmp_path / "log").exists():
        time.sleep(0.002)

    def kill(_: float) -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    with alone_in(tmp_path / "run", "a run", pause=kill) as waited:
        assert waited
    told = capsys.readouterr().err
    assert told.startswith(f"{tmp_path / 'run'}: a run is being made by process {child} of ")
    assert told.count("\n") == 1


def test_nobody_there_is_nobody_waited_for(tmp_path: Path) -> None:
    for _ in range(2):
        with alone_in(tmp_path / "run", "a run") as waited:
            assert not waited


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BionerError, match="cannot be written"), alone_in(tmp_path / "file" / "run", "a run"):
        pass
