"""Pages and figures hold texts of corpora, names of types and titles: none of them is ever markup, script, link or formula."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bioner.reporting.formats import Table, html_page, markdown
from bioner.reporting.judgements import script
from bioner.reporting.pages import TEMPLATES, render
from bioner.reporting.style import panels, save_figure, use_style

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</script><script>alert(1)</script>",
    "]]><!--",
    "\u2028alert(1)\u2029",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
]
VALUE = r"\{\{[^}]*\}\}"


class Elements(html.parser.HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text() | st.sampled_from(HOSTILE), st.text())
@example("</script>", "<!--")
def test_data_files_end_no_script_and_are_what_they_were(text: str, key: str) -> None:
    line = script("a/b", {key: [text]})
    assert line.isascii() and "<" not in line and line.endswith(");\n") and line.count("\n") == 1
    assert json.loads(line.removeprefix("browser.put(...").removesuffix(");\n")) == ["a/b", {key: [text]}]


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_templates_put_values_into_text_and_quoted_attributes_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "autoescape" not in text
    # all that is not escaped are constants of the template itself
    assert len(re.findall(r"\|\s*safe", text)) == len(re.findall(r"' class=\"\w+\"'\|safe", text))
    assert not re.search(rf"[\w-]={VALUE}", text), "a value that is an attribute without quotes"
    for name, value in re.findall(rf'\s(on\w+|style|href|src|action|srcdoc)="([^"]*{VALUE}[^"]*)"', text):
        own = name == "href" and value.startswith("#")
        picture = name == "src" and value == "{{ picture.source }}"  # a data address of an image, made by read_pictures
        linked = name == "href" and value == "{{ link }}"  # made by report._link_errors, which begins with errors.html#
        assert own or picture or linked, f"{name}={value}"
    for block in re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL):
        assert all(found.endswith("|tojson }}") for found in re.findall(VALUE, block)), block


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.js")), ids=lambda path: path.name)
def test_scripts_make_no_markup_of_data(path: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc"
    assert not re.search(forbidden, path.read_text(encoding="utf-8"))
    assert not re.search(r"set(Timeout|Interval)\(\s*[\"'`]", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_hostile_cells_has_no_other_elements(text: str) -> None:
    page = Elements(html_page(Table("t", text, ["a"], [{"a": text}], {"a": text})))
    assert {tag for tag, _ in page.found} <= {
        "html", "head", "meta", "title", "style", "body", "div", "table", "caption", "thead", "tr", "th", "tbody", "td"
    }  # fmt: skip
    assert {name for _, attributes in page.found for name in attributes} <= {
        "lang", "charset", "name", "content", "class", "role", "aria-label", "tabindex", "scope"
    }  # fmt: skip
    assert " ".join(text.split()) in " ".join(page.text.split())
    assert "<" not in markdown(Table("t", "c", ["a"], [{"a": text}], {"a": text})).split("\n", 2)[2]


def test_a_template_escapes_what_it_is_given() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("errors.html", {})


def test_figures_take_names_for_names(tmp_path: Path) -> None:
    """Dollars and backslashes are formulas to matplotlib, and a formula that is none an error."""
    with use_style():
        figure, (axes,) = panels(1, width=3, height=2)
        axes.set_title(r"cost $ of \frac{ is $ high & <b>")
        axes.bar([0], [1], label=r"$\undefined$")
        axes.legend()
        paths = save_figure(figure, tmp_path / "figure", demo=False)
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert len(paths) == 3 and "<script" not in drawn and "<b>" not in drawn
