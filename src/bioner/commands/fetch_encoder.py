"""Fetch an encoder's files, verify them and write their digests."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute, json_argument
from bioner.tagging.encoders import fetch_encoder


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--encoder", required=True, help="name of the encoder in the config")
    arguments.add_argument("--settings", required=True, type=json_argument, help="its config entry, as JSON")
    arguments.add_argument("--output", required=True, type=Path, help="encoder.json; the files are laid beside it")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    fetch_encoder(arguments.encoder, arguments.settings, arguments.output)


if __name__ == "__main__":
    execute(main)
