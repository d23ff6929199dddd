"""Encoders from folders, and what a model folder may not do: run code, hold more than tensors, ask the network."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.manifest import folders_state, verify_encoder
from bioner.tagging.tagger import load_run, load_tokenizer, new_tagger, save_tagger
from bioner.tags import TagSet

SOURCES = Path(__file__).resolve().parents[3] / "src"
TAGS = TagSet(("Disease",))
RECIPE = {"model": "toy", "window": 32, "overlap": 8}


def fetch(folder: Path, output: Path) -> Path:
    fetch_encoder("toy", {"sources": [{"folder": str(folder)}]}, output / "encoder.json")
    return output


@pytest.fixture
def model(tmp_path: Path, bert: Path) -> Path:
    """A copy of the BERT to spoil."""
    return Path(shutil.copytree(bert, tmp_path / "model"))


def change(path: Path, **values: Any) -> None:
    write_json(path, read_json(path) | values)


def write_code(folder: Path) -> Path:
    """A module that leaves a mark when it is imported, under the names that transformers would import."""
    mark = folder / "mark"
    code = f"open({str(mark)!r}, 'w').close()\nfrom transformers import BertConfig as Config, BertForTokenClassification as Model\n"
    (folder / "modeling_toy.py").write_text(code + "from transformers import PreTrainedTokenizerFast as Tokenizer\n")
    return mark


CODE: dict[str, Callable[[Path], None]] = {
    "known kind": lambda folder: change(folder / "config.json", auto_map={"AutoModelForTokenClassification": "modeling_toy.Model"}),
    "unknown kind": lambda folder: change(
        folder / "config.json",
        model_type="toy",
        auto_map={"AutoConfig": "modeling_toy.Config", "AutoModelForTokenClassification": "modeling_toy.Model"},
    ),
    "tokenizer": lambda folder: change(
        folder / "tokenizer_config.json", tokenizer_class="Toy", auto_map={"AutoTokenizer": [None, "modeling_toy.Tokenizer"]}
    ),
    "kernel": lambda folder: change(folder / "config.json", attn_implementation="someone/kernel"),
}


@pytest.mark.parametrize("linked", [False, True])
def test_a_source_that_is_the_encoder_s_own_folder_is_refused_and_kept(tmp_path: Path, model: Path, linked: bool) -> None:
    """What an earlier source left is removed from that folder: here it would be the only copy."""
    output = model
    if linked:
        output = tmp_path / "linked"
        output.symlink_to(model, target_is_directory=True)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(BionerError, match="expected a source outside of"):
        fetch(model, output)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.parametrize("name", CODE)
def test_a_model_with_code_is_refused_and_its_code_not_run(tmp_path: Path, model: Path, name: str) -> None:
    mark = write_code(model)
    CODE[name](model)
    for load in (lambda: fetch(model, tmp_path / "fetched"), lambda: load_tokenizer(model), lambda: new_tagger(model, TAGS, crf=False)):
        with pytest.raises(BionerError, match=r"config\.json: expected a model that transformers itself knows, found (auto_map|attn_)"):
            load()
    assert not mark.exists() and not (tmp_path / "fetched").exists()


def test_nobody_is_asked_whether_code_may_run(model: Path) -> None:
    """transformers asks on standard input about a kind that it does not know, and runs the code on a yes."""
    mark = write_code(model)
    CODE["unknown kind"](model)
    load = "import sys; from pathlib import Path; from bioner.tagging.loading import load_config; load_config(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", load, str(model)], check=False, input="y\n" * 5, capture_output=True, text=True)
    assert done.returncode != 0 and "BionerError" in done.stderr and not mark.exists()
    theirs = "import sys; from transformers import AutoConfig; AutoConfig.from_pretrained(sys.argv[1])"
    cache = os.environ | {"HF_HOME": str(model / "cache")}
    subprocess.run([sys.executable, "-c", theirs, str(model)], check=False, input="y\n" * 5, capture_output=True, text=True, env=cache)
    assert mark.exists(), "the code is no longer run by transformers alone; the test above shows nothing"


def test_a_run_folder_with_code_is_refused(tmp_path: Path, bert: Path) -> None:
    save_tagger(tmp_path / "run", new_tagger(bert, TAGS, crf=False), load_tokenizer(bert), RECIPE)
    assert load_run(tmp_path / "run").tagger.tag_set == TAGS
    CODE["unknown kind"](tmp_path / "run")
    with pytest.raises(BionerError, match="found auto_map"):
        load_run(tmp_path / "run")


class Malice:
    """A pickle of it makes a file where it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.mark, "w")


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))], ids=["torch", "pickle"])
def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(tmp_path: Path, model: Path, save: Callable[..., None]) -> None:
    mark, weights = tmp_path / "mark", model / "pytorch_model.bin"
    (model / "model.safetensors").unlink()
    save({"bert.embeddings.word_embeddings.weight": Malice(mark)}, weights)
    fetched = fetch(model, tmp_path / "fetched")
    with pytest.raises(BionerError, match=r"fetched: expected a model that transformers \S+ can load, found UnpicklingError: Weights only"):
        new_tagger(fetched, TAGS, crf=False)
    assert not mark.exists()
    torch.load(weights, weights_only=False) if save is torch.save else pickle.loads(weights.read_bytes())
    assert mark.exists(), "the pickle is harmless; the test above shows nothing"


