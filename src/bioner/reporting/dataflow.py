"""The data flow diagram, drawn from the rule graph of the workflow itself."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path

from bioner.reporting.rulegraph import Point, RuleGraph, lay_out, redundant_edges
from bioner.reporting.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILLION, VIOLET, panels

WINGS = {
    "corpora": (VIOLET, ("download", "demo", "generate", "harmonize", "inspect", "pin")),
    "preparation": (GREEN, ("normalize", "augment", "split", "compose", "audit", "composition")),
    "tagging": (VERMILLION, ("fetch_encoder", "recipe", "adapt", "trial", "search", "train", "predict", "transfer", "package")),
    "evaluation": (PURPLE, ("attack", "postprocess", "score", "collect", "statistics", "compare", "link")),
    "reporting": (BLUE, ("table1", "tabulate", "tables", "leakage", "robustness", "figures", "report", "rulegraph", "provenance")),
}
"""Wings in the order in which data flows: colour and rules; a rule of none (the targets) stays grey."""

WIDTH, HEIGHT, BOX = 1.35, 0.72, (1.18, 0.38)
"""Inches between neighbours, between layers, and of a box."""


def wing_of(rule: str) -> str | None:
    """Wing of a rule: the one that names it, or names the first word of a longer name such as download_demo."""
    for wing, (_, rules) in WINGS.items():
        if rule in rules:
            return wing
    first = rule.partition("_")[0]
    return next((wing for wing, (_, rules) in WINGS.items() if first in rules), None)


def draw_dataflow(graph: RuleGraph) -> Figure:
    """Rules from top to bottom, coloured by wing; an edge that a longer path implies is pale."""
    layout = lay_out(graph)
    left = min(x for x, _ in _all_points(layout.places, layout.routes)) - 0.6
    right = max(x for x, _ in _all_points(layout.places, layout.routes)) + 0.6
    depth = max(y for _, y in layout.places.values())
    figure, (axis,) = panels(1, width=max((right - left) * WIDTH, 4.5), height=(depth + 1) * HEIGHT)
    axis.set_axis_off()
    axis.set(xlim=(left * WIDTH, right * WIDTH), ylim=((depth + 0.5) * HEIGHT, -0.5 * HEIGHT), aspect="equal")
    pale = redundant_edges(graph)
    for edge, route in layout.routes.items():
        _draw_edge(axis, route, pale=edge in pale)
    for rule, (x, y) in layout.places.items():
        _draw_rule(axis, rule, x * WIDTH, y * HEIGHT)
    handles = [Patch(facecolor=colour, edgecolor="black", label=wing) for wing, (colour, _) in WINGS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=5 if (right - left) * WIDTH > 5.5 else 3, frameon=False)
    return figure


def _all_points(places: dict[str, Point], routes: dict[tuple[str, str], list[Point]]) -> list[Point]:
    return [*places.values(), *(point for route in routes.values() for point in route)]


def _draw_rule(axis: Axes, rule: str, x: float, y: float) -> None:
    wing = wing_of(rule)
    colour = WINGS[wing][0] if wing else "#e4e4e4"
    width, height = BOX
    box = FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour)
    box.set(edgecolor="black", linewidth=0.8, zorder=3)
    axis.add_patch(box)
    ink = "white" if wing == "reporting" else BLACK
    size = 9 if len(rule) <= 12 else max(5.5, 9 * 12 / len(rule))
    axis.text(x, y, rule, ha="center", va="center", fontsize=size, color=ink, zorder=4)


def _draw_edge(axis: Axes, route: Sequence[Point], *, pale: bool) -> None:
    """A smooth curve through the way-points that leaves and enters boxes vertically."""
    points = [(x * WIDTH, y * HEIGHT) for x, y in route]
    points[0] = (points[0][0], points[0][1] + BOX[1] / 2)
    points[-1] = (points[-1][0], points[-1][1] - BOX[1] / 2)
    # Catmull and Rom: at a way-point the curve runs parallel to the line between its neighbours
    inner = [((after[0] - before[0]) / 2, (after[1] - before[1]) / 2) for before, after in zip(points, points[2:], strict=False)]
    upright = (0.0, 1.3 * HEIGHT)
    tangents = [upright, *inner, upright]
    vertices, codes = [points[0]], [Path.MOVETO]
    for place in range(len(points) - 1):
        (x0, y0), (x1, y1) = points[place : place + 2]
        (dx0, dy0), (dx1, dy1) = tangents[place : place + 2]
        vertices += [(x0 + dx0 / 3, y0 + dy0 / 3), (x1 - dx1 / 3, y1 - dy1 / 3), (x1, y1)]
        codes += [Path.CURVE4] * 3
    arrow = FancyArrowPatch(path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0)
    arrow.set(color="#b8b8b8" if pale else GREY, linewidth=0.7 if pale else 1.2, zorder=1 if pale else 2)
    axis.add_patch(arrow)
