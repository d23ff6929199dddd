"""`bioner trace` over every cell of every table that the toy run made, and what it says when a link of the chain is broken."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bioner.commands import trace
from bioner.errors import BionerError
from bioner.reporting.links import _raw, chain
from bioner.reporting.tracing import Sources, TracedRow, find_row, trace_cell
from bioner.storage import sha256_file, write_json

from .conftest import Project

RUN = "demo_bc5cdr/kfold3/plain/fold0/seed1"
WHERE = ("source=reproduced", "model=plain")


def tables(results: Path) -> list[Path]:
    return [path for path in sorted((results / "toy/tables").glob("*.csv")) if len(path.read_text().splitlines()) > 1]


def trace_all(table: Path) -> int:
    """Trace every cell of a table; how many of them are means that were computed again, and came out."""
    sources, compared = Sources.beside(table), 0
    with open(table, newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        lines = [(reader.line_num, row) for row in reader]
    for number, row in lines:
        for column in row if row.get("source") != "published" else ():
            cell = trace_cell(table, TracedRow(number, row), column, sources)
            assert cell.systems and all(sources.runs_of(system) for system in cell.systems), (table.name, number, column)
            assert cell.again in (None, cell.value), (table.name, number, column)
            compared += cell.again is not None
    return compared


def trace_rows(table: Path) -> set[str]:
    """Follow every row's chain to the original files; what its links are of, all of which hold."""
    sources, found = Sources.beside(table), set[str]()
    with open(table, newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        rows = [TracedRow(reader.line_num, row) for row in reader if row.get("source") != "published"]
    for row in rows:
        for dataset, protocol, model in trace_cell(table, row, next(iter(row.cells)), sources).systems:
            for fold, seed in sources.runs_of((dataset, protocol, model)):
                links = chain(f"{dataset}/{protocol}/{model}/fold{fold}/seed{seed}", table.parents[2], table=table.stem).links
                assert {link.state for link in links} == {"holds"}, links
                found |= {link.what for link in links}
    return found


def test_every_cell_leads_to_runs_and_means_come_out_again(finished: Project) -> None:
    compared = {table.stem: trace_all(table) for table in tables(finished.folder / "results")}
    compared = {name: count for name, count in compared.items() if count}
    assert compared.keys() >= {"table1", "table1_definitions", "robustness", "comparisons", "ablations", "postprocessing"}, compared
    assert compared["table1"] >= 4 and compared["table1_definitions"] > 50, compared


def test_the_chain_of_a_cell_as_text_and_as_json(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    table = finished.folder / "results/toy/tables/table1.csv"
    trace.main([str(table), *WHERE])
    text = capsys.readouterr().out
    assert f"run {RUN}" in text and "hardware" in text and "versions" in text and "differs" not in text and "unrecorded" not in text
    trace.main([str(table), *WHERE, "--column", "recall", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["value"] == told["computed_again"] and [run["run"] for run in told["runs"]] == [RUN]
    facts = json.loads((finished.folder / "results/runs" / RUN / "run.json").read_text())
    assert told["runs"][0]["facts"] == facts and len(facts["code"]["digest"]) == 16
    assert {link["state"] for link in told["runs"][0]["links"]} == {"holds"}
    assert {link["what"] for link in told["runs"][0]["links"]} >= {"predictions", "weights trained", "recipe", "fold", "encoder", "corpus"}


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (f"runs/{RUN}/model.safetensors", "weights"),
        (f"predictions/{RUN}/clean.jsonl", "predictions"),
        ("folds/demo_bc5cdr/kfold3/fold0/train.jsonl", "fold"),
        ("folds/demo_bc5cdr/kfold3/fold0/test.jsonl", "score, computed again"),
        ("encoders/minilm/model.safetensors", "encoder"),
        ("raw/demo_bc5cdr/CDR_TestSet.PubTator.txt", "corpus"),
    ],
)
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_broken_link_is_an_error_that_names_it(
    finished: Project, capsys: pytest.CaptureFixture[str], file: str, what: str, how: str
) -> None:
    path = finished.folder / "results" / file
    if how == "gone":
        path.unlink()
    elif what == "score, computed again":
        path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")  # a document less
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BionerError, match=what):
        trace.main([str(finished.folder / "results/toy/tables/table1.csv"), *WHERE])
    assert ("absent" if how == "gone" or what.startswith("score") else "differs") in capsys.readouterr().out


def test_a_figure_that_its_scores_do_not_give_is_told(finished: Project) -> None:
    table = finished.folder / "results/toy/tables/table1.csv"
    row = find_row(table, dict(text.split("=") for text in WHERE))
    lines = table.read_text().splitlines()
    lines[row.line - 1] = lines[row.line - 1].replace(f",{row.cells['f1']},", ",99.99,")
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(BionerError, match=r"the table says 99\.99, its runs' scores give"):
        trace.main([str(table), *WHERE])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["source=reproduced"], r"expected one row with source=reproduced, found 2 .* add one of model"),
        (["source=reproduced", "model=nobody"], "found none"),
        (["colour=red"], "expected a column 'colour'"),
        (["model"], "expected COLUMN=VALUE"),
        (["--line", "2"], "a published row"),
        ([*WHERE, "--column", "colour"], "expected a column 'colour'"),
    ],
)
def test_what_cannot_be_traced_is_one_line(finished_folder: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(BionerError, match=message):
        trace.main([str(finished_folder / "results/toy/tables/table1.csv"), *arguments])


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="expected a table, found none"):
        trace.main([str(tmp_path / "table1.csv")])


