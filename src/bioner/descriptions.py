"""Experiments in words: what tables, figures and the report are told about one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bioner.experiments import EXTERNAL
from bioner.planning import Plan
from bioner.preparation.protocols import Protocol
from bioner.provenance import value_digest

DEDUPLICATED = {
    "shared": "what a later part has too",
    "all": "what a later part has too, and what repeats within a part",
}


def protocol_notes(protocol: Protocol) -> list[str]:
    """What a protocol has that rows must say: what is unsafe in it, and a validation part that is trained on."""
    notes = [f"unsafe protocol: {protocol.unsafe}"] if protocol.unsafe else []
    return notes + ["validation part trained on (train_on_validation)"] * protocol.train_on_validation


def _words(settings: Any) -> str:
    """The settings of an adversary or a loss for people: its kind, and in brackets what it takes."""
    if not isinstance(settings, dict):
        return str(settings)
    unset = {"kind": settings["kind"], "class_weights": "none", "smoothing": 0}
    others = ", ".join(f"{key} {value}" for key, value in sorted(settings.items()) if value not in (None, unset.get(key)))
    return f"{settings['kind']} ({others})" if others else str(settings["kind"])


def describe(plan: Plan, name: str) -> dict[str, Any]:
    """What tables, figures and the report need to know about an experiment."""
    experiment = plan.experiment(name)
    entry = experiment.entry
    datasets = {
        dataset: {key: plan.config["datasets"][dataset][key] for key in ("title", "groups", "published")}
        | {"missing": experiment.absent.get(dataset), "closed": bool(plan.config["datasets"][dataset]["agreement"])}
        for dataset in experiment.datasets
    }
    models = {
        model: {key: settings[key] for key in ("title", "reproduces", "system", "adaptation")}
        | {"encoder": _encoder_note(plan, settings), "parts": _parts(plan, model)}
        for model in entry["models"]
        for settings in [plan.config["models"][model]]
    }
    return {
        "experiment": name,
        "title": entry["title"],
        "scale": entry["scale"],
        "datasets": datasets,
        "models": models,
        "attacks": {attack: plan.config["attacks"][attack] for attack in entry["attacks"]},
        "readings": entry["readings"],
        "protocol": experiment.protocol,
        "compare": list(experiment.divisions)[1:],
        "folds": experiment.folds,
        "seeds": entry["seeds"],
        "notes": [
            f"{model} trained on names of the external lexicons {', '.join(sorted(plan.config['preparation']['lexicons']))}"
            for model in entry["models"]
            if EXTERNAL in plan.config["models"][model]["augmentation"]
        ]
        + [
            f"not transferred to {target}, which is not provided: {experiment.absent[target]}"
            for target in sorted({transfer["to"] for transfer in experiment.given["transfer"]} & experiment.absent.keys())
        ],
        "protocol_notes": {name: protocol_notes(Protocol.parse(name)) for name in experiment.divisions},
        "dataset_notes": {
            name: {dataset: _notes(plan, dataset, Protocol.parse(name)) for dataset in experiment.present} for name in experiment.divisions
        },
    }


def _parts(plan: Plan, model: str) -> dict[str, str]:
    """A model's adversary and its loss (with the head, which a loss needs) in words, and a digest of the rest of its recipe.

    Values that a search finds are in no recipe before it ran: the words and the digest name the search.
    """
    recipe = plan.recipe(model)
    search = plan.config["models"][model]["values_from"]
    recipe["searched"] = search
    found = plan.config["searches"][search]["space"] if search else {}
    told = {key: _with_search(key, recipe.pop(key, None), found, f"from search {search}") for key in ("adversary", "loss", "head")}
    del recipe["model"]
    loss = f"{told['head']}: {_words(told['loss'])}" if told["loss"] else str(told["head"])
    return {"adversary": _words(told["adversary"] or "none"), "loss": loss, "rest": value_digest(recipe)[:16]}


def _with_search(key: str, settings: Any, space: Iterable[str], told: str) -> Any:
    """Settings of a model's key with `told` in place of what a search with this space finds: the whole, or values of it by dotted name."""
    if key in space:
        return told
    values = {name.removeprefix(f"{key}."): told for name in space if name.startswith(f"{key}.")}
    return settings | values if values else settings


def _encoder_note(plan: Plan, model: dict[str, Any]) -> str | None:
    """What rows of a model must say of its encoder: its name, and whose text it was adapted on."""
    name: str | None = model["encoder"]
    if model["adaptation"] is None:
        return name
    text = plan.config["adaptations"][model["adaptation"]]["text"]
    others = "" if text == "training" else f" and those of {', '.join(text)}"
    return f"{name} adapted on the training part{others}"


def _notes(plan: Plan, dataset: str, protocol: Protocol) -> list[str]:
    """What rows of a corpus under a protocol must say: what was left out of it, and what is known of its official split."""
    entry = plan.config["datasets"][dataset]
    criteria = sorted(name for name, value in entry.get("filters", {}).items() if value)
    notes = [f"{dataset}: documents left out by {', '.join(criteria)}"] if criteria else []
    if protocol.kind != "official":
        return notes
    if entry["deduplicate"] != "none":
        notes.append(f"official split of {dataset}: left out of training and validation is {DEDUPLICATED[entry['deduplicate']]}")
    return notes + [f"leak audit of {dataset}: {count} {check} allowed" for check, count in sorted(entry["allowed_leaks"].items())]
