"""What a run predicts: the test documents, clean and under each attack."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.evaluation.attacks import describe
from bioner.evaluation.greedy import SEARCH_ATTACKS, search_attack
from bioner.preparation.normalize import normalize, restore
from bioner.provenance import code_digest
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.decoding import Perturb, embed, predict_under
from bioner.tagging.feature_crf import FEATURE_CRF, FeatureCRF
from bioner.tagging.precision import BF16, FP16, FP32, autocast, choose_device, choose_precision, configure_torch
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.raw_tags import Listener, encode_words, feature_paths, tell
from bioner.tagging.tagger import load_run
from bioner.tagging.white_box import Norms, white_boxes

Guess = Callable[[list[Document], list[Perturb]], list[list[Document]]]
"""Predicts documents under each of several perturbations."""


class Predictor(NamedTuple):
    """What predicts; `query` does so in the precision of gradients, for searches, `clean` perturbs nothing, and
    `told(originals, normalized)` is what predictions.json says of documents just predicted."""

    guess: Guess
    query: Guess
    clean: Perturb
    boxes: list[Perturb]
    gradients: str | None
    precision: str | None
    told: Callable[[list[Document], list[Document]], dict[str, Any]]


def predict_run(
    *,
    run: Path,
    test: Path,
    attacks: dict[str, dict[str, Any]],
    attacked: dict[str, Path],
    threads: int,
    output: Path,
    precision: str = FP32,
) -> None:
    """Predict the test documents of a run, clean and under each attack.

    Gradients of white-box attacks and answers to a search's queries are computed in the precision of the training, but in float32
    for fp16.

    Args:
        run: the run folder.
        test: the fold's test.jsonl, in original text.
        attacks: attacks that see or query the model by name, each with its settings.
        attacked: attacked test documents by name of the text attack.
        output: folder for `clean.jsonl`, one file an attack, the documents that a search made as `<attack>.gold.jsonl`,
            and `predictions.json`.
        precision: of the forward passes that predict, `fp32`, `bf16` or `auto` (bf16 where the device has units for it).
    """
    facts = read_json(run / "run.json")
    recipe, steps = facts["recipe"], facts["normalize"]
    searches = {name: settings for name, settings in attacks.items() if settings["kind"] in SEARCH_ATTACKS}
    attacks = {name: settings for name, settings in attacks.items() if name not in searches}
    norms = {name: Norms() for name in attacks}
    predictor = _predictor(run, recipe, attacks, list(norms.values()), threads, precision)
    guess = predictor.guess
    originals = list(read_documents(test))
    perturbed = {"clean": predictor.clean} | dict(zip(attacks, predictor.boxes, strict=True))
    jobs: list[tuple[list[Document], dict[str, Perturb]]] = [(originals, perturbed)]
    jobs += [(list(read_documents(path)), {name: embed}) for name, path in attacked.items()]
    victim = partial(predict_originals, predictor.query, steps)
    made = {name: _search(name, settings, originals, victim, output) for name, settings in searches.items()}
    jobs += [(documents, {name: embed}) for name, (documents, _) in made.items()]
    digests, told = {}, dict[str, Any]()
    for documents, perturbs in jobs:
        say(f"predicting {len(documents)} documents, {', '.join(perturbs)}")
        normalized = [normalize(document, steps) for document in documents]
        guesses = guess(normalized, list(perturbs.values()))
        for name, predicted in zip(perturbs, guesses, strict=True):
            found = [
                Document(original.id, original.text, restore(flat, guess.mentions), original.passages, original.split)
                for original, flat, guess in zip(documents, normalized, predicted, strict=True)
            ]
            write_documents(output / f"{name}.jsonl", found)
            digests[name] = sha256_file(output / f"{name}.jsonl")
        told = told or predictor.told(documents, normalized)
    manifest = {
        "attacks": digests,
        "attacked": {name: digest for name, (_, digest) in made.items()},
        "gradients": predictor.gradients,
        "precision": predictor.precision,
        "norms": {name: found.told() for name, found in norms.items()},
        "run": sha256_file(run / "model.safetensors"),
        "code": {"digest": code_digest("predict")},
        **told,
    }
    write_json(output / "predictions.json", manifest)


def load_predictor(run: Path, *, threads: int, precision: str) -> tuple[Predictor, list[Any]]:
    """What predicts with a run's model, and the steps by which it wants text normalized."""
    facts = read_json(run / "run.json")
    return _predictor(run, facts["recipe"], {}, [], threads, precision), facts["normalize"]


