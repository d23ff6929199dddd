"""Trainings that are killed, run out of disk, or find the checkpoint of another one."""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bioner.documents import write_documents
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging import checkpoints
from bioner.tagging import precision as precision_module
from bioner.tagging.checkpoints import Checkpoint, describe_differences
from bioner.tagging.predicting import predict_run

from .toys import EVERYTHING, RECIPE, RECIPES, TRAINING, documents, interrupt, lay_encoder, lay_fold, train

TIMES = {"seconds", "pieces_per_second"}
"""All that differs between the run.json of two trainings with the same inputs on the same machine."""


class Laboratory:
    """A fold, an encoder and the training command on them."""

    def __init__(self, folder: Path, encoder: Path) -> None:
        self.folder = folder
        self.fold = lay_fold(folder / "fold")
        self.encoder = lay_encoder(folder / "encoder", encoder)

    def command(self, output: str, *, seconds: float = 0.0) -> list[str]:
        return [
            sys.executable, "-m", "bioner.commands.train", "--recipe", str(self.folder / "recipe.json"), "--encoder", str(self.encoder),
            "--fold", str(self.fold), "--audit", str(self.folder / "audit.json"), "--seed", "1", "--output", str(self.folder / output),
            "--checkpoint-seconds", str(seconds),
        ]  # fmt: skip

    def run(self, output: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command itself."""
        return subprocess.run(self.command(output), check=False, capture_output=True, text=True, **options)

    def train(self, recipe: dict[str, Any], output: str = "run", seed: int = 1) -> Path:
        """The command's function, in this process."""
        return train(self.folder, self.encoder, self.fold, recipe, output, seed)

    def stop(self, recipe: dict[str, Any], step: int, output: str = "run") -> Path:
        """Stop a training before a step; the state in its checkpoint, which is of the step before."""
        with pytest.MonkeyPatch.context() as patch:
            interrupt(patch, step)
            with pytest.raises(KeyboardInterrupt):
                self.train(recipe, output)
        (state,) = (self.folder / output).glob("checkpoint-*/state.pt")
        return state

    def predict(self, output: str) -> Path:
        folder = self.folder / f"{output}-predictions"
        attacks = {"fgsm": {"kind": "fgsm", "epsilon": 0.5}}
        predict_run(run=self.folder / output, test=self.fold / "test.jsonl", attacks=attacks, attacked={}, threads=1, output=folder)
        return folder


@pytest.fixture
def laboratory(tmp_path: Path, bert: Path) -> Laboratory:
    made = Laboratory(tmp_path, bert)
    write_json(tmp_path / "recipe.json", RECIPE)
    return made


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in folder.iterdir() if path.is_file() and path.name != "run.json"}


