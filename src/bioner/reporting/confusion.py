"""Confusion matrices: which entity type was predicted for the same exact span, which mentions were missed or spurious."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from bioner.reporting.settings import GROUPS, DatasetSettings
from bioner.reporting.style import panels

ST21PV_TYPES = {
    "T005": "Virus",
    "T007": "Bacterium",
    "T017": "Anatomical structure",
    "T022": "Body system",
    "T031": "Body substance",
    "T033": "Finding",
    "T037": "Injury or poisoning",
    "T038": "Biologic function",
    "T058": "Health care activity",
    "T062": "Research activity",
    "T074": "Medical device",
    "T082": "Spatial concept",
    "T091": "Biomedical occupation",
    "T092": "Organization",
    "T097": "Professional group",
    "T098": "Population group",
    "T103": "Chemical",
    "T168": "Food",
    "T170": "Intellectual product",
    "T201": "Clinical attribute",
    "T204": "Eukaryote",
}
"""The 21 semantic types of MedMentions ST21pv, for people who do not know the codes by heart."""


def order_types(counts: Mapping[tuple[str, str], int], dataset: DatasetSettings) -> list[str]:
    """Entity types, those of one group side by side, so that confusion within a group lies near the diagonal."""
    types = {name for pair in counts for name in pair if name}
    groups = list(GROUPS)
    return sorted(types, key=lambda name: (groups.index(dataset.group(name)), name))


def matrix(counts: Mapping[tuple[str, str], int], types: Sequence[str]) -> npt.NDArray[np.int64]:
    """Counts of shape (types + 1, types + 1): the last row holds spurious mentions, the last column missed ones."""
    names = [*types, ""]
    return np.array([[counts.get((gold, predicted), 0) for predicted in names] for gold in names], dtype=np.int64)


def draw_confusion(counts: Mapping[tuple[str, str], int], dataset: DatasetSettings, model_title: str) -> Figure:
    """Colour: share of the row (of a gold type's mentions, or of the spurious ones); numbers: counts over the folds and seeds run."""
    types = order_types(counts, dataset)
    values = matrix(counts, types)
    totals = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, totals, out=np.zeros(values.shape), where=totals > 0)
    labels = [f"{name} {ST21PV_TYPES[name]}" if name in ST21PV_TYPES else name for name in types]
    size = max(2.2, 0.46 * len(values))
    margin = 0.7 + 0.075 * max([len("spurious"), *map(len, labels)])
    figure, (axis,) = panels(1, width=size + margin + 1.2, height=size + margin)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    font = 8 if values.max(initial=0) < 1000 else 7 if values.max() < 10000 else 5.5
    for (row, column), count in np.ndenumerate(values):
        if count:
            axis.text(
                column, row, str(count), ha="center", va="center", fontsize=font, color="white" if shares[row, column] > 0.65 else "black"
            )
    axis.set_xticks(
        range(len(values)), [*labels, "missed"], rotation=45 if len(types) < 5 else 90, ha="right" if len(types) < 5 else "center"
    )
    axis.set_yticks(range(len(values)), [*labels, "spurious"])
    axis.set(xlabel="Predicted", ylabel="Gold")
    axis.axhline(len(types) - 0.5, color="black", linewidth=1)
    axis.axvline(len(types) - 0.5, color="black", linewidth=1)
    axis.spines[:].set_visible(True)
    axis.tick_params(length=0)
    axis.set_title(f"{dataset.title}: {model_title}\n(exact spans; counts over the folds and seeds run)", loc="left")
    bar = figure.colorbar(image, ax=axis, shrink=min(1.0, 3.5 / size), label="share of the row")
    bar.outline.set_linewidth(0.5)
    return figure
