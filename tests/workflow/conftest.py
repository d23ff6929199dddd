"""The real workflow in a copy of the project, on a toy experiment with an encoder made on the spot."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "envs", "src")


def save_encoder(folder: Path) -> Path:
    """A BERT of 2 layers x 32 with random weights; its word pieces are single characters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [*special, *characters, *("##" + letter for letter in characters), *".,;:-()+/'"]
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 256}
    BertForMaskedLM(BertConfig(vocab_size=len(pieces), **shape)).save_pretrained(folder)
    return folder


def planned_jobs(output: str) -> dict[str, int]:
    """Rules and their numbers of jobs out of what a dry run printed; `all` left out."""
    if "Nothing to be done" in output:
        return {}
    table = output.rpartition("\ntotal ")[0].rpartition("------")[2]
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", table, re.M)}
    jobs.pop("all", None)
    assert jobs, output
    return jobs


class Project:
    """A copy of the project in which Snakemake is run; `overlay` is laid over config.yaml."""

    def __init__(self, folder: Path, encoder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, folder / part)
        shutil.copy(ROOT / "tests" / "workflow" / "toy.yaml", folder / "toy.yaml")
        overlay = {"encoders": {"minilm": {"sha256": None, "sources": [{"folder": str(encoder)}]}}}
        (folder / "encoder.json").write_text(json.dumps(overlay))

    def snakemake(self, *arguments: str, toy: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        if toy:
            command += ["--configfile", "toy.yaml", "encoder.json"]
        # the copy's own sources, not those that are installed
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BIONER_MIRROR")}
        return subprocess.run(command, check=False, cwd=self.folder, env=environment, capture_output=True, text=True)

    def run(self, *arguments: str) -> str:
        done = self.snakemake(*arguments, "--show-failed-logs")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would run, with their numbers of jobs; `all` left out."""
        return planned_jobs(self.run("--dry-run", *arguments))

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text, f"{old!r} is no longer in {path}; adapt the test"
        (self.folder / path).write_text(text.replace(old, new, 1))


@pytest.fixture(scope="session")
def toy_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def fresh(tmp_path: Path, toy_encoder: Path) -> Project:
    """A copy in which nothing has run."""
    return Project(tmp_path, toy_encoder)


@pytest.fixture(scope="session")
def finished_folder(tmp_path_factory: pytest.TempPathFactory, toy_encoder: Path) -> Path:
    project = Project(tmp_path_factory.mktemp("finished project"), toy_encoder)
    project.run()
    return project.folder


@pytest.fixture
def finished(finished_folder: Path, tmp_path: Path, toy_encoder: Path) -> Project:
    """A copy of a project whose toy run is done, results and Snakemake's records included."""
    project = Project.__new__(Project)
    project.folder = tmp_path / "copy"
    shutil.copytree(finished_folder, project.folder, copy_function=shutil.copy2)
    return project
