"""Curves of a training while it runs, in DVCLive or TensorBoard, when the environment asks for them.

They are no part of a recipe, because they change no weight: BIONER_MONITOR=dvclive or BIONER_MONITOR=tensorboard, both optional
packages. What they write lies under the run folder, in `dvclive` or `tensorboard`. A training that resumes after a kill tells
the steps since its checkpoint once more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bioner.errors import BionerError

VARIABLE = "BIONER_MONITOR"
KINDS = ("dvclive", "tensorboard")


class Monitor(Protocol):
    """Takes named values of a step."""

    def tell(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


def make_monitor(folder: Path, *, step: int) -> Monitor | None:
    """The monitor that the environment asks for, or None.

    Args:
        folder: the run folder.
        step: where the training begins; 0 forgets what an earlier one has written.

    Raises:
        BionerError: the environment names another kind, or its package is not installed.
    """
    kind = os.environ.get(VARIABLE, "")
    if not kind:
        return None
    if kind not in KINDS:
        raise BionerError(f"{VARIABLE}: expected one of {', '.join(KINDS)}, or nothing, got {kind!r}; correct the environment")
    try:
        return _DVCLive(folder / kind, step) if kind == "dvclive" else _TensorBoard(folder / kind, step)
    except ImportError as error:
        raise BionerError(f"{VARIABLE}: expected the package {kind}, found none; install it (pip install {kind}) or unset it") from error


class _DVCLive:
    def __init__(self, folder: Path, step: int) -> None:
        from dvclive import Live

        self.live: Any = Live(str(folder), resume=step > 0, report=None, save_dvc_exp=False, dvcyaml=False, monitor_system=False)

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        self.live.step = step
        for name, value in values.items():
            self.live.log_metric(name, value)
        self.live.make_summary()

    def close(self) -> None:
        self.live.end()


class _TensorBoard:
    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        for stale in folder.glob("events.out.tfevents.*") if step == 0 else ():
            stale.unlink()
        self.writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()
