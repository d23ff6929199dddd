"""Escaping and shape of the written tables."""

import html.parser
import re
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.reporting.formats import Table, html_page, latex, markdown, write_table
from bioner.reporting.tex import tex_escape

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
        self.tags, self.cells, self.inside, self.text = [], [], False, ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag in ("td", "th")
        if self.inside:
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
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


CODE = re.compile(r"\\texttt\{U\+[0-9A-F]{4,6}\}")
GREEK = "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA)]))
DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉"
SYMBOLS = "≥≤±×°µ–—“”‘’→∞≈−"
LATIN1 = "".join(map(chr, range(0xA0, 0x100)))
OTHER_LATIN = "".join(character for character in map(chr, [*range(0x100, 0x250), *range(0x1E00, 0x1F00)]) if character.isalpha())


@given(st.text(max_size=20))
def test_tex_escape_of_any_text_is_latin_1_without_controls(text):
    escaped = tex_escape(text)
    assert all(" " <= character <= "~" or "\xa1" <= character <= "\xff" for character in escaped)


@given(st.characters(min_codepoint=0x250, exclude_categories=["Cs"]))
def test_a_character_is_printed_or_named_by_its_code(character):
    character = unicodedata.normalize("NFC", character)
    codes = CODE.findall(tex_escape(character))
    assert all(code in "".join(f"\\texttt{{U+{ord(part):04X}}}" for part in character) for code in codes)
    if not unicodedata.normalize("NFKD", character).isascii() and unicodedata.category(character) == "Lo":
        assert len(codes) == len(character)


def test_characters_of_this_field_are_printed_and_not_named_by_code():
    for character in GREEK + DIGITS + SYMBOLS + LATIN1 + "Košprdić ŁłŞşŐőğİıœŽ":
        assert not CODE.search(tex_escape(character)), character
    assert tex_escape("š") == r"\v{s}" and tex_escape("e\u0301") == "é"
    assert tex_escape("中\x00\ud800") == r"\texttt{U+4E2D}\texttt{U+0000}\texttt{U+D800}"
    assert len({tex_escape(character) for character in GREEK}) == len(GREEK)


def test_markdown_keeps_one_line_and_one_cell_each():
    lines = markdown(table()).splitlines()
    assert len(lines) == 5
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4


def test_markdown_gives_back_every_cell_and_the_caption():
    """By a parser of CommonMark with GitHub's tables and strikethrough."""
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
    cells = ["*T033* **b**", "[x](http://evil)", "&lt;b&gt; & &amp;amp;", "`a`", "__init__ _a_ a_b_c", "~~s~~", "\\*a", "a|b", "[x]: y"]
    caption = "cap *a* &lt; [x](y) `c` _d_ e_f <b>x</b>"
    page = Cells()
    page.feed(parser.render(markdown(Table("t", caption, ["a"], [{"a": cell} for cell in cells], {"a": "*head*"}))))
    assert page.cells == ["*head*", *cells]
    assert set(page.tags) == {"p", "table", "thead", "tbody", "tr", "th", "td"}
    page.feed(parser.render(markdown(Table("t", caption, ["a"], []))))
    assert page.text.count(caption) == 2


@given(st.text(alphabet="ab_*`[]~&<>|\\();!# 1.-lt", max_size=20))
def test_markdown_gives_back_any_cell(text):
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page = Cells()
    page.feed(parser.render(markdown(Table("t", "c", ["a"], [{"a": f"x {text} x"}]))))
    assert page.cells == ["a", f"x {text} x"]


def test_names_of_the_projects_own_stay_readable_in_markdown():
    names = ["kfold5_equal", "quality_crf", "95 % interval", "F1 under entities_unseen"]
    shown = markdown(Table("t", "demo_bc5cdr under kfold5", ["a", "b"], [{"a": name, "b": name} for name in names], code=frozenset("b")))
    for name in names:
        assert f"| {name} | `{name}` |" in shown
    assert shown.startswith("demo_bc5cdr under kfold5\n")


@pytest.mark.parametrize("text", ["[2010] i2b2", "*", " [x]"])
def test_latex_rows_do_not_begin_with_an_argument_of_the_row_before(text):
    """After `\\\\` and `\\midrule` LaTeX takes a bracket or a star for theirs, whatever blanks or line ends are between."""
    made = latex(Table("t", "c", ("a", "b"), [{"a": text, "b": "1", "c": text}] * 2, {"a": text}, remarks=("c",)))
    assert not re.search(r"(\\\\|rule|\\item)\s*[\[*]", made)
    assert made.count("{}" + text) == 3


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
    ascii_text = "".join(map(chr, range(0x20, 0x7F)))
    text = " ".join(
        [NASTY, GREEK, DIGITS, SYMBOLS, LATIN1, *OTHER_LATIN, ascii_text, "← … • ™ € ‰ „ ‚ ‹ › ≠ ∈ √ ϵ ϑ ϕ \u2009 \u2011 中 \x00 😀"]
    )
    write_table(tmp_path, table(text))
    done = subprocess.run(
        [compiler, "-interaction=nonstopmode", "-halt-on-error", "nasty.tex"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "nasty.pdf").read_bytes().startswith(b"%PDF")
    log = (tmp_path / "nasty.log").read_text(encoding="latin-1")
    assert "Missing character" not in log and "invalid in math mode" not in log
