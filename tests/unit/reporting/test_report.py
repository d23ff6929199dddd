"""The report's pages: escaped, self-contained, complete, the same twice."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import vl_convert

from bioner.commands import report, table1
from bioner.errors import BionerError
from bioner.evaluation.columns import ERRORS
from bioner.evaluation.errors import ERROR_KINDS
from bioner.reporting.comparisons import ABLATION_COLUMNS, COMPARISON_COLUMNS
from bioner.reporting.formats import Table, write_table
from bioner.reporting.further import Column, read_further, scale_of, shown_columns
from bioner.reporting.headings import ABLATION_HEADINGS, ATTACKED_HEADINGS, HEADINGS
from bioner.reporting.linking import LINKING_COLUMNS, LINKING_HEADINGS
from bioner.reporting.origins import read_origins, read_times
from bioner.reporting.plots import attack_plot, error_plot, library, score_plot
from bioner.reporting.postprocessing import POSTPROCESSING_COLUMNS, POSTPROCESSING_HEADINGS
from bioner.reporting.report import interval_scale
from bioner.reporting.robustness_tables import ROBUSTNESS_COLUMNS
from bioner.reporting.settings import read_settings
from bioner.reporting.summaries import read_audits
from bioner.reporting.switching import definition_choices, definition_matrices
from bioner.reporting.transfers import TRANSFER_COLUMNS, TRANSFER_HEADINGS
from bioner.storage import write_json

from . import experiment

EVIL = "<script>alert(1)</script>"


class Structure(html.parser.HTMLParser):
    VOID = frozenset(("meta", "img", "br", "input"))

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(text):
    structure = Structure()
    structure.feed(text)
    assert structure.open == []
    return structure


@pytest.fixture(scope="module")
def index(shown):
    return (shown / "index.html").read_text(encoding="utf-8")


def test_pages_are_well_formed_and_self_contained(shown, index):
    for text in (index, (shown / "errors.html").read_text(encoding="utf-8")):
        structure = parsed(text)
        sources = {attributes[name] for _, attributes in structure.elements for name in ("src", "href") if name in attributes}
        beside = {source.split("#")[0] for source in sources if not source.startswith(("data:image/svg+xml;base64,", "#"))}
        assert beside <= {"index.html", "errors.html", "data/vega.js"} and all((shown / source).is_file() for source in beside)
        assert not re.search(r"url\(|@import", text)
        assert "https://" not in re.sub(r"https://vega.github.io/schema/[\w/.-]+", "", text)
        identifiers = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
        assert len(identifiers) == len(set(identifiers))
        assert {source[1:] for source in sources if source.startswith("#")} <= set(identifiers)
        assert all(attributes.get("scope") for tag, attributes in structure.elements if tag == "th")
        assert all(len(attributes["alt"]) > 40 for tag, attributes in structure.elements if tag == "img")
    assert sum(path.stat().st_size for path in shown.rglob("*") if path.is_file()) < 3_000_000


def test_every_row_and_every_audit_sentence_is_on_the_page(index):
    structure = parsed(index)
    classes = [attributes.get("class", "").split() for tag, attributes in structure.elements if tag == "tr"]
    assert sum("published" in names for names in classes) == 19 and sum("reproduced" in names for names in classes) == 6
    assert structure.text.count("is not the harmonic mean") == 8
    sentence = "8 have F1 that precision and recall of one count do not allow; 7 have exact match above recall; 14 have accuracy"
    assert sentence in structure.text
    assert "the published table does not name theirs" in structure.text and "Košprdić et al. [38]" in structure.text
    assert structure.text.count("75.00") >= 3 and structure.text.count("1,200") == 3
    assert "shared documents: 1 (known: 1 recorded in the config)" in structure.text


def test_tables_beside_table_1_have_their_sections(finished, index):
    rows = {table["name"]: len(table["rows"]) for table in read_further(finished.root / "demo" / "tables")}
    assert {"robustness", "comparisons", "errors", "recall"} <= rows.keys() and "leakage" not in rows
    for name, count in rows.items():
        section = index[index.index(f'<section id="{name}"') :].partition("</section>")[0]
        assert section.partition("<tbody>")[2].partition("</tbody>")[0].count("<tr>") == count


def test_audits_of_adapted_encoders_are_told_from_their_folds(finished, tmp_path):
    """A fold whose encoder was adapted is not told to have none that was."""
    note = "not checked: the encoder was not adapted on any text"
    checks = [{"name": "shared_documents", "found": 0, "note": ""}, {"name": "test_text_in_adaptation", "found": 0, "note": note}]
    paths = [tmp_path / "demo_bc5cdr" / "official" / name for name in ("fold0.json", "fold0.more.json", "fold1.json")]
    for path, found in zip(paths, (0, 3, 0), strict=True):
        own = [checks[0], checks[1] | ({"found": 3, "note": ""} if found else {})]
        write_json(path, {"verdict": "leak" if found else "clean", "checks": own})
    plain, adapted, alone = read_audits(paths, read_settings(finished.settings))
    assert [line["fold"] for line in (plain, adapted, alone)] == ["0", "0", "1"]
    assert [line["adaptation"] for line in (plain, adapted, alone)] == ["", "more", ""]
    assert plain["findings"] == [] and adapted["findings"] == ["test text in adaptation: 3"]
    assert alone["findings"] == [f"test text in adaptation: 0 ({note})"]


def test_the_page_names_the_adaptation_of_an_audit(finished, tmp_path):
    root = tmp_path / "results"
    shutil.copytree(finished.root, root)
    checks = [{"name": "test_text_in_adaptation", "found": 3, "note": ""}]
    write_json(root / "audit" / "demo_bc5cdr" / "kfold5" / "fold0.more.json", {"verdict": "leak", "checks": checks})
    report.main(experiment.report_arguments(root, "demo", finished.chosen, finished.settings, tmp_path / "index.html"))
    section = (tmp_path / "index.html").read_text(encoding="utf-8").partition('<section id="leaks"')[2].partition("</section>")[0]
    assert "Adaptation</th>" in section and "<td>more</td>" in section and "fold0.more" not in section


def test_provenance_names_versions_recipes_and_digests(index):
    text = parsed(index).text
    for name in ("config_digest", "version of torch", "2.13.0", "Recipe plain", "minilm: model.safetensors"):
        assert name in text
    assert "demo_bc5cdr/kfold5/fold0: train.jsonl" in text
    assert '"protocol": "kfold5"' in text and "ab" * 32 in text


def test_only_a_demo_carries_the_banner(finished, shown, tmp_path):
    finished.write_report(tmp_path / "index.html", scale="demo")
    for name in ("index.html", "errors.html"):
        assert 'class="banner"' in (tmp_path / name).read_text(encoding="utf-8")
        assert 'class="banner"' not in (shown / name).read_text(encoding="utf-8")


def test_text_from_outside_is_escaped(finished, tmp_path):
    """A second report, of the same experiment under names that are markup."""
    root = tmp_path / "results"
    shutil.copytree(finished.root, root)
    settings = json.loads(json.dumps(finished.settings)) | {"title": EVIL, "notes": [EVIL]}
    for name, dataset in settings["datasets"].items():
        dataset["title"] = f'{EVIL}" onload="x" {name}'
    shutil.rmtree(root / "demo" / "tables")
    experiment.write_tables(root, "demo", finished.chosen, settings)
    report.main(experiment.report_arguments(root, "demo", finished.chosen, settings, tmp_path / "index.html"))
    for name, scripts in (("index.html", 5), ("errors.html", 1)):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert EVIL not in text and "&lt;script&gt;alert(1)" in text
        structure = parsed(text)
        assert sum(tag == "script" for tag, _ in structure.elements) == scripts
        assert not any("onload" in attributes for _, attributes in structure.elements)


def test_same_input_gives_the_same_bytes(finished, shown, tmp_path):
    finished.write_report(tmp_path / "index.html")
    files = sorted(path.relative_to(shown) for path in shown.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert [file for file in files if (shown / file).read_bytes() != (tmp_path / file).read_bytes()] == []


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("demo/tables/table1.csv", "expected a table, found no file"),
        ("demo/figures", "expected figures such as fig1.svg"),
        ("quality/demo_i2b2.json", "expected a JSON file, found none"),
        ("runs/demo_bc5cdr/kfold5/fgsm/fold1/seed1/run.json", "expected a JSON file, found none"),
        ("demo/collected/errors.csv", "expected a table, found no file"),
    ],
)
def test_missing_files_are_refused_before_anything_is_written(finished, tmp_path, gone, said):
    root = tmp_path / "results"
    shutil.copytree(finished.root, root)
    arguments = experiment.report_arguments(root, "demo", finished.chosen, finished.settings, tmp_path / "index.html")
    path = root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BionerError, match=said):
        report.main(arguments)
    assert not (tmp_path / "index.html").exists()


def test_an_experiment_of_missing_corpora_has_a_report(finished, tmp_path):
    settings = json.loads(json.dumps(finished.settings))
    for dataset in settings["datasets"].values():
        dataset["missing"] = "sign the agreement"
    root = tmp_path / "results"
    shutil.copytree(finished.root / "demo", root / "demo")
    tables = ["--collected", root / "demo" / "collected", "--settings", json.dumps(settings), "--output-folder", root / "demo" / "tables"]
    table1.main([str(argument) for argument in tables])
    (root / "demo" / "collected" / "errors.csv").write_text(",".join(ERRORS) + "\n", encoding="utf-8")
    chosen = finished.chosen | {"datasets": []}
    report.main(experiment.report_arguments(root, "demo", chosen, settings, tmp_path / "index.html"))
    index, errors = (parsed((tmp_path / name).read_text(encoding="utf-8")) for name in ("index.html", "errors.html"))
    assert index.text.count("not provided: sign the agreement") == 3 and "Error browser" not in index.text
    assert not [attributes for tag, attributes in index.elements if "data-plot" in attributes]
    assert "There is no document to show" in errors.text


def test_strict_micro_f1_is_the_first_definition():
    row = {"dataset": "d", "model": "m", "type": "", "value": "1", "sd": "2"}
    keys = ("definition", "average", "metric", "type")
    cells = ["jaccard micro accuracy -", "span type f1 A", "strict type f1 A"]
    cells += ["strict macro f1 -", "strict micro f1 -", "strict micro recall -", "ceiling micro recall -", "ceiling micro lost_by_tags -"]
    rows = [row | {key: value.strip("-") for key, value in zip(keys, cell.split(), strict=True)} for cell in cells]
    choices = definition_choices(rows)
    assert [choice["label"] for choice in choices] == ["strict, micro", "strict, macro", "jaccard, micro", "strict, type A"]
    assert [choice["strict"] for choice in choices] == [True, False, False, False]
    assert choices[0]["cells"] == {"d\tm": {"f1": ["1", "2"], "recall": ["1", "2"]}}
    [matrix] = definition_matrices(rows, ["m", "other"])
    assert [line[:2] for line in matrix["lines"]][:3] == [("strict, micro", "recall"), ("strict, micro", "f1"), ("strict, macro", "f1")]
    assert [[cell and cell["value"] for cell in line[2]] for line in matrix["lines"]] == [["1", None]] * 7


def test_bars_share_a_scale_that_holds_every_interval():
    assert interval_scale([{"f1_low": "41.2", "f1_high": "80.0"}, {"f1_low": "", "f1_high": ""}]) == (40, 80)
    assert interval_scale([]) == (0, 100)
    assert scale_of(["-3.2", "+1.1", ""]) == (-4, 2) and scale_of(["12", "61.5"]) == (10, 70) and scale_of([]) == (0, 100)


def test_ends_of_intervals_become_bars():
    row = {"model": "plain", "f1_attacked": "5", "f1_low": "2.5", "f1_high": "7.5"}
    row |= {"difference": "+1", "low": "-1", "high": "+3", "note": ""}
    columns = {column.name: column for column in shown_columns(list(row), [row])}
    assert list(columns) == ["model", "f1_attacked", "difference"]
    assert columns["f1_attacked"] == Column("f1_attacked", "F1 attacked", True, 1, "f1_low", "f1_high", (2, 8))
    assert (columns["difference"].low, columns["difference"].high) == ("low", "high") and not columns["model"].number


def test_columns_are_titled_as_in_the_tables_files(tmp_path):
    """Each table is written as the rules write it and read again: one name for one column."""
    written = {
        "robustness": (ROBUSTNESS_COLUMNS, ATTACKED_HEADINGS),
        "ablations": (ABLATION_COLUMNS, ABLATION_HEADINGS),
        "postprocessing": (POSTPROCESSING_COLUMNS, HEADINGS | POSTPROCESSING_HEADINGS),
        "linking": (LINKING_COLUMNS, HEADINGS | LINKING_HEADINGS),
        "transfer": (TRANSFER_COLUMNS, HEADINGS | TRANSFER_HEADINGS),
        "comparisons": (COMPARISON_COLUMNS, HEADINGS),
    }
    for name, (columns, headings) in written.items():
        write_table(tmp_path, Table(name, "", columns, [dict.fromkeys(columns, "1")], headings))
    shown = read_further(tmp_path)
    assert {table["name"] for table in shown} == set(written)
    for table in shown:
        headings = written[table["name"]][1]
        assert {column.name: column.heading for column in table["columns"]} == {
            column.name: headings[column.name] for column in table["columns"]
        }
    titles = {table["name"]: {column.name: column.heading for column in table["columns"]} for table in shown}
    assert titles["linking"]["right"] == "Right" and titles["transfer"]["dataset"] == "Trained on"
    assert titles["robustness"]["precision"] == "P attacked" and titles["ablations"]["reference"] == "Reference"


def test_a_table_without_a_centre_keeps_its_columns():
    row = {"low": "1", "high": "2", "p_low": "1"}
    assert [column.name for column in shown_columns(list(row), [row])] == ["low", "high", "p_low"]


def test_large_tables_are_left_to_their_files(tmp_path):
    (tmp_path / "robustness_groups.csv").write_text("model,value\n" + "plain,1\n" * 2001, encoding="utf-8")
    (tmp_path / "leakage.csv").write_text("model,protocol\nplain,official\nplain,kfold5\n", encoding="utf-8")
    groups, leakage = read_further(tmp_path)
    assert groups["left"] == 2001 and groups["rows"] == [] and leakage["left"] == 0 and len(leakage["rows"]) == 2
    (tmp_path / "errors.csv").write_text("model,value\nplain\n", encoding="utf-8")
    with pytest.raises(BionerError, match=r"errors.csv:2: expected 2 cells"):
        read_further(tmp_path)


def test_optional_tables_that_are_not_this_experiments_are_left_out(tmp_path):
    for name in ("linking", "transfer"):
        (tmp_path / f"{name}.csv").write_text("model,f1\nplain,1\n", encoding="utf-8")
    assert [table["name"] for table in read_further(tmp_path, ["transfer"])] == ["transfer"]


def test_plots_compile(finished):
    """Vega-Lite's own compiler takes each of them."""
    settings = read_settings(finished.settings)
    row = {"dataset": "BC5CDR (demo)", "attack": "typos", "f1_clean": "80.1", "f1_attacked": "60"}
    rows = [row | {"model": model} for model in settings.models]
    errors = [
        {"dataset": "demo_bc5cdr", "protocol": "kfold5", "model": model, "attack": attack, "error": kind, "count": "3"}
        for model in settings.models
        for attack in ("clean", "typos", "of_another_experiment")
        for kind in ERROR_KINDS
    ]
    for spec in (score_plot(rows, settings), attack_plot(rows, settings), error_plot(errors, settings, ERROR_KINDS)):
        compiled = vl_convert.vegalite_to_vega(spec)
        assert compiled["marks"] and compiled["description"] == spec["description"]
    shown = error_plot([*errors, errors[1] | {"protocol": "official"}], settings, ERROR_KINDS)["data"]["values"]
    assert {value["condition"] for value in shown} == {"clean", "typos"} and {value["count"] for value in shown} == {3}
    right = [row for row in errors if row["error"] == "correct"]
    assert attack_plot([], settings) is None and error_plot(right, settings, ERROR_KINDS) is None


