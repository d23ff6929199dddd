"""What a full disk is told as, also where libraries hide the system's error in a message of theirs."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from bioner.errors import BionerError
from bioner.storage import LITTLE, little_space, unwritten
from bioner.tagging.saving import saving

Usage = namedtuple("Usage", "total used free")
WRITERS = {
    "safetensors": "from safetensors.numpy import save_file; import numpy; save_file({'a': numpy.zeros(100_000)}, path)",
    "tokenizers": (
        "from tokenizers import Tokenizer, models;"
        "Tokenizer(models.WordLevel({str(number): number for number in range(9000)}, unk_token='0')).save(str(path))"
    ),
    "python": "path.write_text('x' * 100_000)",
}
LIMITED = """
import resource, signal, sys
from pathlib import Path
from bioner.errors import BionerError
from bioner.tagging.saving import saving
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path = Path(sys.argv[1])
try:
    with saving(path):
        exec(sys.argv[2])
except BionerError as error:
    print(error)
"""


@pytest.mark.parametrize("name", WRITERS)
def test_a_library_that_cannot_write_on_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    """A process whose files may not grow over 1,000 bytes. (Never /dev/full: safetensors would put a file in its place.)"""
    path = tmp_path / "model"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path), WRITERS[name]], check=True, capture_output=True, text=True)
    assert done.stdout == f"{path}: cannot be written (File too large); free space or fix permissions, then run again\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_an_error_of_the_system_in_the_message_of_a_library(tmp_path: Path, number: int) -> None:
    with pytest.raises(BionerError) as caught, saving(tmp_path / "x"):
        raise RuntimeError(f"Error while serializing: I/O error: who knows (os error {number})")
    assert f"cannot be written ({os.strerror(number)}); free space" in str(caught.value)
    assert str(caught.value).endswith("bytes are free there)") and "\n" not in str(caught.value)


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no error of the system"), saving(tmp_path / "x"):
        raise ValueError("no error of the system")


def test_what_is_free_is_told_of_full_disks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2_000_000, 1_999_000, 1_000))
    path = tmp_path / "not" / "there" / "x"
    for number in (errno.ENOSPC, errno.EDQUOT):
        assert str(unwritten(path, OSError(number, "why"))).endswith("then run again (1,000 of 2,000,000 bytes are free there)")
    assert str(unwritten(path, OSError(errno.EACCES, "why"))).endswith("then run again")


def test_a_failed_workflow_tells_of_little_space_once_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    places = [tmp_path / "a", tmp_path / "b", tmp_path / "none"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, LITTLE - 1))
    assert little_space(*places) == f"{tmp_path / 'a'}: 268,435,455 of 1,000,000,000,000 bytes are free on its disk"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, LITTLE))
    assert little_space(*places) == ""
