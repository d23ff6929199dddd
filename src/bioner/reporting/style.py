"""How every figure looks and how it is saved: colour-blind safe, legible in grey, the same bytes each time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from bioner.reporting.settings import DEMO_NOTE
from bioner.storage import atomic_path

# Five colours of Okabe and Ito, and three in the place of those that are pale on white (orange, sky blue, yellow). Each has a
# contrast of 3 : 1 with white, as WCAG asks of graphics, and no two are closer than theirs under any common colour blindness. The
# order alternates dark and light so that neighbours differ in grey as well.
BLUE, VERMILLION, BLACK, GREEN, MAGENTA, VIOLET, BROWN, PURPLE = (
    "#0072B2",
    "#D55E00",
    "#000000",
    "#009E73",
    "#B40078",
    "#9678FF",
    "#805124",
    "#CC79A7",
)
COLOURS = (BLUE, VERMILLION, BLACK, GREEN, MAGENTA, VIOLET, BROWN, PURPLE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "///", "...", "xx", "\\\\\\", "++", "--", "oo")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)), (0, (3, 1)))
LABEL = 9
"""Points of a label."""
MARGIN = 0.7
"""Inches of a panel that the labels of its vertical axis take."""
GREY = "#6b6b6b"
BAR_GREY = "#7a7a7a"

SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "bioner",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": LABEL,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # names of types and titles are not formulas
    "figure.dpi": 100,
    "savefig.dpi": 160,
}
# No date and no version anywhere in a file: a second run must give the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "bioner"},
    "png": {"Software": "bioner"},
    "pdf": {"CreationDate": None, "Creator": "bioner", "Producer": "bioner"},
}


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def bar_colour(index: int) -> str:
    """A colour on which hatches and interval bars, which are black, can be seen."""
    return BAR_GREY if colour(index) == BLACK else colour(index)


def marker(index: int) -> str:
    """A shape; it goes on changing where the colours begin again."""
    return MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def line_style(index: int) -> Any:
    """A dash pattern; it goes on changing where the colours begin again."""
    return LINES[(index + index // len(COLOURS)) % len(LINES)]


def hatch(index: int) -> str:
    return HATCHES[(index + index // len(COLOURS)) % len(HATCHES)]


def panels(count: int, *, width: float, height: float, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows of at most `columns`; sizes of one panel in inches."""
    across = max(1, min(count, columns))
    down = max(1, math.ceil(count / across))
    figure = Figure(figsize=(width * across, height * down + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [axis for row in figure.subplots(down, across, squeeze=False) for axis in row]
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def grid(axes: Axes, axis: Any) -> None:
    """Pale lines behind the data, along one axis ("x" or "y")."""
    axes.grid(axis=axis, color="#dddddd", linewidth=0.6)


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """One legend for all panels, above them, in as many rows as its labels need."""
    longest = max((len(label) for label in labels), default=1)
    room = int(figure.get_size_inches()[0] / (0.45 + 0.075 * longest))
    figure.legend(handles, labels, loc="outside upper center", ncols=max(1, min(len(labels), room)), frameon=False)


def text_width(text: str, size: float) -> float:
    """Width in inches of one line of text in the figures' font."""
    return float(TextPath((0, 0), text, size=size).get_extents().width) / 72


def shared_label(figure: Figure, *parts: str, gap: str = " ") -> None:
    """A label below all panels: its parts on one line, or each on its own where that is wider than the figure."""
    line = gap.join(parts)
    figure.supxlabel(line if text_width(line, LABEL) < 0.95 * figure.get_size_inches()[0] else "\n".join(parts), fontsize=LABEL)


def name_ticks(axes: Axes, names: Sequence[str], width: float) -> None:
    """Names under the places 0, 1, … of panels `width` inches wide, aslant where the longest is wider than its place."""
    place = (width - MARGIN) / max(len(names), 1)
    aslant = max((text_width(name, LABEL) for name in names), default=0) > 0.9 * place
    turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
    axes.set_xticks(range(len(names)), names, **turned)


def save_figure(figure: Figure, base: str | Path, *, demo: bool) -> list[Path]:
    """Save a figure as `<base>.svg`, `.png` and `.pdf`, each atomically and reproducibly; demo figures say so in a corner."""
    if demo:
        figure.text(0.995, 0.004, DEMO_NOTE, ha="right", va="bottom", fontsize=7.5, color=GREY, style="italic")
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, 0.03, 1, 0.97))  # type: ignore[call-arg]
    paths = [Path(base).with_name(f"{Path(base).name}.{kind}") for kind in METADATA]
    for path, (kind, metadata) in zip(paths, METADATA.items(), strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, metadata=metadata)
    return paths


def use_style() -> Any:
    """A context in which figures are drawn and saved with SETTINGS, whatever the user's own matplotlib settings."""
    values: dict[str, Any] = {**matplotlib.rcParamsDefault, **SETTINGS, "backend": "agg"}
    return matplotlib.rc_context(values)
