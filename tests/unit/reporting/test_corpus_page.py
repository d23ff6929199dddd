"""The page of a quality report: well-formed, escaped, self-contained, complete."""

from __future__ import annotations

import html.parser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bioner.errors import BionerError
from bioner.reporting.corpus_page import corpus_page

EVIL = "<script>alert(1)</script>"
LENGTHS = ("document_words", "document_characters", "mention_words", "mention_characters")
SHAPES = ("nested", "crossing", "same_span", "overlapping", "discontiguous", "boundary_inside_a_word")


def part(documents: int, mentions: int, **types: int) -> dict[str, Any]:
    spread = {"minimum": 1, "median": 21, "percentile_95": 3456, "maximum": 7890}
    return {
        "documents": documents,
        "sentences": None,
        "mentions": mentions,
        "types": types,
        "lengths": {name: spread for name in LENGTHS},
        "shapes": {name: {"count": 1, "share": 0.0125} for name in SHAPES},
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """A quality report with something in each of its parts."""
    splits = {"all": part(1503, 80, Drug=50, Sign=30), "test": part(500, 30, Drug=30), "train": part(1003, 50, Drug=20, Sign=30)}
    counts = {split: {key: found[key] for key in ("documents", "mentions", "types")} for split, found in splits.items()}
    seen = {"mentions": 30, "seen": 15, "share": 0.5, "distinct": 9, "distinct_seen": 3, "distinct_share": 0.333333, "other_type": 2}
    several = {"surfaces": 1, "mentions": 1234, "minority": 4, "minority_share": 0.05}
    left = {"surfaces": 1, "annotated": 5, "places": 15, "share": 0.75, "minority": 5, "minority_share": 0.0425}
    return {
        "dataset": "toy",
        "title": "Toy corpus",
        "format": "pubtator",
        "source": "provided",
        "licence": "mine",
        "agreement": False,
        "warnings": ["train: expected 60 mentions, found 50"],
        "expected": [
            {"split": "train", "what": "mentions", "expected": 60, "found": 50},
            {"split": "all", "what": "documents", "expected": 1503, "found": 1503},
        ],
        "counts": counts,
        "kept": counts,
        "deduplicated": {split: dict(found, documents=found["documents"] - 1) for split, found in counts.items()},
        "splits": splits,
        "filtered": {},
        "types_read": {},
        "lost_mentions": {"reading": 7, "types": 0, "filters": 0},
        "consistency": {
            "mentions": 80,
            "surfaces": 12,
            "aside": 0,
            "several_types": several | {"examples": [{"surface": "zorbinol", "types": {"Drug": 1230, "Sign": 4}}]},
            "left_out": left | {"examples": [{"surface": "plimurin acid", "annotated": 5, "left_out": 15, "share": 0.75}]},
        },
        "seen_in_training": {"test": seen},
        "repeats": {
            "within": {"train": {"documents": 3, "identical": 2, "first": [["d1", "d2"]]}},
            "between": [{"splits": ["train", "test"], "texts": 1, "first": [["d1", "d1"]]}],
        },
        "offsets": {"checked": 80, "exact": 79, "share": 0.9875},
        "repairs": {"blank_trimmed": {"count": 2, "first": ["a:1", "a:7"]}},
        "inputs": {"a.txt": "0" * 64},
    }


class Structure(html.parser.HTMLParser):
    VOID = frozenset(("meta", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "tr" in self.open:
            self.rows[-1] += f"|{data.strip()}" if data.strip() else ""


def parsed(text: str) -> Structure:
    structure = Structure()
    structure.feed(text)
    assert structure.open == []
    return structure


def test_page_is_well_formed_and_asks_the_network_for_nothing(report: dict[str, Any]) -> None:
    text = corpus_page(report)
    structure = parsed(text)
    links = [attributes["href"] for _, attributes in structure.elements if "href" in attributes]
    assert links and all(str(link).startswith("#") for link in links)
    assert not any("src" in attributes for _, attributes in structure.elements) and not re.search(r"url\(|@import|https?://", text)
    identifiers = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers)) and {str(link)[1:] for link in links} <= set(identifiers)
    labelled = {attributes["aria-labelledby"] for _, attributes in structure.elements if "aria-labelledby" in attributes}
    assert labelled <= set(identifiers)
    assert all(attributes.get("scope") for tag, attributes in structure.elements if tag == "th")
    assert text == corpus_page(report)


def test_every_number_stands_in_its_row(report: dict[str, Any]) -> None:
    text = corpus_page(report)
    rows = parsed(text).rows
    for row in (
        "|Part|Documents|Mentions|Types|Documents without repeats|Mentions without repeats",
        "|training|1,003|50|2|1,002|50",
        "|all|1,503|80|2|1,502|80",
        "|training|mentions|60|50|-10",
        "|all|documents|1,503|1,503|equal",
        "|Drug|20|30|50|62.50",
        "|document, words|test|1|21|3,456|7,890",
        "|inside of a longer mention|1 (1.25)|1 (1.25)|1 (1.25)",
        "|zorbinol|1,234|Drug\xa01,230, Sign\xa04",
        "|plimurin acid|5|15|75.00",
        "|test|30|15|50.00|9|3|33.33|2",
        "|blank trimmed|2|a:1, a:7",
    ):
        assert row in rows, row
    assert "1 warning</strong>" in text and "train: expected 60 mentions, found 50" in text
    assert "3 documents repeat an earlier one of the same part; training and test share 1 text." in text
    assert "Training has 50.00 % of the test mentions" in text and "1 surface form has several types; 1 is annotated in" in text
    assert "(5.00 % of those compared)" in text and "5 places would have to change (4.25 % of all" in text
    assert "3 training documents repeat an earlier one of the same part, 2 to the character (1,000 distinct of 1,003)" in text
    assert "1 text in training and test" in text and "<li>d1 = d2</li>" in text and "<li>d1</li>" in text
    assert "79 of 80 annotations (98.75 %)" in text and "Mentions lost while reading: 7," in text


def test_sentences_are_told_where_there_are_any(report: dict[str, Any]) -> None:
    for split, number in (("train", 2000), ("all", 2000)):
        report["splits"][split]["sentences"] = number
    rows = parsed(corpus_page(report)).rows
    assert any(row.startswith("|Part|Documents|Sentences|Mentions|") for row in rows) and "|training|1,003|2,000|50|2|1,002|50" in rows


def test_verdicts(report: dict[str, Any]) -> None:
    report["warnings"] = []
    assert "all 2 expected counts are met" in corpus_page(report)
    report["expected"] = []
    assert "expects no counts of this corpus" in corpus_page(report)


def test_filters_and_renamed_types_are_told(report: dict[str, Any]) -> None:
    text = corpus_page(report)
    assert "No document was left out" in text and "Before types were renamed" not in text
    report["filtered"] = {"minimum_words": {"count": 4, "first": ["d7"]}}
    report["counts"] = {split: dict(found, documents=found["documents"] + 4) for split, found in report["counts"].items()}
    report["types_read"] = {"train": {"Medicine": 20, "Sign": 30}}
    rows = parsed(corpus_page(report)).rows
    assert "|minimum words|4|d7" in rows and "|training|1,007|50|1,003|50|2|1,002|50" in rows
    assert "|Medicine|20|0|0" in rows and "|Sign|30|0|30" in rows


def test_a_corpus_of_one_part_has_one_column(report: dict[str, Any]) -> None:
    for key in ("splits", "counts", "kept", "deduplicated"):
        report[key] = {split: report[key]["all"] for split in ("none", "all")}
    report |= {"repeats": {"within": {}, "between": []}, "seen_in_training": {}, "expected": [], "warnings": []}
    text = corpus_page(report)
    assert "|no part|1,503|80|2|1,502|80" in parsed(text).rows and "|all|" not in "".join(parsed(text).rows)
    assert "No text occurs twice" in text


def test_only_a_demo_and_an_agreement_carry_a_banner(report: dict[str, Any]) -> None:
    assert 'class="banner"' not in corpus_page(report)
    assert "demo, synthetic corpora" in corpus_page(report | {"source": "demo"})
    assert "under a data use agreement" in corpus_page(report | {"agreement": True})


def test_text_from_outside_is_escaped(report: dict[str, Any]) -> None:
    def spoiled(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: spoiled(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoiled(inner, key) for inner in value]
        return EVIL + value if isinstance(value, str) and key not in ("split", "splits", "source") else value

    evil = spoiled(report)
    evil["repairs"] = {EVIL: {"count": 1, "first": [EVIL]}}
    evil["inputs"] = {EVIL: EVIL}
    evil["splits"] = {split: part(3, 3, **{EVIL: 3}) for split in report["splits"]}
    evil["consistency"]["several_types"]["examples"][0]["types"] = {EVIL: 2, '" onload="x': 1}
    text = corpus_page(evil)
    assert EVIL not in text and text.count("&lt;script&gt;alert(1)") > 15
    structure = parsed(text)
    assert sum(tag == "script" for tag, _ in structure.elements) == 1
    assert not any("onload" in attributes for _, attributes in structure.elements)


def test_labels_that_agree_are_told(report: dict[str, Any]) -> None:
    several = {"surfaces": 0, "mentions": 0, "minority": 0, "minority_share": None, "examples": []}
    left = {"surfaces": 0, "annotated": 0, "places": 0, "share": None, "minority": 0, "minority_share": None, "examples": []}
    report["consistency"] |= {"several_types": several, "left_out": left}
    text = corpus_page(report)
    assert "No surface form has several types" in text and "No surface form of three characters or more" in text


@pytest.mark.browser
def test_only_tables_scroll_on_a_phone(report: dict[str, Any], tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is not installed")
    report |= {"title": "a very long title of a corpus " * 4, "inputs": {"folder/" * 20 + "a.txt": "0" * 64}}
    report["consistency"]["left_out"]["examples"][0]["surface"] = "x" * 80
    act = """<script>
    const page = document.documentElement;
    const wide = [...document.querySelectorAll(".wide")].filter((part) => part.scrollWidth > part.clientWidth).length;
    const found = [innerWidth, page.scrollWidth, wide].join(" ");
    document.body.replaceChildren(Object.assign(document.createElement("pre"), {textContent: found}));
    </script>"""
    (tmp_path / "page.html").write_text(corpus_page(report).replace("</body>", act + "</body>"), encoding="utf-8")
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    flags = ["--headless", "--no-sandbox", "--no-first-run", "--window-size=500,900", *(f"--disable-{name}" for name in quiet)]
    command = [browser, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "page.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"<pre>(\d+) (\d+) (\d+)</pre>", dom)
    assert found
    window, page, wide = map(int, found.groups())
    assert page <= window <= 500 and wide >= 1


def test_a_report_that_lacks_a_part_is_refused(report: dict[str, Any]) -> None:
    del report["expected"]
    with pytest.raises(BionerError, match="expected a quality report with splits, expected and inputs, found no 'expected'"):
        corpus_page(report)
