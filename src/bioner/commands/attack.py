"""Attack the test documents of a fold with a text attack that needs no model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.evaluation.attacks import attack_file


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.attack`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.attack", description=__doc__)
    result.add_argument("--test", required=True, help="test.jsonl of the fold, as harmonized")
    result.add_argument("--name", required=True, help="name of the attack in the config")
    result.add_argument("--settings", type=json_argument, required=True, help="the attack's entry in the config, as JSON")
    result.add_argument("--output", required=True, help="attacked documents, JSON Lines")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Attack one test set."""
    given = parser().parse_args(argv)
    attack_file(given.test, given.output, name=given.name, settings=given.settings)


if __name__ == "__main__":
    execute(main)
