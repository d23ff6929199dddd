"""Odd places: blanks, quotes, letters beyond ASCII, `$(…)` and braces in every path; raw data that may not be written; a linked results."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from bioner.documents import read_documents
from bioner.storage import read_json, sha256_file

from .conftest import Project
from .test_dvc import Repository

ODD = "späce $(touch owned) 'x' \"y\" {z} ; é"
pytestmark = pytest.mark.slow


def lock(folder: Path) -> dict[str, tuple[int, str]]:
    """Take all rights to write from a folder; returns mode and digest of what is in it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(path.stat().st_mode & ~0o222)
    folder.chmod(0o555)
    return seen(folder)


def seen(folder: Path) -> dict[str, tuple[int, str]]:
    paths = sorted(folder.rglob("*"))
    return {str(path): (stat.S_IMODE(path.stat().st_mode), sha256_file(path) if path.is_file() else "") for path in [folder, *paths]}


def nothing_ran(*folders: Path) -> bool:
    """Whether no path and no value was run by a shell."""
    return not [path for folder in folders for path in folder.rglob("owned")]


@pytest.fixture
def odd(tmp_path: Path, toy_encoder: Path) -> Project:
    """A project and an encoder in folders with odd names."""
    encoder = tmp_path / f"enc {ODD}"
    shutil.copytree(toy_encoder, encoder)
    folder = tmp_path / ODD
    folder.mkdir()
    return Project(folder, encoder)


def test_the_workflow_in_odd_places(odd: Project, tmp_path: Path) -> None:
    """A working folder of its own, `results` a link, and a provided corpus that may only be read, each under an odd name."""
    work, disk, raw = (tmp_path / f"{name} {ODD}" for name in ("work", "disk", "raw"))
    for folder in (work, disk, raw):
        folder.mkdir()
    (work / "results").symlink_to(disk, target_is_directory=True)
    odd.run("results/raw/demo_bc5cdr/manifest.json", "--directory", str(work))
    for name in (entry["name"] for entry in read_json(work / "results/raw/demo_bc5cdr/manifest.json")["files"]):
        shutil.copy(work / "results/raw/demo_bc5cdr" / name, raw / f"{name} {ODD}.txt")
    before = lock(raw)
    own = {"title": ODD, "format": "pubtator", "source": "provided", "licence": ODD, "folder": f"../{raw.name}", "glob": "**/*.txt"}
    overlay = json.loads((odd.folder / "encoder.json").read_text()) | {"datasets": {"mine": own}}
    overlay["experiments"] = {"toy": {"title": ODD, "datasets": ["demo_bc5cdr", "mine"], "models": ["plain"], "attacks": ["typos"]}}
    (odd.folder / "encoder.json").write_text(json.dumps(overlay))
    odd.run("--directory", str(work))
    assert (disk / "toy/report/index.html").is_file() and (work / "results").is_symlink()
    assert "Nothing to be done" in odd.run("--dry-run", "--directory", str(work))
    texts = [sorted(document.text for document in read_documents(disk / f"corpora/{name}.jsonl")) for name in ("mine", "demo_bc5cdr")]
    assert texts[0] == texts[1] != []
    assert seen(raw) == before and read_json(disk / "raw/mine/manifest.json")["root"] == f"../{raw.name}"
    assert nothing_ran(tmp_path)


def test_a_mirror_in_an_odd_place(odd: Project, tmp_path: Path) -> None:
    mirror = tmp_path / f"mirror {ODD}"
    mirror.mkdir()
    (mirror / "terms of ü.tsv").write_text("id\tlabel\txref\n")
    before = lock(mirror)
    files = [{"path": "terms of ü.tsv", "url": "https://none.invalid/t", "sha256": [sha256_file(mirror / "terms of ü.tsv")]}]
    overlay = json.loads((odd.folder / "encoder.json").read_text()) | {"mirror": f"../{mirror.name}"}
    overlay["ontologies"] = {"small": {"title": ODD, "licence": ODD, "files": files}}
    (odd.folder / "encoder.json").write_text(json.dumps(overlay))
    odd.run("results/raw/small/manifest.json")
    assert (odd.folder / "results/raw/small/terms of ü.tsv").is_file()
    assert seen(mirror) == before and nothing_ran(tmp_path)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_stage_of_dvc_in_an_odd_place(tmp_path: Path, toy_encoder: Path) -> None:
    """Without braces: DVC's own progress bar takes those in a path for names to fill in, and stops."""
    name = ODD.replace("{z}", "z")
    encoder = tmp_path / f"enc {name}"
    shutil.copytree(toy_encoder, encoder)
    repository = Repository(tmp_path / name, encoder)
    repository.dvc("repro", "data")
    assert (repository.folder / "results/folds/demo_bc5cdr/kfold3/fold0/test.jsonl").is_file()
    assert (repository.folder / "dvc.lock").is_file() and nothing_ran(tmp_path)
