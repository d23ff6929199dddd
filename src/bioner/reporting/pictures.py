"""Figures as the report shows them: title, text for those who cannot see them, and the image itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

from bioner.errors import BionerError
from bioner.reporting.settings import ReportSettings

TEXTS = {
    "fig1": (
        "F1 by entity group and corpus",
        "Dot plot with one panel for each corpus: strict micro F1 of six groups of entity types, one mark for each model, "
        "with standard deviations. "
        "Groups that a corpus does not annotate are marked 'no such type', "
        "annotated ones without a mention in the folds run 'none in these folds'.",
    ),
    "error_kinds": (
        "Kinds of error",
        "Stacked bars with one panel for each corpus, a bar for each model: mentions of the clean test sets with a wrong left, right or "
        "both boundaries, a wrong type, both, split, merged or missed, in percent of gold mentions, and spurious ones to the left of zero. "
        "The table 'errors' holds the values.",
    ),
    "recall": (
        "Recall by length, frequency and novelty",
        "Dot plot with a row for each corpus: exact recall of each model by words of the mention, by how often training has its name and "
        "type, and by whether it is seen, a synonym or unseen, with standard deviations. The table 'recall' holds the values.",
    ),
    "robustness_curves": (
        "Robustness curves",
        "Line chart with one panel for each corpus and attack of several strengths: strict micro F1 of each model from clean text to the "
        "strongest attack, with 95 % intervals. The table above holds the same values.",
    ),
    "robustness": (
        "Clean and attacked test sets",
        "Bar chart with one panel for each corpus: strict micro F1 of each model on clean and attacked test sets, with 95 % intervals. "
        "The table above holds the same values.",
    ),
    "learning_curves": (
        "Learning curves",
        "Line chart with one panel for each corpus: F1 on validation documents by epoch. "
        "Thin lines are single runs; thick ones are their mean as far as all go.",
    ),
    "alpha": (
        "Weight of cross-entropy",
        "Line chart with one panel for each corpus: alpha, the weight of cross-entropy against the CRF loss, by epoch, for each model that "
        "mixes both. A learned one that goes to 1 has stopped training the CRF.",
    ),
    "dataflow": (
        "Data flow",
        "Diagram of the rules of the workflow from top to bottom, coloured by wing: corpora, preparation, tagging, evaluation, reporting. "
        "An arrow leads from a rule to one that needs its output; pale arrows are implied by longer paths.",
    ),
}
CONFUSION = "confusion_"


class Picture(NamedTuple):
    """A figure of the report; `source` is a data URI."""

    name: str
    title: str
    alt: str
    source: str


def read_pictures(folder: str | Path, settings: ReportSettings) -> list[Picture]:
    """The experiment's figures in the order of the report; one that was not drawn is left out.

    Raises BionerError for a folder without any.
    """
    folder = Path(folder)
    matrices = [CONFUSION + dataset for dataset in settings.datasets]
    names = ["fig1", *matrices, "error_kinds", "recall", "robustness", "robustness_curves", "learning_curves", "alpha", "dataflow"]
    pictures = [_picture(folder / f"{name}.svg", name, settings) for name in names if (folder / f"{name}.svg").is_file()]
    if not pictures:
        raise BionerError(f"{folder}: expected figures such as fig1.svg, found none; run the rule figures")
    return pictures


def _picture(path: Path, name: str, settings: ReportSettings) -> Picture:
    if name.startswith(CONFUSION):
        corpus = settings.datasets[name.removeprefix(CONFUSION)].title
        title = f"Confusion matrix: {corpus}"
        alt = (
            f"Matrix of gold against predicted entity types of {corpus}, with missed and spurious mentions, "
            "counted over the folds and seeds run; darker cells hold a larger share of their row."
        )
    else:
        title, alt = TEXTS[name]
    return Picture(name, title, alt, "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii"))
