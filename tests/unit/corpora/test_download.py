"""Download: mirror folders, what the config says of files, and manifests; test_fetching has the servers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bioner.commands.download import main
from bioner.corpora.download import download, git_blob
from bioner.errors import BionerError

CONTENT = b"7|t|Zorvamab\n7|a|\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with the file, away from the tests' own."""
    folder = tmp_path / "mirror"
    (folder / "some").mkdir(parents=True)
    (folder / "some/a.txt").write_bytes(CONTENT)
    return folder


def entry(**more: Any) -> dict[str, Any]:
    return {"path": "some/a.txt", "split": "train", "sha256": ["0" * 64, DIGEST]} | more


def settings(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"source": "download", "licence": "CC0", "files": list(entries)}


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_beside_their_manifest_and_the_licence_once(mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "raw"
    pair = settings(entry(bytes=len(CONTENT)), {"path": "b.txt", "sha256": DIGEST, "role": "ids"})
    (mirror / "b.txt").write_bytes(CONTENT)
    download("x", pair, out / "manifest.json", mirror=str(mirror))
    assert manifest(out) == {
        "dataset": "x",
        "licence": "CC0",
        "files": [
            {"name": "a.txt", "sha256": DIGEST, "bytes": len(CONTENT), "split": "train", "role": "text"},
            {"name": "b.txt", "sha256": DIGEST, "bytes": len(CONTENT), "split": None, "role": "ids"},
        ],
    }
    assert names(out) == ["a.txt", "b.txt", "manifest.json"]
    assert capsys.readouterr().err.count("licence: CC0") == 1


def test_what_is_there_is_not_fetched_again(mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "raw"
    download("x", settings(entry()), out / "manifest.json", mirror=str(mirror))
    (mirror / "some/a.txt").unlink()
    capsys.readouterr()
    download("x", settings(entry()), out / "manifest.json", mirror=str(mirror))
    assert capsys.readouterr().err == ""
    (out / "manifest.json").unlink()
    download("x", settings(entry()), out / "manifest.json", mirror=str(mirror))
    assert capsys.readouterr().err.count("licence: CC0") == 1 and manifest(out)["files"][0]["sha256"] == DIGEST


def test_a_damaged_file_is_fetched_again(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"damaged")
    download("x", settings(entry()), tmp_path / "manifest.json", mirror=str(mirror))
    assert (tmp_path / "a.txt").read_bytes() == CONTENT


def test_from_files_and_folders_of_this_machine(mirror: Path, tmp_path: Path) -> None:
    spaced = mirror.rename(tmp_path / "a mirror")
    for name, place in (("folder", str(spaced)), ("slash", f"{spaced}/"), ("url", spaced.as_uri()), ("origin", "")):
        out = tmp_path / name
        out.mkdir()
        (out / ".a.txt.partial").write_bytes(b"of an earlier try from a server")
        download("x", settings(entry(url=(spaced / "some/a.txt").as_uri() if not place else None)), out / "manifest.json", mirror=place)
        assert (out / "a.txt").read_bytes() == CONTENT and names(out) == ["a.txt", "manifest.json"]


def test_the_environment_names_the_mirror_of_the_command(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIONER_MIRROR", str(mirror))
    out = tmp_path / "raw/manifest.json"
    main(["--dataset", "x", "--settings", json.dumps(settings(entry())), "--output", str(out)])
    assert names(out.parent) == ["a.txt", "manifest.json"]


def test_git_blob_where_no_sha256_is_known(mirror: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"what is up, doc?")
    assert git_blob(plain) == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    good = {"path": "some/a.txt", "git_blob": git_blob(mirror / "some/a.txt")}
    download("x", settings(good), tmp_path / "raw/manifest.json", mirror=str(mirror))
    with pytest.raises(BionerError, match="expected git blob 0000"):
        download("x", settings(good | {"git_blob": "0" * 40}), tmp_path / "other/manifest.json", mirror=str(mirror))
    assert names(tmp_path / "other") == []


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"sha256": "1" * 64}, f"expected sha256 {'1' * 64}, found {DIGEST} from"),
        ({"bytes": 1129998}, f"expected 1129998 bytes, found {len(CONTENT)} from"),
        ({"path": "some/b.txt"}, "expected the file .*/mirror/some/b.txt, found: No such file"),
        ({"path": "some"}, "expected the file .*/mirror/some, found: Is a directory"),
    ],
)
def test_what_the_mirror_has_not_or_has_otherwise(mirror: Path, tmp_path: Path, more: dict[str, Any], found: str) -> None:
    with pytest.raises(BionerError, match=found) as caught:
        download("x", settings(entry(url="http://127.0.0.1:1/") | more), tmp_path / "raw/manifest.json", mirror=str(mirror))
    message = str(caught.value)
    assert "some" in message and "\n" not in message and str(mirror) in message and "BIONER_MIRROR" in message
    assert names(tmp_path / "raw") == []


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("{}/absent", "found nothing at"),
        ("{}/" + "x" * 300, "found nothing at"),
        ("~nobody/here", "found nothing at"),
        ("{}/some/a.txt", "found a file at"),
        ("file://{}/absent", "found nothing at"),
        ("file://some/where", "file of this machine"),
        ("s3://some/where", "url of http, https, file"),
    ],
)
def test_mirrors_that_cannot_be(mirror: Path, tmp_path: Path, place: str, found: str) -> None:
    with pytest.raises(BionerError, match=f"some/a.txt: expected .*{found}.*correct"):
        download("x", settings(entry()), tmp_path / "raw/manifest.json", mirror=place.format(mirror))
    assert names(tmp_path / "raw") == []


