"""An invented experiment from documents and predictions to scores, laid out as the workflow lays it out."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioner.commands import collect, score, table1
from bioner.documents import write_documents
from bioner.entities import Document, Mention, Span
from bioner.reporting.origins import selected
from bioner.rewriting import rewrite
from bioner.storage import sha256_file, write_json

EVIL = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>"
PROTOCOL = "kfold5"
ATTACKS = ("typos", "search", "fgsm")
_FILLERS = [
    "the",
    "of",
    "was",
    "seen",
    "in",
    "after",
    "with",
    "under",
    "during",
    "mild",
    "severe",
    "and",
    "then",
    "again",
    "before",
    "daily",
    "two",
    "weeks",
    "of",
    "patients",
    "given",
]
_SYLLABLES = [
    "ba",
    "cor",
    "dul",
    "fen",
    "gri",
    "hom",
    "jus",
    "kel",
    "lom",
    "mar",
    "nov",
    "pel",
    "qui",
    "ros",
    "sul",
    "tev",
    "um",
    "vax",
    "zor",
]


def selection(datasets: list[str], models: list[str], folds: list[int], seeds: list[int], **other: Any) -> dict[str, Any]:
    parts = {"datasets": datasets, "models": models, "folds": folds, "seeds": seeds, "protocol": PROTOCOL, "compare": {}}
    return parts | {"postprocessed": True, "documents": None} | other


def write_results(root: Path, chosen: dict[str, Any], types: dict[str, list[str]], documents: int = 12) -> Path:
    """Folds, attacks, predictions, post-processed predictions and run.json of every run of a selection."""
    for dataset in chosen["datasets"]:
        for fold in chosen["folds"]:
            draw = random.Random(f"{dataset} {fold}")
            clean = [_document(f"{dataset}.{fold}.{number}", types[dataset], draw) for number in range(documents)]
            clean[0] = _awkward(clean[0], types[dataset])
            attacked = [_misspelt(document, draw, recorded=number % 2 == 0) for number, document in enumerate(clean)]
            place = f"{dataset}/{chosen['protocol']}/fold{fold}"
            write_documents(
                root / "folds" / place / "train.jsonl", [_document(f"train.{number}", types[dataset], draw) for number in range(5)]
            )
            write_json(root / "folds" / place / "composition.json", {"normalize": []})
            write_documents(root / "folds" / place / "test.jsonl", clean)
            write_documents(root / "attacks" / place / "typos.jsonl", attacked)
            for model in chosen["models"]:
                for seed in chosen["seeds"]:
                    run = f"{dataset}/{chosen['protocol']}/{model}/fold{fold}/seed{seed}"
                    _write_run(root, run, clean, attacked, types[dataset], random.Random(run))
    return root


def write_others(root: Path, experiment: str, settings: dict[str, Any]) -> None:
    """What else the report is made from: a figure, quality reports and leak audits; in outline."""
    figures = root / experiment / "figures"
    figures.mkdir(parents=True)
    picture = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><rect width="60" height="40" fill="#0072b2"/></svg>'
    for name in ("fig1", "dataflow", *(f"confusion_{dataset}" for dataset in settings["datasets"])):
        (figures / f"{name}.svg").write_text(picture, encoding="utf-8")
    for name, dataset in settings["datasets"].items():
        quality = {
            "dataset": name,
            "warnings": [],
            "counts": {"all": {"documents": 1200, "mentions": 34, "types": dict.fromkeys(dataset["groups"], 1)}},
            "offsets": {"checked": 8, "exact": 6, "share": 0.75},
            "seen_in_training": {"test": {"share": 0.4876}},
            "consistency": {"several_types": {"minority_share": None}, "left_out": {"minority_share": 0.03125}},
            "repairs": {"blank_trimmed": {"count": 2, "first": ["a:1"]}},
        }
        write_json(root / "quality" / f"{name}.json", quality)
        checks = [{"name": "shared_documents", "found": 1, "examples": ["x"], "allowed": 1, "note": "known: 1 recorded in the config"}]
        write_json(root / "audit" / name / PROTOCOL / "fold0.json", {"verdict": "clean", "checks": checks})


def report_arguments(root: Path, experiment: str, chosen: dict[str, Any], settings: dict[str, Any], output: Path) -> list[str]:
    """Arguments of the command report."""
    folder = root / experiment
    arguments = ["--tables", folder / "tables", "--figures", folder / "figures", "--quality", *sorted((root / "quality").glob("*.json"))]
    arguments += ["--audits", *sorted((root / "audit").glob("*/*/*.json")), "--collected", folder / "collected", "--results", root]
    arguments += ["--selection", json.dumps(chosen), "--settings", json.dumps(settings), "--provenance", '{"config_digest": "0f3c"}']
    return [str(argument) for argument in [*arguments, "--output", output]]


def _write_run(root: Path, run: str, clean: list[Document], attacked: list[Document], types: list[str], draw: random.Random) -> None:
    folder = root / "predictions" / run
    searched = [_misspelt(document, draw, recorded=True) for document in clean]
    write_documents(folder / "search.gold.jsonl", searched)
    for name, gold in {"clean": clean, "typos": attacked, "search": searched, "fgsm": clean}.items():
        write_documents(folder / f"{name}.jsonl", [predict(document, types, draw, 0.15 if name == "clean" else 0.4) for document in gold])
    digests = {name: sha256_file(folder / f"{name}.jsonl") for name in ("clean", *ATTACKS)}
    write_json(folder / "predictions.json", {"attacks": digests, "attacked": {"search": sha256_file(folder / "search.gold.jsonl")}})
    after = root / "postprocessed" / run
    write_documents(after / "clean.jsonl", [predict(document, types, draw, 0.1) for document in clean])
    write_json(after / "postprocess.json", {"predictions": digests["clean"], "postprocessed": sha256_file(after / "clean.jsonl")})
    model = run.split("/")[2]
    facts = {"recipe": {"model": model, "head": "linear"}, "versions": {"python": "3.11", "torch": "2.13.0"}, "device": "CPU", "threads": 1}
    facts |= {"encoder": {"encoder": "minilm", "files": {"model.safetensors": "ab" * 32}}, "data": {"train.jsonl": "cd" * 32}}
    write_json(root / "runs" / run / "run.json", facts | {"code": {"revision": "0" * 40, "edited": False}, "platform": "Linux"})
    (root / "runs" / run / "history.csv").write_text("epoch,step,f1\n1,10,0.5\n2,20,0.6\n", encoding="utf-8")


def write_tables(root: Path, experiment: str, chosen: dict[str, Any], settings: dict[str, Any]) -> Path:
    """Score every run, collect the scores and make the tables of an experiment; returns its folder."""
    for run in selected(chosen):
        dataset, protocol, model, fold, seed = run.split("/")
        keys = {"dataset": dataset, "protocol": protocol, "model": model, "fold": int(fold[4:]), "seed": int(seed[4:])}
        place = root / "folds" / dataset / protocol / fold
        attacked = root / "attacks" / dataset / protocol / fold / "typos.jsonl"
        arguments = ["--gold", place / "test.jsonl", "--attacked", f"typos={attacked}", "--training", place / "train.jsonl"]
        arguments += ["--predictions", root / "predictions" / run / "predictions.json", "--composition", place / "composition.json"]
        arguments += ["--postprocessed", root / "postprocessed" / run / "postprocess.json", "--keys", json.dumps(keys)]
        score.main([str(argument) for argument in [*arguments, "--output-folder", root / "scores" / run]])
    folder = root / experiment
    arguments = ["--settings", json.dumps(chosen), "--scores", root / "scores", "--runs", root / "runs"]
    collect.main([str(argument) for argument in [*arguments, "--output-folder", folder / "collected"]])
    arguments = ["--collected", folder / "collected", "--settings", json.dumps(settings), "--output-folder", folder / "tables"]
    table1.main([str(argument) for argument in arguments])
    return folder


def _word(draw: random.Random) -> str:
    return "".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(2, 4)))


def _document(name: str, types: list[str], draw: random.Random) -> Document:
    """Sentences of fillers and invented names, each name a mention."""
    text, mentions = "", []
    for _ in range(draw.randint(4, 9)):
        for _ in range(draw.randint(5, 14)):
            if draw.random() < 0.25:
                surface = " ".join(_word(draw) for _ in range(draw.randint(1, 3)))
                mentions.append(Mention(f"T{len(mentions)}", ((len(text), len(text) + len(surface)),), draw.choice(types)))
                text += surface + " "
            else:
                text += draw.choice(_FILLERS) + " "
        text = text[:-1] + ". "
    return Document(name, text.rstrip(), tuple(mentions))


def _awkward(document: Document, types: list[str]) -> Document:
    """Markup, characters beyond U+FFFF, a nested and a discontiguous mention in front of a document's own text."""
    front = f"{EVIL} 𝛼-fen \U0001f9ea left and right marba; "
    place = front.index("left")
    far = front.index("marba")
    mentions = [
        Mention("A0", ((front.index("𝛼"), front.index("𝛼") + 5),), types[0]),
        Mention("A1", ((place, place + 4), (far, far + 5)), types[0]),
        Mention("A2", ((place + 9, far + 5),), types[-1]),
        Mention("A3", ((far, far + 5),), types[0]),
    ]
    moved = [mention.at(*((start + len(front), end + len(front)) for start, end in mention.spans)) for mention in document.mentions]
    return Document(document.id, front + document.text, tuple([*mentions, *moved]))


