"""Training and prediction against transformers' Trainer and pipeline, adversaries against a plain step, the CRF against pytorch-crf.

Real BC5CDR text (from BIONER_MIRROR, or ../shared/corpora), two encoders: MiniLM and one of BERT-base's shape with random weights. Each
measurement is a process of its own with all cores; those that are compared follow each other, several times, and medians are told.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from table import report, row
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from bioner.config import load_plan
from bioner.corpora.harmonize import harmonize
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.documents import read_documents
from bioner.entities import Document, entity_types
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate, plan_batches
from bioner.tagging.crf import CRF
from bioner.tagging.decoding import predict
from bioner.tagging.encode import Encoder
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.losses import make_loss
from bioner.tagging.precision import BF16, FP32, autocast, choose_device, choose_precision, configure_torch, device_name
from bioner.tagging.runs import trainable_tagger
from bioner.tagging.steps import accumulate_gradients
from bioner.tagging.tagger import Tagger, load_tokenizer, make_encoder, save_tagger
from bioner.tagging.training import Training
from bioner.tags import TagSet
from bioner.words import split_words

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).parent / "figures" / "training.json"
CORPUS = "bc5cdr"
PIECES = {"minilm": 36_000, "base": 6_000}
"""Word pieces of a measured training: about a quarter of a minute of ours, on two cores."""
ADVERSARIES = {"fgsm": 2.0, "fgm": 2.0, "pgd": 3.4, "freelb": 3.1}
"""Kind -> how many plain steps one may take."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3, help="interleaved repeats, of which medians are taken")
    options.add_argument("--encoders", nargs="+", default=["minilm", "base"], choices=list(PIECES))
    options.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    options.add_argument("--measure", help=argparse.SUPPRESS)
    options.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](**arguments.settings)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.encoders)
        rows = [row for part in arguments.parts for row in PARTS[part](folder, arguments.encoders, arguments.repeats)]
    report(rows, FIGURES, device=device_name(choose_device()), torch=torch.__version__)


def prepare(folder: Path, encoders: Iterable[str]) -> None:
    """The corpus as documents, and the encoders as folders."""
    mirror = Path(os.environ.get("BIONER_MIRROR") or ROOT.parent / "shared" / "corpora")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for file in config["datasets"][CORPUS]["files"]:
        if file["split"] in ("train", "test"):
            if not (mirror / file["path"]).is_file():
                raise SystemExit(f"expected {mirror / file['path']}, found none; set BIONER_MIRROR to a folder with the corpora's files")
            raw = folder / "raw" / file["split"]
            raw.mkdir(parents=True)
            shutil.copy(mirror / file["path"], raw / "corpus.txt")
            write_manifest(raw / "manifest.json", CORPUS, "", [manifest_entry(raw, "corpus.txt", file["split"], "text")])
            paths = {"raw": raw / "manifest.json", "output": folder / f"{file['split']}.jsonl", "quality": raw / "quality.json"}
            harmonize(CORPUS, {"format": "pubtator"}, **paths)
    fetch_encoder("minilm", config["encoders"]["minilm"], folder / "minilm" / "encoder.json")
    if "base" in encoders:
        torch.manual_seed(0)
        tokenizer = AutoTokenizer.from_pretrained(folder / "minilm")
        BertForMaskedLM(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder / "base")
        tokenizer.save_pretrained(folder / "base")


