"""The page: escaped, self-contained, complete, the same twice."""

import html.parser
import json
import re
import shutil
import subprocess

import pytest

from bioner.commands import report, table1
from bioner.errors import BionerError
from bioner.reporting.report import definition_blocks, interval_scale

PROVENANCE = {"config digest": "0f3c", "versions": {"python": "3.11"}, "hardware": {"cores": 2, "gpu": None}, "flags": ["a", "b"]}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def made(collected, drawn, demo_settings, tmp_path_factory):
    """A folder with tables, figures, quality reports and audits."""
    folder = tmp_path_factory.mktemp("report")
    table1.main(["--collected", str(collected), "--settings", json.dumps(demo_settings), "--output-folder", str(folder / "tables")])
    (folder / "figures").symlink_to(drawn)
    for name, dataset in demo_settings["datasets"].items():
        quality = {
            "dataset": name,
            "warnings": [],
            "counts": {"all": {"documents": 1200, "mentions": 34, "types": dict.fromkeys(dataset["groups"], 1)}},
            "offsets": {"checked": 8, "exact": 6, "share": 0.75},
            "seen_in_training": {"test": {"share": 0.4876}},
            "consistency": {"several_types": {"minority_share": None}, "left_out": {"minority_share": 0.03125}},
            "repairs": {"blank_trimmed": {"count": 2, "first": ["a:1"]}},
        }
        (folder / f"{name}.json").write_text(json.dumps(quality), encoding="utf-8")
        checks = [{"name": "shared_documents", "found": 1, "examples": ["x"], "allowed": 1, "note": "known: 1 recorded in the config"}]
        audit = folder / "audit" / name / "kfold5" / "fold0.json"
        audit.parent.mkdir(parents=True)
        audit.write_text(json.dumps({"verdict": "clean", "checks": checks}), encoding="utf-8")
    return folder


def page(made, collected, settings, output, provenance=None):
    arguments = ["--tables", made / "tables", "--figures", made / "figures", "--quality", *sorted(made.glob("*.json"))]
    arguments += ["--audits", *sorted(made.glob("audit/*/*/*.json")), "--collected", collected, "--settings", json.dumps(settings)]
    arguments += ["--provenance", json.dumps(provenance or PROVENANCE), "--output", output]
    report.main([str(argument) for argument in arguments])
    return output.read_text(encoding="utf-8")


class Structure(html.parser.HTMLParser):
    VOID = frozenset(("meta", "img", "br"))

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


def test_page_is_well_formed_self_contained_and_small(made, collected, settings, tmp_path):
    text = page(made, collected, settings, tmp_path / "index.html")
    structure = parsed(text)
    sources = [attributes[name] for _, attributes in structure.elements for name in ("src", "href") if name in attributes]
    assert sources and all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert not re.search(r"url\(|@import|https?://", text)
    assert len(text.encode()) < 2_000_000
    identifiers = {attributes["id"] for _, attributes in structure.elements if "id" in attributes}
    assert {source[1:] for source in sources if source.startswith("#")} <= identifiers
    images = [attributes for tag, attributes in structure.elements if tag == "img"]
    assert len(images) == 8 and all(len(image["alt"]) > 40 for image in images)


def test_every_row_and_every_audit_sentence_is_on_the_page(made, collected, settings, tmp_path):
    structure = parsed(page(made, collected, settings, tmp_path / "index.html"))
    classes = [attributes.get("class", "").split() for tag, attributes in structure.elements if tag == "tr"]
    assert sum("published" in names for names in classes) == 19 and sum("reproduced" in names for names in classes) == 12
    assert structure.text.count("is not the harmonic mean") == 8
    sentence = "8 have F1 that precision and recall of one count do not allow; 7 have exact match above recall; 14 have accuracy"
    assert sentence in structure.text
    assert (
        "rules out. These are contradictions only if a row’s figures come from one count (no averaging over folds or types)"
        in structure.text
    )
    assert "the published table does not name theirs" in structure.text
    assert "Košprdić et al. [38]" in structure.text
    assert structure.text.count("75.00") == structure.text.count("1,200") == structure.text.count("48.76") == 3
    assert "versions.python" in structure.text and "shared documents: 1 (known: 1 recorded in the config)" in structure.text


def test_only_a_demo_carries_the_banner(made, collected, settings, tmp_path):
    assert 'class="banner"' in page(made, collected, settings, tmp_path / "demo.html")
    assert 'class="banner"' not in page(made, collected, settings | {"scale": "open"}, tmp_path / "open.html")


