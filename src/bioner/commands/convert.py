"""Make an encoder folder of a TensorFlow checkpoint of ALBERT or BERT (BioALBERT, the originals of BioBERT and BlueBERT)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bioner.commandline import execute
from bioner.tagging.conversion import convert_checkpoint


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="bioner convert", description=__doc__)
    arguments.add_argument("--checkpoint", required=True, type=Path, help="the path up to .index, or a folder with one checkpoint")
    arguments.add_argument(
        "--model-config", type=Path, help="albert_config.json or bert_config.json (default: the one beside the checkpoint)"
    )
    arguments.add_argument("--vocabulary", type=Path, help="spiece.model or vocab.txt (default: the one beside the checkpoint)")
    case = arguments.add_mutually_exclusive_group()
    case.add_argument(
        "--lower-case", action="store_true", default=None, help="text is lower-cased (default: unless the vocabulary has capitals)"
    )
    case.add_argument("--keep-case", dest="lower_case", action="store_false", help="text is not lower-cased")
    arguments.add_argument("--output", required=True, type=Path, help="the folder to make, for a source {folder: ...} in the config")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    convert_checkpoint(
        arguments.checkpoint,
        arguments.output,
        config=arguments.model_config,
        vocabulary=arguments.vocabulary,
        lower_case=arguments.lower_case,
    )


if __name__ == "__main__":
    execute(main)