def recipe_of(model: str = "plain", **changes: Any) -> dict[str, Any]:
    """The recipe of a model of config.yaml, with everything trained, as the peer trains it."""
    plan = load_plan(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")), ROOT)
    recipe = plan.recipe(model)
    training = recipe["training"] | {"frozen_layers": None, "batch_pieces": 1024, "epochs": 1, "minimum_steps": 0}
    return recipe | {"training": training | changes.pop("training", {})} | changes


# --- each of these is measured in a process of its own -------------------------------------------------------------------------


def read(folder: str, split: str, pieces: int | None, encoder: Encoder) -> tuple[list[Document], int]:
    """The first documents that have so many word pieces together, or all, and how many these are."""
    chosen, total = [], 0
    for document in read_documents(Path(folder) / f"{split}.jsonl"):
        if pieces is not None and total >= pieces:
            break
        words = [document.text[start:end] for start, end in split_words(document.text)]
        total += len(encoder.tokenizer(words, is_split_into_words=True, add_special_tokens=False, verbose=False)["input_ids"])
        chosen.append(document)
    return chosen, total


def set_up(folder: str, encoder: str, recipe: dict[str, Any], precision: str) -> tuple[Tagger, Encoder]:
    configure_torch(os.cpu_count() or 1)
    torch.manual_seed(1)
    tag_set = TagSet.of(entity_types(read_documents(Path(folder) / "train.jsonl")))
    device = choose_device()
    tagger = trainable_tagger(recipe, Path(folder) / encoder, tag_set, device, precision)
    return tagger, make_encoder(load_tokenizer(Path(folder) / encoder), tag_set, recipe, tagger.network.config)


def train_ours(folder: str, encoder: str, precision: str, **changes: Any) -> dict[str, float]:
    """Word pieces of text a second in one epoch, after a warm-up of a tenth of the documents."""
    recipe = recipe_of(**changes)
    tagger, pieces = set_up(folder, encoder, recipe, precision)
    documents, total = read(folder, "train", PIECES[encoder], pieces)
    windows = [
        [window for item in pieces.encode(part) for window in item.windows] for part in (documents[: len(documents) // 10], documents)
    ]
    for part in windows:
        training = Training(tagger, pieces, recipe, seed=1, precision=precision)
        training.run(part, [])
    return {"speed": total / training.progress.seconds, "pieces": sum(len(window.pieces) for window in windows[1]), "text": total}


def train_theirs(folder: str, encoder: str, precision: str, batch: int, grouped: bool, attention_dropout: float | None) -> dict[str, float]:
    """The same with transformers' Trainer, as its example run_ner sets it up: sentences, tags on first pieces, dynamic padding."""
    from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification, Trainer, TrainingArguments

    configure_torch(os.cpu_count() or 1)
    torch.use_deterministic_algorithms(False)
    tag_set = TagSet.of(entity_types(read_documents(Path(folder) / "train.jsonl")))
    tokenizer = load_tokenizer(Path(folder) / encoder)
    documents, total = read(folder, "train", PIECES[encoder], Encoder(tokenizer, tag_set, window=128, overlap=16))
    sentences = [features for document in documents for features in sentence_features(document, tokenizer, tag_set)]
    options = {} if attention_dropout is None else {"attention_probs_dropout_prob": attention_dropout}
    model = AutoModelForTokenClassification.from_pretrained(Path(folder) / encoder, num_labels=len(tag_set.names), **options)
    seconds = 0.0
    for part in (sentences[: len(sentences) // 10], sentences):
        settings = TrainingArguments(
            output_dir=str(Path(folder) / "trainer"), per_device_train_batch_size=batch, num_train_epochs=1, bf16=precision == BF16,
            train_sampling_strategy="group_by_length" if grouped else "random", save_strategy="no", report_to=[], disable_tqdm=True,
            logging_strategy="no", seed=1, use_cpu=not torch.cuda.is_available(),
        )  # fmt: skip
        trainer = Trainer(model=model, args=settings, train_dataset=part, data_collator=DataCollatorForTokenClassification(tokenizer))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    return {"speed": total / seconds}


def sentence_features(document: Document, tokenizer: Any, tag_set: TagSet) -> list[dict[str, list[int]]]:
    """Sentences (by a full stop and a capital) as input_ids and labels, tags on first pieces, -100 on the others."""
    encoder = Encoder(tokenizer, tag_set, window=512, overlap=0)
    (encoded,) = encoder.encode([document])
    words = [document.text[start:end] for start, end in encoded.units]
    cuts = [0, *(i for i in range(1, len(words)) if words[i - 1] == "." and words[i][0].isupper()), len(words)]
    found = []
    for first, last in pairwise(cuts):
        encoding = tokenizer(words[first:last], is_split_into_words=True, truncation=True, max_length=512)
        owners = encoding.word_ids()
        labels = [
            -100 if owner is None or owner == before else encoded.tags[first + owner]
            for before, owner in zip([None, *owners], owners, strict=False)
        ]
        found.append({"input_ids": encoding["input_ids"], "labels": labels})
    return found


def products(precision: str) -> dict[str, float]:
    """Best floating point operations a second of a product of 2,048 x 2,048 matrices."""
    configure_torch(os.cpu_count() or 1)
    device = choose_device()
    kind = torch.bfloat16 if precision == BF16 else torch.float32
    left, right = (torch.randn(2048, 2048, device=device).to(kind) for _ in range(2))
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        torch.mm(left, right)
        synchronize()
        seconds.append(time.perf_counter() - start)
    return {"flops": 2 * 2048**3 / min(seconds)}


def step_times(folder: str, encoder: str, precision: str, models: list[str]) -> dict[str, float]:
    """Seconds of a training step of each model's recipe, optimizer included; the models take turns on the same batches."""
    steps = {name: prepared_step(folder, encoder, precision, name) for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(9):
        for name, step in steps.items():
            start = time.perf_counter()
            step(number)
            synchronize()
            if number > 1:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def prepared_step(folder: str, encoder: str, precision: str, model: str) -> Callable[[int], None]:
    recipe = recipe_of(model)
    tagger, pieces = set_up(folder, encoder, recipe, precision)
    device = choose_device()
    documents, _ = read(folder, "train", 8_000, pieces)
    windows = [window for item in pieces.encode(documents) for window in item.windows]
    batches = [batch_of(part, pieces) for part in plan_batches(windows, 1024, seed=1)]
    objective, adversary = make_loss(recipe["loss"], None).to(device), Adversary.of(recipe["adversary"])
    optimizer = torch.optim.AdamW([*tagger.parameters(), *objective.parameters()], lr=1e-5, fused=True)
    tagger.train()

    def step(number: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        batch = batches[number % len(batches)].to(device)
        accumulate_gradients(tagger, objective, adversary, batch, number, lambda: autocast(precision, device))
        torch.nn.utils.clip_grad_norm_(tagger.parameters(), 1.0)
        optimizer.step()

    return step


def batch_of(windows: list[Any], encoder: Encoder) -> Batch:
    return collate(windows, encoder.tokenizer.pad_token_id or 0, (len(encoder.prefix), len(encoder.suffix)))


def crf_times(shape: tuple[int, int, int]) -> dict[str, float]:
    """Seconds of negative log-likelihood forward and backward of our CRF and pytorch-crf's, in turns."""
    from torchcrf import CRF as Peer

    configure_torch(os.cpu_count() or 1)
    size, length, tags = shape
    torch.manual_seed(0)
    ours, peer = CRF(tags), Peer(tags, batch_first=True)
    scores, gold = torch.randn(size, length, tags), torch.randint(tags, (size, length))
    lengths = torch.full((size,), length)

    def run_ours() -> None:
        leaf = scores.flatten(0, 1).clone().requires_grad_()
        torch.autograd.backward(ours.negative_log_likelihood(leaf, gold.flatten(), lengths).sum())

    def run_theirs() -> None:
        leaf = scores.clone().requires_grad_()
        torch.autograd.backward(-peer(leaf, gold))

    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(12):
        for name, call in (("ours", run_ours), ("theirs", run_theirs)):
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[2:]) for name, values in seconds.items()}


def peak_memory(folder: str, encoder: str, checkpointing: bool) -> dict[str, float]:
    """Peak MiB of three steps on windows of 512 pieces, eight at once, beyond what the process held before them."""
    step = prepared_long_step(folder, encoder, checkpointing)
    before = memory()
    for number in range(3):
        step(number)
    return {"mib": memory() - before}


def prepared_long_step(folder: str, encoder: str, checkpointing: bool) -> Callable[[int], None]:
    recipe = recipe_of(window=512, training={"gradient_checkpointing": checkpointing})
    tagger, pieces = set_up(folder, encoder, recipe, FP32)
    generator = np.random.default_rng(0)
    template = pieces.encode([Document("1", "pain " * 505)])[0].windows[0]
    batch = batch_of([template] * 8, pieces)
    noise = torch.from_numpy(generator.integers(2000, len(pieces.tokenizer), batch.pieces.shape))
    objective = make_loss(recipe["loss"], None)
    device = choose_device()
    tagger.train()

    def step(number: int) -> None:
        changed = type(batch)(**{**{name: getattr(batch, name) for name in batch.__slots__}, "pieces": noise}).to(device)
        accumulate_gradients(tagger, objective, Adversary(), changed, number, lambda: autocast(FP32, device))

    return step


def memory() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def predict_ours(folder: str, encoder: str, precision: str) -> dict[str, float]:
    """Documents of the test part a second."""
    tagger, pieces = set_up(folder, encoder, recipe_of(), precision)
    tagger.eval()
    documents = list(read_documents(Path(folder) / "test.jsonl"))[:100]
    device = choose_device()
    run = partial(predict, tagger, pieces, precision=lambda: autocast(precision, device))
    run(documents[:10])
    start = time.perf_counter()
    run(documents)
    return {"speed": len(documents) / (time.perf_counter() - start)}


def predict_theirs(folder: str, encoder: str, batch: int) -> dict[str, float]:
    """The same with transformers' pipeline for token classification."""
    from transformers import pipeline

    recipe = recipe_of()
    tagger, pieces = set_up(folder, encoder, recipe, FP32)
    saved = Path(folder) / f"saved_{encoder}"
    save_tagger(saved, tagger, pieces.tokenizer, recipe)
    device = choose_device()
    tokenizer = AutoTokenizer.from_pretrained(saved, model_max_length=512)
    tag = pipeline("token-classification", model=str(saved), tokenizer=tokenizer, aggregation_strategy="simple", device=device)
    texts = [document.text for document in read_documents(Path(folder) / "test.jsonl")][:100]
    tag(texts[:10], batch_size=batch)
    start = time.perf_counter()
    tag(texts, batch_size=batch)
    return {"speed": len(texts) / (time.perf_counter() - start)}


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "train_ours": train_ours,
    "train_theirs": train_theirs,
    "products": products,
    "step_times": step_times,
    "crf_times": crf_times,
    "peak_memory": peak_memory,
    "predict_ours": predict_ours,
    "predict_theirs": predict_theirs,
}


MEMORY = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""What the Snakefile sets for its jobs."""


def measured(name: str, *, kept: bool = True, **settings: Any) -> dict[str, float]:
    """What a measurement says, made in a process of its own; with `kept` memory, as the workflow's rules start theirs."""
    command = [sys.executable, __file__, "--measure", name, "--settings", json.dumps(settings, default=str)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | (MEMORY if kept else {}))
    if done.returncode:
        raise SystemExit(f"expected {name} {settings} to succeed, found exit status {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def medians(repeats: int, **calls: Callable[[], dict[str, float]]) -> dict[str, dict[str, float]]:
    """Medians of each call's figures; the calls take turns."""
    runs = [{name: call() for name, call in calls.items()} for _ in range(repeats)]
    return {name: {key: statistics.median(run[name][key] for run in runs) for key in runs[0][name]} for name in calls}


# --- parts of the table --------------------------------------------------------------------------------------------------------


def speed(folder: Path, encoders: list[str], repeats: int) -> list[dict[str, Any]]:
    """Training against the Trainer: as set up by default, at its best, at its best in float32; and the share of the products' peak."""
    own = choose_precision("auto", choose_device())
    rows = []
    for encoder in encoders:
        best: dict[str, Any] = {"batch": 32, "grouped": True, "attention_dropout": 0.0}
        shared: dict[str, Any] = {"folder": folder, "encoder": encoder}
        usual = shared | {"kept": False, "batch": 8, "grouped": False, "attention_dropout": None}
        calls = {
            "ours": partial(measured, "train_ours", **shared, precision=own),
            "default": partial(measured, "train_theirs", **usual, precision=FP32),
            "best": partial(measured, "train_theirs", **shared, precision=BF16, **best),
            "ours_fp32": partial(measured, "train_ours", **shared, precision=FP32),
            "best_fp32": partial(measured, "train_theirs", **shared, precision=FP32, **best),
            "peak": partial(measured, "products", precision=own),
        }
        found = medians(repeats, **calls)
        for case, ours, theirs, goal in (
            (f"{own} against run_ner's defaults", "ours", "default", 5.0),
            (f"{own} against bf16, 32 grouped by length", "ours", "best", 1.5),
            ("fp32 against fp32, 32 grouped by length", "ours_fp32", "best_fp32", 1.15),
        ):
            pair = found[ours]["speed"], found[theirs]["speed"]
            rows.append(row(f"{encoder} training, pieces/s: {case}", pair[0], "Trainer", pair[1], goal=goal, better="higher"))
        needed = operations(folder / encoder, found["ours"]["pieces"] / found["ours"]["text"]) * found["ours"]["speed"]
        share = needed / found["peak"]["flops"]
        goal = 0.30 if encoder == "base" else 0.12
        rows.append(
            row(
                f"{encoder} training: operations/s, share of a product's",
                needed,
                f"{own} product",
                found["peak"]["flops"],
                goal=goal,
                better="higher",
                ratio=share,
            )
        )
    return rows


def operations(encoder: Path, made: float) -> float:
    """Floating point operations of training on a piece of text: three times those of the forward pass, `made` pieces for one of text.

    A forward pass multiplies and adds once a weight of the layers, and twice length x hidden in each layer's attention.
    """
    config = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    hidden, layers, inner = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    weights = layers * (4 * hidden * hidden + 2 * hidden * inner)
    return float(3 * made * (2 * weights + 4 * layers * 128 * hidden))


def adversaries(folder: Path, encoders: list[str], repeats: int) -> list[dict[str, Any]]:
    """Steps under each adversary, and of a CRF, against a plain one."""
    own = choose_precision("auto", choose_device())
    models = ["plain", *ADVERSARIES, "crf"]
    rows = []
    for encoder in encoders:
        call = partial(measured, "step_times", folder=folder, encoder=encoder, precision=own, models=models)
        found = medians(repeats, step=call)["step"]
        for name, goal in {**ADVERSARIES, "crf": 1.1}.items():
            rows.append(row(f"{encoder} step, seconds: {name}", found[name], "plain step", found["plain"], goal=goal, better="lower"))
    return rows


def crf(folder: Path, encoders: list[str], repeats: int) -> list[dict[str, Any]]:
    """The CRF's loss and its gradients against pytorch-crf's."""
    rows = []
    for shape, goal in (((8, 512, 5), 5.0), ((32, 128, 43), 2.0)):
        found = medians(repeats, pair=partial(measured, "crf_times", shape=shape))["pair"]
        case = "CRF loss and gradients, ms: batch {}, length {}, {} tags".format(*shape)
        rows.append(
            row(
                case,
                1000 * found["ours"],
                "pytorch-crf",
                1000 * found["theirs"],
                goal=goal,
                better="higher",
                ratio=found["theirs"] / found["ours"],
            )
        )
    return rows


def memories(folder: Path, encoders: list[str], repeats: int) -> list[dict[str, Any]]:
    """Peak memory of a step at length 512 with gradient checkpointing against without."""
    rows = []
    for encoder in encoders:
        on, off = (
            measured("peak_memory", folder=folder, encoder=encoder, checkpointing=checkpointing)["mib"] for checkpointing in (True, False)
        )
        rows.append(row(f"{encoder} step of 8 x 512, MiB: gradient checkpointing", on, "without", off, goal=1.0, better="lower"))
    return rows


def prediction(folder: Path, encoders: list[str], repeats: int) -> list[dict[str, Any]]:
    """Prediction against the pipeline at its best batch size."""
    rows = []
    for encoder in encoders:
        theirs = {f"batch {size}": partial(measured, "predict_theirs", folder=folder, encoder=encoder, batch=size) for size in (1, 8, 32)}
        ours = {
            precision: partial(measured, "predict_ours", folder=folder, encoder=encoder, precision=precision)
            for precision in dict.fromkeys((choose_precision("auto", choose_device()), FP32))
        }
        found = medians(repeats, **ours, **theirs)
        best = max(theirs, key=lambda name: found[name]["speed"])
        for precision in ours:
            pair = found[precision]["speed"], found[best]["speed"]
            case = f"{encoder} prediction, documents/s: {precision}"
            rows.append(row(case, pair[0], f"pipeline, {best}", pair[1], goal=3.0, better="higher"))
    return rows


PARTS: dict[str, Callable[[Path, list[str], int], list[dict[str, Any]]]] = {
    "speed": speed,
    "adversaries": adversaries,
    "crf": crf,
    "memory": memories,
    "prediction": prediction,
}


if __name__ == "__main__":
    main()
