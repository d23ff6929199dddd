"""What refines a model beside its own entry in the config, adaptations of its encoder and searches for its values: cross-checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bioner.checks.datasets import has_documents
from bioner.checks.models import check_model
from bioner.checks.sharing import shared_documents
from bioner.errors import BionerError, ConfigError
from bioner.heads import check_fit, complete_model
from bioner.planning import Plan
from bioner.preparation.protocols import Protocol
from bioner.recipes import FIXED, with_values
from bioner.schema import check_names, describe_error, fill_defaults

WHOLE = ("loss", "adversary")
"""Keys of a model that are mappings with a kind, which says what the other keys are."""


def check_adaptations(config: Mapping[str, Any]) -> None:
    """Whether encoders, texts and the models that name an adaptation fit.

    Raises:
        ConfigError: names the entry and the key.
    """
    for name, entry in config["adaptations"].items():
        where = f"adaptations.{name}"
        check_names([entry["encoder"]], config["encoders"], f"{where}.encoder")
        text = [] if entry["text"] == "training" else entry["text"]
        check_names(text, config["datasets"], f"{where}.text")
        for dataset in text:
            if config["datasets"][dataset]["agreement"]:
                raise ConfigError(
                    f"{where}.text: '{dataset}' is under an agreement, what is made of it must stay in folders of its own; "
                    "adapt on it by text: training, in its own runs"
                )
    for name, model in config["models"].items():
        if (adaptation := model["adaptation"]) is None:
            continue
        check_names([adaptation], config["adaptations"], f"models.{name}.adaptation")
        if (encoder := config["adaptations"][adaptation]["encoder"]) != model["encoder"]:
            raise ConfigError(
                f"models.{name}.adaptation: expected an adaptation of the model's own encoder, {model['encoder']}, "
                f"'{adaptation}' is one of {encoder}; set adaptations.{adaptation}.encoder or models.{name}.encoder"
            )


def check_searches(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Whether searches name what there is and every value of their spaces is one that the model's key takes.

    Sets `kind` in each entry of a space that lacks it, and writes choices of whole mappings as recipes have them.

    Args:
        schema: of the configuration.

    Raises:
        ConfigError: names the entry and the key.
    """
    of_models = schema["properties"]["models"]["additionalProperties"]
    validator = Draft202012Validator(of_models | {"$defs": schema["$defs"]})
    for name, entry in config["searches"].items():
        where = f"searches.{name}"
        check_names([entry["model"]], config["models"], f"{where}.model")
        check_names([entry["dataset"]], config["datasets"], f"{where}.dataset")
        if config["datasets"][entry["dataset"]]["agreement"]:
            raise ConfigError(
                f"{where}.dataset: '{entry['dataset']}' is under an agreement, and DVC could not tell which trials are made of it; "
                "search on an open corpus"
            )
        model = config["models"][entry["model"]]
        check_names([model["encoder"]] if model["encoder"] else [], config["encoders"], f"models.{entry['model']}.encoder")
        if model["values_from"] not in (None, name):
            raise ConfigError(
                f"{where}.model: expected a model with values of its own, '{entry['model']}' has those of the search "
                f"'{model['values_from']}'; set models.{entry['model']}.values_from to null"
            )
        _check_fold(where, entry)
        if not entry["protocol"].startswith("official") and not has_documents(config["datasets"][entry["dataset"]]):
            raise ConfigError(
                f"{where}.dataset: '{entry['dataset']}' has no document ids, k-fold would split documents; use protocol official"
            )
        for key, space in entry["space"].items():
            _check_space(f"{where}.space.{key}", key, space, of_models)
            changed = [_tried(where, key, value, entry["model"], model, validator) for value in _ends(space)]
            if "choices" in space and key in model:
                space["choices"] = [completed[key] for completed in changed]
    for name, model in config["models"].items():
        if (search := model["values_from"]) is not None:
            check_names([search], config["searches"], f"models.{name}.values_from")
            for key, space in config["searches"][search]["space"].items():
                for value in _ends(space):
                    _tried(f"models.{name}.values_from: searches.{search}", key, value, name, model, validator)


def _ends(space: Mapping[str, Any]) -> Sequence[Any]:
    """The values of a space that are tried out: all choices, or both ends of a range."""
    return space.get("choices") or (space["low"], space["high"])


def _tried(where: str, key: str, value: Any, name: str, model: dict[str, Any], validator: Draft202012Validator) -> dict[str, Any]:
    """A model with one value of a search; ConfigError where no model may have it."""
    try:
        tried = with_values(model, {key: value})
    except BionerError as error:
        raise ConfigError(f"{where}.space.{error}") from None
    _check_tried(f"{where}.space.{key}", name, tried, validator)
    return tried


