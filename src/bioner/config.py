"""The configuration: checked before anything runs, and expanded into runs."""

from __future__ import annotations

import copy
import difflib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from bioner.corpora.provided import expand, places
from bioner.credentials import check_recordable
from bioner.errors import BionerError, ConfigError
from bioner.evaluation.attack_settings import SETTINGS, complete
from bioner.evaluation.attacks import WHITE_BOX_ATTACKS
from bioner.evaluation.columns import CLEAN, POSTPROCESSED, WORST_CASE
from bioner.evaluation.grids import expand as expand_grids
from bioner.heads import check_fit, check_head, complete_model
from bioner.planning import EXTERNAL, Experiment, Plan
from bioner.preparation.protocols import UNSAFE
from bioner.refinements import check_adaptations, check_searched_runs, check_searches
from bioner.reporting.table1 import check_settings

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"


def load_plan(config: dict[str, Any], base: str | Path, *, schema: Path = SCHEMA) -> Plan:
    """Check a configuration and expand the experiments that `run` selects.

    Args:
        config: the configuration, overlays merged; defaults are filled into it.
        base: folder that relative paths of provided datasets start from.

    Raises:
        ConfigError: one line naming the experiment or entry and the key.
    """
    check_recordable(config)
    known = _read_schema(schema)
    _check_schema(config, known)
    of_models = known["properties"]["models"]["additionalProperties"]
    for model in config["models"].values():
        model["loss"] = _as_kind(model["loss"])
        model["adversary"] = _as_kind(model["adversary"])
        complete_model(model, of_models)
    for name in config["experiments"].keys() & RESERVED:
        raise ConfigError(f"experiments.{name}: expected a name that is no folder of results/, got '{name}'; choose another name")
    for name in config["ontologies"].keys() & config["datasets"].keys():
        raise ConfigError(f"ontologies.{name}: expected a name that no dataset has, for both are fetched to results/raw/{name}; rename one")
    for name, dataset in config["datasets"].items():
        _check_dataset(f"datasets.{name}", dataset)
    for name, model in config["models"].items():
        check_head(f"models.{name}", model, of_models)
        _check_model(name, model)
    check_adaptations(config, _check_names)
    _check_all_searches(config, schema)
    _check_preparation(config, Path(base))
    expand_grids(config["attacks"], config["experiments"])
    for name, attack in config["attacks"].items():
        _check_attack(f"attacks.{name}", attack, config)
    _check_names(config["run"], config["experiments"], "run")
    for name in [*config["run"], *config["experiments"]]:
        _check_experiment(config, name, config["experiments"][name])
    for name in config["run"]:
        _check_unsafe(config, f"experiments.{name}", config["experiments"][name])
    plan = Plan(config, [Experiment.of(name, config["experiments"][name]) for name in config["run"]])
    for experiment in plan.experiments:
        _check_provided(config, experiment, Path(base))
        _check_ontology(config, experiment, Path(base))
        _check_encoder_folders(config, experiment, Path(base))
        check_settings(plan.describe(experiment.name))
        for run in experiment.runs:
            plan.equal_to(run.dataset, run.protocol)
        for run, target in plan.transfers(experiment.name):
            plan.transfer_types(run.dataset, target)
    check_searched_runs(plan)
    return plan


def _read_schema(path: Path) -> dict[str, Any]:
    # the loader in C, where PyYAML was built with it, is ten times as fast; every job of a cluster reads this
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), loader)
    return schema


def _check_all_searches(config: dict[str, Any], path: Path) -> None:
    """Check searches against the part of the schema that is about a model, and what models must be beside it."""
    schema = _read_schema(path)
    entry = schema["properties"]["models"]["additionalProperties"]
    validator = jsonschema.Draft202012Validator(entry | {"$defs": schema["$defs"]})

    def complete(where: str, name: str, model: dict[str, Any]) -> dict[str, Any]:
        written = {key: value["kind"] if isinstance(value, dict) and value.keys() == {"kind"} else value for key, value in model.items()}
        for error in validator.iter_errors(written):
            raise ConfigError(f"{where}: {_describe(error)}")
        try:
            complete_model(model, entry)
            check_head(f"models.{name}", model, entry)
            _check_model(name, model)
            check_fit("trials", name, model, {})
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        return model

    check_searches(config, entry, _check_names, complete)
    for name, search in config["searches"].items():
        if not search["protocol"].startswith("official") and not has_documents(config["datasets"][search["dataset"]]):
            raise ConfigError(
                f"searches.{name}.dataset: '{search['dataset']}' has no document ids, k-fold would split documents; use protocol official"
            )


def _as_kind(value: str | dict[str, Any]) -> dict[str, Any]:
    return {"kind": value} if isinstance(value, str) else value


