"""Plots that answer to their reader: Vega-Lite specifications, and the library that draws them, taken from vl-convert's own copy.

The library is Vega, Vega-Lite and Vega-Embed as one script. It reads expressions by its interpreter (`ast`), so that the page may
forbid `eval`. What a plot shows stands in a table of the report too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import vl_convert

from bioner.evaluation.columns import CLEAN, POSTPROCESSED
from bioner.reporting.settings import ReportSettings
from bioner.reporting.style import BAR_GREY, BLACK, COLOURS

Spec = dict[str, Any]
Row = Mapping[str, str]

SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left"]
NAME_WIDTH = 6
"""Pixels that a character of a model's name takes beside its bar."""
KIND_COLOURS = [*(colour for colour in COLOURS if colour != BLACK), "#1b1b1b", BAR_GREY]
"""Of kinds of errors; mentions that are missed are nearly black, spurious ones grey."""
CONFIG: Spec = {
    "font": "system-ui, 'DejaVu Sans', sans-serif",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "gridColor": "#e2e2e2", "labelLimit": 260},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "orient": "top", "columns": 4, "labelLimit": 220},
    "view": {"stroke": None},
}


def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets the global `vegaEmbed`; it asks the network for nothing."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def score_plot(rows: Sequence[Row], settings: ReportSettings) -> Spec:
    """F1 of each model with its interval, under the definition that is chosen: the page puts the values in, as data `scores`."""
    models = list(settings.models)
    tooltip = [_field("dataset", "Corpus"), _field("model", "Model"), _field("shown", "Score"), _field("range", "Interval")]
    corpora = [dataset.title for dataset in settings.datasets.values()]
    places = {"y": {"field": "dataset", "type": "nominal", "title": None, "sort": corpora}, "yOffset": {"field": "model", "sort": models}}
    colour = {
        "field": "model",
        "type": "nominal",
        "title": "Model",
        "sort": models,
        "scale": {"domain": models, "range": _colours(len(models))},
    }
    shape = {"field": "model", "type": "nominal", "title": "Model", "scale": {"domain": models, "range": _shapes(len(models))}}
    value = {"field": "value", "type": "quantitative", "title": "F1 or accuracy (%)", "scale": {"zero": False, "nice": True}}
    layers = [
        {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"x": {**value, "field": "low"}, "x2": {"field": "high"}}},
        {
            "mark": {"type": "point", "filled": True, "size": 80, "stroke": "#1b1b1b", "strokeWidth": 0.5},
            "encoding": {"x": value, "shape": shape, "tooltip": tooltip},
            "params": [_legend("model")],  # of one layer: Vega-Lite would make it once for each
        },
    ]
    count = len({row["dataset"] for row in rows}) * (len(models) + 1)
    return _spec(
        "Score of each model on each corpus, with its interval, under the definition chosen above; Table 1 holds the same values.",
        {"name": "scores", "values": []},
        {"layer": layers, "encoding": {**places, "color": colour, "opacity": _highlight()}},
        height=max(90, 17 * count),
    )


def attack_plot(rows: Sequence[Row], settings: ReportSettings) -> Spec | None:
    """Strict micro F1 of each model on clean and attacked test sets, of one corpus at a time; None without an attack.

    A click on a bar leaves its model alone in full colour.
    """
    values = []
    for row in rows:
        key = {"dataset": row["dataset"], "model": row["model"]}
        values.append({**key, "condition": row["attack"].replace("_", " "), "value": _number(row["f1_attacked"])})
        clean = {**key, "condition": "clean", "value": _number(row["f1_clean"])}
        if clean not in values:
            values.append(clean)
    conditions = ["clean", *sorted({str(value["condition"]) for value in values} - {"clean"})]
    if len(conditions) == 1:
        return None
    models = list(settings.models)
    beside = NAME_WIDTH * max(map(len, models)) + 12  # room between the bars and the names of the test sets, for those of the models
    encoding = {
        "y": {
            "field": "condition",
            "type": "nominal",
            "title": None,
            "sort": conditions,
            "axis": {"offset": beside, "ticks": False, "domain": False},
        },
        "yOffset": {"field": "model", "sort": models},
        "opacity": _highlight(),
    }
    bars = {
        "x": {"field": "value", "type": "quantitative", "title": "Strict micro F1 (%)", "scale": {"domain": [0, 100]}},
        "color": {"field": "model", "type": "nominal", "sort": models, "scale": {"range": _colours(len(models))}, "legend": None},
        "tooltip": [_field("condition", "Test set"), _field("model", "Model"), _field("value", "F1 (%)", "quantitative")],
    }
    picked = {"name": "picked", "select": {"type": "point", "fields": ["model"]}}
    layers = [
        {"mark": {"type": "bar", "stroke": "#1b1b1b", "strokeWidth": 0.4}, "encoding": bars, "params": [picked]},
        # colours begin again after eight models: each bar has its model's name beside it, which a legend could only repeat
        {
            "mark": {"type": "text", "align": "right", "baseline": "middle", "dx": -6, "fontSize": 10, "aria": False},
            "encoding": {"x": {"value": 0}, "text": {"field": "model"}},
        },
    ]
    return _spec(
        "Strict micro F1 of each model on clean and attacked test sets of the corpus chosen; the table of robustness holds the values.",
        {"values": values},
        {"layer": layers, "encoding": encoding, **_chosen("dataset", "Corpus", values)},
        height=13 * len(conditions) * (len(models) + 1),
    )


