"""Shapes against transformers' own models, and measurements as files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

from bioner.errors import BionerError
from bioner.shapes import Shape, encoder_shapes, parse_shape, shape_of_config
from bioner.speeds import Measurement, Setting, Speed

TRAINING = {"batch_pieces": 512, "frozen_layers": None, "precision": "auto", "threads": 1}
SMALL = Shape("bert", 2, 32, 64, 4, 100, 64)
SPEED = Speed(100.0, 300.0, 200.0, 90.0)


def measured(shape: Shape = SMALL, **changes: Any) -> Measurement:
    setting = replace(Setting.of(shape, 128, TRAINING), **changes)
    return Measurement("a device", False, 3.0, {setting: SPEED}, {shape.key: shape}, {"minilm": 1.2}, {"date": "2026-01-01"})


@pytest.mark.parametrize(
    ("shape", "pooled"),
    [
        (Shape("bert", 3, 48, 96, 4, 211, 64), True),
        (Shape("albert", 3, 48, 96, 4, 211, 64, 16), True),
        (Shape("electra", 2, 48, 96, 4, 211, 64, 24), False),
        (Shape("electra", 2, 48, 96, 4, 211, 64, 48), False),
        (Shape("modernbert", 2, 48, 96, 4, 211, 64), False),
    ],
)
def test_parameters_are_those_of_transformers_own_model(shape: Shape, pooled: bool) -> None:
    sizes = {
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "intermediate_size": shape.inner,
        "vocab_size": shape.vocabulary,
    }
    sizes |= {"num_attention_heads": shape.heads, "max_position_embeddings": shape.positions}
    config = AutoConfig.for_model(
        shape.family, **sizes, **({} if shape.embedding is None else {"embedding_size": shape.embedding}), pad_token_id=0
    )
    with torch.device("meta"):
        model = AutoModel.from_config(config, **({"add_pooling_layer": False} if pooled else {}))
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape_of_config(config.to_dict(), "config.json") == (shape if shape.family != "bert" else replace(shape, embedding=None))


def test_a_shape_comes_from_files_before_the_config_and_from_its_user_before_both(tmp_path: Path) -> None:
    entry = {"sources": [{"hub": "a/b", "revision": None}], "shape": {"layers": 5}}
    assert encoder_shapes({"e": entry}, tmp_path, {}) == {"e": Shape(layers=5)}
    folder = tmp_path / "encoders" / "e"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(AutoConfig.for_model("bert", num_hidden_layers=7).to_dict()))
    assert encoder_shapes({"e": entry}, tmp_path, {})["e"].layers == 7
    assert encoder_shapes({"e": entry}, tmp_path, dict([parse_shape('e={"layers": 3}')]))["e"].layers == 3
    assert encoder_shapes({"e": {"sources": entry["sources"]}}, tmp_path / "elsewhere", {}) == {}


@pytest.mark.parametrize("text", ["e", "e=12", "e={", 'e={"depth": 3}'])
def test_a_shape_in_another_form_is_refused_by_name(text: str) -> None:
    with pytest.raises(BionerError, match="--shape"):
        parse_shape(text)


def test_a_measurement_comes_back_from_its_file(tmp_path: Path) -> None:
    measured().save(tmp_path / "measured.json")
    assert Measurement.read(tmp_path / "measured.json") == measured()


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value.pop("speeds"),
        lambda value: value.pop("device"),
        lambda value: value["shapes"].clear(),
        lambda value: value["speeds"][0]["speed"].update(training=0),
        lambda value: value["speeds"][0]["setting"].pop("window"),
    ],
)
def test_another_file_is_no_measurement(damage: Any, tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    measured().save(path)
    value = json.loads(path.read_text())
    damage(value)
    path.write_text(json.dumps(value))
    with pytest.raises(BionerError, match=r"measured\.json:1: expected what `bioner plan --save` wrote"):
        Measurement.read(path)


def test_a_speed_that_was_not_measured_is_derived_and_says_so() -> None:
    known = measured()
    assert known.speed(Setting.of(SMALL, 128, TRAINING), SMALL) == SPEED
    twice = replace(SMALL, layers=4)
    derived = known.speed(Setting.of(twice, 128, TRAINING), twice)
    assert derived.training == pytest.approx(50.0) and derived.gradient == pytest.approx(45.0) and "2.0 times" in derived.derived
    other = known.speed(Setting.of(SMALL, 256, TRAINING), SMALL)
    assert other.training == 100.0 and "window 128" in other.derived


def test_the_nearest_measured_setting_is_taken() -> None:
    large = replace(SMALL, layers=20)
    both = measured()
    both.speeds[Setting.of(large, 128, TRAINING)] = replace(SPEED, training=7.0)
    both.shapes[large.key] = large
    wanted = replace(SMALL, layers=18)
    assert both.speed(Setting.of(wanted, 128, TRAINING), wanted).training == pytest.approx(7.0 * 20 / 18)


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(BionerError, match="expected measured speeds"):
        Measurement("a device", False, 1.0, {}).speed(Setting.of(SMALL, 128, TRAINING), SMALL)