class Killed:
    """A training that is sent SIGKILL; what it wrote on standard error until then."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def wait_for(self, beginnings: tuple[str, ...]) -> None:
        while self.process.poll() is None and not any(line.startswith(beginnings) for line in list(self.lines)):
            time.sleep(0.001)

    def wait_for_file(self, folder: Path, pattern: str, limit: float) -> None:
        end = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < end and not any(folder.glob(pattern)):
            time.sleep(0.0005)

    def kill(self) -> bool:
        """Whether it was still running."""
        self.process.kill()
        status = self.process.wait()
        self.reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        assert status in (0, -9), "".join(self.lines)
        return status == -9


PARTIAL = "checkpoint-*/.state.pt.*.partial"


@pytest.mark.slow
def test_thirty_kills_change_no_byte(laboratory: Laboratory) -> None:
    """At random moments, from the start of the process on; half of them wait until a checkpoint is being written."""
    recipe = EVERYTHING | {"training": EVERYTHING["training"] | {"gradient_checkpointing": False, "epochs": 60, "patience": 60}}
    write_json(laboratory.folder / "recipe.json", recipe)
    assert laboratory.run("whole").returncode == 0
    moments = random.Random(20)
    folder = laboratory.folder / "killed"
    kills = inside = steps = 0
    while kills < 30:
        training = Killed(laboratory.command("killed"))
        if moments.random() < 0.85:
            training.wait_for(("training toy", "resuming"))
            time.sleep(moments.uniform(0, 0.6))
        else:
            time.sleep(moments.uniform(0, 3))
        if kills % 2:
            training.wait_for_file(folder, PARTIAL, 5.0)
        assert training.kill(), f"finished before kill {kills + 1}: {training.lines[-1]}"
        kills += 1
        inside += any(folder.glob(PARTIAL))
        resumed = [int(line.rsplit(" ", 1)[1]) for line in training.lines if line.startswith("resuming")]
        assert all(step >= steps for step in resumed)  # nothing that was saved is lost
        steps = max([steps, *resumed])
    assert inside >= 8 and steps > 20
    for _ in range(4):  # after the last epoch, while the results are written
        training = Killed(laboratory.command("killed"))
        training.wait_for(("epoch 60/",) if kills == 30 else ("resuming",))
        time.sleep(moments.uniform(0, 0.1))
        kills += training.kill()
        if (folder / "run.json").exists():
            break
    assert laboratory.run("killed").returncode == 0
    assert digests(laboratory.folder / "whole") == digests(folder)
    facts = [read_json(laboratory.folder / name / "run.json") for name in ("whole", "killed")]
    assert {key for key in facts[0] if facts[0][key] != facts[1][key]} <= TIMES and facts[0].keys() == facts[1].keys()
    whole, killed = laboratory.predict("whole"), laboratory.predict("killed")
    assert digests(whole) == digests(killed) and len(digests(whole)) == 3


@pytest.mark.parametrize("name", [*RECIPES, "everything"])
def test_a_training_stopped_inside_an_epoch_resumes_to_the_same_bytes(
    laboratory: Laboratory, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = (RECIPES | {"everything": EVERYTHING})[name]
    whole = laboratory.train(recipe, "whole")
    per_epoch = int((whole / "history.csv").read_text().splitlines()[1].split(",")[1])
    assert per_epoch > 2
    laboratory.stop(recipe, 2 * per_epoch + 2)
    resumed = laboratory.train(recipe)
    assert f"resuming after epoch 2, step {2 * per_epoch + 2}" in capsys.readouterr().err
    assert digests(whole) == digests(resumed)


@pytest.mark.parametrize(("begun", "there"), [("bf16", "fp32"), ("fp32", "bf16")])
def test_auto_goes_on_in_the_precision_that_a_training_was_begun_in_on_another_processor(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begun: str, there: str
) -> None:
    recipe = RECIPE | {"training": TRAINING | {"precision": "auto"}}

    def processor(precision: str) -> None:
        monkeypatch.setattr(precision_module, "faster_precision", lambda device: precision)

    processor(begun)
    whole = laboratory.train(recipe, "whole")
    laboratory.stop(recipe, step=7)
    processor(there)
    run = laboratory.train(recipe)
    assert digests(run) == digests(whole) and read_json(run / "run.json")["precision"] == begun
    remove_outputs(run)
    assert digests(laboratory.train(recipe)) == digests(whole)  # finished, and put back
    told = f"going on in {begun}, in which it was begun; a new one would be made in {there} here"
    assert capsys.readouterr().err.count(told) == 2
    assert read_json(laboratory.train(recipe, "new") / "run.json")["precision"] == there


def remove_outputs(folder: Path) -> None:
    """As Snakemake does with outputs of a job whose end it did not hear of."""
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


def test_a_finished_training_whose_files_were_removed_is_not_made_again(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = laboratory.train(RECIPE)
    before = digests(run) | {"run.json": sha256_file(run / "run.json")}
    remove_outputs(run)
    with monkeypatch.context() as patch:
        interrupt(patch, 0)  # no step may be made
        laboratory.train(RECIPE)
    assert f"{run}: this very training had finished; its files are put back" in capsys.readouterr().err
    assert digests(run) | {"run.json": sha256_file(run / "run.json")} == before
    assert not list(run.glob("checkpoint-*/state.pt"))


def test_a_kill_while_the_finished_files_are_kept_is_gone_on_from(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(laboratory.train(RECIPE, output="whole"))

    def die(self: Checkpoint) -> None:
        (self.folder / ".finished.partial").mkdir(parents=True)
        (self.folder / ".finished.partial" / "run.json").write_text("{}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            laboratory.train(RECIPE)
    run = laboratory.train(RECIPE)
    assert digests(run) == before and not list(run.glob("checkpoint-*/.*"))


def test_another_recipe_is_trained_although_one_had_finished(laboratory: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    run = laboratory.train(RECIPE)
    before = digests(run)
    laboratory.train(RECIPE | {"training": TRAINING | {"learning_rate": 0.02}})
    assert "put back" not in capsys.readouterr().err
    assert digests(run)["model.safetensors"] != before["model.safetensors"]
    assert len(list(run.glob("checkpoint-*"))) == 1


def test_files_of_a_finished_training_that_were_changed_are_not_put_back(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    run = laboratory.train(RECIPE)
    before = digests(run)
    with open(run / "model.safetensors", "r+b") as handle:  # in place, so in the kept link too
        handle.seek(-8, 2)
        handle.write(b"\0" * 8)
    laboratory.train(RECIPE)
    assert "expected the files of the finished training, found others; training again" in capsys.readouterr().err
    assert digests(run) == before


def die_in_the_removal(patch: pytest.MonkeyPatch, missing: str) -> None:
    """Let the removal of a folder with some file stop when that file is gone and all else is still there."""
    original = shutil.rmtree

    def remove(path: Path, **options: Any) -> None:
        if (Path(path) / missing).is_file():
            (Path(path) / missing).unlink()
            raise KeyboardInterrupt
        original(path, **options)

    patch.setattr(checkpoints.shutil, "rmtree", remove)


def test_a_kill_while_another_trainings_files_are_removed_blocks_neither(laboratory: Laboratory) -> None:
    """The checkpoint of the first recipe goes when the second is trained; the first is wanted again."""
    other = RECIPE | {"training": TRAINING | {"learning_rate": 0.02}}
    run = laboratory.train(RECIPE)
    before = digests(run)
    with pytest.MonkeyPatch.context() as patch:
        die_in_the_removal(patch, "digests.json")
        with pytest.raises(KeyboardInterrupt):
            laboratory.train(other)
    assert not list(run.glob("checkpoint-*"))  # by its name it is whole or not there
    remove_outputs(run)
    assert digests(laboratory.train(RECIPE)) == before
    assert not [path for path in run.rglob(".*") if path.is_dir()]
    assert digests(laboratory.train(other)) != before and len(list(run.glob("checkpoint-*"))) == 1


def test_a_kill_while_changed_files_are_removed_is_gone_on_from(laboratory: Laboratory) -> None:
    run = laboratory.train(RECIPE)
    before = digests(run)
    (kept,) = run.glob("checkpoint-*/finished")
    (kept / "history.csv").unlink()
    (kept / "history.csv").write_text("changed")
    with pytest.MonkeyPatch.context() as patch:
        die_in_the_removal(patch, "history.csv")
        with pytest.raises(KeyboardInterrupt):
            laboratory.train(RECIPE)
    assert not kept.exists()
    assert digests(laboratory.train(RECIPE)) == before
    assert kept.is_dir() and not [path for path in run.rglob(".*") if path.is_dir()]


@pytest.mark.parametrize("left", ["all", "some", "none"])
def test_finished_files_without_their_digests_are_trained_anew(
    laboratory: Laboratory, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a kill in the removal left them before removals began with another name."""
    run = laboratory.train(RECIPE)
    before = digests(run)
    remove_outputs(run)
    (kept,) = run.glob("checkpoint-*/finished")
    (kept.parent / "digests.json").unlink()
    for number, path in enumerate(sorted(kept.iterdir())):
        if left == "none" or (left == "some" and number % 2):
            path.unlink()
    assert digests(laboratory.train(RECIPE)) == before
    told = capsys.readouterr().err
    assert f"{kept}: expected the files of the finished training, found others; training again" in told and "put back" not in told
    remove_outputs(run)
    laboratory.train(RECIPE)
    assert "put back" in capsys.readouterr().err and digests(run) == before


