"""Train one trial of a search, with the values suggested for it, and judge it on the fold's validation part."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.tagging.training import CHECKPOINT_SECONDS
from bioner.tagging.trials import run_trial


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--recipe", required=True, type=json_argument, help="the recipe of the searched model, as JSON")
    arguments.add_argument("--settings", required=True, type=json_argument, help="the search's space, parallel, startup and seed, as JSON")
    arguments.add_argument("--trials", default=[], type=Path, nargs="*", help="files of all trials of the generations before")
    arguments.add_argument("--trial", required=True, type=int, help="number of the trial")
    arguments.add_argument("--encoder", type=Path, help="results/encoders/<encoder>/encoder.json, for a model that has one")
    arguments.add_argument("--fold", required=True, type=Path, help="folder of the composed fold")
    arguments.add_argument("--audit", required=True, type=Path, help="the fold's audit")
    arguments.add_argument("--seed", required=True, type=int, help="of the training")
    arguments.add_argument("--folder", required=True, type=Path, help="where the training goes on after a kill; removed in the end")
    arguments.add_argument("--output", required=True, type=Path, help="results/searches/<search>/trial<n>.json")
    arguments.add_argument(
        "--checkpoint-seconds", default=CHECKPOINT_SECONDS, type=float, help="training time between checkpoints (default: %(default)s)"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    run_trial(**vars(parser().parse_args(argv)))


if __name__ == "__main__":
    execute(main)
