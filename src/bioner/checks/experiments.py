"""Experiments: whether what they name is there, goes together, and divides documents only where that is safe."""

from __future__ import annotations

from typing import Any

from bioner.checks.datasets import has_documents
from bioner.errors import ConfigError
from bioner.experiments import EXTERNAL
from bioner.heads import check_fit
from bioner.preparation.protocols import UNSAFE
from bioner.schema import check_names


def check_experiment(config: dict[str, Any], name: str, entry: dict[str, Any]) -> None:
    """ConfigError for an experiment, selected or not, that names what there is not or what does not go together."""
    where = f"experiments.{name}"
    for key in ("datasets", "models", "attacks"):
        check_names(entry[key], config[key], f"{where}.{key}")
    for model in entry["models"]:
        settings = config["models"][model]
        if EXTERNAL in settings["augmentation"] and entry["lexicon"] != "external":
            raise ConfigError(f"{where}.lexicon: model '{model}' is trained on names from outside of the corpus; set it to external")
        if settings["encoder"] is not None:
            check_names([settings["encoder"]], config["encoders"], f"{where}.models: models.{model}.encoder")
        check_fit(where, model, settings, {attack: config["attacks"][attack]["kind"] for attack in entry["attacks"]})
    _check_protocols(where, entry)
    check_names([entry["linking"]] if entry["linking"] else [], config["ontologies"], f"{where}.linking")
    pairs = [(transfer["from"], transfer["to"]) for transfer in entry["transfer"]]
    for number, transfer in enumerate(entry["transfer"]):
        _check_transfer(config, where, entry, transfer, f"{where}.transfer.{number}")
        if (first := pairs.index(pairs[number])) < number:
            told = f"{transfer['from']} to {transfer['to']} in transfer.{first} too"
            raise ConfigError(f"{where}.transfer.{number}: expected each pair once, found {told}; put their types into one")
    if {entry["protocol"], *entry["compare"]} != {"official"}:
        _check_folds(config, where, entry)


def _check_protocols(where: str, entry: dict[str, Any]) -> None:
    for key, kinds in (("protocol", [entry["protocol"]]), ("compare", entry["compare"])):
        for kind in kinds:
            if kind in UNSAFE and not entry["unsafe_protocol"]:
                raise ConfigError(
                    f"{where}.{key}: {kind} is unsafe, {UNSAFE[kind]}; to measure that, "
                    f"set {where}.unsafe_protocol to true: every row will say so"
                )
    if entry["protocol"] in entry["compare"]:
        raise ConfigError(f"{where}.compare: expected protocols other than the experiment's own, got {entry['protocol']}; remove it")


def _check_folds(config: dict[str, Any], where: str, entry: dict[str, Any]) -> None:
    k = entry["folds"]["k"]
    if k < 3:
        raise ConfigError(f"{where}.folds.k: expected at least 3 (test, validation and training parts), got {k}")
    for fold in entry["folds"]["run"] or ():
        if not 0 <= fold < k:
            raise ConfigError(f"{where}.folds.run: expected folds from 0 to {k - 1}, got {fold}")
    for dataset in entry["datasets"]:
        if not has_documents(config["datasets"][dataset]):
            raise ConfigError(f"{where}.datasets: '{dataset}' has no document ids, k-fold would split documents; use protocol official")


def _check_transfer(config: dict[str, Any], where: str, entry: dict[str, Any], transfer: dict[str, Any], key: str) -> None:
    source, target = transfer["from"], transfer["to"]
    check_names([source], dict.fromkeys(entry["datasets"]), f"{key}.from")
    check_names([target], config["datasets"], f"{key}.to")
    if source == target:
        raise ConfigError(f"{key}.to: expected another dataset than '{source}', got the same; correct one of them")
    for name in (source, target):
        if config["datasets"][name]["agreement"]:
            raise ConfigError(f"{key}: '{name}' is under an agreement, and DVC could not tell what is made of it here; take open corpora")
    if entry["protocol"] in UNSAFE or (entry["protocol"] != "official" and not has_documents(config["datasets"][target])):
        told = f"'{target}' under {entry['protocol']}"
        raise ConfigError(f"{key}.to: expected a dataset that {where}.protocol can divide, got {told}; use protocol official")


def check_unsafe(config: dict[str, Any], where: str, entry: dict[str, Any]) -> None:
    """Whether what the unsafe protocols of a selected experiment need is there: variants to divide, and none that others train on."""
    kinds = {entry["protocol"], *entry["compare"]}
    if "augment_first" in kinds and not any(config["preparation"][kind] is not None for kind in ("noise", "shuffling", "back_translation")):
        raise ConfigError(f"{where}: augment_first divides documents and their variants, but none are made; set preparation.noise")
    if entry["training_words"] != "all" and kinds & UNSAFE.keys():
        for model in entry["models"]:
            if config["models"][model]["augmentation"]:
                raise ConfigError(
                    f"{where}.models: '{model}' is trained on variants, which unsafe protocols have none of and training_words "
                    "does not count; take one without augmentation"
                )