def test_two_at_once_train_once(laboratory: Laboratory) -> None:
    """A job that a scheduler started, and the same one that a restarted workflow asks for."""
    recipe = RECIPE | {"training": TRAINING | {"epochs": 60, "patience": 60}}
    write_json(laboratory.folder / "recipe.json", recipe)
    command = laboratory.command("run", seconds=60.0)
    jobs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [job.communicate()[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], told
    trained = [text for text in told if "epoch 1/" in text]
    waited = [text for text in told if "this run is being made by process" in text]
    assert len(trained) == 1 and len(waited) == 1 and waited != trained
    assert "its files are put back" in waited[0]
    assert digests(laboratory.folder / "run") == digests(laboratory.train(recipe, "alone"))


def test_times_are_those_of_all_processes(laboratory: Laboratory) -> None:
    state = laboratory.stop(RECIPE, 3)
    saved = torch.load(state, weights_only=True)
    saved["state"]["progress"] |= {"seconds": 5000.0, "pieces": 10_000_000}
    torch.save(saved, state)
    facts = read_json(laboratory.train(RECIPE) / "run.json")
    assert 5000 < facts["seconds"] < 5600 and 1700 < facts["pieces_per_second"] < 2100


def test_a_disk_that_is_full_costs_the_new_checkpoint_and_not_the_old_one(laboratory: Laboratory) -> None:
    whole = laboratory.train(RECIPE, "whole")
    state = laboratory.stop(RECIPE, 9)
    before, size = sha256_file(state), state.stat().st_size
    full = laboratory.run("run", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2)))
    assert full.returncode == 1 and "resuming after epoch" in full.stderr
    assert full.stderr.splitlines()[-1] == (
        f"error: {state}: cannot be written (File too large); free space or fix permissions, then run again "
        "(a checkpoint; the one before it is still good)"
    )
    assert full.stderr.count("error") == 1 and sha256_file(state) == before
    assert sorted(path.name for path in state.parent.iterdir()) == ["inputs.json", "state.pt"]
    assert digests(laboratory.train(RECIPE)) == digests(whole)


