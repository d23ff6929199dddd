"""The report in a real browser, headless: sorting, switching, filtering, navigating, on a desktop and a phone, without network."""

from __future__ import annotations

import csv
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioner.commands import report
from bioner.documents import read_documents, write_documents
from bioner.entities import Document
from bioner.evaluation.errors import CORRECT, ERROR_KINDS, error_kinds
from bioner.reporting.report import POLICY
from bioner.storage import sha256_file, write_json, write_text

from . import experiment

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OFF = ("background-networking", "component-update", "sync", "quic", "gpu")
QUIET = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in OFF)]
SIZES = {"desktop": {"width": 1360, "height": 900}, "phone": {"width": 390, "height": 844}}
BC5CDR = "dataset=demo_bc5cdr"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visit(chromium: Any, shown: Path) -> Iterator[Any]:
    """Open a page of the report; at the end nothing may have gone wrong in it or asked for the network."""
    troubles: list[str] = []
    contexts = []

    def opened(name: str, *, size: str = "desktop", folder: Path = shown) -> Any:
        contexts.append(chromium.new_context(viewport=SIZES[size], has_touch=size == "phone"))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
        file, hash_, state = name.partition("#")
        page.goto((folder / file).as_uri() + hash_ + state)
        page.wait_for_load_state("load")
        if file == "errors.html":
            page.wait_for_selector("#name:not(:empty), #failure:not([hidden])", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def column(page: Any, table: str, heading: str) -> list[str]:
    return list(
        page.evaluate(
            """([table, heading]) => {
              const heads = [...document.querySelectorAll(`${table} thead th`)];
              const place = heads.findIndex((head) => head.querySelector(".name")?.textContent === heading);
              return [...document.querySelectorAll(`${table} tbody tr`)].map((row) => row.cells[place].textContent.trim());
            }""",
            [table, heading],
        )
    )


def status(page: Any) -> str:
    return str(page.inner_text("#status"))


def choose(page: Any, **choices: str) -> None:
    """Pick by what a menu shows; wait until the list says so."""
    for name, label in choices.items():
        page.select_option(f"#{name}", label=label)
    page.wait_for_timeout(150)


# --- the main page


def test_table_1_sorts_and_keeps_what_is_empty_last(visit: Any) -> None:
    page = visit("index.html")
    head = page.locator("#table1-table thead th").filter(has_text="F1").first
    for told, sign in (("ascending", 1), ("descending", -1)):
        head.get_by_role("button").click()
        values = column(page, "#table1-table", "F1")
        filled = [float(value) for value in values if value]
        assert head.get_attribute("aria-sort") == told and len(values) == 25 and len(filled) == 21
        assert [sign * value for value in filled] == sorted(sign * value for value in filled)
        assert all(values[: len(filled)]) and not any(values[len(filled) :])
    page.locator("#table1-table thead th").filter(has_text="Corpus").get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert column(page, "#table1-table", "Corpus") == sorted(column(page, "#table1-table", "Corpus"), key=str.casefold)


def test_the_definition_changes_reproduced_rows_in_place(visit: Any, finished: Any) -> None:
    page = visit("index.html")
    before = page.inner_text("#table1-table tbody")
    assert sum(map(bool, column(page, "#table1-table", "Difference"))) == 3
    page.select_option("#definition", label="partial, micro")
    with open(finished.root / "demo" / "tables" / "table1_definitions.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if (row["definition"], row["average"]) == ("partial", "micro")]
    wanted = {(row["dataset"], row["model"], row["metric"]): row["value"] for row in rows}
    cells = {name: column(page, "#table1-table", name) for name in ("Source", "Corpus", "Model", "P", "R", "F1", "Difference")}
    for name, metric in {"P": "precision", "R": "recall", "F1": "f1"}.items():
        found = {
            (corpus, model, metric): value
            for source, corpus, model, value in zip(cells["Source"], cells["Corpus"], cells["Model"], cells[name], strict=True)
            if source == "reproduced"
        }
        assert found == {key: value for key, value in wanted.items() if key[2] == metric} and len(found) == 6
    published = [value for source, value in zip(cells["Source"], cells["F1"], strict=True) if source == "published"]
    assert published[0] == "90.2" and not any(cells["Difference"])
    assert "Published rows stand as printed" in page.inner_text("#definition-note") and "(SD)" in page.inner_text("#table1-table")
    page.locator("#table1-table thead th").filter(has_text="F1").first.get_by_role("button").click()
    sorted_values = [float(value) for value in column(page, "#table1-table", "F1") if value]
    assert sorted_values == sorted(sorted_values) and len(sorted_values) == 21
    page.select_option("#definition", label="jaccard, micro")
    sources, accuracies, precisions = (column(page, "#table1-table", name) for name in ("Source", "Accuracy", "P"))
    assert all(accuracies[place] and not precisions[place] for place, source in enumerate(sources) if source == "reproduced")
    page.select_option("#definition", label="strict, micro")
    assert sorted(before.split("\n")) == sorted(page.inner_text("#table1-table tbody").split("\n"))


def test_a_table_that_is_sorted_stays_sorted_under_another_definition(visit: Any) -> None:
    page = visit("index.html")
    head = page.locator("#table1-table thead th").nth(6)  # its name changes
    for told, sign in (("ascending", 1), ("descending", -1)):
        head.get_by_role("button").click()
        for label, name in (("overlap, micro", "F1"), ("jaccard, micro", "Accuracy"), ("strict, micro", "F1")):
            page.select_option("#definition", label=label)
            values = [sign * float(value) for value in column(page, "#table1-table", name) if value]
            assert head.get_attribute("aria-sort") == told and values == sorted(values) and len(values) == 21


def test_the_order_of_a_table_that_is_not_sorted_is_kept(visit: Any) -> None:
    page = visit("index.html")
    before = [column(page, "#table1-table", name) for name in ("Source", "Corpus", "Model")]
    page.select_option("#definition", label="overlap, micro")
    assert [column(page, "#table1-table", name) for name in ("Source", "Corpus", "Model")] == before


def test_plots_are_drawn_and_follow_the_definition(visit: Any, size: str) -> None:
    page = visit("index.html", size=size)
    expect(page.locator("[data-plot] svg")).to_have_count(3)
    points = "#plot-scores svg [aria-roledescription=point]"
    first = [mark.get_attribute("aria-label") for mark in page.locator(points).all()]
    assert len(first) == 6 and all("95 %" in label for label in first)
    page.select_option("#definition", label="span, micro")
    for mark in page.locator(points).all():
        expect(mark).to_have_attribute("aria-label", re.compile("SD"))
    bars = "#plot-attacks svg [aria-roledescription=bar]"
    labels = [mark.get_attribute("aria-label") for mark in page.locator(bars).all()]
    page.locator("#plot-attacks select").select_option("BC5CDR (demo)")
    page.wait_for_timeout(200)
    others = [mark.get_attribute("aria-label") for mark in page.locator(bars).all()]
    assert len(labels) == len(others) and labels != others
    names = page.locator("#plot-attacks svg .role-mark text")
    assert sorted(names.all_text_contents()) == sorted(["plain", "fgsm"] * (len(labels) // 2))
    page.locator(bars).first.click()
    expect(page.locator("#plot-attacks svg .role-mark text[opacity='0.15']")).to_have_count(len(labels) // 2)
    wide = page.evaluate("[...document.querySelectorAll('.plot')].filter((plot) => plot.scrollWidth > plot.clientWidth + 1).length")
    assert wide == 0


def test_definitions_are_shown_for_one_corpus_at_a_time(visit: Any) -> None:
    page = visit("index.html")
    for place, title in enumerate(["MedMentions ST21pv (demo)", "BC5CDR (demo)", "i2b2 2010 (demo)"]):
        page.select_option("#matrix", label=title)
        assert page.evaluate("[...document.querySelectorAll('#matrix-table tbody')].map((body) => body.hidden)") == [
            number != place for number in range(3)
        ]


def test_without_the_library_the_page_says_where_the_values_are(visit: Any, shown: Path, tmp_path: Path) -> None:
    shutil.copytree(shown, tmp_path / "report")
    write_text(tmp_path / "report" / "data" / "vega.js", "// cut off\n")
    page = visit("index.html", folder=tmp_path / "report")
    page.wait_for_selector(".plot-failure")
    assert "the tables hold the same values" in page.inner_text("#plot-scores")


# --- the error browser


def truth(finished: Any, *, model: str, condition: str, folds: tuple[int, ...] = (0, 1)) -> dict[str, list[Any]]:
    """By document id what became of its mentions under a condition, counted from the files of the workflow."""
    found = {}
    for fold in folds:
        run = finished.root / "predictions" / "demo_bc5cdr" / "kfold5" / model / f"fold{fold}" / "seed1"
        gold = finished.root / "folds" / "demo_bc5cdr" / "kfold5" / f"fold{fold}" / "test.jsonl"
        if condition == "typos":
            gold = finished.root / "attacks" / "demo_bc5cdr" / "kfold5" / f"fold{fold}" / "typos.jsonl"
        if condition == "search":
            gold = run / "search.gold.jsonl"
        path = run / f"{condition}.jsonl"
        if condition == "postprocessed":
            path = finished.root / "postprocessed" / run.relative_to(finished.root / "predictions") / "clean.jsonl"
        predicted = {document.id: document for document in read_documents(path)}
        found |= {document.id: error_kinds(document, predicted[document.id]) for document in read_documents(gold)}
    return found


def counted(found: dict[str, list[Any]], kind: str, entity_type: str) -> Counter[str]:
    """By document id how many mentions fit a kind and a type."""

    def fits(judged: Any) -> bool:
        name, gold, predicted = judged
        types = {mention.type for mention in (gold, predicted) if mention}
        fitting = name != CORRECT if kind in ("any error", "all documents") else name == kind
        return fitting and entity_type in ("all", *types)

    return Counter({name: sum(map(fits, judged)) for name, judged in found.items()})


def test_filters_count_what_the_files_hold(visit: Any, finished: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}")
    draw = random.Random(5)
    menus = {
        "model": ["plain", "fgsm"],
        "condition": ["none (clean)", "typos", "search", "fgsm", "postprocessed"],
        "kind": ["all documents", "any error", *(kind.replace("_", " ") for kind in ERROR_KINDS)],
        "type": ["all", "Chemical", "Disease"],
        "fold": ["all", "0", "1"],
    }
    for turn in range(25):
        picked = {name: values[turn % len(values)] if name == "kind" else draw.choice(values) for name, values in menus.items()}
        choose(page, **picked)
        condition = "clean" if "clean" in picked["condition"] else picked["condition"]
        folds = (0, 1) if picked["fold"] == "all" else (int(picked["fold"]),)
        found = truth(finished, model=picked["model"], condition=condition, folds=folds)
        counts = counted(found, picked["kind"] if picked["kind"] in menus["kind"][:2] else picked["kind"].replace(" ", "_"), picked["type"])
        if picked["kind"] == "all documents":
            listed = [
                name
                for name, judged in found.items()
                if picked["type"] == "all" or counts[name] or any(gold and gold.type == picked["type"] for _, gold, _ in judged)
            ]
        else:
            listed = [name for name in found if counts[name]]
        assert status(page).startswith(f"{len(listed)} of {len(found)} documents, {counts.total()} "), picked
        rows = page.evaluate("[...document.querySelectorAll('#rows .row')].map((row) => row.textContent)")
        assert rows == [f"{name}{counts[name]}" for name in listed[: len(rows)]], picked
        assert len(rows) == min(len(listed), len(rows)) and bool(rows) == bool(listed)
        if not listed:
            assert "No document fits" in page.inner_text("#name")


def test_the_list_can_be_searched_and_ordered(visit: Any, finished: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}")
    choose(page, order="most matches first")
    counts = [int(count) for count in page.locator("#rows .count").all_inner_texts()]
    wanted = counted(truth(finished, model="plain", condition="clean"), "any error", "all")
    assert counts == sorted(wanted.values(), reverse=True)[: len(counts)]
    page.fill("#query", "CDR.1.1")
    expect(page.locator("#rows .row")).to_have_count(3)
    assert set(page.locator("#rows .id").all_inner_texts()) == {"demo_bc5cdr.1.1", "demo_bc5cdr.1.10", "demo_bc5cdr.1.11"}


def marked(page: Any, pane: int) -> dict[str, Any]:
    """What a pane shows: its text without labels, the marked pieces, and the rows of its tables."""
    return dict(
        page.evaluate(
            """(pane) => {
              const element = document.querySelectorAll("#panes .pane")[pane];
              const text = element.querySelector(".text").cloneNode(true);
              text.querySelectorAll("[aria-hidden=true]").forEach((label) => label.remove());
              const pieces = (name) => [...element.querySelectorAll(`.seg.${name}`)].map((piece) => piece.textContent);
              const rows = [...element.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
              return {text: text.textContent, gold: pieces("g"), predicted: pieces("p"), edit: pieces("edit"), rows};
            }""",
            pane,
        )
    )


def covered(document: Document) -> str:
    """All characters that a mention covers, in reading order."""
    places = sorted({place for mention in document.mentions for start, end in mention.spans for place in range(start, end)})
    return "".join(document.text[place] for place in places)


def test_marks_cover_exactly_the_mentions(visit: Any, finished: Any) -> None:
    """Markup, characters beyond U+FFFF, nested and discontiguous mentions included: they stand in the first document."""
    page = visit(f"errors.html#{BC5CDR}&fold=0&condition=typos")
    place = "demo_bc5cdr/kfold5/{}fold0"
    clean = {document.id: document for document in read_documents(finished.root / "folds" / place.format("") / "test.jsonl")}
    gold = {document.id: document for document in read_documents(finished.root / "attacks" / place.format("") / "typos.jsonl")}
    run = finished.root / "predictions" / place.format("plain/") / "seed1"
    predicted = {document.id: document for document in read_documents(run / "typos.jsonl")}
    for name, document in gold.items():
        expect(page.locator("#name")).to_have_text(name)
        expect(page.locator(".pane")).to_have_count(2)
        left, right = marked(page, 0), marked(page, 1)
        assert left["text"] == clean[name].text and right["text"] == document.text
        assert "".join(right["gold"]) == covered(document) and "".join(right["predicted"]) == covered(predicted[name])
        assert "".join(left["gold"]) == covered(clean[name])
        edits = document.meta.get("edit_spans")
        if edits is not None:
            assert "".join(right["edit"]) == "".join(document.text[start:end] for start, end in edits)
            assert "".join(left["edit"]) == "".join(clean[name].text[start:end] for start, end in document.meta["original_spans"])
        else:
            assert bool(right["edit"]) == (document.text != clean[name].text)
        kinds = Counter(row[0].replace(" ", "_") for row in right["rows"])
        assert kinds == Counter(kind for kind, _, _ in error_kinds(document, predicted[name]))
        page.keyboard.press("j")


def test_text_of_a_document_is_never_markup(visit: Any, finished: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}&fold=0&id=demo_bc5cdr.0.0")
    assert experiment.EVIL in marked(page, 0)["text"]
    assert page.evaluate("window.harmed") is None and page.locator("#panes img, #panes script").count() == 0


def test_attacks_on_embeddings_show_one_text_twice(visit: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}&condition=fgsm&fold=0")
    assert page.locator("#panes h3").all_inner_texts() == ["Clean", "Under fgsm"]
    left, right = marked(page, 0), marked(page, 1)
    assert left["text"] == right["text"] and left["edit"] == right["edit"] == []
    assert "the text is the same" in page.inner_text("#panes")


def test_keys_go_through_documents_and_errors(visit: Any, finished: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}&fold=0")
    found = truth(finished, model="plain", condition="clean", folds=(0,))
    errors = {document: [kind for kind, *_ in judged if kind != CORRECT] for document, judged in found.items()}
    names = list(found)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#name")).to_have_text(names[2])
    page.keyboard.press("k")
    expect(page.locator("#name")).to_have_text(names[1])
    page.keyboard.press("k")
    expect(page.locator("#name")).to_have_text(names[0])
    seen = []
    for document in [name for name in names if errors[name]][:3]:
        for number in range(len(errors[document])):
            page.keyboard.press("n")
            expect(page.locator("#name")).to_have_text(document)
            expect(page.locator("#spoken")).to_have_text(re.compile(f"^Error {number + 1} of {len(errors[document])}:"))
            assert page.locator(".seg.current").count() >= 1 and page.locator("tr.current").count() == 1
            seen.append(page.inner_text("tr.current th"))
        if not errors[names[names.index(document) + 1]]:
            page.keyboard.press("j")
    visited = [name for name in names if errors[name]][:3]
    assert sorted(seen) == sorted(kind.replace("_", " ") for name in visited for kind in errors[name])
    page.keyboard.press("p")
    page.wait_for_timeout(100)
    assert page.locator("tr.current").count() == 1

    page.focus("#list")
    page.keyboard.press("End")
    expect(page.locator("#name")).to_have_text(names[-1])
    active = page.get_attribute("#list", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true" and page.get_attribute(f"#{active}", "aria-posinset") == str(
        len(names)
    )
    page.keyboard.press("Home")
    expect(page.locator("#name")).to_have_text(names[0])
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    page.keyboard.press("/")
    page.keyboard.type("j")  # in the field it is a letter
    assert page.input_value("#query") == "j"


def test_letter_keys_can_be_switched_off(visit: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}&fold=0")
    page.keyboard.press("?")
    page.uncheck("#letters")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.click("#help-button")
    page.check("#letters")
    page.get_by_role("button", name="Close").click()
    assert page.inner_text("#name") == "demo_bc5cdr.0.0"
    page.keyboard.press("j")
    expect(page.locator("#name")).to_have_text("demo_bc5cdr.0.1")


def test_kinds_of_error_lead_to_their_documents(visit: Any, finished: Any) -> None:
    """The number of the table is the number that the browser counts."""
    with open(finished.root / "demo" / "tables" / "errors.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["error"] in ("missed", "type", "boundary_right", "spurious")]
    page = visit("index.html")
    links = page.evaluate("[...document.querySelectorAll('#errors tbody a')].map((link) => link.getAttribute('href'))")
    assert not [link for link in links if finished.closed in link] and len(links) == 2 * 2 * len(ERROR_KINDS)
    for row in [row for row in rows if row["dataset"] == "BC5CDR (demo)"]:
        place = ERROR_KINDS.index(row["error"])
        page = visit(f"errors.html#{BC5CDR}&model={row['model']}&kind={place}")
        assert f"errors.html#{BC5CDR}&model={row['model']}&kind={place}" in links
        assert status(page).endswith(
            f", {row['gold'] if row['error'] != 'spurious' else row['predicted']} {row['error'].replace('_', ' ')}"
        )


def test_the_address_keeps_what_is_shown(visit: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}")
    choose(page, model="fgsm", condition="typos", kind="missed")
    page.locator("#rows .row").nth(1).click()
    page.wait_for_timeout(100)
    name, told = page.inner_text("#name"), status(page)
    again = visit("errors.html#" + page.evaluate("location.hash.slice(1)"))
    expect(again.locator("#name")).to_have_text(name)
    assert status(again) == told and again.locator(".row[aria-selected=true] .id").inner_text() == name


def test_a_missing_file_is_told(chromium: Any, shown: Path, tmp_path: Path) -> None:
    shutil.copytree(shown, tmp_path / "report")
    (tmp_path / "report" / "data" / "demo_bc5cdr" / "fold0" / "clean.text0.js").unlink()
    write_text(tmp_path / "report" / "data" / "demo_bc5cdr" / "fold1" / "clean.text0.js", "// cut off\n")
    page = chromium.new_page()
    for fold in (0, 1):
        page.goto("about:blank")
        page.goto((tmp_path / "report" / "errors.html").as_uri() + f"#{BC5CDR}&fold={fold}")
        page.wait_for_selector("#failure:not([hidden])")
        assert f"data/demo_bc5cdr/fold{fold}/clean.text0.js" in page.inner_text("#failure")
        assert page.get_attribute("#failure", "role") == "alert"
    page.close()


@pytest.fixture(scope="module")
def large(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on 10,000 documents, clean and misspelt, whose places are told by their ids."""
    root, place = tmp_path_factory.mktemp("large"), "demo_bc5cdr/kfold5/{}fold0"
    files = [Path("folds", place.format(""), "test.jsonl"), Path("attacks", place.format(""), "typos.jsonl")]
    base = [list(read_documents(finished.root / file)) for file in files]
    run = finished.root / "predictions" / place.format("plain/") / "seed1"
    guessed = [{document.id: document for document in read_documents(run / f"{name}.jsonl")} for name in ("clean", "typos")]
    chosen = finished.chosen | {"datasets": ["demo_bc5cdr"], "folds": [0], "models": ["plain"], "postprocessed": False}

    def many(documents: list[Document]) -> list[Document]:
        return [replace(documents[number % 12], id=f"n{number:05}") for number in range(10_000)]

    for file, documents in zip(files, base, strict=True):
        write_documents(root / file, many(documents))
    folder = root / "predictions" / place.format("plain/") / "seed1"
    for name, documents, guesses in zip(("clean", "typos"), base, guessed, strict=True):
        write_documents(folder / f"{name}.jsonl", many([guesses[document.id] for document in documents]))
    write_json(folder / "predictions.json", {"attacks": {name: sha256_file(folder / f"{name}.jsonl") for name in ("clean", "typos")}})
    for part in ("demo", "runs", "quality", "audit"):
        shutil.copytree(finished.root / part, root / part)
    report.main(experiment.report_arguments(root, "demo", chosen, finished.settings, root / "report" / "index.html"))
    return root / "report"


@pytest.mark.slow
def test_ten_thousand_documents_take_a_screenful_of_elements(visit: Any, large: Path, finished: Any) -> None:
    page = visit(f"errors.html#{BC5CDR}&condition=typos", folder=large)
    texts: list[str] = []
    page.on("request", lambda request: texts.append(request.url) if ".text" in request.url else None)
    found = truth(finished, model="plain", condition="typos", folds=(0,))
    counts = [sum(kind != CORRECT for kind, *_ in judged) for judged in found.values()]
    repeated = [counts[number % 12] for number in range(10_000)]
    assert status(page) == f"10,000 of 10,000 documents, {sum(repeated):,} errors"
    page.focus("#list")
    for key, number in (("End", 9999), ("Home", 0), ("PageDown", None), ("End", 9999)):
        page.keyboard.press(key)
        if number is not None:
            expect(page.locator("#name")).to_have_text(f"n{number:05}")
        assert page.locator("#rows .row").count() < 60
    page.evaluate("document.getElementById('list').scrollTop = 5000 * 40")
    page.wait_for_selector("#row5003")
    page.locator("#row5003").click()
    expect(page.locator("#name")).to_have_text("n05003")
    assert page.inner_text("#row5003 .count") == str(repeated[5003])
    choose(page, kind="missed", order="most matches first")
    assert page.locator("#rows .row").count() < 60
    assert len(texts) <= 12  # of 400 files


# --- both


def test_only_tables_scroll_sideways(visit: Any, size: str) -> None:
    for name in ("index.html", f"errors.html#{BC5CDR}&condition=typos"):
        page = visit(name, size=size)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("[...document.querySelectorAll('.text')].every((text) => text.scrollWidth <= text.clientWidth)")
    assert page.locator("#choices").is_visible() == (size == "desktop")
    if size == "phone":
        page.locator("#filters summary").tap()
        assert page.locator("#choices").is_visible()
        lefts = page.evaluate("[...document.querySelectorAll('.pane')].map((pane) => pane.getBoundingClientRect().left)")
        assert len(set(lefts)) == 1  # one below the other


RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}


@pytest.mark.parametrize(("name", "size"), [("index", "desktop"), ("errors", "desktop"), ("errors", "phone")])
def test_pages_are_accessible(visit: Any, name: str, size: str) -> None:
    """axe-core's rules of WCAG 2.2 A and AA, contrast included, and its best practices."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit("index.html" if name == "index" else f"errors.html#{BC5CDR}&condition=typos&fold=0", size=size)
    if name == "index":
        expect(page.locator("[data-plot] svg")).to_have_count(3)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    for state in ("as opened", "with its keys"):
        found = axe.run(page, options=RULES).response["violations"]
        assert [(rule["id"], [node["target"] for node in rule["nodes"]][:3]) for rule in found] == [], state
        if name == "index":
            break
        page.keyboard.press("?")


def test_the_policy_forbids_the_network(chromium: Any, shown: Path) -> None:
    """Even a script inside the page could ask nobody."""
    page = chromium.new_page()
    answers: list[str] = []
    page.on("response", lambda response: answers.append(response.url))
    page.on("requestfailed", lambda request: answers.append(str(request.failure)))
    for name in ("index.html", "errors.html"):
        page.goto((shown / name).as_uri())
        assert page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") == POLICY
        answers.clear()
        blocked = page.evaluate(
            """() => new Promise((resolve) => {
              const found = new Set();
              document.addEventListener("securitypolicyviolation", (event) => {
                found.add(event.effectiveDirective);
                if (found.size === 3) resolve([...found].sort());
              });
              document.body.append(Object.assign(new Image(), {src: "https://example.invalid/a.png"}));
              document.body.append(Object.assign(document.createElement("script"), {src: "https://example.invalid/a.js"}));
              fetch("https://example.invalid/").catch(() => {});
            })"""
        )
        assert blocked == ["connect-src", "img-src", "script-src-elem"]
        assert set(answers) <= {"csp"}
    page.close()
