"""The state of a training on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import torch

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.provenance import value_digest
from bioner.storage import atomic_path, read_json, remove_partials, sha256_file, write_json

FILE = "state.pt"
INPUTS = "inputs.json"
FINISHED = "finished"
DIGESTS = "digests.json"
NAMED = 6
"""Differences that a line names one by one."""


class Checkpoint:
    """A folder beside the run's results, named by a digest of all that determines the training.

    It holds the state, and what the digest is of as JSON. The checkpoint of another recipe, data set or version
    has another name: it is never loaded, and a line tells what differs before it is removed. Once the training is finished, links to
    its files take the place of the state, which cost nothing: a workflow that died before it heard of the end, and hence removes the
    files and asks for them again, gets these.

    Args:
        run_folder: the run folder.
        inputs: all that determines the training, as JSON values.
    """

    def __init__(self, run_folder: Path, inputs: dict[str, Any]) -> None:
        self.inputs: dict[str, Any] = json.loads(json.dumps(inputs))
        self.digest = value_digest(self.inputs)
        self.folder = run_folder / f"checkpoint-{self.digest[:16]}"
        self.path = self.folder / FILE

    def discard_others(self) -> None:
        """Remove the checkpoints of other trainings beside this one, telling what differs in each."""
        for folder in sorted(self.folder.parent.glob("checkpoint-*")):
            if folder != self.folder:
                say(f"{folder.name}: of another training, not used ({self._reason(folder)}); starting anew")
                _remove(folder)

    def _reason(self, folder: Path) -> str:
        try:
            return describe_differences(read_json(folder / INPUTS), self.inputs)
        except BionerError:
            return f"it lacks a readable {INPUTS}"

    def load(self) -> dict[str, Any] | None:
        """The saved state, on the CPU, or None where there is none.

        Raises:
            BionerError: the file is no checkpoint, or one of another training that was put here.
        """
        remove_partials(self.folder)
        if not self.path.is_file():
            return None
        try:
            saved: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            state: dict[str, Any] = saved["state"]
            inputs: dict[str, Any] = json.loads(saved["inputs"])
        except (RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError, struct.error, pickle.UnpicklingError) as error:
            raise BionerError(
                f"{self.path}: expected a checkpoint of torch, found something else ({_one_line(error)}); delete the folder and run again"
            ) from error
        if value_digest(inputs) != self.digest:
            raise BionerError(
                f"{self.path}: expected the state of a training with digest {self.digest[:16]}, found that of {value_digest(inputs)[:16]} "
                f"({describe_differences(inputs, self.inputs)}); delete the folder and run again"
            )
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; the old one stays when the new one cannot be written.

        Raises:
            BionerError: it cannot be written, as on a full disk.
        """
        if not (self.folder / INPUTS).is_file():
            write_json(self.folder / INPUTS, self.inputs)
        kept = "the one before it is still good" if self.path.is_file() else "there is none before it"
        try:
            with atomic_path(self.path) as path, open(path, "wb") as handle:
                _save({"inputs": json.dumps(self.inputs), "state": state}, handle)
        except BionerError as error:
            raise BionerError(f"{error} (a checkpoint; {kept})") from error

    def finish(self) -> None:
        """Keep links to the files of the finished run in place of the state; nothing where the file system has no links."""
        partial = self.folder / f".{FINISHED}.partial"
        remove_partials(self.folder)
        files = _files(self.folder.parent)
        try:
            partial.mkdir(parents=True)
            for path in files:
                os.link(path, partial / path.name)
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        write_json(self.folder / INPUTS, self.inputs)
        write_json(self.folder / DIGESTS, {path.name: sha256_file(path) for path in files})
        shutil.rmtree(self.folder / FINISHED, ignore_errors=True)
        partial.rename(self.folder / FINISHED)
        self.path.unlink(missing_ok=True)

    def restore(self) -> bool:
        """Put the files of this training back into its folder, JSON last, if it had been finished and they are as they were."""
        if not (self.folder / FINISHED).is_dir():
            return False
        digests: dict[str, str] | None = read_json(self.folder / DIGESTS) if (self.folder / DIGESTS).is_file() else None
        kept = {path.name: path for path in _files(self.folder / FINISHED)}
        if {name: sha256_file(path) for name, path in kept.items()} != digests:
            say(f"{self.folder / FINISHED}: expected the files of the finished training, found others; training again")
            _remove(self.folder / FINISHED)
            return False
        for name in sorted(kept, key=lambda name: name.endswith(".json")):
            with atomic_path(self.folder.parent / name) as path:
                os.link(kept[name], path)
        return True


def begun(run_folder: Path, inputs: dict[str, Any], precisions: Sequence[str]) -> tuple[Checkpoint, str]:
    """The checkpoint of a training in the first of several precisions in which it was begun, and that one; a new one in the first.

    So a training that dies on one processor goes on on another one, on which `auto` would take another precision.
    """
    found = [(Checkpoint(run_folder, inputs | {"precision": precision}), precision) for precision in precisions]
    checkpoint, precision = next((pair for pair in found if pair[0].folder.is_dir()), found[0])
    if precision != precisions[0]:
        say(f"{run_folder}: going on in {precision}, in which it was begun; a new one would be made in {precisions[0]} here")
    return checkpoint, precision


def _remove(folder: Path) -> None:
    """Remove a folder that a kill may not leave in part under its name; what it leaves, `remove_partials` clears away."""
    doomed = folder.with_name(f".{folder.name}.removed.partial")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed)


def _files(folder: Path) -> list[Path]:
    """The files of a folder that are no hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _save(value: dict[str, Any], handle: IO[bytes]) -> None:
    """torch.save, with the system's own error where its writer hides that behind a message about positions."""
    try:
        torch.save(value, handle)
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise cause or error from error


def describe_differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The keys in which two nested mappings differ, with both values: `recipe.training.epochs: 3 -> 5`."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name, ABSENT) != after.get(name, ABSENT)]
    named = [f"{name}: {_short(before.get(name, ABSENT))} -> {_short(after.get(name, ABSENT))}" for name in names[:NAMED]]
    if len(names) > NAMED:
        named.append(f"{len(names) - NAMED} more")
    return "; ".join(named) or "nothing differs"


ABSENT = "(none)"


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