def test_the_first_checkpoint_on_a_full_disk_says_that_there_is_none_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: Any, handle: Any) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598") from None  # as torch's writer does

    monkeypatch.setattr(checkpoints.torch, "save", fail)
    checkpoint = Checkpoint(tmp_path, {"recipe": {}})
    with pytest.raises(BionerError, match=r"state\.pt: cannot be written \(No space left on device\).*there is none before it"):
        checkpoint.save({})
    assert checkpoint.load() is None


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("recipe", "recipe.training.learning_rate: 0.005 -> 0.004"),
        ("seed", "seed: 1 -> 2"),
        ("data", "data.train.jsonl: "),
        ("code", "-> edited"),
        ("versions", "versions.torch: 1.0 -> "),
        ("unreadable", "it lacks a readable inputs.json"),
    ],
)
def test_the_checkpoint_of_another_training_is_named_and_not_used(
    laboratory: Laboratory, what: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = laboratory.stop(RECIPE, 4)
    inputs = read_json(state.parent / "inputs.json")
    recipe, seed = RECIPE, 1
    if what == "recipe":
        recipe = RECIPE | {"training": TRAINING | {"learning_rate": 0.004}}
    elif what == "seed":
        seed = 2
    elif what == "data":
        write_documents(laboratory.fold / "train.jsonl", documents("a", 11))
    elif what == "code":
        monkeypatch.setattr("bioner.tagging.runs.code_digest", lambda command: "edited")
    elif what == "versions":  # as an older torch would have left it
        inputs["versions"]["torch"] = "1.0"
        other = Checkpoint(laboratory.folder / "run", inputs)
        shutil.move(state.parent, other.folder)
        write_json(other.folder / "inputs.json", inputs)
    else:
        recipe = RECIPE | {"window": 30}
        (state.parent / "inputs.json").write_text("{")
    capsys.readouterr()
    run = laboratory.train(recipe, "run", seed)
    lines = capsys.readouterr().err.splitlines()
    assert not any(line.startswith("resuming") for line in lines)
    (line,) = [line for line in lines if line.startswith("checkpoint-")]
    assert line.startswith(f"checkpoint-{Checkpoint(laboratory.folder, inputs).digest[:16]}: of another training, not used (")
    assert told in line and line.endswith("; starting anew") and line.count(" -> ") == (what != "unreadable")
    assert not list(run.glob("checkpoint-*/state.pt"))
    assert digests(run) == digests(laboratory.train(recipe, "fresh", seed))


def test_a_state_that_was_put_beside_other_inputs_is_refused(tmp_path: Path) -> None:
    mine, other = (Checkpoint(tmp_path, {"recipe": {"training": {"epochs": number}}, "seed": 1}) for number in (3, 5))
    other.save({"step": torch.tensor(7)})
    shutil.copytree(other.folder, mine.folder)
    with pytest.raises(BionerError, match=r"state\.pt: expected the state of .*recipe\.training\.epochs: 5 -> 3\); delete the folder"):
        mine.load()
    state = other.load()
    assert state is not None and state["step"] == 7


@pytest.mark.parametrize("content", [b"junk", b"", b"PK\x03\x04"])
def test_a_damaged_state_is_told(tmp_path: Path, content: bytes) -> None:
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.save({"step": 1})
    whole = checkpoint.path.read_bytes()
    for damaged in (content, whole[: len(whole) // 2]):
        checkpoint.path.write_bytes(damaged)
        with pytest.raises(BionerError, match=r"state\.pt: expected a checkpoint of torch, found something else") as raised:
            checkpoint.load()
        assert "\n" not in str(raised.value)
    torch.save({"step": 1}, checkpoint.path)  # of a version that kept no inputs
    with pytest.raises(BionerError, match=r"expected a checkpoint of torch"):
        checkpoint.load()


def test_what_a_kill_left_half_written_is_removed(laboratory: Laboratory) -> None:
    state = laboratory.stop(RECIPE, 4)
    for leftover in (state.parent / ".state.pt.1.partial", state.parent.parent / ".model.safetensors.1.partial"):
        leftover.write_bytes(b"half")
    assert not list(laboratory.train(RECIPE).rglob("*.partial"))


def test_differences_are_named_by_key_with_both_values() -> None:
    old = {"recipe": {"training": {"epochs": 3, "clip": 1.0}, "loss": {"kind": "crf"}}, "data": {"a": "0" * 64}, "same": [1, {"x": None}]}
    new = {"recipe": {"training": {"epochs": 5, "clip": 1.0}, "loss": {}}, "data": {"a": "1" * 64}, "same": [1, {"x": None}], "seed": None}
    assert describe_differences(old, new) == (
        "data.a: 000000000000... -> 111111111111...; recipe.loss: (none) -> {}; recipe.loss.kind: crf -> (none); "
        "recipe.training.epochs: 3 -> 5; seed: (none) -> null"
    )
    assert describe_differences(old, old) == "nothing differs"
    many = describe_differences({str(number): 0 for number in range(20)} | {"same": 0}, {"same": 0})
    assert many.endswith("; 14 more") and many.count(" -> ") == 6


def test_inputs_are_kept_beside_the_state(laboratory: Laboratory) -> None:
    state = laboratory.stop(RECIPE, 4)
    inputs = json.loads((state.parent / "inputs.json").read_text())
    assert {"recipe", "seed", "encoder", "data", "versions", "code", "device", "precision"} == inputs.keys()
    assert inputs["recipe"] == RECIPE and state.parent.name == f"checkpoint-{Checkpoint(laboratory.folder, inputs).digest[:16]}"
