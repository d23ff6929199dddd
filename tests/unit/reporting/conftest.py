"""A small invented experiment: counts of three corpora, four models, two folds, two attacks, drawn from a fixed seed."""

import csv
import json
import random
from pathlib import Path
from typing import NamedTuple

import pytest

from bioner.commands import figures, report, table1

from . import experiment

TYPES = {
    "demo_medmentions": {
        **dict.fromkeys(["T033", "T037", "T038"], "diseases"),
        **dict.fromkeys(["T103", "T168"], "drugs_chemicals"),
        **dict.fromkeys(["T017", "T022", "T031"], "anatomy"),
        **dict.fromkeys(["T005", "T007", "T204"], "species"),
        **dict.fromkeys(["T058", "T062", "T074", "T082", "T091", "T092", "T097", "T098", "T170", "T201"], "other"),
    },
    "demo_bc5cdr": {"Chemical": "drugs_chemicals", "Disease": "diseases"},
    "demo_i2b2": {"problem": "diseases", "test": "other", "treatment": "drugs_chemicals"},
}
MODELS = {"plain": 0.55, "fgsm": 0.62, "pgd": 0.6, "adaptive": 0.66}
ATTACKS = {"clean": 0.0, "typos": 0.15, "fgsm": 0.08}
FOLDS, SEEDS, DOCUMENTS = (0, 1), (1,), 12
HEADERS = {
    "scores": "dataset,protocol,model,fold,seed,attack,definition,average,type,metric,value",
    "documents": "dataset,protocol,model,fold,seed,attack,document,gold,predicted,correct",
    "types": "dataset,protocol,model,fold,seed,attack,document,type,gold,predicted,correct",
    "confusion": "dataset,protocol,model,fold,seed,attack,gold_type,predicted_type,count",
    "errors": "dataset,protocol,model,fold,seed,attack,error,gold_type,predicted_type,count",
    "groups": "dataset,protocol,model,fold,seed,attack,group,value,gold,found",
    "success": "dataset,protocol,model,fold,seed,attack,type,novelty,right,broken,partial,edits,queries,documents,changed",
    "history": "dataset,protocol,model,fold,seed,epoch,step,loss,cross_entropy,crf,adversarial,alpha,learning_rate,precision,recall,f1",
    "runs": "dataset,protocol,model,fold,seed,run,device,precision,threads,seconds,epochs,best_epoch,"
    "train_documents,train_mentions,pieces_per_second",
}
DOT = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
    edge[penwidth=2, color=grey];