@pytest.mark.parametrize(
    ("folder", "table"),
    [
        ("results/toy/tables", "table1.csv"),
        ("results/toy/tables", "./table1.csv"),
        ("results/toy/report", "../tables/table1.csv"),
        ("results/toy", "tables/table1.csv"),
        (".", "results/toy/tables/table1.csv"),
    ],
)
def test_a_table_is_named_from_any_folder(
    finished_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str, table: str
) -> None:
    monkeypatch.chdir(finished_folder / folder)
    trace.main([table, *WHERE, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["table"] == table.removeprefix("./")
    assert [run["run"] for run in told["runs"]] == [RUN] and {link["state"] for link in told["runs"][0]["links"]} == {"holds"}


def test_results_that_a_link_leads_to_are_traced_from_the_link(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "linked"
    project.mkdir()
    (project / "results").symlink_to(finished.folder / "results")
    monkeypatch.chdir(project)
    trace.main(["results/toy/tables/table1.csv", *WHERE, "--json"])
    links = json.loads(capsys.readouterr().out)["runs"][0]["links"]
    assert all(link["where"].startswith(str(project / "results")) for link in links)


def test_a_corpus_in_its_users_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for root, folder in (("~/c", tmp_path / "home" / "c"), ("data/c", tmp_path / "project" / "data" / "c")):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("a")
        raw = tmp_path / "project/results/raw" / folder.parent.name
        write_json(raw / "manifest.json", {"root": root, "files": [{"name": "a.txt", "sha256": sha256_file(folder / "a.txt")}]})
        assert [link.state for link in _raw(raw)] == ["holds"]


def test_titles_are_needed_only_where_datasets_are_several(finished: Project) -> None:
    table = finished.folder / "results/toy/tables/table1.csv"
    row, sources = find_row(table, dict(text.split("=") for text in WHERE)), Sources.beside(table)._replace(names={})
    assert trace_cell(table, row, "f1", sources).systems == [("demo_bc5cdr", "kfold3", "plain")]
    several = sources._replace(runs={**sources.runs, ("other", "kfold3", "plain"): ()})
    with pytest.raises(BionerError, match=r"run snakemake results/quality/demo_bc5cdr\.json results/quality/other\.json"):
        trace_cell(table, row, "f1", several)
