"""The paper's run, rehearsed: stand-ins of its corpora in their formats and sizes, and random encoders from a stand-in of the hub.

The encoders have the depth and the heads of the base size (12 and 12) and 96 instead of 768 components: at full width, a step of 1,024
pieces takes a core 7 s and more, and the trainings with their validations and predictions hours. Scores are near 0 after 50 steps from
random weights.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentencepiece
import torch
import yaml
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForPreTraining,
)

from bioner.config import load_plan
from bioner.documents import read_documents
from bioner.storage import read_json, write_json

from ..hub import Hub, files_of, serve
from .conftest import ROOT, Project
from .standin import SIZES, TYPES, Inventor, pubtator, write_corpora

CORPORA = ("medmentions_st21pv", "bc5cdr", "i2b2_2010")
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SHAPE = {"hidden_size": 96, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 384, "max_position_embeddings": 512}
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        yield server


def encoders(models: list[str]) -> dict[str, str]:
    """The hub's repository of each encoder of some models."""
    names = {CONFIG["models"][model]["encoder"] for model in models} - {None}
    return {name: CONFIG["encoders"][name]["sources"][0]["hub"] for name in sorted(names)}


def run_pin(project: Project, hub: Hub, names: list[str], home: Path) -> str:
    """`bioner pin` on the project's config."""
    chosen = [word for name in names for word in ("--encoder", name)]
    command = [sys.executable, "-m", "bioner.commands.pin", "--config", str(project.folder / "config.yaml"), *chosen]
    done = subprocess.run(command, check=False, env=hub.environment(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plan(project: Project, *overlays: str) -> dict[str, int]:
    """Jobs by rule of a dry run of table1 with overlays in the project's folder."""
    files = ["--configfile", *overlays] if overlays else []
    done = project.snakemake("--dry-run", "--quiet", "rules", "--config", "run=[table1]", *files, toy=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", done.stdout + done.stderr, re.M)}


def test_the_whole_of_table1_is_planned(fresh: Project, hub: Hub, tmp_path: Path) -> None:
    """Encoders of BERT-base's shape are on the hub, pinned by `bioner pin`; the notes are few, as their number makes no job."""
    overlay = write_corpora(fresh.folder, scale=0.002)
    write_json(fresh.folder / "corpora.json", overlay)
    entry = CONFIG["experiments"]["table1"]
    repositories = encoders(entry["models"])
    for name, repository in repositories.items():
        config = BertConfig(vocab_size=28_996, **BASE).to_json_string()
        hub.repository(repository).commit({"config.json": config.encode(), "model.safetensors": name.encode(), "vocab.txt": b"[PAD]\n"})
    assert len(run_pin(fresh, hub, list(repositories), tmp_path / "home").splitlines()) == len(repositories) >= 8
    pinned = yaml.safe_load((fresh.folder / "config.yaml").read_text(encoding="utf-8"))["encoders"]
    assert all(re.fullmatch("[0-9a-f]{40}", pinned[name]["sources"][0]["revision"]) for name in repositories)

    jobs = plan(fresh, "corpora.json")
    runs = len(CORPORA) * len(entry["models"]) * 10
    assert {rule: jobs[rule] for rule in ("train", "predict", "score", "harmonize", "split", "compose", "audit")} == {
        "train": runs, "predict": runs, "score": runs, "harmonize": 3, "split": 3, "compose": 30, "audit": 30,
    }  # fmt: skip
    assert jobs["fetch_encoder"] == len(repositories) and jobs["recipe"] == len(entry["models"]) and jobs["table1"] == 1
    alone = load_plan(CONFIG | {"run": ["table1"]}, tmp_path)  # where nobody provided i2b2 2010, its row says so
    assert len(alone.experiments[0].runs) == runs * 2 // 3 and "agreement" in alone.experiments[0].absent["i2b2_2010"].lower()


def lay_encoders(folder: Path) -> dict[str, Path]:
    """Random encoders by family, their vocabularies made for the invented text."""
    torch.manual_seed(0)
    words = sorted({word for seed, types in ((1, TYPES), (2, ("Chemical", "Disease")), (3, ("problem", "treatment", "test")))
                    for word in _words(Inventor(seed, types))})  # fmt: skip
    characters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{character}" for character in characters)]
    pieces += words[: 28_996 - len(pieces)]
    made = {}
    for name, model in (
        ("bert", lambda: BertForMaskedLM(BertConfig(vocab_size=len(pieces), **SHAPE))),
        ("electra", lambda: ElectraForPreTraining(ElectraConfig(vocab_size=len(pieces), embedding_size=96, **SHAPE))),
    ):
        made[name] = folder / name
        made[name].mkdir(parents=True)
        (made[name] / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
        write_json(made[name] / "tokenizer_config.json", {"do_lower_case": name == "electra"})
        model().save_pretrained(made[name])
    made["albert"] = folder / "albert"
    made["albert"].mkdir()
    inventor = Inventor(1, TYPES)
    text = (pubtator(inventor, "1", 0.2, 5, "") for _ in range(400))
    special = {"pad_piece": "<pad>", "unk_piece": "<unk>", "user_defined_symbols": "[CLS],[SEP],[MASK]"}
    ids = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=text, model_prefix=str(made["albert"] / "spiece"), vocab_size=4_000, minloglevel=2, **special, **ids
    )
    (made["albert"] / "spiece.vocab").unlink()
    AlbertForMaskedLM(AlbertConfig(vocab_size=4_000, embedding_size=32, **SHAPE)).save_pretrained(made["albert"])
    return made


def _words(inventor: Inventor) -> list[str]:
    return [*inventor.words, *(word for name, _, _ in inventor.names for word in name.split())]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow
def test_every_system_is_trained_on_every_corpus_and_stands_in_the_table(
    fresh: Project, hub: Hub, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = yaml.safe_load((ROOT / "tests/workflow/rehearsal.yaml").read_text(encoding="utf-8"))
    write_json(fresh.folder / "rehearsal.json", overlay)
    write_json(fresh.folder / "corpora.json", write_corpora(fresh.folder))
    models = overlay["experiments"]["table1"]["models"]
    folders = lay_encoders(tmp_path_factory.mktemp("encoders"))
    for name, repository in encoders(models).items():
        hub.repository(repository).commit(files_of(folders[{"albert": "albert", "bioelectra": "electra"}.get(name, "bert")]))
    home = tmp_path_factory.mktemp("home")
    run_pin(fresh, hub, list(encoders(models)), home)
    for name, value in hub.environment(home).items():
        monkeypatch.setenv(name, value)
    done = fresh.snakemake("--configfile", "corpora.json", "rehearsal.json", "--show-failed-logs", "--quiet", "rules", toy=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    results = fresh.folder / "results"
    for corpus, sizes in zip(CORPORA, SIZES.values(), strict=True):
        assert sum(1 for _ in read_documents(results / f"corpora/{corpus}.jsonl")) == sum(sizes)
    table = [row for row in rows(results / "table1/tables/table1.csv") if row["source"] == "reproduced"]
    titles = [CONFIG["datasets"][corpus]["title"] for corpus in CORPORA]
    assert [(row["dataset"], row["model"]) for row in table] == [(title, model) for title in titles for model in models]
    assert all(float(row["f1"]) >= 0 and float(row["f1_low"]) <= float(row["f1"]) <= float(row["f1_high"]) for row in table)
    for path in (results / "runs").glob("*/*/*/fold0/seed1/history.csv"):
        if path.parts[-4] != "feature_crf":
            last = rows(path)[-1]
            assert int(last["step"]) >= 50 and float(last["loss"]) < 100, path
            assert bool(last["adversarial"]) == (path.parts[-4] in ("biobert_fgsm", "biobert_pgd")), path
    assert len(list((results / "runs").glob("*/*/*/fold0/seed1/run.json"))) == len(CORPORA) * len(models)
    assert (
        json.loads((results / "table1/figures.json").read_text()) and read_json(results / "encoders/biobert/encoder.json")["source"]["hub"]
    )
    assert plan(fresh, "corpora.json", "rehearsal.json") == {}
