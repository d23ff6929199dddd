"""Collected counts beside the scores: kinds of error, recall by group, success of attacks, counts by document and type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bioner.evaluation.columns import CLEAN, ERRORS, GROUPS, SUCCESS, TYPES
from bioner.reporting.collected import FoldSeed, System, csv_rows, to_integer


class Sides(NamedTuple):
    """Gold and predicted mentions of one kind of error."""

    gold: int
    predicted: int


class Found(NamedTuple):
    """Gold mentions of a group, and how many of them were found strictly."""

    gold: int
    found: int


class Success(NamedTuple):
    """Mentions that were right in clean text, those of them that an attack broke, and of these the ones that the right type still overlaps.

    The rest is of whole documents and 0 in rows of one type and novelty.
    """

    right: int = 0
    broken: int = 0
    partial: int = 0
    edits: int = 0
    queries: int = 0
    documents: int = 0

    def plus(self, other: Success) -> Success:
        return Success(*(one + more for one, more in zip(self, other, strict=True)))


Errors = Mapping[System, Mapping[FoldSeed, Mapping[str, Sides]]]
"""Clean test sets, by system, run and kind of error."""
Groups = Mapping[System, Mapping[FoldSeed, Mapping[tuple[str, str], Found]]]
"""Clean test sets, by system, run, and group with value."""
Successes = Mapping[tuple[System, str], Mapping[FoldSeed, Mapping[tuple[str, str], Success]]]
"""By system and attack (`worst_case` among them), run, and type with novelty; two empty strings for all mentions together."""
Types = Mapping[System, Mapping[FoldSeed, Mapping[tuple[str, str], tuple[int, int, int]]]]
"""Clean test sets, by system, run, and document with type: gold, predicted and correct mentions (strict)."""


@dataclass(frozen=True, slots=True)
class Tallies:
    """An experiment's collected counts beside its scores."""

    errors: Errors
    groups: Groups
    successes: Successes
    types: Types


def read_tallies(folder: Path) -> Tallies:
    """Collected errors.csv, groups.csv, success.csv and types.csv. Raises BionerError naming file and line for malformed rows."""
    return Tallies(
        read_errors(folder / "errors.csv"),
        read_groups(folder / "groups.csv"),
        read_successes(folder / "success.csv"),
        read_types(folder / "types.csv"),
    )


def read_errors(path: Path) -> Errors:
    """Kinds of error of the clean test sets."""
    found: dict[System, dict[FoldSeed, dict[str, Sides]]] = defaultdict(lambda: defaultdict(dict))
    for place, row in csv_rows(path, ERRORS):
        dataset, protocol, model, fold, seed, attack, error, gold_type, predicted_type, count = row
        if attack == CLEAN:
            kinds = found[dataset, protocol, model][to_integer(fold, place), to_integer(seed, place)]
            gold, predicted = kinds.get(error, Sides(0, 0))
            number = to_integer(count, place)
            kinds[error] = Sides(gold + number * bool(gold_type), predicted + number * bool(predicted_type))
    return found


def read_groups(path: Path) -> Groups:
    """Exact recall of the clean test sets by group, as counts."""
    found: dict[System, dict[FoldSeed, dict[tuple[str, str], Found]]] = defaultdict(lambda: defaultdict(dict))
    for place, row in csv_rows(path, GROUPS):
        dataset, protocol, model, fold, seed, attack, group, value, gold, right = row
        if attack == CLEAN:
            counts = found[dataset, protocol, model][to_integer(fold, place), to_integer(seed, place)]
            counts[group, value] = Found(to_integer(gold, place), to_integer(right, place))
    return found


def read_successes(path: Path) -> Successes:
    """What attacks achieved."""
    found: dict[tuple[System, str], dict[FoldSeed, dict[tuple[str, str], Success]]] = defaultdict(lambda: defaultdict(dict))
    for place, row in csv_rows(path, SUCCESS):
        dataset, protocol, model, fold, seed, attack, entity_type, novelty, *counts = row
        numbers = (to_integer(count, place) if count else 0 for count in counts[:6])
        run = (to_integer(fold, place), to_integer(seed, place))
        found[(dataset, protocol, model), attack][run][entity_type, novelty] = Success(*numbers)
    return found


def read_types(path: Path) -> Types:
    """Strict counts by document and type of the clean test sets."""
    found: dict[System, dict[FoldSeed, dict[tuple[str, str], tuple[int, int, int]]]] = defaultdict(lambda: defaultdict(dict))
    for place, row in csv_rows(path, TYPES):
        dataset, protocol, model, fold, seed, attack, document, entity_type, gold, predicted, correct = row
        if attack == CLEAN:
            runs = found[dataset, protocol, model]
            counts = (to_integer(gold, place), to_integer(predicted, place), to_integer(correct, place))
            runs[to_integer(fold, place), to_integer(seed, place)][document, entity_type] = counts
    return found