def test_headings_of_sortable_tables_are_buttons(made, collected, settings, tmp_path):
    structure = parsed(page(made, collected, settings, tmp_path / "index.html"))
    assert sum(tag == "button" for tag, _ in structure.elements) == 14 + 9
    assert all(attributes.get("scope") for tag, attributes in structure.elements if tag == "th")


def test_text_from_outside_is_escaped(made, collected, settings, tmp_path):
    settings["title"] = EVIL
    settings["notes"] = [EVIL]
    for name, dataset in settings["datasets"].items():
        dataset["title"] = f'{EVIL}" onload="x" {name}'
    text = page(made, collected, settings, tmp_path / "index.html", {EVIL: EVIL})
    assert EVIL not in text and "&lt;script&gt;alert(1)" in text
    structure = parsed(text)
    assert sum(tag == "script" for tag, _ in structure.elements) == 1
    assert not any("onload" in attributes for _, attributes in structure.elements)


def test_same_input_gives_the_same_bytes(made, collected, settings, tmp_path):
    assert page(made, collected, settings, tmp_path / "one.html") == page(made, collected, settings, tmp_path / "two.html")


def test_missing_and_foreign_files_are_refused(made, collected, settings, tmp_path):
    common = ["--collected", str(collected), "--settings", json.dumps(settings), "--provenance", "{}", "--output", str(tmp_path / "x.html")]
    with pytest.raises(BionerError, match="expected a table, found no file"):
        report.main(["--tables", str(tmp_path), "--figures", str(made / "figures"), *common])
    with pytest.raises(BionerError, match=r"expected figures such as fig1.svg"):
        report.main(["--tables", str(made / "tables"), "--figures", str(tmp_path), *common])
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BionerError, match=r"bad.json: expected a quality report"):
        report.main(
            ["--tables", str(made / "tables"), "--figures", str(made / "figures"), "--quality", str(tmp_path / "bad.json"), *common]
        )
    assert not (tmp_path / "x.html").exists()


def test_strict_micro_f1_is_the_first_definition():
    row = {"dataset": "d", "model": "m", "type": "", "value": "1"}
    keys = ("definition", "average", "metric", "type")
    cells = ["jaccard micro accuracy -", "span type f1 A", "strict type f1 A", "strict micro f1 -"]
    rows = [row | {key: value.strip("-") for key, value in zip(keys, cell.split(), strict=True)} for cell in cells]
    assert [block["label"] for block in definition_blocks(rows, ["m"])] == [
        "strict, micro: f1",
        "jaccard, micro: accuracy",
        "strict, type A: f1",
    ]


def test_bars_share_a_scale_that_holds_every_interval():
    assert interval_scale([{"f1_low": "41.2", "f1_high": "80.0"}, {"f1_low": "", "f1_high": ""}]) == (40, 80)
    assert interval_scale([]) == (0, 100)


@pytest.mark.browser
def test_a_heading_sorts_and_a_definition_is_chosen(made, collected, settings, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is not installed")
    text = page(made, collected, settings, tmp_path / "index.html")
    act = """<script>
    const heads = [...document.querySelectorAll("#table1 thead th")];
    const f1 = heads.findIndex((head) => head.textContent.trim() === "F1");
    const values = () => [...document.querySelectorAll("#table1 tbody tr")].map((row) => row.cells[f1].textContent).join(" ");
    const button = heads[f1].querySelector("button");
    button.click(); const up = values() + "|" + heads[f1].getAttribute("aria-sort");
    button.click(); const down = values() + "|" + heads[f1].getAttribute("aria-sort");
    choice.value = "1"; choice.dispatchEvent(new Event("change"));
    const shown = [...document.querySelectorAll("#definition-table tbody")].filter((body) => !body.hidden);
    const blocks = shown.map((body) => body.dataset.block).join();
    document.body.replaceChildren(Object.assign(document.createElement("pre"), {textContent: [up, down, blocks].join(";")}));
    </script>"""
    (tmp_path / "acted.html").write_text(text.replace("</body>", act + "</body>"), encoding="utf-8")
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    flags = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    command = [browser, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "acted.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"<pre>(.*)</pre>", dom)
    assert found
    up, down, blocks = found[1].split(";")
    for order, told, direction in ((up, "ascending", 1), (down, "descending", -1)):
        values, state = order.split("|")
        numbers = [float(value) for value in values.split()]
        assert state == told and len(numbers) == 27 and numbers == sorted(numbers, reverse=direction < 0)
    assert blocks == "1"
