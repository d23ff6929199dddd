"""Figures: what they show recounted, that they are there, and that they are the same twice."""

import csv
import json
from collections import defaultdict
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from bioner.commands import figures as command
from bioner.evaluation.errors import ERROR_KINDS
from bioner.reporting.collected import Epoch, read_confusion, read_documents_counts, read_scores
from bioner.reporting.confusion import ST21PV_TYPES, matrix, order_types
from bioner.reporting.curves import draw_alpha, mean_curve, percent_limits
from bioner.reporting.dataflow import WINGS
from bioner.reporting.entity_groups import draw_entity_groups, group_f1
from bioner.reporting.error_figures import draw_error_kinds
from bioner.reporting.intervals import Intervals
from bioner.reporting.plots import KIND_COLOURS
from bioner.reporting.robustness import draw_robustness
from bioner.reporting.settings import read_settings
from bioner.reporting.style import COLOURS, bar_colour, colour, hatch, line_style, marker, use_style
from bioner.reporting.tallies import read_tallies

NAMES = [
    "alpha",
    "confusion_demo_bc5cdr",
    "confusion_demo_i2b2",
    "confusion_demo_medmentions",
    "dataflow",
    "error_kinds",
    "fig1",
    "learning_curves",
    "recall",
    "robustness",
]
SMALL = ("demo_bc5cdr",)
NAMES_OF_MODELS = (
    *("feature_crf", "albert", "clinicalbert", "bluebert", "pubmedbert", "sapbert", "bioelectra", "bioptimus"),
    *("biobert", "biobert_augmented", "biobert_fgsm", "biobert_pgd", "adabiobert"),
)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def draw(collected, settings, rulegraph, folder):
    command.main(
        ["--collected", str(collected), "--settings", json.dumps(settings), "--rulegraph", str(rulegraph), "--output-folder", str(folder)]
    )
    return folder


