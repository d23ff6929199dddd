"""What a run predicts: the test documents, clean and under each attack."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.preparation.normalize import normalize, restore
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.decoding import Perturb, embed, predict_under
from bioner.tagging.precision import autocast, choose_device, choose_precision, configure_torch
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.tagger import load_run
from bioner.tagging.white_box import white_boxes


def predict_run(
    *, run: Path, test: Path, attacks: dict[str, dict[str, Any]], attacked: dict[str, Path], threads: int, output: Path
) -> None:
    """Predict the test documents of a run, clean and under each attack.

    Predictions are float32. Gradients of white-box attacks are computed in the precision of the training.

    Args:
        run: the run folder.
        test: the fold's test.jsonl, in original text.
        attacks: white-box attacks by name, each with its settings.
        attacked: attacked test documents by name of the text attack.
        output: folder for `clean.jsonl`, one file an attack, and `predictions.json`.
    """
    configure_torch(threads)
    loaded = load_run(run)
    device = choose_device()
    loaded.tagger.to(device)
    facts = read_json(run / "run.json")
    steps, precision = facts["normalize"], choose_precision(facts["recipe"]["training"]["precision"], device)
    victim = copy.deepcopy(loaded.tagger)
    if device.type == "cpu":
        prepare_for_processor(victim.network, precision)
    boxes = white_boxes(list(attacks.values()), victim, lambda: autocast(precision, device))
    originals = list(read_documents(test))
    jobs: list[tuple[list[Document], dict[str, Perturb]]] = [(originals, {"clean": embed} | dict(zip(attacks, boxes, strict=True)))]
    jobs += [(list(read_documents(path)), {name: embed}) for name, path in attacked.items()]
    digests = {}
    for documents, perturbs in jobs:
        say(f"predicting {len(documents)} documents, {', '.join(perturbs)}")
        normalized = [normalize(document, steps) for document in documents]
        guesses = predict_under(loaded.tagger, loaded.encoder, normalized, list(perturbs.values()))
        for name, predicted in zip(perturbs, guesses, strict=True):
            found = [
                Document(original.id, original.text, restore(flat, guess.mentions), original.passages, original.split)
                for original, flat, guess in zip(documents, normalized, predicted, strict=True)
            ]
            write_documents(output / f"{name}.jsonl", found)
            digests[name] = sha256_file(output / f"{name}.jsonl")
    write_json(output / "predictions.json", {"attacks": digests, "gradients": precision, "run": sha256_file(run / "model.safetensors")})
