"""Make one kind of variants of the documents of a corpus, labels exact."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import execute, json_argument
from bioner.errors import BionerError
from bioner.preparation.augment import augment_corpus
from bioner.preparation.back_translation import Translate


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bioner.commands.augment", description=__doc__)
    arguments.add_argument("--normalized", type=Path, required=True, help="results/normalized/<dataset>.jsonl")
    arguments.add_argument("--settings", type=json_argument, required=True, help='such as {"noise": {"rate": 0.05, "seed": 1}}')
    arguments.add_argument("--output", type=Path, required=True, help="results/augmented/<dataset>/<kind>.jsonl")
    arguments.add_argument(
        "--translators",
        type=Path,
        nargs="*",
        default=[],
        help="encoder.json of the models that translate there and back, for back_translation",
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    options = parser().parse_args(argv)
    translate = translator(options.translators, options.settings, options.output) if options.translators else None
    augment_corpus(options.normalized, options.settings, options.output, translate)


def translator(models: Sequence[Path], settings: Any, output: Path) -> Translate:
    """What translates there and back by two models; its cache lies in `translations` beside the output."""
    from bioner.tagging.translation import round_trip  # here, for torch takes seconds and other kinds need none of it

    if len(models) != 2:
        raise BionerError(f"expected two translators, there and back, got {len(models)}; correct --translators")
    chosen = settings.get("back_translation") if isinstance(settings, dict) else None
    if not isinstance(chosen, dict):
        raise BionerError(f"expected settings of back_translation beside translators, got {settings!r:.80}; correct --settings")
    forward, backward = models
    return round_trip(
        forward=forward,
        backward=backward,
        beams=chosen.get("beams", 4),
        batch=chosen.get("batch", 16),
        cache=output.parent / "translations",
    )


if __name__ == "__main__":
    execute(main)