def test_bars_under_attack_have_their_models_name_beside_them(finished):
    """Colours begin again after eight models: every bar has the name as text too, each in a place of its own."""
    models = [f"model_{number}" for number in range(10)]
    settings = read_settings(finished.settings | {"models": {name: {} for name in models}})
    row = {"dataset": "D", "f1_clean": "100", "f1_attacked": "50"}
    rows = [row | {"model": model, "attack": attack} for model in models for attack in ("typos", "worst_case")]
    drawing = ElementTree.fromstring(vl_convert.vegalite_to_svg(attack_plot(rows, settings) | {"width": 500}))
    texts = [(element.text, element.get("transform")) for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    places = [[place for text, place in texts if text == model] for model in models]
    assert [len(found) for found in places] == [3] * 10  # of each condition
    assert len({place for found in places for place in found}) == 30


def test_the_library_of_plots_is_one_script_of_known_parts():
    text = library()
    assert "vegaEmbed" in text and "</script" not in text and len(text) < 1_500_000


def test_times_are_those_of_the_experiment(tmp_path):
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    measured = {"train/d/official/plain/fold0/seed1": "60\t-\t100\t90", "train/other/official/plain/fold0/seed1": "1\t-\t1\t1"}
    measured |= {"report/demo": "30\t-\tNA\tNA", "report/open": "99\t-\t1\t1"}
    for name, values in measured.items():
        path = Path(tmp_path, "benchmarks", f"{name}.tsv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}{values}\n", encoding="utf-8")
    assert read_times(tmp_path, "demo", ["d"]) == [
        {"rule": "report", "jobs": "1", "wall": "0.5", "processor": "0.0", "memory": "0"},
        {"rule": "train", "jobs": "1", "wall": "1.0", "processor": "1.5", "memory": "100"},
    ]


def test_a_run_without_its_recipe_is_refused(finished, tmp_path):
    chosen = finished.chosen | {"datasets": ["d"], "folds": [0], "models": ["plain"]}
    path = tmp_path / "runs" / "d" / "kfold5" / "plain" / "fold0" / "seed1" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(BionerError, match=r"run.json:1: expected an object with recipe and versions"):
        read_origins(tmp_path, chosen)
