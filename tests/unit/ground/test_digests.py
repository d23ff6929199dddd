"""Digests of code, remembered: always those that are computed anew."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from bioner.digests import CodeDigests, FileDigests, source_digest
from bioner.errors import BionerError
from bioner.provenance import PACKAGE, code_digest
from bioner.storage import sha256_file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digests") / "new" / "code.json"
    CodeDigests(path)("score")
    return path


@pytest.mark.parametrize("command", ["score", "recipe", "report"])
def test_remembered_digests_are_the_computed_ones(command: str, made: Path) -> None:
    assert CodeDigests(made).known[command] == code_digest(command)


def test_what_is_remembered_is_not_computed_again(made: Path, tmp_path: Path) -> None:
    value = json.loads(made.read_text())
    value["digests"]["score"] = "remembered"
    (tmp_path / "code.json").write_text(json.dumps(value))
    assert CodeDigests(tmp_path / "code.json")("score") == "remembered"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"sources": 3}', '{"digests": {"score": "old"}}', '{"sources": "other", "digests": {"score": "old"}}']
)
def test_a_damaged_file_or_one_of_other_sources_is_replaced(content: str, made: Path, tmp_path: Path) -> None:
    path = tmp_path / "code.json"
    path.write_text(content)
    assert CodeDigests(path)("score") == code_digest("score")
    assert json.loads(path.read_text()) == json.loads(made.read_text())


def test_any_byte_of_a_source_file_changes_the_digest_of_sources(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE / "commands", tmp_path / "commands")
    before = source_digest(tmp_path)
    assert source_digest(tmp_path) == before
    with open(tmp_path / "commands" / "score.py", "a", encoding="utf-8") as handle:
        handle.write("#")
    after = source_digest(tmp_path)
    (tmp_path / "commands" / "score.py").rename(tmp_path / "commands" / "scored.py")
    assert len({before, after, source_digest(tmp_path)}) == 3


def test_an_unknown_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="no_such_command"):
        CodeDigests(tmp_path / "code.json")("no_such_command")


def test_digests_of_files_are_read_again_only_when_size_or_time_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, files = tmp_path / "kept/files.json", [tmp_path / "a", tmp_path / "b"]
    for path in files:
        path.write_text(path.name)
        os.utime(path, (1e9, 1e9))
    read: list[str] = []
    monkeypatch.setattr("bioner.digests.sha256_file", lambda path: read.append(path.name) or sha256_file(path))
    expected = [hashlib.sha256(name.encode()).hexdigest() for name in "ab"]
    assert FileDigests(kept)(files) == expected and read == ["a", "b"]
    assert FileDigests(kept)(files[::-1]) == expected[::-1] and read == ["a", "b"]
    files[0].write_text("c")  # of the same size; what may be written again within the same tick of the disk's clock must be seen
    os.utime(files[0], (time.time() + 600, time.time() + 600))
    changed = [hashlib.sha256(b"c").hexdigest(), expected[1]]
    assert FileDigests(kept)(files) == changed and FileDigests(kept)(files) == changed and read == ["a", "b", "a", "a"]
    kept.write_text("no JSON")
    assert FileDigests(kept)(files) == changed
    with pytest.raises(FileNotFoundError):
        FileDigests(kept)([tmp_path / "none"])
