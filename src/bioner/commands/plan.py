"""Say what experiments will cost before anything is submitted: hours, jobs and disk, from measured speeds and the corpora's sizes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bioner.commandline import execute
from bioner.config import load_plan
from bioner.costs.compare import compare
from bioner.costs.estimate import Estimator
from bioner.costs.jobs import JobList
from bioner.costs.present import comparison, present
from bioner.costs.sizes import corpus
from bioner.costs.summary import summarize
from bioner.errors import BionerError, ConfigError
from bioner.planning import Plan
from bioner.reporting.showcase import insert
from bioner.schema import load_yaml
from bioner.shapes import Shape, encoder_shapes, parse_shape
from bioner.speeds import Measurement, settings_of
from bioner.storage import write_json, write_text


def parser() -> argparse.ArgumentParser:
    """Arguments of `bioner plan`."""
    arguments = argparse.ArgumentParser(prog="bioner plan", description=__doc__)
    arguments.add_argument("--config", default="config.yaml", type=Path, help="the configuration (default: %(default)s)")
    arguments.add_argument("--configfile", default=[], nargs="+", type=Path, help="overlays, as of Snakemake's --configfile")
    arguments.add_argument("--run", nargs="+", metavar="EXPERIMENT", help="experiments to plan (default: what `run` in the config selects)")
    arguments.add_argument("--search", default=[], nargs="+", metavar="NAME", help="searches to plan beside them")
    arguments.add_argument("--provided", action="store_true", help="plan datasets too that their user has not provided yet")
    arguments.add_argument(
        "--results", default="results", type=Path, help="where corpora and encoders may be made already (default: %(default)s)"
    )
    arguments.add_argument(
        "--words", default=[], nargs="+", metavar="DATASET=WORDS", help="words of a corpus whose size is not known, or is to be others"
    )
    arguments.add_argument(
        "--shape",
        default=[],
        nargs="+",
        metavar="ENCODER=JSON",
        help='of an encoder whose files are not there, such as \'big={"layers": 24, "hidden": 1024}\'',
    )
    arguments.add_argument(
        "--measured", type=Path, metavar="FILE", help="speeds that --save wrote where the jobs will run; measured here when absent"
    )
    arguments.add_argument("--save", type=Path, metavar="FILE", help="write the speeds that are measured here")
    arguments.add_argument("--seconds", default=10.0, type=float, help="time for each measured setting (default: %(default)s)")
    arguments.add_argument(
        "--parallel", default=1, type=int, help="trainings at a time, for the disk of checkpoints (default: %(default)s)"
    )
    arguments.add_argument("--compare", action="store_true", help="hold the estimates against the finished runs in --results")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the plan as JSON too")
    arguments.add_argument(
        "--file", type=Path, metavar="FILE", help="put the plan between its marks in a Markdown file too, such as docs/plan.md"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Make the plan, print it, and write what was asked for."""
    options = parser().parse_args(argv)
    config = read_config(options.config, options.configfile)
    if options.run:
        config["run"] = options.run
    plan = load_plan(config, Path.cwd())
    absent = {experiment.name: dict(experiment.absent) for experiment in plan.experiments if experiment.absent}
    if options.provided:
        plan, absent = Plan(plan.config, [replace(experiment, absent={}) for experiment in plan.experiments]), {}
    for search in options.search:
        if search not in config["searches"]:
            raise ConfigError(f"--search: expected one of {', '.join(sorted(config['searches'])) or 'none'}, got '{search}'; correct it")
    if options.file and not options.file.is_file():
        raise ConfigError(f"--file: expected a Markdown file with the plan's marks, found none at {options.file}; correct the path")
    shapes = encoder_shapes(config["encoders"], options.results, dict(parse_shape(text) for text in options.shape))
    measurement = Measurement.read(options.measured) if options.measured else measured_here(plan, options, shapes)
    words = dict(_words(text, config["datasets"]) for text in options.words)
    needed = sorted(name for (name,) in JobList(plan, options.search).found.get("harmonize", ()))
    sizes = {name: corpus(name, config["datasets"][name], options.results, words) for name in needed}
    estimator = Estimator(plan, sizes, shapes, measurement)
    value = summarize(plan, estimator, searches=options.search, parallel=options.parallel, absent=absent)
    text = present(value)
    if options.compare:
        runs = sorted({run for experiment in plan.experiments for run in experiment.runs})
        value["compared"] = compare(runs, estimator, options.results)
        text += "\n" + comparison(value["compared"])
    print(text, end="")
    if options.json:
        write_json(options.json, value)
    if options.file:
        write_text(options.file, insert(options.file.read_text(encoding="utf-8"), "plan", text, options.file))


def read_config(path: Path, overlays: Sequence[Path]) -> dict[str, Any]:
    """A configuration with overlays laid over it as Snakemake does: mappings are merged, everything else is replaced.

    Raises:
        BionerError: a file that is missing, or no YAML mapping.
    """
    merged: dict[str, Any] = {}
    for file in (path, *overlays):
        try:
            value = load_yaml(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            told = " ".join(str(getattr(error, "problem", None) or error).split())
            place = f"{file}:{mark.line + 1}" if mark else str(file)
            raise BionerError(f"{place}: expected a configuration in YAML, found: {told}; correct the path or the file") from error
        if not isinstance(value, dict):
            raise BionerError(f"{file}:1: expected a mapping of keys, found {type(value).__name__}; correct the file")
        _lay_over(merged, value)
    return merged


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def _words(text: str, datasets: Mapping[str, Any]) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in datasets or not number.replace("_", "").isdecimal() or not int(number):
        raise ConfigError(f"--words: expected a dataset of the config and its words, as bc5cdr=360000, got {text!r:.60}; correct it")
    return name, float(int(number))


def measured_here(plan: Plan, options: argparse.Namespace, shapes: Mapping[str, Shape]) -> Measurement:
    """Speeds of this device for all settings that the plan needs; torch is imported for it."""
    from bioner.tagging.measuring import measure

    models = {model for experiment in plan.experiments for model in experiment.entry["models"]}
    models |= {plan.config["searches"][search]["model"] for search in options.search}
    recipes = [plan.recipe(model) for model in sorted(models)]
    for name in sorted({name for *_, name in JobList(plan, options.search).found.get("adapt", ())}):
        entry = plan.config["adaptations"][name]
        recipes.append({"encoder": entry["encoder"], "window": entry["window"], "training": entry | {"frozen_layers": None}})
    settings = settings_of([recipe for recipe in recipes if recipe["encoder"]], shapes)
    measurement = measure(settings, prediction=plan.config["prediction"]["precision"], seconds=options.seconds)
    if options.save:
        measurement.save(options.save)
    return measurement


if __name__ == "__main__":
    execute(main)
