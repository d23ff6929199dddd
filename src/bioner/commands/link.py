"""Link the diseases of a run's predictions to an ontology and to ICD-10-CM codes, and measure the links."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bioner.commandline import execute, json_argument
from bioner.commands.postprocess import definitions
from bioner.corpora.raw import read_manifest
from bioner.evaluation.link import link_run
from bioner.evaluation.ontology import read_ontology
from bioner.preparation.lexicons import read_obo


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m bioner.commands.link`."""
    result = argparse.ArgumentParser(prog="python -m bioner.commands.link", description=__doc__)
    result.add_argument("--ontology", required=True, help="manifest of the ontology's files, beside them")
    result.add_argument("--gold", required=True, help="test.jsonl of the fold")
    result.add_argument("--predictions", action="append", required=True, metavar="NAME=path", help="repeatable; the last ones are written")
    result.add_argument("--types", nargs="+", required=True, help="types of mentions that are diseases")
    result.add_argument("--keys", type=json_argument, required=True, help='{"dataset", "protocol", "model", "fold", "seed"} as JSON')
    result.add_argument("--output", required=True, help="the last predictions with their links, JSON Lines")
    result.add_argument("--table", required=True, help="what links are worth, CSV")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Link one run."""
    given = parser().parse_args(argv)
    files = read_manifest(given.ontology).files
    for file in files:
        file.data()  # whether it still is what was downloaded
    link_run(
        ontology=read_ontology([file.path for file in files], read_obo),
        gold=given.gold,
        predictions={name: path for name, _, path in (pair.partition("=") for pair in given.predictions)},
        types=given.types,
        keys=given.keys,
        find=definitions,
        output=given.output,
        table=given.table,
    )


if __name__ == "__main__":
    execute(main)