def _check_schema(config: dict[str, Any], schema: dict[str, Any]) -> None:
    fill_defaults(config, schema)
    read_numbers(config, schema)
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        raise ConfigError(_describe(errors[0]))


def fill_defaults(value: Any, schema: dict[str, Any]) -> None:
    """Set missing keys to their schema's `default`, in place, at every level of mappings."""
    if not isinstance(value, dict):
        return
    for key, part in schema.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            fill_defaults(value[key], part)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for key in value.keys() - schema.get("properties", {}).keys():
            fill_defaults(value[key], others)


def read_numbers(value: Any, schema: dict[str, Any]) -> Any:
    """The value with strings turned into numbers where the schema wants one, in place in mappings and lists.

    Snakemake reads numbers inside `--config 'training={learning_rate: 0.001}'` as strings.
    """
    kinds = {kind for part in (schema, *schema.get("anyOf", ())) for kind in _list(part.get("type"))}
    if isinstance(value, str) and kinds & {"number", "integer"} and "string" not in kinds:
        value = None if value == "null" and "null" in kinds else _number(value)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    for part in (schema, *schema.get("anyOf", ())):
        if isinstance(value, dict):
            for key in value:
                inner = part.get("properties", {}).get(key, part.get("additionalProperties"))
                if isinstance(inner, dict):
                    value[key] = read_numbers(value[key], inner)
        elif isinstance(value, list) and isinstance(part.get("items"), dict):
            value[:] = [read_numbers(item, part["items"]) for item in value]
    return value


