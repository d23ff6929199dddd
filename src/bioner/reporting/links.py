"""The links of one run's chain, from scores back to the original corpus: each file against the digest that the next one recorded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bioner.documents import read_documents
from bioner.errors import BionerError
from bioner.evaluation.columns import CLEAN, POSTPROCESSED
from bioner.evaluation.postprocess import verify_postprocessed
from bioner.evaluation.strict import strict_scores
from bioner.provenance import value_digest
from bioner.storage import read_json, sha256_file

HOLDS, DIFFERS, ABSENT, UNRECORDED = "holds", "differs", "absent", "unrecorded"


class Link(NamedTuple):
    """A file (or value) in a run's chain: what it is, where, the digest that was recorded, and whether it still has it."""

    what: str
    where: str
    digest: str
    state: str


class Chain(NamedTuple):
    """All that is behind one run: what run.json says, and its links."""

    run: str
    facts: Mapping[str, Any]
    links: list[Link]


def chain(run: str, results: Path, condition: str = CLEAN, value: float | None = None, table: str = "table1") -> Chain:
    """Follow a run back.

    Args:
        run: `<dataset>/<protocol>/<model>/fold<k>/seed<s>`.
        results: the folder of all results.
        condition: which predictions: clean, an attack's name, or postprocessed.
        value: strict micro F1 in [0, 1] that scores.csv has for the condition; computed again from the predictions where given.
        table: name of the table; `linking` has the ontologies' files too, `transfer` the predictions on other corpora.

    Raises:
        BionerError: run.json or predictions.json is missing or malformed.
    """
    dataset, protocol, model, fold, _ = run.split("/")
    facts = read_json(results / "runs" / run / "run.json")
    manifest = read_json(results / "predictions" / run / "predictions.json")
    folder, predictions = results / "runs" / run, results / "predictions" / run
    name = CLEAN if condition == POSTPROCESSED else condition
    links = [_file("predictions", predictions / f"{name}.jsonl", manifest["attacks"].get(name))]
    if value is not None:
        links.append(_score(run, results, condition, value))
    if table == "transfer":
        links += _transferred(results / "transferred" / run, folder)
    if table == "linking":
        for path in sorted((results / "linked" / run).glob("*.csv")):
            links += _raw(results / "raw" / path.stem, "ontology")
    links.append(_file("weights predicted with", folder / "model.safetensors", manifest.get("run")))
    links.append(_file("weights trained", folder / "model.safetensors", (facts.get("files") or {}).get("model.safetensors")))
    links.append(_recipe(results / "recipes" / f"{model}.json", facts["recipe"]))
    links += [_file("fold", results / "folds" / dataset / protocol / fold / name, digest) for name, digest in sorted(facts["data"].items())]
    links += _encoder(results, dataset, protocol, fold, facts)
    links += _raw(results / "raw" / dataset)
    return Chain(run, facts, links)


def broken(chains: list[Chain]) -> list[Link]:
    """Links that do not hold: a file that differs from its recorded digest, or is gone."""
    return [link for one in chains for link in one.links if link.state in (DIFFERS, ABSENT)]


def _file(what: str, path: Path, digest: str | None) -> Link:
    if digest is None:
        return Link(what, str(path), "", UNRECORDED)
    if not path.is_file():
        return Link(what, str(path), digest, ABSENT)
    return Link(what, str(path), digest, HOLDS if sha256_file(path) == digest else DIFFERS)


def _recipe(path: Path, recorded: Mapping[str, Any]) -> Link:
    state = ABSENT if not path.is_file() else HOLDS if read_json(path) == recorded else DIFFERS
    return Link("recipe", str(path), value_digest(recorded), state)


def _encoder(results: Path, dataset: str, protocol: str, fold: str, facts: Mapping[str, Any]) -> Iterator[Link]:
    encoder = facts.get("encoder")
    if not encoder:
        return
    adaptation = facts["recipe"].get("adaptation")
    folder = results / (f"adapted/{dataset}/{protocol}/{adaptation['name']}/{fold}" if adaptation else f"encoders/{encoder['encoder']}")
    for name, digest in sorted(encoder["files"].items()):
        yield _file("encoder", folder / name, digest)
    if adaptation:
        before = encoder["source"]["encoder"]
        for name, digest in sorted(before["files"].items()):
            yield _file("encoder before", results / "encoders" / before["encoder"] / name, digest)