def _misspelt(document: Document, draw: random.Random, *, recorded: bool) -> Document:
    """The document with some of its names misspelt; where not `recorded`, it does not say where."""
    chosen = [mention for mention in document.mentions if len(mention.spans) == 1 and mention.id.startswith("T") and draw.random() < 0.3]
    replacements: list[tuple[Span, str]] = [(mention.spans[0], document.surface(mention)[:-1] + "xy") for mention in chosen]
    attacked = rewrite(document, replacements)
    if not recorded:
        return attacked
    shift, edits = 0, []
    for (start, end), new in sorted(replacements):
        edits.append([start + shift, start + shift + len(new)])
        shift += len(new) - (end - start)
    meta = {
        "attack": "typos",
        "edits_made": len(edits),
        "edit_spans": edits,
        "original_spans": sorted([start, end] for (start, end), _ in replacements),
    }
    return replace(attacked, meta=meta)


def predict(gold: Document, types: list[str], draw: random.Random, rate: float) -> Document:
    """Predictions with each kind of mistake at a rate."""
    found: list[Mention] = []
    for mention in gold.mentions:
        chance = draw.random()
        start, end = mention.start, mention.end
        other = draw.choice(types)
        if chance > rate:
            made = [mention]
        elif chance < rate * 0.25:
            made = []
        elif chance < rate * 0.4 and end - start > 3:
            made = [mention.at((start + 1, end))]
        elif chance < rate * 0.55 and end - start > 3:
            made = [mention.at((start, end - 2))]
        elif chance < rate * 0.75:
            made = [mention._replace(type=other)]
        elif end - start > 5:
            made = [mention.at((start, start + 2)), mention.at((start + 3, end))]
        else:
            made = []
        found += [guess._replace(score=round(draw.uniform(0.4, 1), 4)) for guess in made]
    if draw.random() < rate and " the " in gold.text:
        place = gold.text.index(" the ") + 1
        found.append(Mention("X", ((place, place + 3),), draw.choice(types), score=0.5))
    return replace(gold, mentions=tuple(found), meta={})
