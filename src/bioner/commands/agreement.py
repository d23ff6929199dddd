"""Write the digest of each score on corpora under agreement: all that DVC is told about them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute
from bioner.storage import sha256_file, write_json


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.agreement", description=__doc__)
    arguments.add_argument("--scores", nargs="*", default=[], help="scores.csv of each run (none where no corpus is under agreement)")
    arguments.add_argument("--output", required=True, help="results/agreement.json")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Write a JSON object from path to SHA-256."""
    options = parser().parse_args(argv)
    write_json(options.output, {path: sha256_file(path) for path in options.scores})


if __name__ == "__main__":
    execute(main)
