"""Measured speeds: real steps of small shapes, which every family of encoders must survive."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bioner.errors import BionerError
from bioner.shapes import Shape
from bioner.speeds import Setting
from bioner.tagging import measuring
from bioner.tagging.measuring import measure, random_tagger, random_windows, speed_of, timed

CPU = torch.device("cpu")
TRAINING = {"batch_pieces": 64, "frozen_layers": None, "precision": "fp32", "threads": 1}


@pytest.mark.parametrize(
    "shape",
    [
        Shape("bert", 2, 32, 64, 4, 100, 64),
        Shape("albert", 2, 32, 64, 4, 100, 64, 16),
        Shape("electra", 2, 32, 64, 4, 100, 64, 16),
        Shape("modernbert", 2, 32, 64, 4, 100, 64),
    ],
    ids=lambda shape: shape.family,
)
def test_all_speeds_of_a_family_are_measured(shape: Shape) -> None:
    speed = speed_of(Setting.of(shape, 32, TRAINING), shape, CPU, prediction="fp32", seconds=0.0)
    assert min(speed.training, speed.validation, speed.prediction, speed.gradient) > 0 and not speed.derived


def test_the_tagger_has_the_shape_and_the_setting() -> None:
    shape = Shape("bert", 3, 32, 64, 4, 100, 64)
    setting = Setting.of(shape, 32, TRAINING | {"frozen_layers": 1, "gradient_checkpointing": True})
    tagger = random_tagger(setting, shape, CPU, "fp32")
    base = tagger.network.base_model
    assert sum(parameter.numel() for parameter in base.parameters()) == shape.parameters
    frozen = {name for name, parameter in base.named_parameters() if not parameter.requires_grad}
    assert frozen and all(name.startswith(("embeddings.", "encoder.layer.0.")) for name in frozen)
    assert base.encoder.layer[0].forward.__name__ == "recomputed"


def test_windows_fit_and_own_words() -> None:
    windows = random_windows(Shape(vocabulary=100), 32, 200)
    assert 800 <= sum(len(window.pieces) for window in windows) < 832
    for window in windows:
        assert len(window.pieces) <= 32 and window.pieces.max() < 100
        assert window.heads.min() >= 1 and window.heads.max() < len(window.pieces) - 1


def test_pieces_a_second_count_timed_calls_alone() -> None:
    clock = iter([0.0, 4.0, 4.0])
    windows = random_windows(Shape(vocabulary=100), 32, 64)
    batches = measuring._batches(windows, 64)
    called: list[Any] = []
    speed = timed(lambda number, batch: called.append(batch), batches, CPU, 3.0, lambda: next(clock))
    # a call to warm up; two at least; after the second the time is over
    assert len(called) == 3 and speed == pytest.approx(sum(len(window.pieces) for batch in called[1:] for window in batch.windows) / 4.0)


def test_an_unknown_family_and_nothing_to_measure_are_errors() -> None:
    shape = Shape("no_such_family", 2, 32, 64, 4, 100, 64)
    with pytest.raises(BionerError, match="no_such_family"):
        random_tagger(Setting.of(shape, 32, TRAINING), shape, CPU, "fp32")
    with pytest.raises(BionerError, match="expected an encoder of known shape"):
        measure({}, prediction="fp32")
