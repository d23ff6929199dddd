"""A conditional random field over features of words: the classical tagger that encoders are compared with.

Features are those of the field (McCallum and Li 2003; Settles 2004): the word, its shape and affixes, classes of its letters, and
the words around it. Weights are found by L-BFGS, L1 by OWL-QN, in CRFsuite (Okazaki 2007).
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite
from safetensors.numpy import load_file, save_file

from bioner import tags
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import atomic_path, read_json, write_json
from bioner.tagging.saving import saving
from bioner.tags import TagSet
from bioner.words import split_words

FEATURE_CRF = "feature_crf"
"""The head of a recipe without an encoder."""
CONFIG, WEIGHTS, TENSOR = "config.json", "model.safetensors", "crfsuite"
AFFIX = 4
"""Letters of the longest prefix and suffix."""
NEIGHBOURS = (-2, -1, 1, 2)
_LETTERS = {
    chr(code): unicodedata.name(chr(code)).rpartition(" ")[2].lower().replace("lamda", "lambda")
    for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA))
    if chr(code).isalpha()
}
_GREEK = set(_LETTERS.values()) - {"mu", "nu", "pi", "xi"}  # those are words of other kinds too


def _whole_model(path: Path) -> bytes:
    """The bytes of a model that CRFsuite wrote, which does not look whether it could: bytes 4 to 8 say how many there must be."""
    model = path.read_bytes()
    size = int.from_bytes(model[4:8], "little")
    if len(model) < 8 or len(model) != size:
        raise BionerError(
            f"{path}: cannot be written (CRFsuite left {len(model):,} of {size:,} bytes); free space or fix permissions, then run again"
        )
    return model


class FeatureCRF:
    """A trained model: documents in, mentions with scores out.

    A document is one sequence of words, so that a mention may follow from all that is before it.
    """

    def __init__(self, model: bytes, tag_set: TagSet) -> None:
        self.model, self.tag_set = model, tag_set
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(model)

    @classmethod
    def train(
        cls, documents: Sequence[Document], tag_set: TagSet, *, c1: float, c2: float, iterations: int
    ) -> tuple[FeatureCRF, list[float], dict[str, int]]:
        """Train on the words of documents; the same documents give the same bytes.

        Args:
            c1, c2: weights of the L1 norm and of the squared L2 norm of all weights.
            iterations: of the optimizer, at most.

        Returns:
            The model, the objective after each iteration, divided by the number of words, and the mentions that tags do not
            represent, counted by reason.

        Raises:
            BionerError: no words to train on; no room for CRFsuite's temporary file.
        """
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        trainer.set_params({"c1": c1, "c2": c2, "max_iterations": iterations})
        names, total, lost = tag_set.names, 0, dict[str, int]()
        for document in documents:
            units = split_words(document.text)
            gold, missed = tags.encode(document.mentions, units, tag_set)
            for _, reason in missed:
                lost[reason] = lost.get(reason, 0) + 1
            if units:
                trainer.append(word_features([document.text[start:end] for start, end in units]), [names[tag] for tag in gold])
                total += len(units)
        if not total:
            raise BionerError("expected documents with words to train on, found none; check the split")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            trainer.train(str(path))
            model = _whole_model(path)
        objective = [iteration["loss"] / total for iteration in trainer.logparser.iterations]
        return cls(model, tag_set), objective, lost

    def predict(self, documents: Sequence[Document]) -> list[Document]:
        """The same documents with predicted mentions; a score is the mean probability of a mention's tags over its words."""
        return [replace(document, mentions=self._predict_one(document.text)) for document in documents]

    def _predict_one(self, text: str) -> tuple[Mention, ...]:
        units = split_words(text)
        if not units:
            return ()
        names = {name: tag for tag, name in enumerate(self.tag_set.names)}
        labels = self._tagger.tag(word_features([text[start:end] for start, end in units]))
        found = tags.decode([names[label] for label in labels], units, self.tag_set)
        return tuple(
            Mention(f"P{number}", (span,), kind, score=float(np.mean([self._tagger.marginal(labels[word], word) for word in words])))
            for number, (words, span, kind) in enumerate(found, 1)
        )

    def save(self, folder: Path, recipe: dict[str, Any]) -> None:
        """Write config.json, and CRFsuite's own model as the bytes of the one tensor in model.safetensors."""
        settings = {"head": FEATURE_CRF, "types": list(self.tag_set.types), "tags": self.tag_set.scheme, "recipe": recipe}
        write_json(folder / CONFIG, {"model_type": FEATURE_CRF, "bioner": settings})
        with atomic_path(folder / WEIGHTS) as path, saving(folder / WEIGHTS):
            save_file({TENSOR: np.frombuffer(self.model, dtype=np.uint8)}, path)

    @classmethod
    def load(cls, folder: Path) -> FeatureCRF:
        """The model of a run folder."""
        settings = read_json(folder / CONFIG)["bioner"]
        if not (folder / WEIGHTS).is_file():
            raise BionerError(f"{folder / WEIGHTS}: expected the weights of a run, found none; run the rule train")
        return cls(load_file(folder / WEIGHTS)[TENSOR].tobytes(), TagSet(tuple(settings["types"]), settings["tags"]))


