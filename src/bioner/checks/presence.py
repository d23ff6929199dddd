"""What selected experiments use and what must be there before anything runs: datasets, an ontology, encoders, files, a mirror."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bioner.checks.datasets import missing_reason
from bioner.corpora.download import SCHEMES
from bioner.credentials import redact_url, split_url
from bioner.errors import ConfigError
from bioner.experiments import Experiment

# Whether a file is there is asked of os.path, which says no where there can be none, as when a name is too long.


class User(NamedTuple):
    """Who uses an encoder, and what else: its place in the configuration, how to do without, datasets, an adaptation, word vectors."""

    where: str
    otherwise: str
    encoder: str | None
    datasets: Sequence[str] = ()
    adaptation: str | None = None
    vectors: str | None = None


def check_present(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    """Note what a selected experiment has to do without, or raise ConfigError where it cannot.

    It does without datasets that it says may be missing, transfers to them, and an ontology.
    """
    _check_provided(config, experiment, base)
    _check_targets(config, experiment, base)
    _check_ontology(config, experiment, base)
    users = list(_users(config, experiment, base))
    for user in users:
        _check_datasets(config, experiment, user, base)
        _check_encoder(config, user, base)
        if user.vectors and not os.path.isfile(base / user.vectors):
            raise ConfigError(
                f"{user.where} needs word vectors, found no file {user.vectors}; put it there, correct its word_vectors.file, "
                f"or {user.otherwise}"
            )
    if not mirror_of(config):
        _check_urls(config, experiment, users, base)


def mirror_of(config: dict[str, Any]) -> str:
    """The mirror of the configuration or of the environment; empty without one."""
    return str(config["mirror"] or os.environ.get("BIONER_MIRROR", ""))


def check_mirror(config: dict[str, Any], base: Path) -> None:
    """ConfigError for a mirror that there cannot be; one that is not there is left to what needs it."""
    mirror, where = mirror_of(config), "mirror" if config["mirror"] else "BIONER_MIRROR"
    if "://" in mirror:
        _check_url(where, mirror)
        return
    try:
        os.stat(base / os.path.expanduser(mirror))
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ConfigError(
                f"{where}: expected a folder or URL prefix, found a name that no folder can have ({error.strerror}): "
                f"{mirror:.60}...; correct it"
            ) from None


def _check_provided(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    for name in experiment.datasets:
        reason = missing_reason(name, config["datasets"][name], base)
        if reason is None:
            continue
        if experiment.missing == "error":
            raise ConfigError(
                f"experiments.{experiment.name}.datasets: '{name}' is not provided: {reason}; "
                f"or set experiments.{experiment.name}.missing to row"
            )
        experiment.absent[name] = reason


def _check_targets(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    """Note datasets that the experiment transfers to and that are not provided, or ConfigError, as for those that it trains on."""
    where = f"experiments.{experiment.name}"
    for number, transfer in enumerate(experiment.given["transfer"]):
        reason = missing_reason(transfer["to"], config["datasets"][transfer["to"]], base)
        if reason is not None and experiment.missing == "error":
            raise ConfigError(
                f"{where}.transfer.{number}.to: '{transfer['to']}' is not provided: {reason}; "
                f"or set {where}.missing to row, which leaves this transfer out"
            )
        if reason is not None:
            experiment.absent[transfer["to"]] = reason


def _check_ontology(config: dict[str, Any], experiment: Experiment, base: Path) -> None:
    """Note an ontology that the experiment links to and that a mirror lacks; the rest of the experiment needs none of it."""
    name, mirror = experiment.entry["linking"], mirror_of(config)
    if not name or not mirror or "://" in mirror or _is_fetched(name, base):
        return
    files = config["ontologies"][name]["files"]
    lacking = [file for file in files if not os.path.isfile(base / os.path.expanduser(mirror) / file["path"])]
    if lacking:
        told = f"{lacking[0]['path']}{f' and {len(lacking) - 1} more' if lacking[1:] else ''}"
        experiment.unlinked[name] = f"{name} is not there: put {told} below the mirror (from {lacking[0]['url']}), or use no mirror"


def _users(config: dict[str, Any], experiment: Experiment, base: Path) -> Iterator[User]:
    """All that uses encoders, datasets of its own, or files: models, searches that have found nothing yet, attacks, preparation."""
    for name in experiment.entry["models"]:
        where, model = f"experiments.{experiment.name}.models: model '{name}'", config["models"][name]
        vectors = _vectors(model)
        trained = vectors is not None and _is_trained(name, experiment, base)
        yield _trained(where, model, experiment.present, None if trained else vectors)
        search = model["values_from"]
        if search and not os.path.isfile(base / "results/searches" / search / "best.json"):
            entry = config["searches"][search]
            searched = config["models"][entry["model"]]
            where += f" (its search '{search}' with model '{entry['model']}')"
            yield _trained(where, searched, [entry["dataset"]], _vectors(searched))
    for name in experiment.entry["attacks"]:
        attack = config["attacks"][name]
        adaptation = attack.get("adaptation")
        encoder = config["adaptations"][adaptation]["encoder"] if adaptation else attack.get("encoder")
        where = f"experiments.{experiment.name}.attacks: attack '{name}'"
        yield User(where, "leave the attack out", encoder, experiment.present, adaptation)
    translated = config["preparation"]["back_translation"]
    for way in ("forward", "backward") if translated else ():
        yield User(f"preparation.back_translation.{way}:", "set preparation.back_translation to null", translated[way])


def _trained(where: str, model: dict[str, Any], datasets: Sequence[str], vectors: str | None) -> User:
    return User(where, "leave the model out", model["encoder"], datasets, model["adaptation"], vectors)


def _vectors(model: dict[str, Any]) -> str | None:
    return (model["word_vectors"] or {}).get("file")


def _is_trained(model: str, experiment: Experiment, base: Path) -> bool:
    return all(os.path.isfile(base / "results/runs" / run.path / "run.json") for run in experiment.runs if run.model == model)


def _texts(config: dict[str, Any], user: User) -> list[str]:
    """Datasets whose text a user's encoder is adapted on, beside the training parts of its own."""
    text = config["adaptations"][user.adaptation]["text"] if user.adaptation else "training"
    return [] if text == "training" else [other for other in text if any(other != dataset for dataset in user.datasets)]