def test_every_figure_in_three_formats(drawn):
    assert sorted(path.name for path in drawn.iterdir()) == sorted(f"{name}.{kind}" for name in NAMES for kind in ("svg", "png", "pdf"))
    for name in NAMES:
        assert ElementTree.parse(drawn / f"{name}.svg").getroot().tag.endswith("svg")
        assert (drawn / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (drawn / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_demo_figures_say_so(drawn):
    # text is drawn as outlines; matplotlib keeps the string itself in a comment
    assert all("<!-- demo, synthetic corpora -->" in (drawn / f"{name}.svg").read_text(encoding="utf-8") for name in NAMES)


def test_groups_without_a_type_are_marked(drawn):
    assert (drawn / "fig1.svg").read_text(encoding="utf-8").count("<!-- no such type -->") == 1 + 4 + 3


def test_annotated_groups_without_a_mention_in_the_folds_are_told_from_groups_without_a_type(collected, settings, rulegraph, tmp_path):
    """Species has a type that was never scored, Chemical one scored without gold and predicted mentions."""
    lines = (collected / "scores.csv").read_text(encoding="utf-8").splitlines()
    cells = [line.split(",") for line in lines if line.startswith(("dataset,", "demo_bc5cdr,"))]
    for row in cells:
        if row[8] == "Chemical" and row[9] in ("gold", "predicted", "correct"):
            row[10] = "0"
    scores = tmp_path / "scores.csv"
    scores.write_text("\n".join(map(",".join, cells)) + "\n", encoding="utf-8")
    settings["datasets"] = {name: settings["datasets"][name] for name in SMALL}
    settings["datasets"]["demo_bc5cdr"]["groups"] |= {"Organism": "species"}
    chosen, found = read_settings(settings), read_scores(scores)
    figure = draw_entity_groups(found, found.systems(), chosen)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["no such type", "none in these folds", "no such type", "none in these folds", "no such type"]


def test_confusion_counts_claim_only_what_was_run(drawn):
    text = (drawn / "confusion_demo_bc5cdr.svg").read_text(encoding="utf-8")
    assert "over the folds and seeds run" in text and "all folds" not in text


def test_same_input_gives_the_same_bytes_and_a_real_experiment_no_demo_mark(collected, settings, rulegraph, tmp_path):
    settings["datasets"] = {name: settings["datasets"][name] for name in SMALL}
    settings["scale"] = "open"
    settings["attacks"] = {"typos": {"kind": "noise", "rate": 0.1}, "fgsm": {"kind": "noise", "rate": 0.2}}
    one, two = (draw(collected, settings, rulegraph, tmp_path / folder) for folder in ("one", "two"))
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 27 and "robustness_curves.svg" in names
    assert [name for name in names if (one / name).read_bytes() != (two / name).read_bytes()] == []
    assert "demo, synthetic" not in (one / "fig1.svg").read_text(encoding="utf-8")


def test_experiment_of_missing_corpora_still_has_its_data_flow(collected, settings, rulegraph, tmp_path):
    for dataset in settings["datasets"].values():
        dataset["missing"] = "sign first"
    folder = draw(collected, settings, rulegraph, tmp_path / "out")
    assert {path.stem for path in folder.iterdir()} == {"dataflow"}


def test_group_f1_sums_the_counts_of_its_types(collected, settings):
    dataset = read_settings(settings).datasets["demo_medmentions"]
    counts = defaultdict(lambda: [0, 0, 0])
    for row in rows_of(collected / "scores.csv"):
        if (row["dataset"], row["model"], row["attack"], row["definition"], row["average"]) == (
            "demo_medmentions",
            "pgd",
            "clean",
            "strict",
            "type",
        ):
            group = dataset.groups.get(row["type"], "other")
            if row["metric"] in ("gold", "predicted", "correct"):
                counts[group, int(row["fold"]), int(row["seed"])][("gold", "predicted", "correct").index(row["metric"])] += int(
                    row["value"]
                )
    found = group_f1(read_scores(collected / "scores.csv"), ("demo_medmentions", "kfold5", "pgd"), dataset)
    assert set(found) == {"diseases", "drugs_chemicals", "anatomy", "species", "other"}
    for (group, fold, seed), (gold, predicted, correct) in counts.items():
        precision, recall = correct / predicted, correct / gold
        assert found[group][fold, seed] == pytest.approx(2 * precision * recall / (precision + recall))


def test_confusion_matrix_holds_every_count(collected, settings):
    dataset = read_settings(settings).datasets["demo_i2b2"]
    counts = read_confusion(collected / "confusion.csv")["demo_i2b2", "kfold5", "plain"]
    types = order_types(counts, dataset)
    assert types == ["problem", "treatment", "test"]
    values = matrix(counts, types)
    rows = [
        row
        for row in rows_of(collected / "confusion.csv")
        if (row["dataset"], row["model"], row["attack"]) == ("demo_i2b2", "plain", "clean")
    ]
    assert values.sum() == sum(int(row["count"]) for row in rows)
    assert values[0, -1] == sum(int(row["count"]) for row in rows if row["gold_type"] == "problem" and not row["predicted_type"])
    assert values[-1, 1] == sum(int(row["count"]) for row in rows if row["predicted_type"] == "treatment" and not row["gold_type"])


def test_mean_curve_ends_with_the_shortest_run():
    assert mean_curve([[(1, 10.0), (2, 20.0), (3, 90.0)], [(1, 30.0), (2, 40.0)]]) == [(1, 20.0), (2, 30.0)]


def test_alphas_of_all_models_that_mix_losses_are_compared_in_one_panel(settings):
    """A drift to 1 beside an alpha that stays, a constant one, and a model without any."""
    alphas = {"plain": [None] * 3, "fgsm": [0.5, 0.5, 0.5], "pgd": [0.7, 0.9, 1.0], "adaptive": [0.5, 0.45, 0.4]}
    settings["datasets"] = {name: settings["datasets"][name] for name in SMALL}
    history = {
        ("demo_bc5cdr", "kfold5", model): {(0, 1): [Epoch(n, 10 * n, 0.5, alpha) for n, alpha in enumerate(values, 1)]}
        for model, values in alphas.items()
    }
    figure = draw_alpha(history, list(history), read_settings(settings))
    (axis,) = figure.axes
    thick = [list(line.get_ydata()) for line in axis.lines if line.get_linewidth() == 2 and len(line.get_ydata())]
    assert thick == [alphas["fgsm"], alphas["pgd"], alphas["adaptive"]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        read_settings(settings).models[model].title for model in ("fgsm", "pgd", "adaptive")
    ]
    unmixed = {system: runs for system, runs in history.items() if system[2] == "plain"}
    assert draw_alpha(unmixed, list(history), read_settings(settings)) is None


def corners(text, figure):
    """The four corners of a drawn text in pixels, turned as it is drawn."""
    renderer = figure.canvas.get_renderer()
    turn = text.get_rotation()
    if not turn:
        box = text.get_window_extent(renderer)
    else:
        text.set_rotation(0)
        box = text.get_window_extent(renderer)
        text.set_rotation(turn)
    place = text.get_transform().transform(text.get_position()) if turn else (0, 0)
    return Affine2D().rotate_deg_around(*place, turn).transform(box.corners())


def apart(one, two):
    """Whether two rectangles have a line between them: one that is parallel to a side of either."""
    for rectangle in (one, two):
        for end in (1, 2):
            axis = rectangle[end] - rectangle[0]
            first, second = one @ axis, two @ axis
            if first.max() <= second.min() or second.max() <= first.min():
                return True
    return False


def check_texts(figure):
    """Every text lies inside of the figure, and no tick label or axis label on another one."""
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    lines = [line for axis in figure.axes if axis.get_visible() for line in (axis.xaxis, axis.yaxis)]
    ticks = [(line, tick) for line in lines for tick in line.get_major_ticks()]
    shown = {tick.label1 for line, tick in ticks if min(line.get_view_interval()) <= tick.get_loc() <= max(line.get_view_interval())}
    hidden = {tick.label1 for _, tick in ticks} - shown
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden]
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text.get_text()
    labels = [text for text in texts if text in shown or text is figure._supxlabel]
    for one, two in combinations(labels, 2):
        assert apart(corners(one, figure), corners(two, figure)), (one.get_text(), two.get_text())


def many_models(collected, folder, settings, names):
    """The rows of `plain` under other names, of one corpus."""
    folder.mkdir()
    for path in collected.glob("*.csv"):
        rows = [row for row in rows_of(path) if row["dataset"] in SMALL and row["model"] == "plain"]
        with open(folder / path.name, "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(row | {"model": name} for name in names for row in rows)
    settings["datasets"] = {name: settings["datasets"][name] for name in SMALL}
    settings["models"] = {name: {} for name in names}
    return read_settings(settings)


@pytest.mark.parametrize("names", [("a", "b"), ("biobert_augmented", "biobert_fgsm", "biobert_pgd", "adabiobert_8"), NAMES_OF_MODELS])
def test_texts_of_one_corpus_fit_into_the_figure_and_do_not_overlap(collected, settings, tmp_path, names):
    chosen = many_models(collected, tmp_path / "rows", settings, names)
    folder = tmp_path / "rows"
    scores, tallies = read_scores(folder / "scores.csv"), read_tallies(folder)
    intervals = Intervals(scores, read_documents_counts(folder / "documents.csv"))
    with use_style():
        check_texts(draw_robustness(scores, intervals, scores.systems(), chosen))
        check_texts(draw_entity_groups(scores, scores.systems(), chosen))
        check_texts(draw_error_kinds(tallies.errors, scores.systems(), chosen))


def test_texts_of_three_corpora_fit_into_the_figure(collected, settings):
    chosen, scores, tallies = read_settings(settings), read_scores(collected / "scores.csv"), read_tallies(collected)
    intervals = Intervals(scores, read_documents_counts(collected / "documents.csv"))
    with use_style():
        check_texts(draw_robustness(scores, intervals, scores.systems(), chosen))
        check_texts(draw_entity_groups(scores, scores.systems(), chosen))
        check_texts(draw_error_kinds(tallies.errors, scores.systems(), chosen))


def test_sixty_four_series_differ_in_every_way_of_drawing():
    for second in (marker, hatch, line_style):
        assert len({(colour(index), second(index)) for index in range(64)}) == 64
    assert "#000000" not in {bar_colour(index) for index in range(64)}


def luminance(colour: str) -> float:
    """Relative luminance of a colour `#rrggbb` in [0, 1], as WCAG 2 defines it."""
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def linear(colour: str) -> list[float]:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_stands_out_from_white_and_black_marks_from_every_bar():
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54 and contrast("#000000", "#ffffff") == 21
    bars = {bar_colour(index) for index in range(64)}
    for shown in {*COLOURS, *bars, *KIND_COLOURS, *(shade for shade, _ in WINGS.values())}:
        assert contrast(shown, "#ffffff") >= 3, shown
    for bar in bars:
        assert contrast(bar, "#000000") >= 3, bar
    assert len(KIND_COLOURS) == len(set(KIND_COLOURS)) == len(ERROR_KINDS) - 1


# How colours look without cones of one kind, in linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.
VISIONS = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#D55E00", "#F0E442"]


def oklab(colour: str, vision: np.ndarray) -> np.ndarray:
    """A colour as it looks, in OKLab (Ottosson 2020), where distances are those that are seen."""
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(lab) @ np.cbrt(np.array(cones) @ np.clip(vision @ linear(colour), 0, 1))


@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_colours_are_closer_than_those_of_okabe_and_ito(vision):
    def closest(colours):
        return min(np.linalg.norm(oklab(a, VISIONS[vision]) - oklab(b, VISIONS[vision])) for a, b in combinations(colours, 2))

    assert closest(COLOURS) >= closest(OKABE_ITO) > 0.07


def test_neighbours_among_the_colours_are_dark_and_light():
    dark, light = (max(map(luminance, COLOURS[0::2])), min(map(luminance, COLOURS[1::2])))
    assert dark < light


def test_names_of_the_semantic_types():
    assert len(ST21PV_TYPES) == 21


@pytest.mark.parametrize(
    ("values", "limits"),
    [([71.2, 83.9], (70, 90)), ([80, 80], (80, 90)), ([0, 100], (0, 100)), ([100.0], (90, 100)), ([], (0, 100)), ([0.0], (0, 10))],
)
def test_the_axis_of_learning_curves_holds_all_of_them_and_little_more(values, limits):
    assert percent_limits(values) == limits