%s
%s
}
"""
NEEDS = {
    "all": ["table1", "figures", "report"],
    "report": ["table1", "figures", "inspect", "audit", "collect"],
    "table1": ["collect"],
    "figures": ["collect", "rulegraph"],
    "collect": ["score", "train"],
    "score": ["predict", "compose", "attack"],
    "predict": ["train", "compose", "attack"],
    "attack": ["compose"],
    "train": ["compose", "audit", "recipe", "fetch_encoder"],
    "audit": ["compose", "split", "harmonize"],
    "compose": ["split", "normalize", "augment", "harmonize"],
    "split": ["harmonize"],
    "augment": ["normalize"],
    "normalize": ["harmonize"],
    "inspect": ["harmonize"],
    "harmonize": ["download"],
}


def ratios(gold, predicted, correct):
    total = gold + predicted
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / total if total else "",
    }


def one_run(dataset, model, fold, seed, attack, write):
    """Draw the counts of one run and write its rows by `write(table, *cells)`."""
    draw = random.Random(f"{dataset} {model} {fold} {seed} {attack}")
    golds = random.Random(f"gold {dataset} {fold}")  # the same for every model
    skill = MODELS[model] - ATTACKS[attack] + draw.uniform(-0.03, 0.03)
    key = (dataset, "kfold5", model, fold, seed, attack)
    by_type = {name: [0, 0, 0] for name in TYPES[dataset]}
    total = [0, 0, 0]
    for number in range(DOCUMENTS):
        document = [0, 0, 0]
        for name, of_type in by_type.items():
            gold = golds.randint(0, 6)
            correct = sum(draw.random() < skill for _ in range(gold))
            counts = (gold, correct + draw.randint(0, 2), correct)
            if attack == "clean" and gold + counts[1]:
                write("types", *key, f"d{fold}.{number}", name, *counts)
            for place, count in enumerate(counts):
                of_type[place] += count
                document[place] += count
                total[place] += count
        write("documents", *key, f"d{fold}.{number}", *document)
    micro = ratios(*total)
    for metric, value in [*micro.items(), *zip(("gold", "predicted", "correct"), total, strict=True)]:
        write("scores", *key, "strict", "micro", "", metric, value)
    macro = [ratios(*counts)["f1"] for counts in by_type.values() if counts[0]]
    write("scores", *key, "strict", "macro", "", "f1", sum(macro) / len(macro))
    for name, counts in by_type.items():
        for metric, value in [*ratios(*counts).items(), *zip(("gold", "predicted", "correct"), counts, strict=True)]:
            write("scores", *key, "strict", "type", name, metric, value)
    gold, predicted, correct = total
    accuracies = {
        "exact_recall": correct / gold,
        "jaccard": correct / (gold + predicted - correct),
        "token_accuracy": 0.9,
        "document_exact_match": 0.1,
    }
    for definition, value in accuracies.items():
        write("scores", *key, definition, "micro", "", "accuracy", value)
    write("scores", *key, "token_macro_f1", "macro", "", "f1", "")
    write_confusion(by_type, key, draw, write)
    # drawn apart, so that what is drawn above stays as it was
    write_groups(by_type, key, random.Random(f"groups {key}"), write)
    if attack != "clean":
        write_success(by_type, key, random.Random(f"success {key}"), write)


def write_groups(by_type, key, draw, write):
    """Kinds of error and groups of recall that add up to the counts by type."""
    novelties = {}
    for name, (gold, predicted, correct) in sorted(by_type.items()):
        cut = draw.randint(0, min(gold, predicted) - correct)
        for error, sides, count in (
            ("correct", (name, name), correct),
            ("boundary_left", (name, name), cut),
            ("missed", (name, ""), gold - correct - cut),
            ("spurious", ("", name), predicted - correct - cut),
        ):
            if count:
                write("errors", *key, error, *sides, count)
        seen, found = draw.randint(0, gold), draw.randint(0, correct)
        parts = {"seen": (max(seen, found), found), "unseen": (gold - max(seen, found), 0)}
        parts["unseen"] = (parts["unseen"][0], min(parts["unseen"][0], correct - found))
        for novelty, counts in parts.items():
            novelties[name, novelty] = counts
    for novelty in ("seen", "unseen"):
        sums = [sum(counts[place] for (_, other), counts in novelties.items() if other == novelty) for place in (0, 1)]
        write("groups", *key, "novelty", novelty, *sums)
    for (name, novelty), counts in novelties.items():
        write("groups", *key, "type_novelty", f"{name}/{novelty}", *counts)
    for length, share in (("1", 2), ("2", 3), ("5+", 6)):
        gold, correct = (sum(counts[place] for counts in by_type.values()) // share for place in (0, 2))
        write("groups", *key, "length", length, gold, correct)
    gold, correct = (sum(counts[place] for counts in by_type.values()) for place in (0, 2))
    write("groups", *key, "frequency", "0", gold, correct)


def write_success(by_type, key, draw, write):
    rows = []
    for name, (_, _, correct) in sorted(by_type.items()):
        for novelty in ("seen", "unseen"):
            right = correct // 2
            broken = draw.randint(0, right)
            rows.append((name, novelty, right, broken, draw.randint(0, broken)))
    edits = draw.randint(20, 60) if key[5] == "typos" else 0
    for attack in (key[5], "worst_case") if key[5] == "typos" else (key[5],):
        totals = [sum(row[place] for row in rows) for place in (2, 3, 4)]
        write("success", *key[:5], attack, "", "", *totals, edits, 0, DOCUMENTS, DOCUMENTS if edits else 0)
        for row in rows:
            write("success", *key[:5], attack, *row, "", "", "", "")


def write_confusion(by_type, key, draw, write):
    names = sorted(by_type)
    for name, (gold, predicted, correct) in by_type.items():
        other = draw.choice(names)
        confused = draw.randint(0, gold - correct) if other != name else 0
        for pair, count in {
            (name, name): correct,
            (name, other): confused,
            (name, ""): gold - correct - confused,
            ("", name): predicted - correct,
        }.items():
            if count:
                write("confusion", *key, *pair, count)


def write_history(key, model, write):
    draw = random.Random(f"history {key}")
    for epoch in range(1, draw.randint(5, 8)):
        f1 = MODELS[model] * (1 - 0.5**epoch) + draw.uniform(-0.02, 0.02)
        alpha = 0.5 + 0.03 * epoch + draw.uniform(-0.005, 0.005) if model == "adaptive" else ""
        write("history", *key, epoch, 40 * epoch, 1 / epoch, "", "", "", alpha, 1e-4, f1, f1, f1)


def write_collected(folder: Path) -> Path:
    """Write the collected rows of the invented experiment into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    handles = {name: open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") for name in HEADERS}  # noqa: SIM115
    writers = {name: csv.writer(handle, lineterminator="\n") for name, handle in handles.items()}
    for name, header in HEADERS.items():
        writers[name].writerow(header.split(","))

    def write(table, *cells):
        writers[table].writerow(cells)

    for dataset in TYPES:
        for model in MODELS:
            for fold in FOLDS:
                for seed in SEEDS:
                    for attack in ATTACKS:
                        one_run(dataset, model, fold, seed, attack, write)
                    key = (dataset, "kfold5", model, fold, seed)
                    write_history(key, model, write)
                    write("runs", *key, f"run-{model}", "cpu", "fp32", 2, 33.3, 6, 5, 60, 700, 1234.5)
    for handle in handles.values():
        handle.close()
    return folder


def parts(adversary="none", loss="linear: cross_entropy"):
    return {"adversary": adversary, "loss": loss, "rest": "0123456789abcdef"}


def make_settings(scale="demo"):
    published = {"demo_medmentions": "MedMentions", "demo_bc5cdr": "BC5CDR", "demo_i2b2": "i2b2 2010"}
    titles = {"demo_medmentions": "MedMentions ST21pv (demo)", "demo_bc5cdr": "BC5CDR (demo)", "demo_i2b2": "i2b2 2010 (demo)"}
    return {
        "experiment": "demo",
        "scale": scale,
        "title": "Demo",
        "datasets": {
            name: {"title": titles[name], "groups": dict(groups), "published": published[name], "missing": None}
            for name, groups in TYPES.items()
        },
        "models": {
            "plain": {"title": "MiniLM", "reproduces": None, "encoder": "minilm", "parts": parts()},
            "fgsm": {
                "title": "MiniLM + FGSM",
                "reproduces": "Fine-Tuned BioBERT + FGSM",
                "encoder": "minilm",
                "parts": parts(adversary="fgsm (epsilon 0.01)"),
            },
            "pgd": {"title": "MiniLM + PGD", "reproduces": None, "encoder": "minilm", "parts": parts(adversary="pgd (epsilon 0.01)")},
            "adaptive": {
                "title": "MiniLM-CRF, adaptive loss",
                "reproduces": None,
                "encoder": "minilm",
                "parts": parts(loss="crf: adaptive"),
            },
        },
        "readings": {"entity_level_accuracy": "jaccard", "exact_match_rate": "exact_recall"},
        "attacks": {"typos": {"kind": "typos", "rate": 0.3}, "fgsm": {"kind": "fgsm", "epsilon": 0.02}},
        "protocol": "kfold5",
        "folds": {"k": 5, "run": [0, 1]},
        "seeds": [1],
    }


def rulegraph_text(needs=None):
    needs = NEEDS if needs is None else needs
    rules = sorted({*needs, *(other for others in needs.values() for other in others)})
    nodes = [f'\t{number}[label = "{rule}", color = "0.{number} 0.6 0.85", style="rounded"];' for number, rule in enumerate(rules)]
    edges = [f"\t{rules.index(other)} -> {rules.index(rule)}" for rule, others in needs.items() for other in others]
    return DOT % ("\n".join(nodes), "\n".join(edges))


@pytest.fixture(scope="session")
def collected(tmp_path_factory) -> Path:
    return write_collected(tmp_path_factory.mktemp("experiment") / "collected")


@pytest.fixture
def settings():
    return make_settings()


@pytest.fixture
def full_settings():
    """The same counts, passed off as an experiment on real corpora, with one corpus not provided."""
    value = make_settings("full")
    value["datasets"]["demo_i2b2"]["missing"] = "sign the agreement and put the files into data/i2b2"
    return value


@pytest.fixture(scope="session")
def demo_settings():
    """For fixtures that live longer than a test; a test that changes settings takes `settings`."""
    return make_settings()


@pytest.fixture(scope="session")
def rule_needs():
    return NEEDS


@pytest.fixture(scope="session")
def make_dot():
    """Dot text, as Snakemake prints it, of rules and the rules they need."""
    return rulegraph_text


@pytest.fixture(scope="session")
def rulegraph(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "rulegraph.dot"
    path.write_text(rulegraph_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made_tables(collected, demo_settings, tmp_path_factory) -> Path:
    """The folder of the invented experiment's tables."""
    folder = tmp_path_factory.mktemp("tables")
    table1.main(["--collected", str(collected), "--settings", json.dumps(demo_settings), "--output-folder", str(folder)])
    return folder


@pytest.fixture(scope="session")
def drawn(collected, demo_settings, rulegraph, tmp_path_factory) -> Path:
    """The folder of the invented experiment's figures."""
    folder = tmp_path_factory.mktemp("figures")
    figures.main(
        [
            "--collected",
            str(collected),
            "--settings",
            json.dumps(demo_settings),
            "--rulegraph",
            str(rulegraph),
            "--output-folder",
            str(folder),
        ]
    )
    return folder


class Finished(NamedTuple):
    """An invented experiment with everything that its report is made from; `closed` is its corpus under agreement."""

    root: Path
    chosen: dict
    settings: dict
    closed: str = "demo_i2b2"

    def write_report(self, output, **settings):
        report.main(experiment.report_arguments(self.root, "demo", self.chosen, self.settings | settings, output))
        return output


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """Three corpora, one of them under agreement, two models, two folds; text of its own, scored by the real commands."""
    root = tmp_path_factory.mktemp("finished")
    settings = make_settings("open")
    settings["models"] = {name: settings["models"][name] for name in ("plain", "fgsm")}
    settings["attacks"]["search"] = {"kind": "search"}
    for name, dataset in settings["datasets"].items():
        dataset["closed"] = name == Finished._field_defaults["closed"]
    chosen = experiment.selection(list(settings["datasets"]), list(settings["models"]), [0, 1], [1])
    experiment.write_results(root, chosen, {name: list(types)[:4] for name, types in TYPES.items()})
    experiment.write_tables(root, "demo", chosen, settings)
    experiment.write_others(root, "demo", settings)
    return Finished(root, chosen, settings)


@pytest.fixture(scope="session")
def shown(finished, tmp_path_factory) -> Path:
    """The folder of that experiment's report."""
    return finished.write_report(tmp_path_factory.mktemp("report") / "index.html").parent
