"""DVC must find every dataset under agreement hidden, and nothing provided that the configuration does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioner.agreements import check_ignored, under_agreement
from bioner.commands import agreement
from bioner.errors import ConfigError

DATASETS = {"free": {"agreement": None}, "notes": {"agreement": "sign"}, "own": {"agreement": None, "source": "provided"}, "a_notes": {}}
LINES = "# hidden\n/results/*/notes/\n/results/*/notes.*\n"


def provided(base: Path, name: str) -> None:
    folder = base / "results" / "raw" / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"dataset": name, "files": [], "root": "elsewhere"}))


def test_datasets_under_agreement_are_those_that_say_so() -> None:
    assert under_agreement(DATASETS) == ["notes"]


def test_a_folder_without_dvcignore_holds_nothing_under_agreement(tmp_path: Path) -> None:
    check_ignored({"free": DATASETS["free"]}, tmp_path)
    with pytest.raises(ConfigError, match=r"^datasets\.notes: expected /results/\*/notes/ and /results/\*/notes\.\* in \.dvcignore"):
        check_ignored(DATASETS, tmp_path)


@pytest.mark.parametrize("line", LINES.splitlines()[1:])
def test_each_line_is_needed_and_told(tmp_path: Path, line: str) -> None:
    (tmp_path / ".dvcignore").write_text(LINES)
    check_ignored(DATASETS, tmp_path)
    (tmp_path / ".dvcignore").write_text(LINES.replace(f"{line}\n", f"#{line}\n"))
    with pytest.raises(ConfigError) as caught:
        check_ignored(DATASETS, tmp_path)
    assert f"expected {line} in .dvcignore" in str(caught.value) and "\n" not in str(caught.value)


def test_provided_files_of_an_unknown_dataset_are_refused_unless_hidden(tmp_path: Path) -> None:
    (tmp_path / ".dvcignore").write_text(LINES)
    provided(tmp_path, "own")
    provided(tmp_path, "notes")
    downloaded = tmp_path / "results/raw/downloaded"
    downloaded.mkdir()
    (downloaded / "manifest.json").write_text('{"dataset": "downloaded", "files": []}')
    check_ignored(DATASETS, tmp_path)
    provided(tmp_path, "overlaid")
    with pytest.raises(
        ConfigError, match=r"^datasets: expected 'overlaid', for results/raw/overlaid is of a dataset that its user provided"
    ):
        check_ignored(DATASETS, tmp_path)
    (tmp_path / ".dvcignore").write_text(LINES + LINES.replace("notes", "overlaid"))
    check_ignored(DATASETS, tmp_path)


def test_the_command_writes_digests_and_nothing_else(tmp_path: Path) -> None:
    output, scores = tmp_path / "agreement.json", tmp_path / "scores.csv"
    agreement.main(["--output", str(output), "--scores"])
    assert json.loads(output.read_text()) == {}
    scores.write_bytes(b"abc")
    agreement.main(["--output", str(output), "--scores", str(scores)])
    assert json.loads(output.read_text()) == {str(scores): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
