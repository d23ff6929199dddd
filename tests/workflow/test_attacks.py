"""Every kind of attack through the real workflow: what each draws on is made before it, and a second run has nothing to do."""

from __future__ import annotations

import json
import re

import pytest

from bioner.checks.attacks import ATTACK_KEYS
from bioner.documents import read_documents
from bioner.evaluation.attacks import TEXT_ATTACKS
from bioner.storage import read_json, sha256_file

from .conftest import Project

RUN = "demo_bc5cdr/kfold3/plain/fold0/seed1"
FOLD = "demo_bc5cdr/kfold3/fold0"
EXTRA = {
    "context": {"adaptation": "minilm_text"},
    "search": {"budgets": [1, 2], "queries": 8},
    "fgsm": {"epsilons": [0.01, 0.1]},
    "fgm": {"epsilon": 0.5},
    "pgd": {"epsilons": [0.01], "steps": 2, "step_share": 0.5},
}


@pytest.mark.slow
def test_every_kind_of_attack_runs(fresh: Project) -> None:
    attacks = {f"all_{kind}": {"kind": kind} | EXTRA.get(kind, {}) for kind in ATTACK_KEYS}
    overlay = {
        "attacks": attacks,
        "adaptations": {"minilm_text": {"epochs": 1}},
        "experiments": {"toy": {"models": ["plain"], "attacks": list(attacks)}},
    }
    (fresh.folder / "attacks.json").write_text(json.dumps(overlay))
    arguments = ("--configfile", "toy.yaml", "encoder.json", "attacks.json", "--until", "score")
    done = fresh.snakemake(*arguments, "--show-failed-logs", toy=False)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = read_json(fresh.folder / "results/predictions" / RUN / "predictions.json")
    names = {f"all_{kind}" for kind in set(ATTACK_KEYS) - {"search", "fgsm", "pgd"}}
    grids = {"all_search_1", "all_search_2", "all_fgsm_0p01", "all_fgsm_0p1", "all_pgd_0p01"}
    assert set(manifest["attacks"]) == {"clean"} | names | grids
    assert set(manifest["attacked"]) == {"all_search_1", "all_search_2"}
    assert set(manifest["norms"]) == {"all_fgm", "all_fgsm_0p01", "all_fgsm_0p1", "all_pgd_0p01"}
    gold = list(read_documents(fresh.folder / "results/folds" / FOLD / "test.jsonl"))
    for kind in TEXT_ATTACKS:
        attacked = list(read_documents(fresh.folder / "results/attacks" / FOLD / f"all_{kind}.jsonl"))
        assert [document.id for document in attacked] == [document.id for document in gold]
        assert all(document.meta["label_validity"] == 1.0 for document in attacked)
        # the toy encoder's pieces are single letters, of which its model proposes no word; the toy corpus defines no abbreviations
        assert (sum(document.meta["edits_made"] for document in attacked) > 0) == (kind not in ("context", "abbreviation")), kind
        log = (fresh.folder / "results/logs/attack" / FOLD / f"all_{kind}.log").read_text()
        assert "labels checked, 100.00 % valid" in log
    again = fresh.snakemake(*arguments, "--dry-run", toy=False)
    assert re.search(r"^total\s+0$", again.stdout + again.stderr, re.M)
    before = {path.name: sha256_file(path) for path in (fresh.folder / "results/attacks" / FOLD).iterdir()}
    assert fresh.snakemake(*arguments, "--forcerun", "attack", toy=False).returncode == 0
    assert before == {path.name: sha256_file(path) for path in (fresh.folder / "results/attacks" / FOLD).iterdir()}
