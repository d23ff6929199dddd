"""The program `bioner`: its subcommands, each a module of `bioner.commands` that is imported when called."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from bioner.commandline import execute

COMMANDS = {
    "catalogue": "write the table of corpora into a Markdown file",
    "convert": "make an encoder folder of a TensorFlow checkpoint",
    "plan": "say what experiments will cost: hours, jobs and disk, before anything is submitted",
    "pin": "record the commits of the encoders' repositories in the config",
    "tag": "find the mentions in texts of your own with the model of a trained run",
    "trace": "follow a cell of a table back to runs, data and code, and check every digest",
    "showcase": "write an experiment's table, with hardware and minutes, into a Markdown file",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a subcommand with the arguments after its name (of the process when None); errors are one line."""
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    arguments = argparse.ArgumentParser(
        prog="bioner", description=f"commands:\n{listing}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("command", choices=COMMANDS, metavar="command", help="`bioner <command> --help` tells its options")
    arguments.add_argument("options", nargs=argparse.REMAINDER, help="of the command")
    chosen = arguments.parse_args(argv)
    execute(lambda: import_module(f"bioner.commands.{chosen.command}").main(chosen.options))