def _transferred(folder: Path, weights: Path) -> Iterator[Link]:
    """Predictions of a run on the test documents of other corpora, and the weights that they were made with."""
    for path in sorted(folder.glob("*/predictions.json")):
        manifest = read_json(path)
        yield _file("predictions there", path.with_name("clean.jsonl"), manifest["attacks"].get(CLEAN))
        yield _file("weights used there", weights / "model.safetensors", manifest.get("run"))


def _raw(folder: Path, what: str = "corpus") -> Iterator[Link]:
    """The original files: where they lie is told by the manifest, for a provided corpus outside of results/."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        yield Link(what, str(manifest), "", ABSENT)
        return
    told = read_json(manifest)
    # a folder outside of results/ is told as the config has it: from the user's home, or from where results/ lies
    root = folder.parents[2] / os.path.expanduser(told["root"]) if "root" in told else folder
    for entry in told["files"]:
        yield _file(what, root / entry["name"], entry["sha256"])


def _score(run: str, results: Path, condition: str, value: float) -> Link:
    """Strict micro F1, computed again from gold and predictions by the light scorer, against scores.csv (to 1e-9)."""
    dataset, protocol, _, fold, _ = run.split("/")
    test = results / "folds" / dataset / protocol / fold / "test.jsonl"
    predictions = results / "predictions" / run
    candidates = (predictions / f"{condition}.gold.jsonl", results / "attacks" / dataset / protocol / fold / f"{condition}.jsonl", test)
    gold = next(path for path in candidates if path.is_file() or path == test)
    try:
        predicted = (
            verify_postprocessed(results / "postprocessed" / run / "postprocess.json")
            if condition == POSTPROCESSED
            else predictions / f"{condition}.jsonl"
        )
        again = strict_scores(list(read_documents(gold)), list(read_documents(predicted))).micro_f1
    except (BionerError, FileNotFoundError):
        return Link("score, computed again", str(gold), f"{value:.6f}", ABSENT)
    return Link("score, computed again", str(gold), f"{value:.6f}", HOLDS if abs(again - value) < 1e-9 else DIFFERS)


def describe(one: Chain) -> list[str]:
    """Lines for people: what made the run, then a line for each link."""
    facts, code = one.facts, one.facts.get("code") or {}
    seconds = f"{facts['seconds']} s" if facts.get("seconds") is not None else "unknown time"
    edited = ", state unknown" if code.get("edited") is None else ", edited" * bool(code["edited"])
    said: list[tuple[str, str]] = [
        ("trained", f"{seconds}, {facts.get('epochs')} epochs (best {facts.get('best_epoch')}), precision {facts.get('precision')}"),
        ("hardware", f"{facts.get('device')}, threads {facts.get('threads')}, {facts.get('platform')}"),
        ("code", f"git {code.get('revision') or 'outside a repository'}{edited}; digest of train {code.get('digest', 'unrecorded')}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in sorted(facts["versions"].items()))),
        ("encoder", _source(facts.get("encoder"))),
        ("recipe", json.dumps(facts["recipe"], sort_keys=True)),
        ("seed", str(facts["seed"])),
    ]
    width = max(len(name) for name, _ in said)
    lines = [f"run {one.run}", *(f"  {name:{width}}  {text}" for name, text in said)]
    return lines + [f"  {link.state:10}  {link.what:22}  {link.digest[:12]:12}  {link.where}" for link in one.links]


def _source(encoder: Mapping[str, Any] | None) -> str:
    """Where an encoder came from, and for an adapted one where the one before came from."""
    if not encoder:
        return "none"
    source = dict(encoder.get("source") or {})
    before = source.pop("encoder", None)
    parts = [f"{name} {value}" for name, value in sorted(source.items()) if not isinstance(value, dict | list)]
    return f"{encoder['encoder']}: {', '.join(parts)}{f'; of {_source(before)}' if before else ''}"
