"""What was measured on a device: speeds by encoder and setting, as a file that can be carried to where plans are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.shapes import Shape
from bioner.storage import read_json, write_json

PIECES_PER_WORD = 1.30
"""Of BERT's uncased vocabulary on BC5CDR, NCBI-Disease and JNLPBA (1.299, 1.303 and 1.301, 200 documents each); AnatEM has 1.19."""


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """What a speed was measured under: the encoder's shape (`Shape.key`) and what of the recipe changes the time of a step."""

    shape: str
    window: int
    batch_pieces: int
    frozen_layers: int | None
    gradient_checkpointing: bool
    precision: str
    threads: int

    @classmethod
    def of(cls, shape: Shape, window: int, training: Mapping[str, Any]) -> Setting:
        """The setting of a recipe's `window` and `training`."""
        return cls(
            shape.key,
            window,
            training["batch_pieces"],
            training["frozen_layers"],
            training.get("gradient_checkpointing", False),
            training["precision"],
            training["threads"],
        )


@dataclass(frozen=True, slots=True)
class Speed:
    """Word pieces a second, padding not counted.

    Attributes:
        training: one forward and backward pass of a training step, and the optimizer.
        validation: forward passes in the precision of the training.
        prediction: forward passes in the precision of predictions.
        gradient: a white-box attack's gradient at the embeddings.
        derived: how it was derived where it was not measured; empty when it was.
    """

    training: float
    validation: float
    prediction: float
    gradient: float
    derived: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speeds of one device.

    Attributes:
        device: what the device is called.
        accelerator: whether it is a card.
        start: seconds that a job with torch takes before and after its work: imports, loading and saving a model.
        speeds: by setting.
        shapes: of the settings' encoders, for what must be derived.
        pieces_per_word: by encoder, where its vocabulary and a corpus were there.
        facts: date, versions, load: for people.
    """

    device: str
    accelerator: bool
    start: float
    speeds: dict[Setting, Speed]
    shapes: dict[str, Shape] = field(default_factory=dict)
    pieces_per_word: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def speed(self, setting: Setting, shape: Shape) -> Speed:
        """The speed under a setting: as measured, else that of the nearest one by operations a piece, which says so.

        Raises:
            BionerError: nothing was measured.
        """
        if setting in self.speeds:
            return self.speeds[setting]
        if not self.speeds:
            raise BionerError("expected measured speeds, found none; measure without --measured where the jobs will run")
        nearest = min(self.speeds, key=lambda known: _distance(known, self.shapes[known.shape], setting, shape))
        factor = self.shapes[nearest.shape].operations / shape.operations
        known = self.speeds[nearest]
        how = f"from {nearest.shape}, window {nearest.window}, batches of {nearest.batch_pieces} pieces"
        how += f", by operations a piece ({1 / factor:.1f} times)" if setting.shape != nearest.shape else ""
        return Speed(
            training=factor * known.training,
            validation=factor * known.validation,
            prediction=factor * known.prediction,
            gradient=factor * known.gradient,
            derived=how,
        )

    def per_word(self, encoder: str) -> float:
        """Pieces a word of an encoder, or BERT's where they were not measured."""
        return self.pieces_per_word.get(encoder, PIECES_PER_WORD)

    def save(self, path: Path) -> None:
        speeds = [{"setting": asdict(setting), "speed": asdict(speed)} for setting, speed in sorted(self.speeds.items(), key=str)]
        shapes = {key: shape.told() for key, shape in self.shapes.items()}
        write_json(path, {name: getattr(self, name) for name in _PLAIN} | {"speeds": speeds, "shapes": shapes})

    @classmethod
    def read(cls, path: Path) -> Measurement:
        """A saved measurement.

        Raises:
            BionerError: another file.
        """
        value = read_json(path)
        try:
            speeds = {Setting(**item["setting"]): _positive(Speed(**item["speed"])) for item in value["speeds"]}
            shapes = {key: Shape(**shape) for key, shape in value["shapes"].items()}
            lacking = sorted({setting.shape for setting in speeds} - shapes.keys())
            if lacking:
                raise KeyError(f"shapes.{lacking[0]}")
            return cls(speeds=speeds, shapes=shapes, **{name: value[name] for name in _PLAIN})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BionerError(
                f"{path}:1: expected what `bioner plan --save` wrote, found another file ({error}); measure again where the jobs will run"
            ) from error


_PLAIN = ("device", "accelerator", "start", "pieces_per_word", "facts")


def _positive(speed: Speed) -> Speed:
    for part in fields(speed):
        value = getattr(speed, part.name)
        if part.name != "derived" and not value > 0:
            raise ValueError(f"{part.name} {value}")
    return speed


def _distance(known: Setting, shape: Shape, wanted: Setting, other: Shape) -> tuple[Any, ...]:
    """How far a measured setting is from a wanted one: the shape first, then what else differs."""
    ratio = max(shape.operations / other.operations, other.operations / shape.operations)
    others = ("gradient_checkpointing", "precision", "threads", "frozen_layers")
    differing = sum(getattr(known, name) != getattr(wanted, name) for name in others)
    return (
        known.shape != wanted.shape,
        ratio,
        differing,
        abs(known.window - wanted.window),
        abs(known.batch_pieces - wanted.batch_pieces),
        known.shape,
    )


def settings_of(recipes: Iterable[Mapping[str, Any]], shapes: Mapping[str, Shape]) -> dict[Setting, Shape]:
    """Each setting that recipes with encoders need once, with its shape; of encoders whose shape is known."""
    found = {}
    for recipe in recipes:
        if recipe["encoder"] in shapes:
            shape = shapes[recipe["encoder"]]
            found[Setting.of(shape, recipe["window"], recipe["training"])] = shape
    return found