def test_pickled_tensors_are_loaded(tmp_path: Path, model: Path) -> None:
    tensors = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save(tensors, model / "pytorch_model.bin")
    tagger = new_tagger(fetch(model, tmp_path / "fetched"), TAGS, crf=False)
    loaded = tagger.network.state_dict()
    compared = [name for name in tensors if name in loaded and torch.equal(tensors[name], loaded[name])]
    assert len(compared) > 30


UNREADABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "unknown kind": (lambda folder: change(folder / "config.json", model_type="toy"), "found ValueError: .*model type `toy`"),
    "no kind": (lambda folder: write_json(folder / "config.json", {}), "found ValueError"),
    "no classifier": (lambda folder: write_json(folder / "config.json", {"model_type": "clip"}), "found ValueError"),
    "wrong type": (lambda folder: change(folder / "config.json", hidden_size="wide"), "found StrictDataclass.*hidden_size"),
    "other shape": (
        lambda folder: change(folder / "config.json", hidden_size=64),
        r"of other shapes for 3\d tensors \(bert\.embeddings\.LayerNorm\.bias, bert\.embeddings\.LayerNorm\.weight, ",
    ),
    "a list": (lambda folder: write_json(folder / "config.json", []), "expected a JSON object, found list"),
    "no weights": (lambda folder: (folder / "model.safetensors").write_bytes(b"no weights at all"), "found SafetensorError"),
    "missing library": (
        lambda folder: change(folder / "config.json", attn_implementation="flash_attention_2"),
        "ImportError",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_model_that_cannot_be_loaded_is_told_in_one_line(model: Path, name: str) -> None:
    spoil, message = UNREADABLE[name]
    spoil(model)
    with pytest.raises(BionerError, match=message) as caught:
        new_tagger(model, TAGS, crf=False)
    assert "\n" not in str(caught.value) and str(model) in str(caught.value)


def test_nothing_in_the_sources_trusts_code_or_whole_pickles() -> None:
    pattern = re.compile(r"trust_remote_code|weights_only=(?!True)|pickle\.loads?\(|Unpickler\(")
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not pattern.search(text), path
        assert text.count("torch.load(") == len(re.findall(r"torch\.load\([^\n]*weights_only=True", text)), path
        assert text.count(".from_pretrained(") == len(re.findall(r"\.from_pretrained\([^\n]*local_files_only=True", text)), path


def test_a_manifest_holds_the_files_that_it_names(tmp_path: Path, bert: Path) -> None:
    fetched = fetch(bert, tmp_path / "fetched")
    assert verify_encoder(fetched)["files"].keys() == {path.name for path in fetched.iterdir()} - {"encoder.json"}
    (fetched / "tokenizer.json").unlink()
    with pytest.raises(BionerError, match=r"tokenizer\.json: expected sha256 .* found another or no file"):
        verify_encoder(fetched)


CLOSED = """
import runpy, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"):
        raise SystemExit(f"network: {event} {arguments[-1]}")
sys.addaudithook(refuse)
command = sys.argv.pop(1)
runpy.run_module(f"bioner.commands.{command}", run_name="__main__", alter_sys=True)
"""


def run_closed(tmp_path: Path, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command in a process that ends at its first step towards the network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {"HF_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-c", CLOSED, command, *map(str, arguments)]
    return subprocess.run(words, check=False, capture_output=True, text=True, env=environment)


def test_train_and_predict_ask_no_network(tmp_path: Path, bert: Path) -> None:
    """Without HF_HUB_OFFLINE too, which the workflow sets."""
    fetched = fetch(bert, tmp_path / "fetched")
    (fetched / "model.safetensors").rename(tmp_path / "weights")
    torch.save(load_file(tmp_path / "weights"), fetched / "pytorch_model.bin")  # transformers would ask the hub for safetensors
    fetched = fetch(fetched, tmp_path / "encoder")
    fold = tmp_path / "fold"
    documents = [Document(f"d{number}", "severe pain in patients", (Mention("1", ((0, 11),), "Disease"),)) for number in range(4)]
    for name in ("train", "validation", "test"):
        write_documents(fold / f"{name}.jsonl", documents)
    write_documents(fold / "variants.jsonl", [])
    write_json(fold / "composition.json", {"protocol": "official", "types": ["Disease"], "normalize": ["unicode"]})
    write_json(tmp_path / "audit.json", {"verdict": "clean", "checks": []})
    training = {"learning_rate": 0.005, "head_learning_rate": 0.01, "loss_learning_rate": 0.01, "weight_decay": 0.01, "warmup": 0.1}
    training |= {"clip": 1.0, "batch_pieces": 128, "epochs": 1, "minimum_steps": 0, "patience": 1, "dropout": None, "threads": 1}
    training |= {"attention_dropout": 0.0, "frozen_layers": None, "precision": "fp32"}
    recipe = {"model": "toy", "encoder": "toy", "head": "linear", "loss": {"kind": "cross_entropy"}, "adversary": {"kind": "none"}}
    write_json(tmp_path / "recipe.json", recipe | {"augmentation": [], "window": 32, "overlap": 8, "training": training})
    run = tmp_path / "run"
    trained = run_closed(
        tmp_path, "train", "--recipe", tmp_path / "recipe.json", "--encoder", fetched / "encoder.json", "--fold", fold,
        "--audit", tmp_path / "audit.json", "--seed", 1, "--output", run,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    attacks = json.dumps({"fgsm": {"kind": "fgsm", "epsilon": 0.1}})
    predicted = run_closed(
        tmp_path, "predict", "--run", run, "--test", fold / "test.jsonl", "--attacks", attacks, "--threads", 1, "--output", tmp_path / "p"
    )
    assert predicted.returncode == 0, predicted.stderr
    assert (tmp_path / "p" / "predictions.json").is_file()


def test_a_step_towards_the_network_would_be_seen(tmp_path: Path) -> None:
    settings = json.dumps({"sources": [{"hub": "someone/toy", "revision": "0" * 40}], "sha256": None})
    words = ("--encoder", "toy", "--settings", settings, "--output", tmp_path / "encoder.json")
    done = run_closed(tmp_path, "fetch_encoder", *words)
    assert done.returncode != 0 and "network: socket." in done.stderr


def test_the_state_of_source_folders_changes_with_what_is_fetched_from_them(tmp_path: Path, model: Path) -> None:
    manifest = tmp_path / "fetched/encoder.json"
    sources = [{"hub": "someone/toy", "revision": None}, {"folder": str(model)}]

    def state() -> str:
        return folders_state({"sources": sources}, manifest, lambda paths: [sha256_file(path) for path in paths])

    first = state()
    (model / "notes.md").write_text("no file of an encoder")
    assert state() == first
    change(model / "config.json", layer_norm_eps=1e-5)
    second = state()
    (model / "added_tokens.json").write_text("{}")
    assert len({first, second, state()}) == 3
    fetch_encoder("toy", {"sources": sources}, manifest)
    before = state()
    model.rename(tmp_path / "elsewhere")
    assert state() == before  # as in a clone to which only results were copied
    manifest.unlink()
    assert state() != before
    sources.pop()
    assert state() == ""


def test_a_folder_that_cannot_be_looked_at_is_one_without_files(tmp_path: Path) -> None:
    """The workflow asks at each start, also for an encoder that was fetched long ago or that another source has."""
    manifest = tmp_path / "encoder.json"
    manifest.write_text("{")
    states = {
        folders_state({"sources": [{"folder": folder}, {"package": "x"}]}, manifest, lambda paths: [sha256_file(path) for path in paths])
        for folder in ("m" * 300, str(tmp_path / "none"))
    }
    assert len(states) == 1
    assert folders_state({"sources": [{"package": "x"}]}, manifest, lambda paths: []) == ""