def _predictor(
    run: Path, recipe: dict[str, Any], attacks: dict[str, dict[str, Any]], norms: Sequence[Norms], threads: int, precision: str
) -> Predictor:
    if recipe["head"] == FEATURE_CRF:
        return _feature_crf(run, attacks)
    configure_torch(threads)
    return _tagger(run, recipe, attacks, norms, precision)


def _search(
    name: str, settings: dict[str, Any], documents: list[Document], victim: Callable[[Sequence[Document]], list[Document]], output: Path
) -> tuple[list[Document], str]:
    """The documents that a search attack makes, and the digest of their file."""
    say(f"attack {name}: searching {len(documents)} documents")
    found = search_attack(documents, victim, name, settings)
    say(describe(name, found))
    path = output / f"{name}.gold.jsonl"
    write_documents(path, found)
    return found, sha256_file(path)


def predict_originals(guess: Guess, steps: list[Any], documents: Sequence[Document]) -> list[Document]:
    """Documents in original text with predicted mentions in place of their own."""
    normalized = [normalize(document, steps) for document in documents]
    (predicted,) = guess(normalized, [embed])
    return [
        replace(document, mentions=restore(flat, guessed.mentions))
        for document, flat, guessed in zip(documents, normalized, predicted, strict=True)
    ]


def _tagger(run: Path, recipe: dict[str, Any], attacks: dict[str, dict[str, Any]], norms: Sequence[Norms], wanted: str) -> Predictor:
    """What predicts with an encoder in the precision that is wanted, its white-box attacks, and the precision of their gradients."""
    loaded = load_run(run)
    device = choose_device()
    loaded.tagger.to(device)
    gradients, precision = choose_precision(recipe["training"]["precision"], device), choose_precision(wanted, device)
    if gradients == FP16:  # without loss scaling small gradients would vanish, and the attack with them
        gradients = FP32
    victim = copy.deepcopy(loaded.tagger)
    if device.type == "cpu":
        prepare_for_processor(victim.network, gradients)
        if precision == BF16:
            prepare_for_processor(loaded.tagger.network, precision)
    boxes = white_boxes(list(attacks.values()), victim, lambda: autocast(gradients, device), norms)
    listener, encoder = Listener(loaded.tagger), loaded.encoder

    def told(originals: list[Document], normalized: list[Document]) -> dict[str, Any]:
        encoded = encoder.encode(normalized)
        return tell(originals, normalized, encoded, listener.paths(encoded), encoder.tag_set)

    query = partial(predict_under, victim, encoder, precision=lambda: autocast(gradients, device))
    guess = partial(predict_under, listener.tagger, encoder, precision=lambda: autocast(precision, device))
    return Predictor(guess, query, listener.embed, boxes, gradients, precision, told)


def _feature_crf(run: Path, attacks: dict[str, dict[str, Any]]) -> Predictor:
    """What predicts with a CRF over features; it has no embeddings to attack."""
    if attacks:
        raise BionerError(f"{run}: expected no white-box attack on a feature CRF, got {', '.join(attacks)}; attack its text")
    model = FeatureCRF.load(run)

    def told(originals: list[Document], normalized: list[Document]) -> dict[str, Any]:
        return tell(originals, normalized, encode_words(normalized, model.tag_set), feature_paths(model, normalized), model.tag_set)

    def guess(documents: list[Document], _: list[Perturb]) -> list[list[Document]]:
        return [model.predict(documents)]

    return Predictor(guess, guess, embed, [], None, None, told)
