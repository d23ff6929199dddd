"""Bring your own: folders, paths and patterns become datasets of every format without code; what is missing is one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bioner.config import load_plan
from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.corpora.provided import list_provided, provided_state
from bioner.corpora.raw import read_manifest
from bioner.documents import read_documents
from bioner.entities import SPLITS
from bioner.errors import BionerError, ConfigError
from bioner.planning.corpora import DATASET_KEYS
from bioner.storage import sha256_file

ROOT = Path(__file__).resolve().parents[3]

LINE = '{"id": "%s", "split": %s, "text": "gout pain", "mentions": [{"id": "T1", "spans": [[0, 4]], "type": "D", "concepts": []}]}\n'
EXAMPLES: dict[str, dict[str, str]] = {
    "pubtator": {"{}.txt": "{}|t|gout\n{}|a|pain\n{}\t0\t4\tgout\tD\tD1\n\n"},
    "conll": {"{}.tsv": "gout\tB-D\npain\tO\n\n"},
    "brat": {"{}.txt": "gout pain", "{}.ann": "T1\tD 0 4\tgout\n"},
    "jsonl": {"{}.jsonl": LINE % ("{}", "null")},
    "i2b2": {"{}.txt": "gout pain\n", "{}.con": 'c="gout" 1:0 1:0||t="problem"\n'},
    "bioc_xml": {
        "{}.xml": "<collection><document><id>{}</id><passage><offset>0</offset><text>gout pain</text><annotation id='1'>"
        "<infon key='type'>D</infon><location offset='0' length='4'/><text>gout</text></annotation></passage></document></collection>"
    },
    "bioc_json": {
        "{}.json": json.dumps({"documents": [{"id": "{}", "passages": [{"offset": 0, "text": "gout pain", "annotations": [
            {"infons": {"type": "D"}, "text": "gout", "locations": [{"offset": 0, "length": 4}]}]}]}]})
    },
}  # fmt: skip
"""Format -> files of one document; `{}` is its name."""


def put(folder: Path, kind: str, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        for path, content in EXAMPLES[kind].items():
            (folder / path.replace("{}", name)).write_text(content.replace("{}", name))


def run(place: Path, **settings: Any) -> list[tuple[str, str | None, list[str]]]:
    """Ids, splits and surfaces of a provided dataset, through the two commands' functions and the keys that the workflow passes."""
    entry = {"source": "provided", "licence": "own"} | settings
    download("mine", {key: entry[key] for key in DATASET_KEYS["download"] if key in entry}, place / "manifest.json")
    told = {key: entry[key] for key in DATASET_KEYS["harmonize"] if key in entry}
    harmonize("mine", told, raw=place / "manifest.json", output=place / "o.jsonl", quality=place / "q.json")
    return [(d.id, d.split, [d.surface(m) for m in d.mentions]) for d in read_documents(place / "o.jsonl")]


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_format_by_folder_paths_and_patterns(tmp_path: Path, kind: str) -> None:
    put(tmp_path / "mine" / "train", kind, "a", "b")
    put(tmp_path / "mine" / "test", kind, "c")
    suffix = next(iter(EXAMPLES[kind])).removeprefix("{}")
    dash = "-1" if kind == "conll" else ""
    expected = [(f"a{dash}", "train", ["gout"]), (f"b{dash}", "train", ["gout"]), (f"c{dash}", "test", ["gout"])]
    root = tmp_path / "mine"
    every = "*" if kind == "i2b2" else f"*{suffix}"
    assert sorted(run(tmp_path, format=kind, folder=str(root))) == expected
    assert run(tmp_path, format=kind, folder=str(root), glob={"train": f"train/{every}", "test": f"test/{every}"}) == expected
    assert run(tmp_path, format=kind, folder=str(root), paths={"train": "train", "test": ["test"]}) == expected
    assert run(tmp_path, format=kind, folder=str(root / "test"), glob="*") == [(f"c{dash}", None, ["gout"])]
    if kind not in ("i2b2", "brat"):
        named = [f"train/b{suffix}", f"train/a{suffix}"]
        assert [row[0] for row in run(tmp_path, format=kind, folder=str(root), paths=named)] == [f"b{dash}", f"a{dash}"]