def _check_datasets(config: dict[str, Any], experiment: Experiment, user: User, base: Path) -> None:
    """ConfigError for a dataset of a search, or one whose text an encoder is adapted on, that is not provided."""
    needed = [(f"'{name}'", name) for name in user.datasets]
    needed += [(f"the text of '{name}' (adaptations.{user.adaptation}.text)", name) for name in _texts(config, user)]
    for what, name in needed:
        reason = None if name in experiment.present else missing_reason(name, config["datasets"][name], base)
        if reason is not None:
            raise ConfigError(f"{user.where} needs {what}, which is not provided: {reason}; or {user.otherwise}")


def _check_encoder(config: dict[str, Any], user: User, base: Path) -> None:
    """ConfigError where an encoder can come from folders alone, of which none is there, and was not fetched before."""
    name = user.encoder
    sources = config["encoders"][name]["sources"] if name else []
    folders = [source["folder"] for source in sources if "folder" in source]
    if not name or len(folders) < len(sources) or os.path.isfile(base / "results/encoders" / name / "encoder.json"):
        return
    if not any(os.path.isdir(base / os.path.expanduser(folder)) for folder in folders):
        raise ConfigError(
            f"{user.where} needs encoder '{name}', found no folder {' or '.join(folders)}; put the encoder there "
            f"(`bioner convert` makes one of a TensorFlow checkpoint), or {user.otherwise}"
        )


def _check_urls(config: dict[str, Any], experiment: Experiment, users: Sequence[User], base: Path) -> None:
    """ConfigError for an address that a used dataset or ontology would be fetched from and cannot."""
    names = {dataset for user in users for dataset in (*user.datasets, *_texts(config, user))}
    names |= {*experiment.present, *(transfer["to"] for transfer in experiment.entry["transfer"])}
    fetched = [(f"datasets.{name}", config["datasets"][name]) for name in sorted(names)]
    if name := experiment.entry["linking"]:
        fetched.append((f"ontologies.{name}", config["ontologies"][name]))
    for where, entry in fetched:
        if entry.get("source", "download") == "download" and not _is_fetched(where.partition(".")[2], base):
            for number, file in enumerate(entry["files"]):
                _check_url(f"{where}.files.{number}.url", file["url"])


def _is_fetched(name: str, base: Path) -> bool:
    return os.path.isfile(base / "results/raw" / name / "manifest.json")


def _check_url(where: str, url: str) -> None:
    """ConfigError for an address that download does not take."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in SCHEMES or not rest:
        raise ConfigError(f"{where}: expected a url of {', '.join(SCHEMES)}, found {redact_url(url):.200}; correct it, or use a mirror")
    if scheme.lower() == "file":
        if rest.partition("/")[0] not in ("", "localhost") or "/" not in rest:
            raise ConfigError(f"{where}: expected a file of this machine (file:///...), found {redact_url(url):.200}; correct it")
        return
    try:
        split_url(url)
    except ValueError as error:
        raise ConfigError(f"{where}: expected a url, found {redact_url(url):.200} ({error}); correct it") from None
