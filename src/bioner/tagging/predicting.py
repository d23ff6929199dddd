"""What a run predicts: the test documents, clean and under each attack."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.normalize import normalize, restore
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.decoding import Perturb, embed, predict_under
from bioner.tagging.feature_crf import FEATURE_CRF, FeatureCRF
from bioner.tagging.precision import FP16, FP32, autocast, choose_device, choose_precision, configure_torch
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.tagger import load_run
from bioner.tagging.white_box import white_boxes

Guess = Callable[[list[Document], list[Perturb]], list[list[Document]]]
"""Predicts documents under each of several perturbations."""


def predict_run(
    *, run: Path, test: Path, attacks: dict[str, dict[str, Any]], attacked: dict[str, Path], threads: int, output: Path
) -> None:
    """Predict the test documents of a run, clean and under each attack.

    Predictions are float32. Gradients of white-box attacks are computed in the precision of the training, but in float32 for fp16.

    Args:
        run: the run folder.
        test: the fold's test.jsonl, in original text.
        attacks: white-box attacks by name, each with its settings.
        attacked: attacked test documents by name of the text attack.
        output: folder for `clean.jsonl`, one file an attack, and `predictions.json`.
    """
    facts = read_json(run / "run.json")
    recipe, steps = facts["recipe"], facts["normalize"]
    if recipe["head"] == FEATURE_CRF:
        guess, boxes, precision = _feature_crf(run, attacks), list[Perturb](), None
    else:
        configure_torch(threads)
        guess, boxes, precision = _tagger(run, recipe, attacks)
    originals = list(read_documents(test))
    jobs: list[tuple[list[Document], dict[str, Perturb]]] = [(originals, {"clean": embed} | dict(zip(attacks, boxes, strict=True)))]
    jobs += [(list(read_documents(path)), {name: embed}) for name, path in attacked.items()]
    digests = {}
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
    write_json(output / "predictions.json", {"attacks": digests, "gradients": precision, "run": sha256_file(run / "model.safetensors")})


def _tagger(run: Path, recipe: dict[str, Any], attacks: dict[str, dict[str, Any]]) -> tuple[Guess, list[Perturb], str]:
    """What predicts with an encoder, its white-box attacks, and the precision of their gradients."""
    loaded = load_run(run)
    device = choose_device()
    loaded.tagger.to(device)
    precision = choose_precision(recipe["training"]["precision"], device)
    if precision == FP16:  # without loss scaling small gradients would vanish, and the attack with them
        precision = FP32
    victim = copy.deepcopy(loaded.tagger)
    if device.type == "cpu":
        prepare_for_processor(victim.network, precision)
    boxes = white_boxes(list(attacks.values()), victim, lambda: autocast(precision, device))
    return partial(predict_under, loaded.tagger, loaded.encoder), boxes, precision


def _feature_crf(run: Path, attacks: dict[str, dict[str, Any]]) -> Guess:
    """What predicts with a CRF over features; it has no embeddings to attack."""
    if attacks:
        raise BionerError(f"{run}: expected no white-box attack on a feature CRF, got {', '.join(attacks)}; attack its text")
    model = FeatureCRF.load(run)
    return lambda documents, _: [model.predict(documents)]