def error_plot(rows: Iterable[Row], settings: ReportSettings, kinds: Sequence[str]) -> Spec | None:
    """Number of errors of each kind of a model, of one corpus and test set at a time; None without an error.

    `rows` are those of the collected errors.csv; folds, seeds and types are summed. Rows of other protocols and of attacks that
    are not the experiment's are left out.
    """
    counts: Counter[tuple[str, str, str, str]] = Counter()
    conditions = {CLEAN, POSTPROCESSED, *settings.attacks}
    for row in rows:
        own = row["dataset"] in settings.datasets and row["model"] in settings.models and row["protocol"] == settings.protocol
        if own and row["attack"] in conditions and row["error"] != kinds[0]:
            counts[settings.datasets[row["dataset"]].title, row["attack"], row["model"], row["error"]] += int(row["count"])
    if not counts:
        return None
    values = [
        {
            "dataset": dataset,
            "condition": attack.replace("_", " "),
            "model": model,
            "kind": kind.replace("_", " "),
            "count": count,
            "order": kinds.index(kind),
        }
        for (dataset, attack, model, kind), count in sorted(counts.items())
    ]
    names = [kind.replace("_", " ") for kind in kinds[1:]]
    encoding = {
        "y": {"field": "model", "type": "nominal", "title": None, "sort": list(settings.models)},
        "x": {"field": "count", "type": "quantitative", "title": "Errors", "stack": "zero"},
        "color": {
            "field": "kind",
            "type": "nominal",
            "title": "Error kind",
            "sort": names,
            "scale": {"domain": names, "range": KIND_COLOURS},
        },
        "order": {"field": "order", "type": "quantitative"},
        "opacity": _highlight(),
        "tooltip": [_field("model", "Model"), _field("kind", "Error kind"), _field("count", "Mentions", "quantitative")],
    }
    corpus, test_set = _chosen("dataset", "Corpus", values), _chosen("condition", "Test set", values)
    both = {"params": corpus["params"] + test_set["params"], "transform": corpus["transform"] + test_set["transform"]}
    return _spec(
        "Number of mentions of each error kind for each model, over all folds and seeds, on the corpus and test set chosen.",
        {"values": values},
        {"mark": {"type": "bar", "stroke": "#fff", "strokeWidth": 0.6}, "encoding": encoding, **both, "height": 26 * len(settings.models)},
        legend="kind",
    )


def _spec(description: str, data: Spec, parts: Spec, *, legend: str = "", height: int | None = None) -> Spec:
    whole: Spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": description,
        "data": data,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
    }
    if height is not None:
        whole["height"] = height
    if legend:
        parts = parts | {"params": [*parts.get("params", []), _legend(legend)]}
    return whole | parts


def _legend(field: str) -> Spec:
    """A click on a name of the legend leaves it alone in full colour."""
    return {"name": "picked", "select": {"type": "point", "fields": [field]}, "bind": "legend"}


def _highlight() -> Spec:
    return {"condition": {"param": "picked", "value": 1}, "value": 0.15}


def _chosen(field: str, label: str, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A menu above the plot that picks one value of a field."""
    options = list(dict.fromkeys(str(value[field]) for value in values))
    first = "clean" if "clean" in options else options[0]
    menu = {"name": f"chosen_{field}", "value": first, "bind": {"input": "select", "options": options, "name": f"{label} "}}
    return {"params": [menu], "transform": [{"filter": f"datum.{field} === chosen_{field}"}]}


def _field(name: str, title: str, kind: str = "nominal") -> Spec:
    return {"field": name, "type": kind, "title": title}


def _colours(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def _shapes(count: int) -> list[str]:
    return [SHAPES[(place + place // len(COLOURS)) % len(SHAPES)] for place in range(count)]


def _number(text: str) -> float | None:
    return float(text) if text else None