def test_the_working_folder_packed_files_and_hidden_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "in" / "deep", "pubtator", "a")
    (tmp_path / "in" / "b.txt.gz").write_bytes(gzip.compress(b"b|t|gout\nb|a|pain\n\n"))
    (tmp_path / "in" / ".hidden").write_text("no document")
    assert run(tmp_path, format="pubtator", paths="in") == [("b", None, []), ("a", None, ["gout"])]
    assert run(tmp_path, format="pubtator", glob={"test": "in/**/*.txt"}) == [("a", "test", ["gout"])]
    assert run(tmp_path, format="pubtator", glob={"test": str(tmp_path / "in/deep/*.txt")}) == [("a", "test", ["gout"])]


def test_a_file_split_stands_above_the_lines_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINE % ("a", '"test"'))
    assert run(tmp_path, format="jsonl", folder=str(tmp_path), paths="a.jsonl")[0][1] == "test"
    assert run(tmp_path, format="jsonl", folder=str(tmp_path), paths={"validation": "a.jsonl"})[0][1] == "validation"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"paths": {"test": ["a.tsv", "no.tsv"]}}, "mine: expected the file no.tsv in .*, found none; put the files there"),
        ({"glob": "*.xml"}, r"mine: expected files that match \*.xml in .*, found none"),
        ({"paths": "a.tsv", "glob": {"test": "*.tsv"}}, "mine: expected a.tsv once, found it in more than one"),
        ({"folder": "/nowhere/at/all", "agreement": "sign it."}, "found no such folder; sign it; then put the files there"),
        ({"folder": None}, "mine: expected `folder`, `paths` or `glob`"),
        ({"format": "brat", "paths": "a.tsv"}, "mine: expected files of format brat in .*, found none"),
    ],
)
def test_what_is_missing_is_one_line(tmp_path: Path, settings: dict[str, Any], match: str) -> None:
    put(tmp_path, "conll", "a")
    with pytest.raises(BionerError, match=match) as caught:
        run(tmp_path, **{"format": "conll", "folder": str(tmp_path)} | settings)
    assert "\n" not in str(caught.value)


NAMED = ["a.tsv", "b c.tsv", "\u00e9.tsv", "[x].tsv", "in/a.tsv", "in/deep/a.tsv", "in/*.tsv", ".hidden", "none"]
ODD = ["\udcff.tsv", "new\nline.tsv"]
PART = st.sampled_from([*"*?[]!~. {}", "**", "[!a]", "[a-", "in", "a.tsv", "\u00e9", "\0", "x" * 300, "\udcff", "\ud800", "deep", "-"])
STEPS = st.lists(PART, min_size=1, max_size=3).map("".join).filter(lambda step: step != "..")
PATHS = st.lists(STEPS, min_size=1, max_size=3).map("/".join)
LISTS = st.one_of(PATHS, st.lists(PATHS, max_size=3))
PLACES = st.one_of(LISTS, st.dictionaries(st.sampled_from(SPLITS), LISTS))
FOLDERS = st.sampled_from(["", "~nobody here", "x" * 300, "in", "\0"])


