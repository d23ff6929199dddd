"""Definitions of the metric to choose from: what Table 1, its plot and the page of all definitions show under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, str]
Block = tuple[str, str, str]
"""Definition, average, type."""

STRICT: Block = ("strict", "micro", "")
METRICS = ("precision", "recall", "f1", "accuracy")


def definition_choices(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The definitions, strict micro first: each with a label and, by corpus and model, `{metric: [value, standard deviation]}`.

    What has neither an F1 nor an accuracy (ceilings, counts of invalid tags) is no score of a system, and not among them.
    Values are printed percentages. Of the values by entity type only the strict ones are here; table1_definitions.csv has all.
    """
    blocks: dict[Block, dict[str, dict[str, list[str]]]] = {}
    for row in rows:
        if row["metric"] in METRICS and (row["average"] != "type" or row["definition"] == "strict"):
            cells = blocks.setdefault((row["definition"], row["average"], row["type"]), {})
            cells.setdefault(f"{row['dataset']}\t{row['model']}", {})[row["metric"]] = [row["value"], row["sd"]]
    scores = [block for block in sorted(blocks, key=_order) if all({"f1", "accuracy"} & cell.keys() for cell in blocks[block].values())]
    return [{"label": _label(block), "strict": block == STRICT, "cells": blocks[block]} for block in scores]


def definition_matrices(rows: Sequence[Row], models: Sequence[str]) -> list[dict[str, Any]]:
    """For each corpus every definition and metric as a line with a cell for each model; strict first, then in alphabetical order."""
    corpora: dict[str, dict[tuple[Block, str], dict[str, Row]]] = {}
    for row in rows:
        if row["average"] != "type" or row["definition"] == "strict":
            block = (row["definition"], row["average"], row["type"])
            corpora.setdefault(row["dataset"], {}).setdefault((block, row["metric"]), {})[row["model"]] = row
    return [
        {
            "dataset": dataset,
            "lines": [
                (_label(block), _words(metric), [cells[block, metric].get(model) for model in models])
                for block, metric in sorted(cells, key=lambda key: (_order(key[0]), _metric_place(key[1])))
            ],
        }
        for dataset, cells in corpora.items()
    ]


def _order(block: Block) -> tuple[Any, ...]:
    return block[1] == "type", block != STRICT, block[0] != STRICT[0], block


def _metric_place(metric: str) -> tuple[int, str]:
    return (METRICS.index(metric) if metric in METRICS else len(METRICS)), metric


def _label(block: Block) -> str:
    definition, average, entity_type = block
    return f"{_words(definition)}, {f'type {entity_type}' if entity_type else average}"


def _words(name: str) -> str:
    return name.replace("_", " ")