def word_features(words: Sequence[str]) -> list[list[str]]:
    """Names of the features that each word has: its own, and those of two words on either side."""
    count = len(words)
    result = []
    for index, word in enumerate(words):
        features = ["bias", *_own_features(word)]
        for offset in NEIGHBOURS:
            place = index + offset
            if 0 <= place < count:
                features += _neighbour_features(words[place], offset)
            elif place in (-1, count):
                features.append(f"edge[{offset}]")
        lower = word.lower()
        if index:
            features.append(f"lower[-1:0]={words[index - 1].lower()}|{lower}")
        if index + 1 < count:
            features.append(f"lower[0:1]={lower}|{words[index + 1].lower()}")
        result.append(features)
    return result


@lru_cache(maxsize=100_000)
def _own_features(word: str) -> tuple[str, ...]:
    lower = word.lower()
    affixes = [f"{name}={part}" for size in range(1, min(AFFIX, len(lower)) + 1) for name, part in _affixes(lower, size)]
    return (f"word={word}", f"lower={lower}", f"shape={word_shape(word)}", f"brief={brief_shape(word)}", *affixes, *word_classes(word))


def _affixes(word: str, size: int) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"prefix{size}", word[:size]), (f"suffix{size}", word[-size:])


@lru_cache(maxsize=400_000)
def _neighbour_features(word: str, offset: int) -> tuple[str, ...]:
    features = (f"lower={word.lower()}", f"brief={brief_shape(word)}", f"suffix3={word.lower()[-3:]}", *word_classes(word))
    return tuple(f"{offset}:{feature}" for feature in features)


def word_shape(word: str) -> str:
    """Each letter as X or x, each digit as 0, other characters as they are: `IL` is XX, `p53` x00."""
    return "".join("X" if c.isupper() else "x" if c.isalpha() else "0" if c.isnumeric() else c for c in word)


def brief_shape(word: str) -> str:
    """The shape with runs of one sign written once: `Aspirin` is Xx, `p53` x0."""
    return re.sub(r"(.)\1+", r"\1", word_shape(word), flags=re.DOTALL)


def word_classes(word: str) -> tuple[str, ...]:
    """Names of the classes that a word belongs to: digits, cases, Greek, punctuation."""
    digits, letters = any(c.isnumeric() for c in word), any(c.isalpha() for c in word)
    belongs = {
        "number": digits and not letters,
        "mixed": digits and letters,
        "upper": word.isupper() and len(word) > 1,
        "capital": word[:1].isupper() and word[1:].islower(),
        "single": len(word) == 1 and letters,
        "inner": any(c.isupper() for c in word[1:]) and any(c.islower() for c in word),
        "greek": word.lower() in _GREEK or any(c in _LETTERS for c in word),
        "punctuation": not digits and not letters,
    }
    return tuple(name for name, holds in belongs.items() if holds)
