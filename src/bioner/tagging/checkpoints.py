"""The state of a training on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import pickle
import shutil
import struct
from pathlib import Path
from typing import Any

import torch

from bioner.errors import BionerError
from bioner.storage import atomic_path

FILE = "state.pt"


class Checkpoint:
    """A folder beside the run's results, named by a digest of all that determines the training.

    A checkpoint of another recipe, data set or version has another name and is removed unread.
    """

    def __init__(self, run_folder: Path, digest: str) -> None:
        self.folder = run_folder / f"checkpoint-{digest[:16]}"
        self.path = self.folder / FILE

    def discard_others(self) -> None:
        """Remove checkpoints of other recipes or data beside this one."""
        for folder in self.folder.parent.glob("checkpoint-*"):
            if folder != self.folder:
                shutil.rmtree(folder)

    def load(self) -> dict[str, Any] | None:
        """The saved state, on the CPU, or None where there is none."""
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, KeyError, struct.error, pickle.UnpicklingError) as error:
            raise BionerError(
                f"{self.path}: expected a checkpoint of torch, found something else ({error}); delete the folder and run again"
            ) from error
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; the old one stays when the new one cannot be written."""
        with atomic_path(self.path) as path:
            try:
                torch.save(state, path)
            except RuntimeError as error:  # torch's writer hides the system's error
                raise BionerError(f"{self.path}: cannot be written ({error}); free space, then run again") from error

    def remove(self) -> None:
        """Remove the checkpoint of a finished training."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
