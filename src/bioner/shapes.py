"""Shapes of encoders: what their speed and their size on disk follow from, without their weights."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.storage import read_json

CONFIG = "config.json"
FLOAT = 4
"""Bytes of a weight in float32."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An encoder's architecture; the defaults are those of BERT-base.

    Attributes:
        family: transformers' `model_type`; `albert` shares one layer's weights among all, `modernbert` has gated layers.
        embedding: size of a word embedding; `hidden` when None.
    """

    family: str = "bert"
    layers: int = 12
    hidden: int = 768
    inner: int = 3072
    heads: int = 12
    vocabulary: int = 30522
    positions: int = 512
    embedding: int | None = None

    @property
    def key(self) -> str:
        """What speed depends on, as a name: `bert-12x768x3072`."""
        return f"{self.family}-{self.layers}x{self.hidden}x{self.inner}"

    @property
    def parameters(self) -> int:
        """Weights of the encoder, without pooler and head."""
        width, hidden = self.embedding or self.hidden, self.hidden
        if self.family == "modernbert":  # gated, no biases, positions by rotation; the first layer has no norm before its attention
            layer = 4 * hidden**2 + 3 * hidden * self.inner + 2 * hidden
            return self.vocabulary * hidden + 2 * hidden + self.layers * layer - hidden
        embeddings = (self.vocabulary + self.positions + 2) * width + 2 * width  # two segments; a norm
        embeddings += (width * hidden + hidden) if width != hidden else 0
        layer = 4 * (hidden**2 + hidden) + 2 * hidden * self.inner + self.inner + hidden + 4 * hidden
        return embeddings + layer * (1 if self.family == "albert" else self.layers)

    @property
    def operations(self) -> float:
        """Multiplications and additions of a forward pass for a piece, attention between pieces left out."""
        matrices = 3 if self.family == "modernbert" else 2
        return 2.0 * self.layers * (4 * self.hidden**2 + matrices * self.hidden * self.inner)

    def told(self) -> dict[str, Any]:
        return asdict(self)


def shape_of_config(config: Mapping[str, Any], where: str) -> Shape:
    """The shape that a transformers `config.json` says.

    Raises:
        BionerError: a size is missing, as in families that name them otherwise.
    """
    names = {"layers": "num_hidden_layers", "hidden": "hidden_size", "inner": "intermediate_size", "heads": "num_attention_heads"}
    sizes = names | {"vocabulary": "vocab_size", "positions": "max_position_embeddings"}
    missing = [key for key in sizes.values() if not isinstance(config.get(key), int)]
    if missing:
        raise BionerError(f"{where}: expected whole numbers {', '.join(sizes.values())}, found none for {missing[0]}; give --shape")
    embedding = config.get("embedding_size")
    found = {name: int(config[key]) for name, key in sizes.items()}
    return Shape(family=str(config.get("model_type", "bert")), embedding=embedding if isinstance(embedding, int) else None, **found)


def parse_shape(text: str) -> tuple[str, Shape]:
    """The encoder and the shape of `NAME={"layers": 12, ...}`, keys as in the config's `shape`.

    Raises:
        BionerError: another form, or an unknown key.
    """
    name, equals, rest = text.partition("=")
    try:
        values = json.loads(rest)
        shape = Shape(**values)
        sizes = [value for key, value in shape.told().items() if key != "family" and value is not None]
        if not all(isinstance(value, int) and value > 0 for value in sizes):
            raise TypeError("sizes are whole numbers above 0")
        return name, shape
    except (json.JSONDecodeError, TypeError) as error:
        keys = ", ".join(Shape().told())
        what = (
            f"--shape: expected NAME={{...}} as JSON with keys of {keys}, got {text[:60]!r}"
            if equals
            else f"--shape: expected NAME=..., got {text!r}"
        )
        raise BionerError(f"{what}; correct it") from error


def config_file(name: str, entry: Mapping[str, Any], results: Path) -> Path | None:
    """Where an encoder's `config.json` is at hand: fetched, in a folder or in an installed package; None where it is not."""
    places = [results / "encoders" / name]
    for source in entry["sources"]:
        if "folder" in source:
            places.append(Path(source["folder"]).expanduser())
        elif "package" in source and (found := _package(source["package"])) is not None:
            places += [Path(folder, source.get("path", "")) for folder in found.submodule_search_locations or ()]
    return next((place / CONFIG for place in places if (place / CONFIG).is_file()), None)


def _package(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:  # of a package inside one that is not there
        return None


def encoder_shapes(encoders: Mapping[str, Any], results: Path, given: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes of encoders by name: as given, of their files, or of their `shape` in the config; absent where nothing says it."""
    found = {}
    for name, entry in encoders.items():
        if name in given:
            found[name] = given[name]
        elif (path := config_file(name, entry, results)) is not None:
            found[name] = shape_of_config(read_json(path), str(path))
        elif entry.get("shape"):
            found[name] = Shape(**entry["shape"])
    return found