def _number(text: str) -> int | float | str:
    """The number that a text says, or the text itself."""
    for read in (int, float):
        try:
            number: int | float = read(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _describe(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "config"
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = schema.get("properties", {})
        unknown = sorted(error.instance.keys() - known.keys())
        return f"{where}: unknown key '{unknown[0]}'{_suggest(unknown[0], known)}; expected keys are {', '.join(sorted(known))}"
    if error.validator == "anyOf":
        return _describe_alternatives(error, where)
    hint = schema.get("description", "")
    return f"{where}: {error.message}{f' ({hint})' if hint else ''}"


def _describe_alternatives(error: jsonschema.ValidationError, where: str) -> str:
    """What is wrong in the alternative that the value was meant for: the mapping, or one of the names."""
    if isinstance(error.instance, dict):
        depth = len(error.absolute_path)
        meant = (part for part in error.context or () if len(part.absolute_path) > depth or part.validator not in ("enum", "type"))
        return _describe(next(meant))
    choices = [str(name) for part in error.context or () if part.validator == "enum" for name in _list(part.validator_value)]
    return f"{where}: expected one of {', '.join(choices)}, or a mapping with kind, got {error.instance!r}"


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f", did you mean '{close[0]}'?" if close else ""


def _check_names(names: Iterable[str], known: dict[str, Any], where: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: unknown name '{name}'{_suggest(name, known)}; expected one of {', '.join(sorted(known))}")


RESERVED = {"raw", "corpora", "harmonized", "quality", "normalized", "augmented", "splits", "folds", "audit", "attacks", "encoders"}
RESERVED |= {"adapted", "searches", "recipes", "runs", "predictions", "scores", "logs", "benchmarks"}
RESERVED |= {"postprocessed", "linked", "transferred"}
GRADIENT_KEYS = {
    "fgsm": {"epsilon"},
    "fgm": {"epsilon"},
    "pgd": {"epsilon", "steps", "step_size"},
    "freelb": {"epsilon", "steps", "step_size", "start"},
    "smart": {"epsilon", "steps", "step_size", "start", "weight"},
}
ADVERSARY_KEYS = {"none": set(), **GRADIENT_KEYS, "pgd": GRADIENT_KEYS["pgd"] | {"norm"}}
CONDITIONS = (CLEAN, POSTPROCESSED, WORST_CASE)
ATTACK_KEYS = {kind: set(known) for kind, known in SETTINGS.items()} | {kind: ADVERSARY_KEYS[kind] for kind in WHITE_BOX_ATTACKS}


def _check_dataset(where: str, dataset: dict[str, Any]) -> None:
    needed = {"provided": ("folder", "paths", "glob"), "download": ("files",)}.get(dataset["source"], ())
    if needed and not any(dataset.get(key) for key in needed):
        raise ConfigError(f"{where}: expected {' or '.join(needed)} for source {dataset['source']}, found none")
    stray: list[str] = [key for key in ("paths", "glob") if key in dataset and (dataset["source"] != "provided" or dataset["files"])]
    stray += [key for key in ("conll", "brat") if key in dataset and dataset["format"] != key]
    if stray:
        raise ConfigError(
            f"{where}.{stray[0]}: expected only with source provided and without files (paths, glob) or with the format of that name "
            f"(conll, brat), found source {dataset['source']} and format {dataset['format']}"
        )


def _check_model(name: str, model: dict[str, Any]) -> None:
    if not 0 <= model["overlap"] < model["window"] // 2:
        raise ConfigError(f"models.{name}.overlap: expected less than half of the window, {model['window'] // 2}, got {model['overlap']}")
    if (words := model["word_vectors"]) is not None and (words["file"] is None) != (words["sha256"] is None):
        raise ConfigError(f"models.{name}.word_vectors: expected file and sha256 together, found one; add the other")
    _check_adversary(f"models.{name}.adversary", model["adversary"])


def _check_adversary(where: str, adversary: dict[str, Any]) -> None:
    _check_kind_keys(where, adversary, ADVERSARY_KEYS)
    start = adversary.get("start", 0)
    if start > adversary.get("epsilon", 0) or (start == 0 and adversary["kind"] == "smart"):
        least = "more than 0 (the divergence has no gradient where it begins) and " if adversary["kind"] == "smart" else ""
        raise ConfigError(f"{where}.start: expected {least}at most epsilon, {adversary['epsilon']}, got {start}")


def _check_attack(where: str, attack: dict[str, Any], config: dict[str, Any]) -> None:
    if where in (f"attacks.{name}" for name in CONDITIONS):
        taken = where.removeprefix("attacks.")
        raise ConfigError(f"{where}: '{taken}' is the name of no attack at all; choose another name")
    _check_kind_keys(where, attack, ATTACK_KEYS)
    if attack["kind"] in SETTINGS:
        try:
            complete(attack["kind"], {key: value for key, value in attack.items() if key != "kind"})
        except BionerError as error:
            raise ConfigError(f"{where}: {error}") from None
    if attack["kind"] == "context":
        if (attack.get("encoder") is None) == (attack.get("adaptation") is None):
            raise ConfigError(f"{where}: expected encoder or adaptation for kind context, one of them; its model guesses the masked words")
        for key, known in (("encoder", config["encoders"]), ("adaptation", config["adaptations"])):
            _check_names([attack[key]] if attack.get(key) else [], known, f"{where}.{key}")


def _check_kind_keys(where: str, settings: dict[str, Any], known: dict[str, set[str]]) -> None:
    kind = settings["kind"]
    if stray := sorted(settings.keys() - {"kind"} - known[kind]):
        raise ConfigError(f"{where}.{stray[0]}: expected only {', '.join(sorted(known[kind])) or 'kind'} for kind {kind}")
    if missing := sorted(GRADIENT_KEYS.get(settings["kind"], set()) - settings.keys()):
        raise ConfigError(f"{where}: expected {missing[0]} for kind {settings['kind']}, found none")


def _check_preparation(config: dict[str, Any], base: Path) -> None:
    """Whether translators and external lexicons are there, and models ask only for variants that are made."""
    chosen = config["preparation"]
    for way in ("forward", "backward") if chosen["back_translation"] is not None else ():
        _check_names([chosen["back_translation"][way]], config["encoders"], f"preparation.back_translation.{way}")
    for name, entry in chosen["lexicons"].items():
        for kind, path in entry.items():
            if not (base / path).is_file():
                raise ConfigError(f"preparation.lexicons.{name}.{kind}: expected a file, found none at {path}; correct the path")
    if chosen["lexicons"] and chosen["synonyms"] is None:
        raise ConfigError("preparation.synonyms: expected rate and seed, which external lexicons use too, got null")
    selected = [model for name in config["run"] for model in config["experiments"].get(name, {}).get("models", ())]
    for name in [model for model in config["models"] if model in selected]:
        for kind in config["models"][name]["augmentation"]:
            key = "lexicons" if kind == EXTERNAL else kind
            if chosen[key] is None or (kind == EXTERNAL and not chosen[key]):
                raise ConfigError(f"models.{name}.augmentation: expected variants that are made, got {kind}; set preparation.{key}")


def _check_experiment(config: dict[str, Any], name: str, entry: dict[str, Any]) -> None:
    where = f"experiments.{name}"
    for key in ("datasets", "models", "attacks"):
        _check_names(entry[key], config[key], f"{where}.{key}")
    for model in entry["models"]:
        settings = config["models"][model]
        if EXTERNAL in settings["augmentation"] and entry["lexicon"] != "external":
            raise ConfigError(f"{where}.lexicon: model '{model}' is trained on names from outside of the corpus; set it to external")
        if settings["encoder"] is not None:
            _check_names([settings["encoder"]], config["encoders"], f"{where}.models: models.{model}.encoder")
        check_fit(where, model, settings, {attack: config["attacks"][attack]["kind"] for attack in entry["attacks"]})
    _check_protocols(where, entry)
    _check_names([entry["linking"]] if entry["linking"] else [], config["ontologies"], f"{where}.linking")
    for number, transfer in enumerate(entry["transfer"]):
        _check_transfer(config, where, entry, transfer, f"{where}.transfer.{number}")
    if {entry["protocol"], *entry["compare"]} != {"official"}:
        _check_folds(config, where, entry)


def _check_transfer(config: dict[str, Any], where: str, entry: dict[str, Any], transfer: dict[str, Any], key: str) -> None:
    source, target = transfer["from"], transfer["to"]
    _check_names([source], dict.fromkeys(entry["datasets"]), f"{key}.from")
    _check_names([target], config["datasets"], f"{key}.to")
    if source == target:
        raise ConfigError(f"{key}.to: expected another dataset than '{source}', got the same; correct one of them")
    for name in (source, target):
        if config["datasets"][name]["agreement"]:
            raise ConfigError(f"{key}: '{name}' is under an agreement, and DVC could not tell what is made of it here; take open corpora")
    if entry["protocol"] in UNSAFE or (entry["protocol"] != "official" and not has_documents(config["datasets"][target])):
        told = f"'{target}' under {entry['protocol']}"
        raise ConfigError(f"{key}.to: expected a dataset that {where}.protocol can divide, got {told}; use protocol official")


def _check_ontology(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    """Note an ontology that the experiment links to and that a mirror lacks; the rest of the experiment needs none of it."""
    name = experiment.entry["linking"]
    mirror = str(config["mirror"] or os.environ.get("BIONER_MIRROR", ""))
    if not name or not mirror or "://" in mirror or (base / "results" / "raw" / name / "manifest.json").is_file():
        return
    files = config["ontologies"][name]["files"]
    lacking = [file for file in files if not (base / os.path.expanduser(mirror) / file["path"]).is_file()]
    if lacking:
        told = f"{lacking[0]['path']}{f' and {len(lacking) - 1} more' if lacking[1:] else ''}"
        experiment.unlinked[name] = f"{name} is not there: put {told} below the mirror (from {lacking[0]['url']}), or use no mirror"


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


def _check_unsafe(config: dict[str, Any], where: str, entry: dict[str, Any]) -> None:
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


def has_documents(dataset: dict[str, Any]) -> bool:
    """Whether a corpus says which texts its sentences belong to: not where CoNLL files have no document marks."""
    unmarked = dataset["format"] == "conll" and not (dataset.get("conll") or {}).get("document_mark")
    return bool(dataset["document_ids"]) and not unmarked


def _check_provided(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    for name in experiment.datasets:
        reason = missing_reason(config["datasets"][name], base)
        if reason is None:
            continue
        if experiment.missing == "error":
            raise ConfigError(
                f"experiments.{experiment.name}.datasets: '{name}' is not provided: {reason}; "
                f"or set experiments.{experiment.name}.missing to row"
            )
        experiment.absent[name] = reason


def _check_encoder_folders(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    """ConfigError for a model whose encoder can come from folders alone, of which none is there, and that was not fetched before."""
    for model in experiment.entry["models"]:
        name = config["models"][model]["encoder"]
        sources = config["encoders"][name]["sources"] if name else []
        folders = [source["folder"] for source in sources if "folder" in source]
        if not name or len(folders) < len(sources) or (base / "results" / "encoders" / name / "encoder.json").is_file():
            continue
        if not any((base / os.path.expanduser(folder)).is_dir() for folder in folders):
            raise ConfigError(
                f"experiments.{experiment.name}.models: model '{model}' needs encoder '{name}', found no folder {' or '.join(folders)}; "
                "put the encoder there (`bioner convert` makes one of a TensorFlow checkpoint), or leave the model out"
            )


def missing_reason(dataset: dict[str, Any], base: Path) -> str | None:
    """Why a dataset that its user must provide is not there, or None when it is."""
    if dataset["source"] != "provided":
        return None
    folder = dataset.get("folder", ".")
    root = base / os.path.expanduser(folder)
    lacking = [path for _, path, pattern in places(dataset) if not expand(root, path, pattern=pattern)]
    # of os.path, because it is false where there can be no such place, as when the name is too long
    there = os.path.isdir(root)
    if there and not lacking:
        return None
    signing = f"{dataset['agreement']}; " if dataset["agreement"] else ""
    return f"{signing}put its files under {folder}{f' ({lacking[0]} is not there)' if there else ''}"


def iter_keys(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of a schema with its dotted name, for documentation and tests."""
    for key, part in schema.get("properties", {}).items():
        yield f"{prefix}{key}", part
        yield from iter_keys(part, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from iter_keys(schema["additionalProperties"], f"{prefix}<name>.")
