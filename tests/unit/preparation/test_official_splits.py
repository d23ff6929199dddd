"""The official split of every corpus at hand, as the config has it: deduplicated, composed, and found clean by the audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from bioner.commands import audit, compose, normalize, split
from bioner.config import load_plan
from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.storage import read_json

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared/corpora"
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
STEPS = ["unicode", "shorthand"]

AT_HAND = [
    name
    for name, entry in CONFIG["datasets"].items()
    if entry["source"] == "download" and all((SHARED / file["path"]).is_file() for file in entry["files"])
]
LEFT_OUT = {
    "jnlpba": (10, 0), "bc2gm": (89, 25), "linnaeus": (1138, 326), "species800": (371, 62), "bc5cdr_chem": (16, 22),
    "bc5cdr_disease": (16, 22), "anatem": (214, 61), "bionlp13ge": (40, 37),
}  # fmt: skip
"""Training and validation documents (sentences, in corpora without document marks) that a later part has too."""


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the corpora in {SHARED}")
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "ncbi_disease" else pytest.mark.slow) for name in AT_HAND])
def test_official_split_is_clean(tmp_path: Path, name: str) -> None:
    plan = load_plan(yaml.safe_load(yaml.safe_dump(CONFIG)), ROOT)
    corpus, prepared, parts = tmp_path / f"{name}.jsonl", tmp_path / "n.jsonl", tmp_path / "split.json"
    download(name, plan.slice("download", name), tmp_path / "raw/manifest.json", mirror=str(SHARED))
    harmonize(name, plan.slice("harmonize", name), raw=tmp_path / "raw/manifest.json", output=corpus, quality=tmp_path / "q.json")
    normalize.main(["--corpus", str(corpus), "--settings", json.dumps(STEPS), "--output", str(prepared)])
    entry = plan.config["datasets"][name]
    files = ["--corpus", str(corpus), "--normalized", str(prepared)]
    settings = {"seed": 1, "deduplicate": entry["deduplicate"]}
    split.main([*files, "--protocol", "official", "--settings", json.dumps(settings), "--output", str(parts)])
    left_out = read_json(parts)["left_out"]
    assert (len(left_out["train"]), len(left_out["validation"])) == LEFT_OUT.get(name, (0, 0))
    told = ["--fold", "0", "--settings", json.dumps({"normalize": STEPS}), "--output-folder", str(tmp_path / "fold")]
    compose.main([*files, "--splits", str(parts), "--protocol", "official", *told])
    allowed = json.dumps({"allowed": entry["allowed_leaks"]})
    audit.main(["--folder", str(tmp_path / "fold"), "--settings", allowed, "--output", str(tmp_path / "verdict.json")])
    report = read_json(tmp_path / "verdict.json")
    assert report["verdict"] == "clean"
    assert {check["name"]: check["found"] for check in report["checks"] if check["found"]} == entry["allowed_leaks"]