@pytest.fixture(scope="module")
def odd_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder of names that patterns may stumble over, and one that also has names which cannot be told."""
    folders = []
    for names in (NAMED, [*NAMED, *ODD]):
        folder = tmp_path_factory.mktemp("odd")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("gout\tB-D\n\n")
        folders.append(folder)
    return folders


@given(st.integers(0, 1), PLACES, PLACES, FOLDERS)
def test_any_paths_end_in_a_manifest_or_one_line(odd_folders: list[Path], which: int, paths: Any, glob: Any, below: str) -> None:
    folder = odd_folders[which]
    settings = {"format": "conll", "source": "provided", "folder": str(folder / below), "paths": paths, "glob": glob}
    manifest = folder.parent / "manifest.json"
    try:
        list_provided("mine", settings, manifest)
    except BionerError as error:
        assert str(error).startswith("mine: ") and "\n" not in str(error)
    else:
        assert all(file.data() for file in read_manifest(manifest).files)


def plan(base: Path, missing: str = "error", **entry: Any) -> Any:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["datasets"]["mine"] = {"title": "Mine", "licence": "own", "format": "conll", "source": "provided"} | entry
    config["experiments"]["own"] = {"title": "Own", "scale": "open", "datasets": ["mine"], "models": ["plain"], "missing": missing}
    return load_plan(config | {"run": ["own"]}, base)


def test_the_config_knows_provided_paths(tmp_path: Path) -> None:
    put(tmp_path / "in", "conll", "a")
    made = plan(tmp_path, paths={"train": "in/a.tsv"}, conll={"scheme": "iobes"})
    assert made.experiment("own").present == ["mine"]
    assert made.slice("download", "mine")["paths"] == {"train": "in/a.tsv"}
    assert made.slice("harmonize", "mine")["conll"] == {"scheme": "iobes"}
    assert plan(tmp_path, missing="row", glob="in/*.txt").experiment("own").absent == {
        "mine": "put its files under . (in/*.txt is not there)"
    }
    with pytest.raises(ConfigError, match=r"'mine' is not provided: put its files under in \(b.tsv is not there\)"):
        plan(tmp_path, folder="in", paths=["a.tsv", "b.tsv"])


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({}, "datasets.mine: expected folder or paths or glob for source provided, found none"),
        ({"glob": {"dev": "x"}}, "datasets.mine.glob: unknown key 'dev'"),
        ({"folder": "x", "brat": {}}, "datasets.mine.brat: expected only with"),
        ({"folder": "x", "conll": {"scheme": "bio"}}, "datasets.mine.conll.scheme: 'bio' is not one of"),
        ({"source": "demo", "paths": "x"}, "datasets.mine.paths: expected only with source provided"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entry: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        plan(tmp_path, **entry)


def state(place: Path, settings: dict[str, Any]) -> str:
    return provided_state("mine", settings, place / "manifest.json", lambda paths: [sha256_file(path) for path in paths])


@pytest.mark.parametrize("chosen", [{}, {"glob": {"train": "*.jsonl"}}, {"paths": ["a.jsonl", "b.jsonl"]}])
def test_the_state_of_files_changes_with_their_bytes_names_and_number(tmp_path: Path, chosen: dict[str, Any]) -> None:
    folder = tmp_path / "mine"
    settings = {"source": "provided", "format": "jsonl", "folder": str(folder)} | chosen
    assert state(tmp_path, settings) == ""  # nothing is there, and nothing was: the command tells
    put(folder, "jsonl", "a", "b")
    first = state(tmp_path, settings)
    assert first and state(tmp_path, settings) == first
    (folder / "a.jsonl").write_text((folder / "a.jsonl").read_text().replace("gout", "ague"))
    second = state(tmp_path, settings)
    assert second not in ("", first)
    if "paths" not in chosen:
        put(folder, "jsonl", "c")
        third = state(tmp_path, settings)
        assert third not in ("", first, second)
        (folder / "c.jsonl").rename(folder / "d.jsonl")
        assert state(tmp_path, settings) not in ("", first, second, third)


def test_files_that_are_gone_are_as_they_were_read(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    put(folder, "brat", "a", "b")
    settings = {"source": "provided", "format": "brat", "folder": str(folder)}
    list_provided("mine", settings, tmp_path / "manifest.json")
    before = state(tmp_path, settings)
    folder.rename(tmp_path / "elsewhere")
    assert state(tmp_path, settings) == before
    (tmp_path / "manifest.json").unlink()
    assert state(tmp_path, settings) == ""


def test_a_damaged_manifest_of_files_that_are_gone_is_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    assert state(tmp_path, {"source": "provided", "format": "jsonl", "folder": str(tmp_path / "gone")}) == ""
