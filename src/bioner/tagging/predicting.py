"""What a run predicts: the test documents, clean and under each attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.preparation.normalize import normalize, restore
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging.decoding import Perturb, embed, predict
from bioner.tagging.precision import choose_device, configure_torch
from bioner.tagging.tagger import load_run
from bioner.tagging.white_box import white_box


def predict_run(
    *, run: Path, test: Path, attacks: dict[str, dict[str, Any]], attacked: dict[str, Path], threads: int, output: Path
) -> None:
    """Predict the test documents of a run, clean and under each attack.

    Args:
        run: the run folder.
        test: the fold's test.jsonl, in original text.
        attacks: white-box attacks by name, each with its settings.
        attacked: attacked test documents by name of the text attack.
        output: folder for `clean.jsonl`, one file an attack, and `predictions.json`.
    """
    configure_torch(threads)
    loaded = load_run(run)
    loaded.tagger.to(choose_device())
    steps = read_json(run / "run.json")["normalize"]
    originals = list(read_documents(test))
    jobs: dict[str, tuple[list[Document], Perturb]] = {"clean": (originals, embed)}
    jobs |= {name: (list(read_documents(path)), embed) for name, path in attacked.items()}
    jobs |= {name: (originals, white_box(settings)) for name, settings in attacks.items()}
    digests = {}
    for name, (documents, perturb) in jobs.items():
        say(f"predicting {len(documents)} documents, {name}")
        normalized = [normalize(document, steps) for document in documents]
        predicted = predict(loaded.tagger, loaded.encoder, normalized, perturb=perturb)
        found = [
            Document(original.id, original.text, restore(flat, guess.mentions), original.passages, original.split)
            for original, flat, guess in zip(documents, normalized, predicted, strict=True)
        ]
        write_documents(output / f"{name}.jsonl", found)
        digests[name] = sha256_file(output / f"{name}.jsonl")
    write_json(output / "predictions.json", {"attacks": digests, "run": sha256_file(run / "model.safetensors")})
