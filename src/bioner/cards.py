"""Cards (GPUs) for jobs of one machine: each process takes one card, or a share of one, and holds it while it lives.

A card is held by `flock` on a file, which the kernel lets go of however the process dies, so that no card is lost and none is
given twice. Snakemake hands out no cards: it starts jobs, and each of them sees all cards of the machine.

| variable | meaning |
| --- | --- |
| CUDA_VISIBLE_DEVICES | the cards that may be taken, as always; set to the one that was |
| BIONER_JOBS_PER_CARD | how many jobs share a card; 1 if not set |
| BIONER_CARD_LOCKS | folder of the locks; /tmp/bioner-cards if not set, whatever TMPDIR says: jobs must find each other's |
| SLURM_JOB_ID | locks are of this job alone: Slurm numbers the cards of each job from 0 |
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bioner.commandline import say
from bioner.errors import BionerError

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "BIONER_JOBS_PER_CARD"
LOCKS = "BIONER_CARD_LOCKS"
HELD = "BIONER_CARD"
"""The card that this process, or the one that started it, holds."""
DRIVER = Path("/proc/driver/nvidia/gpus")
"""A folder for each card, where Linux has NVIDIA's driver of its own."""
OTHERS = (Path("/dev/dxg"), Path("/dev/kfd"))
"""Devices that tell of cards without it: under WSL 2, and those of AMD."""
FOLDER = Path("/tmp/bioner-cards")
PAUSE = 0.2
"""Seconds between two looks for a free card."""

_held: list[int] = []
"""Descriptors that hold this process's card."""


def claim_card(pause: Callable[[float], None] = time.sleep) -> str | None:
    """Take a card for the rest of this process, wait for one if all are taken; None where there is none.

    Afterwards CUDA_VISIBLE_DEVICES names this card alone. Call it before anything asks CUDA for its cards. A second call gives the
    same card, also in a process that this one starts.

    Raises:
        BionerError: a setting is not as described, or the folder of locks cannot be written.
    """
    if HELD in os.environ:
        return os.environ[HELD]
    cards = visible_cards(os.environ)
    if not cards:
        return None
    share, folder = jobs_per_card(os.environ), lock_folder(os.environ)
    told = False
    while True:
        for card, descriptors in _free(cards, share, folder):
            _held.extend(descriptors)
            os.environ[VISIBLE] = os.environ[HELD] = card
            return card
        if not told:
            say(f"waiting for a card: {', '.join(cards)} are taken, {share} job{'s' * (share > 1)} each (locks in {folder})")
            told = True
        pause(PAUSE)


def visible_cards(environment: Mapping[str, str]) -> list[str]:
    """Cards that CUDA would see, as CUDA_VISIBLE_DEVICES names them; indices of all where it is not set."""
    named = environment.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(_count())]
    cards = [name.strip() for name in named.split(",")]
    # as CUDA reads it: what follows a name that is none, such as -1, is not seen
    return cards[: next((place for place, name in enumerate(cards) if name in ("", "-1", "NoDevFiles")), len(cards))]


def _count() -> int:
    """How many cards the machine has; asked of torch in a process of its own, for CUDA heeds what is visible only before it is asked."""
    if DRIVER.is_dir():
        return len(list(DRIVER.iterdir()))
    if not any(device.exists() for device in OTHERS):
        return 0
    command = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip().isdigit():
        told = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise BionerError(f"expected torch to count the cards of this machine, found: {told}; name them in {VISIBLE}")
    return int(done.stdout)


def jobs_per_card(environment: Mapping[str, str]) -> int:
    """How many jobs may share a card, at least 1."""
    value = environment.get(SHARE, "1")
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise BionerError(f"{SHARE}: expected a whole number of at least 1, got {value!r}; correct the environment")
    return int(value)


def lock_folder(environment: Mapping[str, str]) -> Path:
    """Where the locks of this machine's cards are, for all its users; under Slurm those of the job's cards."""
    folder = Path(environment.get(LOCKS) or FOLDER)
    if job := environment.get("SLURM_JOB_ID"):
        folder = folder / f"job{job}"
    try:
        for part in (folder.parent, folder):
            if not part.is_dir():
                part.mkdir(parents=True, exist_ok=True)
                part.chmod(0o1777)
    except OSError as error:
        raise BionerError(f"{folder}: expected a folder for the locks of cards ({error}); name another one in {LOCKS}") from error
    return folder


def _free(cards: list[str], share: int, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Cards with a free place, held; the first place of every card before the second of any.

    Who wants a whole card locks its file for himself; those who share it lock the file together and one of its places each.
    """
    for place in range(share):
        for card in cards:
            name = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in card)
            whole = _lock(folder / name, fcntl.LOCK_EX if share == 1 else fcntl.LOCK_SH)
            if whole is None:
                continue
            if share == 1:
                yield card, [whole]
                return
            part = _lock(folder / f"{name}_{place}", fcntl.LOCK_EX)
            if part is not None:
                yield card, [whole, part]
                return
            os.close(whole)


def _lock(path: Path, kind: int) -> int | None:
    """A descriptor that holds a lock on a file, None if somebody else does."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open(path: Path) -> int:
    """A descriptor of a file that every user may open; made if it is not there."""
    for flags in (0, os.O_CREAT | os.O_EXCL, 0):  # the kernel refuses O_CREAT on others' files in such a folder
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o666)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError as error:
            raise BionerError(f"{path}: expected a lock of a card that can be opened ({error}); remove it or set {LOCKS}") from error
        if flags:
            os.fchmod(descriptor, 0o666)
        return descriptor
    raise BionerError(f"{path}: expected a lock of a card, found it come and go; remove nothing in this folder while jobs run")
