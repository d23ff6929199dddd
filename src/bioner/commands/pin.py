"""Record the commits of the encoders' repositories on the hub in the config file, where it has null."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.errors import BionerError
from bioner.tagging.pinning import pin, unpinned


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="bioner pin", description=__doc__)
    arguments.add_argument("--config", default="config.yaml", type=Path, help="the file to edit (default: %(default)s)")
    arguments.add_argument("--encoder", action="append", default=[], metavar="NAME", help="only this encoder; may be repeated")
    arguments.add_argument("--update", action="store_true", help="move pinned sources to their default branch's commit, too")
    arguments.add_argument("--check", action="store_true", help="ask and write nothing; fail if a source names no commit")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    if not arguments.check:
        for line in pin(arguments.config, arguments.encoder, update=arguments.update):
            print(line)
    elif found := unpinned(arguments.config, arguments.encoder):
        places = ", ".join(f"{source.encoder} ({source.repository}: {source.revision or 'null'})" for source in found)
        raise BionerError(f"{arguments.config}: expected a commit for every hub source, found none for {places}; run `bioner pin`")


if __name__ == "__main__":
    execute(main)
