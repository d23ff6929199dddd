"""How long the jobs with models take: trainings, predictions, adaptations, trials; upper bounds, with all epochs made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioner.costs.sizes import Corpus, Size, fold_parts, pieces
from bioner.evaluation.attack_settings import complete
from bioner.evaluation.attacks import TEXT_ATTACKS
from bioner.evaluation.greedy import SEARCH_ATTACKS
from bioner.experiments import Run
from bioner.heads import FEATURE_CRF
from bioner.planning import Plan
from bioner.preparation.protocols import Protocol
from bioner.shapes import Shape
from bioner.speeds import Measurement, Setting, Speed

RATES: dict[str, Any] = json.loads((Path(__file__).parent / "rates.json").read_text(encoding="utf-8"))
FILL = 0.9
"""Share of a batch's pieces that are no padding, by which steps are counted; batches are of windows of like length."""
MASKED_WINDOW = 128
"""Pieces of a window in which a masked language model guesses a word."""


class Unknown(Exception):
    """Nothing tells how large a corpus or an encoder is, which its text names."""


@dataclass(slots=True)
class Estimator:
    """Seconds of the jobs with models, each of a whole training: early stopping can only shorten it.

    Args:
        plan: the checked configuration.
        sizes: of the datasets by name, None for one of unknown size.
        shapes: of the encoders by name; one of unknown shape is absent.
        measurement: speeds of the device.
    """

    plan: Plan
    sizes: Mapping[str, Corpus | None]
    shapes: Mapping[str, Shape]
    measurement: Measurement
    derived: dict[str, str] = field(default_factory=dict)
    """Shapes whose speed was not measured under the setting wanted, and what it was derived from."""

    def parts(self, dataset: str, protocol: str) -> dict[str, Size]:
        """The mean parts of a fold; Unknown where nothing tells them."""
        whole, parsed = self.sizes[dataset], Protocol.parse(protocol)
        variants = len(self.plan.document_variants)
        smallest = None
        if whole is not None and parsed.words == "equal":
            others = [fold_parts(whole, Protocol.parse(name), variants=variants) for name in self.plan.equal_to(dataset, protocol)]
            smallest = min((part["train"].words for part in others if part is not None), default=None)
        found = None if whole is None else fold_parts(whole, parsed, variants=variants, smallest=smallest)
        if found is None:
            raise Unknown(f"the size of {dataset}" + ("" if whole is None else "'s official parts"))
        return found

    def tags(self, dataset: str, scheme: str) -> int:
        corpus = self.sizes[dataset]
        types = 1 if corpus is None else corpus.types
        return 1 + types * (4 if scheme == "iobes" else 2)

    def training(self, run: Run, recipe: Mapping[str, Any] | None = None, *, epochs: int | None = None) -> float:
        """Seconds of a training.

        Args:
            recipe: in the place of the model's own.
            epochs: that were made, in the place of all that may be.
        """
        recipe = recipe or self.plan.recipe(run.model)
        parts = self.parts(run.dataset, run.protocol)
        train = parts["train"].scaled(1 + len(recipe["augmentation"]))
        if recipe["head"] == FEATURE_CRF:
            return _feature_crf(train.words, recipe[FEATURE_CRF]["iterations"], self.tags(run.dataset, recipe["tags"]))
        settings = recipe["training"]
        text, held_out = self._pieces(train, recipe), self._pieces(parts["validation"], recipe)
        speed = self._speed(recipe["encoder"], recipe["window"], settings)
        if epochs is None:
            steps = max(1, math.ceil(text / (FILL * settings["batch_pieces"] * settings["accumulation"])))
            epochs = max(settings["epochs"], math.ceil(settings["minimum_steps"] / steps))
        return self.measurement.start + epochs * (self.plan.passes(run.model) * text / speed.training + held_out / speed.validation)

    def prediction(self, run: Run) -> float:
        """Seconds of a run's predictions: clean, under text attacks, searches at their largest number of queries, and by gradients."""
        recipe = self.plan.recipe(run.model)
        test = self.parts(run.dataset, run.protocol)["test"]
        texts = 1 + len(self.plan.text_attacks(run))
        if recipe["head"] == FEATURE_CRF:
            return _feature_crf(test.words * texts, 1, self.tags(run.dataset, recipe["tags"]))
        speed = self._speed(recipe["encoder"], recipe["window"], recipe["training"])
        passes = Passes.of(self.plan.white_box_attacks(run))
        a_piece = (texts + passes.predictions) / speed.prediction + passes.gradients / speed.gradient + passes.losses / speed.validation
        return self.measurement.start + self._pieces(test, recipe) * a_piece

    def transfer(self, run: Run, target: str) -> float:
        """Seconds of the clean prediction of another corpus's test part."""
        recipe = self.plan.recipe(run.model)
        test = self.parts(target, Protocol.parse(run.protocol).division)["test"]
        if recipe["head"] == FEATURE_CRF:
            return _feature_crf(test.words, 1, self.tags(run.dataset, recipe["tags"]))
        speed = self._speed(recipe["encoder"], recipe["window"], recipe["training"])
        return self.measurement.start + self._pieces(test, recipe) / speed.prediction

    def adaptation(self, name: str, dataset: str, protocol: str) -> float:
        """Seconds of an adaptation: training steps whose masked pieces are scored against the whole vocabulary."""
        entry = self.plan.config["adaptations"][name]
        read = self.parts(dataset, protocol)["train"]
        for path in self.plan.adaptation_text(name, dataset, "")[1:]:
            read += self.parts(path.split("/")[2], "official")["train"]
        shape = self._shape(entry["encoder"])
        speed = self._speed(entry["encoder"], entry["window"], {**entry, "frozen_layers": None})
        vocabulary = 2.0 * shape.vocabulary * (shape.embedding or shape.hidden) * entry["mask"] / shape.operations
        text = pieces(read, self.measurement.per_word(entry["encoder"]), window=entry["window"], overlap=0)
        return float(self.measurement.start + entry["epochs"] * text * (1 + vocabulary) / speed.training)

    def guessing(self, attack: str, dataset: str, protocol: str) -> float:
        """Seconds of a text attack: those of a masked language model that guesses each edited word in its window, 0 without one."""
        entry = self.plan.config["attacks"][attack]
        if entry["kind"] != "context":
            return 0.0
        settings = complete("context", {key: value for key, value in entry.items() if key != "kind"})
        adaptation = settings["adaptation"]
        encoder = self.plan.config["adaptations"][adaptation]["encoder"] if adaptation else settings["encoder"]
        test = self.parts(dataset, protocol)["test"]
        edits = test.words * settings["rate"]
        if settings["edits"] is not None:
            edits = min(edits, test.documents * settings["edits"])
        length = min(MASKED_WINDOW, test.words / max(test.documents, 1) * self.measurement.per_word(encoder))
        speed = self._speed(encoder, MASKED_WINDOW, {"batch_pieces": 1024, "frozen_layers": None, "precision": "fp32", "threads": 1})
        return float(self.measurement.start + edits * length / speed.prediction)

    def _pieces(self, size: Size, recipe: Mapping[str, Any]) -> float:
        return pieces(size, self.measurement.per_word(recipe["encoder"]), window=recipe["window"], overlap=recipe["overlap"])

    def _shape(self, encoder: str) -> Shape:
        if encoder not in self.shapes:
            raise Unknown(f"the shape of encoder {encoder}")
        return self.shapes[encoder]

    def _speed(self, encoder: str, window: int, training: Mapping[str, Any]) -> Speed:
        shape = self._shape(encoder)
        speed = self.measurement.speed(Setting.of(shape, window, training), shape)
        if speed.derived:
            self.derived[f"{shape.key}, window {window}, batches of {training['batch_pieces']} pieces"] = speed.derived
        return speed


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes over the test text that attacks on the model take, beside the clean prediction: of each kind."""

    predictions: float = 0
    gradients: float = 0
    losses: float = 0

    @classmethod
    def of(cls, attacks: Mapping[str, Mapping[str, Any]]) -> Passes:
        """Those of attacks by name: all begin with one gradient, which they share; PGD follows it and compares the losses of its points."""
        predictions = gradients = losses = 0
        kinds = {settings["kind"] for settings in attacks.values()}
        if kinds - set(SEARCH_ATTACKS) - set(TEXT_ATTACKS):
            gradients = 1
        for settings in attacks.values():
            predictions += 1
            if settings["kind"] in SEARCH_ATTACKS:
                losses += int(complete("search", {key: value for key, value in settings.items() if key != "kind"})["queries"])
            elif settings["kind"] == "pgd":
                gradients += settings["steps"] - 1
                losses += 2
        return cls(predictions, gradients, losses)


def _feature_crf(words: float, iterations: int, tags: int) -> float:
    """Seconds of a CRF over features, by the measured one: some 40 features of a word for each tag, 3 operations for a pair of tags."""
    known = RATES["feature_crf"]
    work = (40 * tags + 3 * tags**2) / (40 * known["tags"] + 3 * known["tags"] ** 2)
    return float(known["seconds"] * work * words / known["words"] * max(iterations, 3) / known["iterations"]) + 1.0
