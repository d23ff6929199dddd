"""One table, four files: CSV for programs, Markdown, LaTeX that compiles by itself, and HTML that needs nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bioner.reporting.tex import tex_escape
from bioner.storage import write_rows, write_text

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of printed cells under `columns`.

    `headings` are the column titles for people (a column without one keeps its name), `numbers`
    the columns set flush right, `remarks` those with long sentences, which LaTeX prints as
    numbered notes below the table, `code` those that Markdown prints as code.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    headings: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    remarks: Sequence[str] = ()
    code: frozenset[str] = frozenset()

    def heading(self, column: str) -> str:
        return self.headings.get(column, column)


def write_table(folder: str | Path, table: Table) -> list[Path]:
    """Write `<name>.csv`, `.md`, `.tex` and `.html` into a folder; returns their paths."""
    base = Path(folder) / table.name
    write_rows(base.with_suffix(".csv"), table.columns, table.rows)
    for suffix, text in ((".md", markdown(table)), (".tex", latex(table)), (".html", html_page(table))):
        write_text(base.with_suffix(suffix), text)
    return [base.with_suffix(suffix) for suffix in (".csv", ".md", ".tex", ".html")]


def markdown(table: Table) -> str:
    """A pipe table under its caption; what Markdown would take for its own in cells and caption is escaped, line ends are blanks."""
    lines = [_markdown_text(table.caption), ""]
    lines.append(_markdown_line([_markdown_text(table.heading(column)) for column in table.columns]))
    lines.append("|" + "|".join(" ---: " if column in table.numbers else " --- " for column in table.columns) + "|")
    for row in table.rows:
        lines.append(_markdown_line([_markdown_cell(row[column], code=column in table.code) for column in table.columns]))
    return "\n".join(lines) + "\n"


MARKUP = re.compile(r"[\\|*`\[\]~]|(?<![^\W_])_|_(?![^\W_])")
"""What begins or ends something in Markdown; an underscore inside of a word does not, and names are full of them."""


def _markdown_text(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return MARKUP.sub(r"\\\g<0>", escaped)


def _markdown_cell(text: str, *, code: bool) -> str:
    return f"`{text}`" if code else _markdown_text(text)


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def latex(table: Table) -> str:
    """A document of its own: booktabs, landscape, in parts of a page each, shrunk to the text width if wider, remarks as notes below."""
    columns = [column for column in table.columns if column not in table.remarks]
    notes: list[str] = []
    body = []
    for row in table.rows:
        cells = [tex_escape(row[column]) for column in columns]
        remark = ". ".join(f"{table.heading(column)}: {row[column]}" for column in table.remarks if row[column])
        if remark:
            if remark not in notes:
                notes.append(remark)
            cells[-1] += f"\\textsuperscript{{{notes.index(remark) + 1}}}"
        body.append(_latex_start(" & ".join(cells)) + r" \\")
    head = _latex_start(" & ".join(tex_escape(table.heading(column)) for column in columns)) + r" \\"
    alignment = "".join("r" if column in table.numbers else "l" for column in columns)
    lines = [
        r"\documentclass[10pt,a4paper]{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[landscape,margin=15mm]{geometry}",
        r"\usepackage{booktabs,graphicx,caption}",
        r"\begin{document}",
        *_latex_pages(table.caption, alignment, head, body),
        *_latex_notes(notes),
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def _latex_start(text: str) -> str:
    """Text that is not taken for an argument of the command before it: after a row, a rule or an item LaTeX looks for `[` and `*`."""
    return "{}" + text if text.lstrip().startswith(("[", "*")) else text


PAGE_ROWS = 34
"""Rows of a table that surely fit on one landscape page."""


def _latex_pages(caption: str, alignment: str, head: str, body: Sequence[str]) -> Iterator[str]:
    """The table in parts of a page each, the caption above the first."""
    for start in range(0, max(len(body), 1), PAGE_ROWS):
        yield from [r"\clearpage"] * bool(start)
        yield r"\noindent\begin{minipage}{\textwidth}"
        yield r"\textit{continued}\par\medskip" if start else rf"\captionof{{table}}{{{tex_escape(caption)}}}"
        yield r"\centering"
        # \width inside resizebox is the natural width: narrow tables keep their size
        yield r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"
        yield rf"\begin{{tabular}}{{{alignment}}}"
        yield from (
            r"\toprule",
            head,
            r"\midrule",
            *body[start : start + PAGE_ROWS],
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{minipage}",
            "",
        )


def _latex_notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    items = [rf"\item {_latex_start(tex_escape(note))}" for note in notes]
    return ["", r"\bigskip\footnotesize", r"\begin{enumerate}\setlength{\itemsep}{0pt}", *items, r"\end{enumerate}"]


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #d0d0d0; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #1b1b1b; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.remark { min-width: 18rem; }
"""


def html_page(table: Table) -> str:
    """A page with one table; all text is escaped."""
    title = html.escape(table.caption)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        f'<div class="wide" role="region" aria-label="{title}" tabindex="0">\n<table>\n<caption>{title}</caption>\n<thead>\n<tr>',
        *(f'<th scope="col"{_html_class(table, column)}>{html.escape(table.heading(column))}</th>' for column in table.columns),
        "</tr>\n</thead>\n<tbody>",
    ]
    for row in table.rows:
        cells = "".join(f"<td{_html_class(table, column)}>{html.escape(row[column])}</td>" for column in table.columns)
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody>\n</table>\n</div>\n</body>\n</html>\n")
    return "\n".join(parts)


def _html_class(table: Table, column: str) -> str:
    name = "number" if column in table.numbers else "remark" if column in table.remarks else ""
    return f' class="{name}"' if name else ""