@pytest.mark.parametrize(("url", "found"), [("gopher://x/a", "url of http"), ("/some/a", "url of http"), (None, "neither")])
def test_urls_that_cannot_be(tmp_path: Path, url: str | None, found: str) -> None:
    with pytest.raises(BionerError, match=f"some/a.txt: expected .*{found}"):
        download("x", settings(entry(url=url)), tmp_path / "raw/manifest.json")


@pytest.mark.parametrize("entries", [(), (entry(sha256=[]),), (entry(), entry(path="other/a.txt")), (entry(path="manifest.json"),)])
def test_entries_that_cannot_be_verified_or_would_collide(entries: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    with pytest.raises(BionerError, match=r"expected .*(complete|correct) the config"):
        download("x", settings(*entries), tmp_path / "manifest.json", mirror=str(tmp_path))


PROVIDED = {"source": "provided", "format": "i2b2", "agreement": "sign the agreement at the portal", "licence": "agreement"}


def test_provided_files_are_listed_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in (
        "train/txt/a.txt",
        "train/concept/a.con",
        "test_data/b.txt",
        "c/d.txt",
        "train/txt/._a.txt",
        ".DS_Store",
        "train/rel/a.rel",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    out = tmp_path / "raw/manifest.json"
    download("x", PROVIDED | {"folder": str(folder)}, out)
    found = manifest(out.parent)
    assert found["root"] == str(folder) and names(out.parent) == ["manifest.json"]
    assert [(file["name"], file["split"], file["role"]) for file in found["files"]] == [
        ("c/d.txt", None, "text"),
        ("test_data/b.txt", "test", "text"),
        ("train/concept/a.con", "train", "annotations"),
        ("train/txt/a.txt", "train", "text"),
    ]


def test_provided_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("absent", "empty"):
        with pytest.raises(BionerError, match=rf"{folder}.*sign the agreement at the portal; then put the files there"):
            download("x", PROVIDED | {"folder": str(tmp_path / folder)}, tmp_path / "raw/manifest.json")
    with pytest.raises(BionerError, match="expected `folder`"):
        download("x", PROVIDED, tmp_path / "raw/manifest.json")
    with pytest.raises(BionerError, match="use generate"):
        download("x", {"source": "demo"}, tmp_path / "raw/manifest.json")