def _check_tried(where: str, name: str, model: dict[str, Any], validator: Draft202012Validator) -> None:
    """Complete a model with a value of a search in place; ConfigError, told where, for one that no model may have."""
    written = {key: value["kind"] if isinstance(value, dict) and value.keys() == {"kind"} else value for key, value in model.items()}
    for error in validator.iter_errors(written):
        raise ConfigError(f"{where}: {describe_error(error)}")
    of_models: Any = validator.schema
    fill_defaults(model, of_models)
    try:
        complete_model(model, of_models)
        check_model(f"models.{name}", model, of_models)
        check_fit("trials", name, model, {})
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _check_fold(where: str, entry: Mapping[str, Any]) -> None:
    try:
        protocol = Protocol.parse(entry["protocol"])
    except BionerError as error:
        raise ConfigError(f"{where}.protocol: {error}") from None
    if protocol.unsafe or protocol.train_on_validation or protocol.words == "equal":
        raise ConfigError(
            f"{where}.protocol: expected official or kfold<k>, whose validation part is held out and known beforehand, got {protocol.name}"
        )
    if protocol.kind == "kfold" and protocol.k < 3:
        raise ConfigError(f"{where}.protocol: expected at least 3 folds, got {protocol.k}")
    if entry["fold"] >= protocol.k:
        raise ConfigError(f"{where}.fold: expected a fold from 0 to {protocol.k - 1} of {protocol.name}, got {entry['fold']}")


def _check_space(where: str, key: str, space: dict[str, Any], schema: Mapping[str, Any]) -> None:
    if any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED):
        raise ConfigError(f"{where}: expected a key that changes the training alone, got {key}; compare models instead")
    if key in [f"{whole}.kind" for whole in WHOLE]:
        raise ConfigError(f"{where}: expected choices of whole mappings, for their keys depend on the kind; name the key {key[:-5]}")
    if key == "training":  # a value would stand in the place of all that a recipe has there
        raise ConfigError(f"{where}: expected its keys, each by dotted name, such as training.learning_rate, got training; name them")
    parts = list(_parts(schema, key.split(".")))
    if not parts:
        raise ConfigError(f"{where}: expected a key of models.<name> by dotted name, such as training.learning_rate, got {key}")
    kinds = {kind for part in parts for kind in _as_list(part.get("type"))}
    if "choices" in space:
        if space.keys() & {"low", "high"} or space.get("kind", "choice") != "choice" or space["log"]:
            raise ConfigError(f"{where}: expected choices alone, or low and high, got both")
        space["kind"] = "choice"
        if key in WHOLE:
            space["choices"] = [{"kind": choice} if isinstance(choice, str) else choice for choice in space["choices"]]
        return
    if not {"low", "high"} <= space.keys() or not space["low"] < space["high"] or (space["log"] and space["low"] <= 0):
        least = ", low above 0 for log: true" if space["log"] else ""
        raise ConfigError(f"{where}: expected choices, or low and high with low < high{least}, got {space}")
    space.setdefault("kind", "float" if "number" in kinds else "int" if "integer" in kinds else "choice")
    if space["kind"] == "choice":
        raise ConfigError(f"{where}: expected choices, for {key} is no number; give them as a list")
    if space["kind"] == "int" and not (float(space["low"]).is_integer() and float(space["high"]).is_integer()):
        raise ConfigError(f"{where}: expected whole numbers, got low {space['low']} and high {space['high']}")


def _parts(schema: Mapping[str, Any], keys: list[str]) -> Iterator[Mapping[str, Any]]:
    """The schemas of a nested key, in all alternatives."""
    for part in (schema, *schema.get("anyOf", ())):
        if not keys and part is schema:
            yield part
        elif keys and keys[0] in part.get("properties", {}):
            yield from _parts(part["properties"][keys[0]], keys[1:])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def check_searched_runs(plan: Plan, base: Path) -> None:
    """Whether no selected run is tested, on its own dataset or one that it is transferred to, on documents by which its values were chosen.

    Args:
        base: folder that relative paths of provided datasets start from.

    Raises:
        ConfigError: a search and a run are on the same dataset under different divisions or on different folds, or on the same documents
            under different names, so that validation documents of the one can be test documents of the other.
    """

    @cache
    def why(searched: str, tested: str) -> str | None:
        return shared_documents(plan.config["datasets"], searched, tested, base)

    for experiment in plan.experiments:
        tested = [(run, run.dataset) for run in experiment.runs] + plan.transfers(experiment.name)
        for run, dataset in tested:
            name = plan.config["models"][run.model]["values_from"]
            if name is None:
                continue
            search = plan.search_run(name)
            same = (Protocol.parse(search.protocol).division, search.fold) == (Protocol.parse(run.protocol).division, run.fold)
            if search.dataset == dataset and not same:
                raise ConfigError(
                    f"experiments.{experiment.name}: model '{run.model}' has values that the search '{name}' chose on fold {search.fold} "
                    f"of {dataset} under {search.protocol}, whose documents can be test documents of fold {run.fold} under "
                    f"{run.protocol}; run that fold alone, or search on another dataset"
                )
            if search.dataset != dataset and (told := why(search.dataset, dataset)):
                raise ConfigError(
                    f"experiments.{experiment.name}: model '{run.model}' has values that the search '{name}' chose on {search.dataset}, "
                    f"whose documents can be test documents of {dataset} under {run.protocol}: {told}; search on a corpus that shares none"
                )
