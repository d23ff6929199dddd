"""Escaping and shape of the written tables."""

import html.parser
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.reporting.formats import Table, html_page, latex, markdown, tex_escape, write_table

NASTY = r"50% & a_b #1 $x$ {y} ~ ^ \cmd <script>alert('x')</script> | Košprdić α"


def table(text=NASTY):
    return Table(
        "nasty",
        f"Caption {text}",
        ("name", "value", "note"),
        [{"name": text, "value": "1.00", "note": text}],
        {"name": text},
        frozenset(["value"]),
        ("note",),
    )


class Cells(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.cells, self.inside = [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag in ("td", "th")
        if self.inside:
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_html_gives_back_every_cell_and_no_tag_of_its_own(text):
    page = Cells()
    page.feed(html_page(table(text)))
    assert page.cells == [text, "value", "note", text, "1.00", text]
    assert "script" not in page.tags


@given(st.text(alphabet="ab&%$#_{}~^\\<>|", max_size=20))
def test_tex_escape_leaves_no_bare_special_character(text):
    escaped = tex_escape(text)
    commands = re.compile(r"\\text[a-z]+\{\}|\\[&%$#_{}]")
    assert not set(commands.sub("", escaped)) & set("&%$#_{}~^\\<>|")
    assert len(commands.findall(escaped)) == sum(character not in "ab" for character in text)


def test_markdown_keeps_one_line_and_one_cell_each():
    lines = markdown(table()).splitlines()
    assert len(lines) == 5
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4


def test_latex_balances_and_prints_remarks_as_notes():
    text = latex(table())
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"\textsuperscript{1}" in text and r"\item note: 50\% \& a\_b" in text
    assert r"\toprule" in text and r"\captionof{table}" in text and r"\resizebox" in text


def test_four_files(tmp_path):
    assert [path.name for path in write_table(tmp_path, table())] == ["nasty.csv", "nasty.md", "nasty.tex", "nasty.html"]
    assert all((tmp_path / f"nasty.{kind}").stat().st_size for kind in ("csv", "md", "tex", "html"))


def test_latex_compiles_by_itself(tmp_path):
    compiler = shutil.which("pdflatex")
    if compiler is None:
        pytest.skip("pdflatex is not installed")
    write_table(tmp_path, table(NASTY.replace("α", "α β ≤ −")))
    done = subprocess.run(
        [compiler, "-interaction=nonstopmode", "-halt-on-error", "nasty.tex"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "nasty.pdf").read_bytes().startswith(b"%PDF")
