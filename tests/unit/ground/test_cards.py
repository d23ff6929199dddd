"""Cards of a machine: never two jobs on one, none lost, whatever dies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from bioner import cards
from bioner.cards import claim_card, jobs_per_card, lock_folder, visible_cards
from bioner.errors import BionerError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four cards, with locks of their own."""
    monkeypatch.setenv(cards.VISIBLE, "0,1,2,3")
    monkeypatch.setenv(cards.LOCKS, str(tmp_path / "locks"))
    monkeypatch.delenv(cards.SHARE, raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return tmp_path


def fork(job: Callable[[], None]) -> int:
    """A process that does a job and ends without pytest's own end."""
    child = os.fork()
    if child:
        return child
    try:
        job()
        os._exit(0)
    except BaseException:  # the parent sees the status
        os._exit(1)


def note(folder: Path, event: str, card: str) -> None:
    with open(folder / "events", "ab", buffering=0) as handle:
        handle.write(f"{time.monotonic()} {event} {card} {os.getpid()}\n".encode())


def occupied(folder: Path, killed: dict[int, float]) -> dict[str, list[tuple[float, float]]]:
    """When each card was held: from its taking to the end that its holder told, or to the signal that ended it."""
    begun: dict[int, tuple[float, str]] = {}
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in (folder / "events").read_text().splitlines():
        moment, event, card, process = line.split()
        if event == "begin":
            begun[int(process)] = float(moment), card
        else:
            start, _ = begun.pop(int(process))
            spans[card].append((start, float(moment)))
    for process, (start, card) in begun.items():
        spans[card].append((start, killed[process]))
    return {card: sorted(found) for card, found in spans.items()}


def most_at_once(spans: list[tuple[float, float]]) -> int:
    events = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    level = highest = 0
    for _, step in events:
        level += step
        highest = max(highest, level)
    return highest


@pytest.mark.parametrize("share", [1, 2])
def test_two_hundred_jobs_on_four_cards_under_random_kills(machine: Path, monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    monkeypatch.setenv(cards.SHARE, str(share))
    draw = random.Random(share)
    running: dict[int, float] = {}
    killed: dict[int, float] = {}
    statuses = []

    def job(seconds: float) -> Callable[[], None]:
        def work() -> None:
            card = claim_card(pause=lambda _: time.sleep(0.001))
            assert card is not None and os.environ[cards.VISIBLE] == card
            note(machine, "begin", card)
            time.sleep(seconds)
            note(machine, "end", card)

        return work

    started = 0
    while started < 200 or running:
        while started < 200 and len(running) < 12:
            running[fork(job(draw.uniform(0.002, 0.03)))] = time.monotonic() + draw.uniform(0.0, 0.03)
            started += 1
        for process, doom in list(running.items()):
            if doom < time.monotonic() and process not in killed:
                killed[process] = time.monotonic()
                os.kill(process, signal.SIGKILL)
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                statuses.append(status)
                del running[process]
        time.sleep(0.001)
    assert len(statuses) == 200
    assert set(statuses) == {0, signal.SIGKILL}  # done or killed, and both happened
    spans = occupied(machine, killed)
    dead = statuses.count(signal.SIGKILL)
    told = ", ".join(f"{card}: {len(found)} ({most_at_once(found)})" for card, found in sorted(spans.items()))
    print(f"\n200 jobs, {share} a card: {200 - dead} done, {dead} killed; jobs by card (most at once): {told}")
    assert len(spans) > 1
    assert all(1 <= most_at_once(found) <= share for found in spans.values())
    if share == 1:
        assert all(before[1] <= after[0] for found in spans.values() for before, after in pairwise(found))
    assert_all_free(machine, share)


def assert_all_free(machine: Path, share: int) -> None:
    """Every place of every card can be held at once, and then one more has to wait."""
    children = [fork(hold(machine)) for _ in range(4 * share)]
    try:
        wait_for(lambda: len((machine / "all").read_text().split()) if (machine / "all").exists() else 0, 4 * share)
        assert sorted((machine / "all").read_text().split()) == sorted(["0", "1", "2", "3"] * share)
        late = fork(hold(machine))
        time.sleep(0.3)
        assert os.waitpid(late, os.WNOHANG) == (0, 0)
        assert len((machine / "all").read_text().split()) == 4 * share
        os.kill(children[0], signal.SIGKILL)
        wait_for(lambda: len((machine / "all").read_text().split()), 4 * share + 1)
        children.append(late)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def hold(machine: Path) -> Callable[[], None]:
    def work() -> None:
        card = claim_card(pause=lambda _: time.sleep(0.005))
        with open(machine / "all", "a", encoding="utf-8") as handle:
            handle.write(f"{card}\n")
        time.sleep(60)

    return work


def wait_for(number: Callable[[], int], wanted: int) -> None:
    end = time.monotonic() + 20
    while number() < wanted and time.monotonic() < end:
        time.sleep(0.01)
    assert number() == wanted


def test_a_card_stays_taken_while_a_child_of_its_job_lives(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cards.VISIBLE, "0")
    (machine / "all").touch()

    def job() -> None:
        assert claim_card() == "0"
        (machine / "child").write_text(str(fork(lambda: time.sleep(60))))

    os.waitpid(fork(job), 0)
    late = fork(hold(machine))
    time.sleep(0.2)
    assert (machine / "all").read_text() == ""
    os.kill(int((machine / "child").read_text()), signal.SIGKILL)
    wait_for(lambda: len((machine / "all").read_text().split()), 1)
    os.kill(late, signal.SIGKILL)
    os.waitpid(late, 0)


def test_a_whole_card_and_shares_of_it_exclude_each_other(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cards.VISIBLE, "0")
    monkeypatch.setenv(cards.SHARE, "2")
    (machine / "all").touch()
    sharing = fork(hold(machine))
    wait_for(lambda: len((machine / "all").read_text().split()), 1)
    monkeypatch.setenv(cards.SHARE, "1")
    whole = fork(hold(machine))
    time.sleep(0.2)
    assert (machine / "all").read_text().split() == ["0"]
    os.kill(sharing, signal.SIGKILL)
    wait_for(lambda: len((machine / "all").read_text().split()), 2)
    for process in (sharing, whole):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def test_a_second_call_gives_the_same_card_also_in_a_child(machine: Path) -> None:
    def job() -> None:
        card = claim_card()
        assert claim_card() == card
        script = "import os; from bioner.cards import claim_card; print(claim_card(), os.environ['CUDA_VISIBLE_DEVICES'])"
        assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == f"{card} {card}\n"

    assert os.waitpid(fork(job), 0)[1] == 0


def test_who_waits_says_so_once(machine: Path) -> None:
    script = "import sys; from bioner.cards import claim_card; claim_card(); print('mine', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script]
    environment = os.environ | {cards.VISIBLE: "GPU-5c2a"}
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    assert first.stdout is not None and first.stdout.readline() == "mine\n"
    second = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    assert second.stderr is not None and second.stdout is not None
    assert "waiting for a card: GPU-5c2a are taken, 1 job each" in second.stderr.readline()
    first.communicate("")
    assert second.stdout.readline() == "mine\n"
    assert second.communicate("")[1] == ""


def test_cards_are_those_that_cuda_sees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert visible_cards({cards.VISIBLE: "2, GPU-1f,-1,3"}) == ["2", "GPU-1f"]
    assert visible_cards({cards.VISIBLE: ""}) == []
    monkeypatch.setattr(cards, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(cards, "OTHERS", (tmp_path / "none",))
    assert visible_cards({}) == []
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    monkeypatch.setattr(cards, "DRIVER", tmp_path / "gpus")
    assert visible_cards({}) == ["0", "1"]


def test_cards_without_a_driver_folder_are_counted_by_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As under WSL 2 and with AMD's cards: their jobs would have no lock, and all take the first card."""
    (tmp_path / "dxg").touch()
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(lambda: 3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(cards, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(cards, "OTHERS", (tmp_path / "kfd", tmp_path / "dxg"))
    assert visible_cards({}) == ["0", "1", "2"]
    (tmp_path / "torch.py").write_text("raise ImportError('no libcuda')\n")
    with pytest.raises(BionerError, match=r"found: ImportError: no libcuda; name them in CUDA_VISIBLE_DEVICES"):
        visible_cards({})


def test_jobs_find_each_others_locks_whatever_their_folder_of_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cards, "FOLDER", tmp_path / "locks")
    assert lock_folder({"TMPDIR": str(tmp_path / "a")}) == lock_folder({"TMPDIR": str(tmp_path / "b")}) == tmp_path / "locks"


def test_jobs_of_slurm_have_locks_of_their_own(tmp_path: Path) -> None:
    """Slurm may call the one card of each job 0."""
    folders = {lock_folder({cards.LOCKS: str(tmp_path / "locks")} | job) for job in ({}, {"SLURM_JOB_ID": "7"}, {"SLURM_JOB_ID": "8"})}
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5", ""])
def test_a_wrong_share_is_told(value: str) -> None:
    with pytest.raises(BionerError, match=r"^BIONER_JOBS_PER_CARD: expected a whole number of at least 1, got "):
        jobs_per_card({cards.SHARE: value})


def test_a_lock_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BionerError, match="expected a folder for the locks of cards"):
        lock_folder({cards.LOCKS: str(tmp_path / "file" / "locks")})


def test_no_lock_follows_a_link(machine: Path, tmp_path: Path) -> None:
    folder = lock_folder(os.environ)
    (folder / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BionerError, match="expected a lock of a card that can be opened"):
        claim_card()
    assert not (tmp_path / "elsewhere").exists()
