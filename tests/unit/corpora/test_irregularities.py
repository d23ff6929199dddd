"""The same irregularities in every format: each is kept, repaired, dropped or refused by the name that docs/formats.md gives it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bioner.corpora.harmonize import FORMATS, unique
from bioner.corpora.limits import Limits
from bioner.corpora.quality import Quality, features_of
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
TITLE, ABSTRACT = "Gout \U0001f9ec toe", "No pain ."
TEXT = f"{TITLE} {ABSTRACT}"

Said = tuple[str, tuple[tuple[int, int], ...]]
"""What an annotation says is there, and where: half-open, in code points of TEXT."""
Files = dict[str, bytes]


def pubtator(said: list[Said]) -> Files:
    rows = "".join(f"1\t{spans[0][0]}\t{spans[-1][1]}\t{text}\tD\tC1\n" for text, spans in said)
    return {"a.txt": f"1|t|{TITLE}\n1|a|{ABSTRACT}\n{rows}\n".encode()}


def conll(said: list[Said]) -> Files:
    """The first mention alone: tags cannot say more of the same words."""
    begins, inside = said[0][1][0][0], {place for start, end in said[0][1] for place in range(start, end)}
    rows, place = "", 0
    for part in (TITLE, ABSTRACT):
        for word in part.split(" "):
            rows += f"{word}\t{'B-D' if place == begins else 'I-D' if place in inside else 'O'}\n"
            place += len(word) + 1
        rows += "\n"
    return {"a.tsv": f"#1\n\n{rows}".encode()}


def brat(said: list[Said]) -> Files:
    rows = (f"T{number}\tD {';'.join(f'{a} {b}' for a, b in spans)}\t{text}\n" for number, (text, spans) in enumerate(said))
    return {"a.txt": f"{TITLE}\n{ABSTRACT}\n".encode(), "a.ann": "".join(rows).encode()}


def bioc_value(said: list[Said]) -> dict[str, object]:
    annotations = [
        {"infons": {"type": "D"}, "text": text, "locations": [{"offset": a, "length": b - a} for a, b in spans]} for text, spans in said
    ]
    title = {"offset": 0, "infons": {"type": "title"}, "text": TITLE}
    abstract = {"offset": len(TITLE) + 1, "infons": {"type": "abstract"}, "text": ABSTRACT}
    return {"id": "1", "passages": [title, abstract], "annotations": annotations}


def bioc_json(said: list[Said]) -> Files:
    return {"a.json": (json.dumps({"documents": [bioc_value(said)]}, ensure_ascii=False, indent=0) + "\n").encode()}


def bioc_xml(said: list[Said]) -> Files:
    rows = ""
    for text, spans in said:
        places = "".join(f'<location offset="{a}" length="{b - a}"/>' for a, b in spans)
        rows += f'<annotation id="T"><infon key="type">D</infon>{places}<text>{text}</text></annotation>\n'
    passages = "".join(
        f'<passage><infon key="type">{kind}</infon><offset>{offset}</offset><text>{text}</text></passage>\n'
        for kind, offset, text in (("title", 0, TITLE), ("abstract", len(TITLE) + 1, ABSTRACT))
    )
    return {"a.xml": f"<collection>\n<document><id>1</id>\n{passages}{rows}</document>\n</collection>\n".encode()}


def i2b2(said: list[Said]) -> Files:
    places = {m.start(): f"1:{n}" if m.start() <= len(TITLE) else f"2:{n - 3}" for n, m in enumerate(re.finditer(r"\S+", TEXT))}

    def row(text: str, first: int, last: int) -> str:
        """Positions of the tokens that begin at the first character, and that end at the last."""
        end = places.get(TEXT.rfind(" ", 0, last) + 1, "9:9") if first < len(TEXT) and last != first else "1:0"
        return f'c="{text.lower()}" {places.get(first, "9:9")} {end}||t="problem"\n'

    rows = "".join(row(text, spans[0][0], spans[-1][1]) for text, spans in said)
    return {"n.txt": f"{TITLE}\n{ABSTRACT}\n".encode(), "n.con": rows.encode()}


def jsonl(said: list[Said]) -> Files:
    mentions = [{"id": f"T{n}", "spans": spans, "type": "D", "concepts": []} for n, (_, spans) in enumerate(said)]
    value = {"id": "1", "text": TEXT, "mentions": mentions}
    return {"a.jsonl": (json.dumps(value, ensure_ascii=False) + "\n").encode()}


WRITERS: dict[str, Callable[[list[Said]], Files]] = {
    "pubtator": pubtator,
    "conll": conll,
    "brat": brat,
    "bioc_xml": bioc_xml,
    "bioc_json": bioc_json,
    "i2b2": i2b2,
    "jsonl": jsonl,
}


def read(kind: str, files: Files, folder: Path) -> tuple[list[Document], Repairs]:
    found = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        role = "annotations" if name.endswith((".ann", ".con")) else "text"
        found.append(RawFile(folder / name, name, "train", role, hashlib.sha256(data).hexdigest()))
    repairs = Repairs()
    options = {"limits": Limits()} | ({"document_mark": "#"} if kind == "conll" else {})
    return list(unique(FORMATS[kind](RawCorpus("x", tuple(found)), repairs, options), repairs)), repairs


GOUT: Said = ("Gout", ((0, 4),))
PAIN: Said = ("pain", ((14, 18),))
REGULAR = [GOUT, PAIN]

NAMES = {
    "returns": "carriage return at the end of a line",
    "kept returns": "carriage returns in a text kept",
    "crlf": "CRLF line ends read as LF",
    "left returns out": "offsets left carriage returns out",
    "mark": "byte order mark removed",
    "counted mark": "offsets counted the byte order mark",
    "end": "no newline at the end of the file",
    "sentence end": "no empty line after the last sentence",
    "latin": "not UTF-8: read as latin-1",
    "utf-16": "offsets counted UTF-16 units",
    "utf-8": "offsets counted UTF-8 bytes",
    "lines": "concept over more than one line: kept as one span",
    "orphan": "orphan I- read as B-",
    "again": "duplicate annotation dropped",
    "empty": "dropped: span empty or outside the text",
    "empty part": "dropped: span empty or parts overlap",
    "no place": "dropped: no place, an empty one, or parts that overlap",
    "no token": "dropped: line or token is not in the note",
    "backwards": "dropped: concept ends before it begins",
    "left out": "offsets left out the blank after the title",
    "doubled": "offsets counted two characters between title and abstract",
    "other text": "dropped: mention is not the text at its offsets",
    "other words": "dropped: concept's text is not the note's",
    "id": "document id seen before: numbered",
    "none": "no annotations in a file",
}
"""The rules by short names."""

Outcome = tuple[str, list[str]] | str
"""Short names of the rules that are noted, and the surfaces that are read; or how the refusal begins."""


def everywhere(outcome: Outcome, **others: Outcome) -> dict[str, Outcome]:
    return dict.fromkeys(WRITERS, outcome) | others


def changed(how: Callable[[bytes], bytes]) -> Callable[[str], Files]:
    return lambda kind: {name: how(data) for name, data in WRITERS[kind](REGULAR).items()}


def written(*said: Said) -> Callable[[str], Files]:
    return lambda kind: WRITERS[kind](list(said))


BOTH = ["Gout", "pain"]
ONE = {"conll": ("", ["Gout"])}
MATRIX: dict[str, tuple[Callable[[str], Files], dict[str, Outcome]]] = {
    "nothing": (written(*REGULAR), everywhere(("", BOTH), **ONE)),
    "CRLF": (
        changed(lambda data: data.replace(b"\n", b"\r\n")),
        everywhere(
            ("returns", BOTH),
            conll=("returns", ["Gout"]),
            brat=("returns, kept returns, left returns out", BOTH),
            bioc_xml=("", BOTH),
            bioc_json=("", BOTH),
            i2b2=("crlf", BOTH),
        ),
    ),
    "byte order mark": (
        changed(lambda data: b"\xef\xbb\xbf" + data),
        everywhere(("mark", BOTH), conll=("mark", ["Gout"]), bioc_xml=("", BOTH)),
    ),
    "byte order mark counted": (
        lambda kind: {name: b"\xef\xbb\xbf" + data for name, data in WRITERS[kind]([("pain", ((15, 19),))]).items()},
        {"brat": ("mark, counted mark", ["pain"])},
    ),
    "no newline at the end": (
        changed(lambda data: data.rstrip(b"\n")),
        everywhere(("end", BOTH), conll=("end, sentence end", ["Gout"]), bioc_xml=("", BOTH), bioc_json=("", BOTH), i2b2=("", BOTH)),
    ),
    "invalid UTF-8": (
        changed(lambda data: data.replace(b"toe", b"t\xffe")),
        everywhere(
            r"a\.\w+:\d+: expected UTF-8, found byte 0xff",
            bioc_xml=r"a\.xml:3: expected BioC XML, found: not well-formed \(invalid token\)",
            i2b2=("latin", BOTH),
        ),
    ),
    "UTF-16 offsets": (
        written(("toe", ((8, 11),))),
        {kind: ("utf-16", ["toe"]) for kind in ("pubtator", "brat", "bioc_xml", "bioc_json")},
    ),
    "UTF-8 offsets": (
        written(("toe", ((10, 13),))),
        {kind: ("utf-8", ["toe"]) for kind in ("pubtator", "brat", "bioc_xml", "bioc_json")},
    ),
    "mention across passages": (
        written(("toe No", ((7, 13),))),
        everywhere(("", ["toe No"]), conll=("orphan", ["toe", "No"]), brat=("", ["toe\nNo"]), i2b2=("lines", ["toe\nNo"])),
    ),
    "discontiguous mention": (
        written(("Gout toe", ((0, 4), (7, 10)))),
        {
            **{kind: ("", ["Gout toe"]) for kind in ("brat", "bioc_xml", "bioc_json", "jsonl")},
            "pubtator": ("other text", []),
            "conll": ("orphan", ["Gout", "toe"]),
            "i2b2": ("other words", []),
        },
    ),
    "nested and crossing mentions": (
        written(("Gout \U0001f9ec toe", ((0, 10),)), ("\U0001f9ec", ((5, 6),)), ("toe No", ((7, 13),))),
        {
            **{kind: ("", ["Gout \U0001f9ec toe", "\U0001f9ec", "toe No"]) for kind in ("pubtator", "bioc_xml", "bioc_json", "jsonl")},
            "brat": ("", ["Gout \U0001f9ec toe", "\U0001f9ec", "toe\nNo"]),
            "i2b2": ("lines", ["Gout \U0001f9ec toe", "\U0001f9ec", "toe\nNo"]),
        },
    ),
    "the same annotation twice": (
        written(GOUT, GOUT, PAIN),
        {kind: ("again", BOTH) for kind in WRITERS if kind != "conll"},
    ),
    "zero-length span": (
        written(("", ((5, 5),)), GOUT),
        {
            "pubtator": ("empty", ["Gout"]),
            "brat": ("empty part", ["Gout"]),
            "bioc_xml": ("no place", ["Gout"]),
            "bioc_json": ("no place", ["Gout"]),
            "i2b2": ("backwards", ["Gout"]),
            "jsonl": r"a\.jsonl:1: not a document: expected spans of mention T0 sorted, not empty and inside the text",
        },
    ),
    "span outside the text": (
        written(("pain", ((94, 98),)), GOUT),
        {
            "pubtator": ("empty", ["Gout"]),
            "brat": ("other text", ["Gout"]),
            "bioc_xml": ("other text", ["Gout"]),
            "bioc_json": ("other text", ["Gout"]),
            "i2b2": ("no token", ["Gout"]),
            "jsonl": r"a\.jsonl:1: not a document: expected spans of mention T0 sorted, not empty and inside the text",
        },
    ),
    "title joined without a blank": (written(("pain", ((13, 17),))), {"pubtator": ("left out", ["pain"])}),
    "text that is not the mention's": (
        written(("pain", ((0, 4),)), GOUT),
        {
            **{kind: ("other text", ["Gout"]) for kind in ("pubtator", "brat", "bioc_xml", "bioc_json")},
            "i2b2": ("other words", ["Gout"]),
        },
    ),
    "no annotation": (
        written(),
        {kind: ("none" if kind in ("brat", "i2b2") else "", []) for kind in WRITERS if kind != "conll"},
    ),
}
CASES = [(what, kind) for what, (_, outcomes) in MATRIX.items() for kind in outcomes]


@pytest.mark.parametrize(("what", "kind"), CASES)
def test_each_in_every_format(what: str, kind: str, tmp_path: Path) -> None:
    make, outcomes = MATRIX[what]
    outcome = outcomes[kind]
    if isinstance(outcome, str):
        with pytest.raises(BionerError, match=f"^{outcome}"):
            read(kind, make(kind), tmp_path)
        return
    (document,), repairs = read(kind, make(kind), tmp_path)
    assert set(repairs.counts) == {NAMES[name] for name in outcome[0].split(", ") if name}
    assert [document.surface(mention) for mention in document.mentions] == outcome[1]
    report = Quality()
    report.add(document)
    lost = sum("dropped: " in rule for rule in repairs.counts)
    assert report.to_json(repairs)["lost_mentions"] == {"reading": lost, "types": 0, "filters": 0}
    crossing = what.startswith("nested")
    features = features_of(document)
    assert (features["nested"], features["crossing"]) == (int(crossing), int(crossing))
    assert features["discontiguous"] == sum(len(mention.spans) > 1 for mention in document.mentions)


def test_the_blank_after_the_title_of_plain_text(tmp_path: Path) -> None:
    def found(offset: int) -> tuple[list[str], list[str]]:
        data = f"1|t|Gout\n1|a|No pain now.\n1\t{offset}\t{offset + 4}\tpain\tD\tC1\n".encode()
        (document,), repairs = read("pubtator", {"a.txt": data}, tmp_path)
        return [document.surface(mention) for mention in document.mentions], list(repairs.counts)

    assert found(8) == (["pain"], [])
    assert found(7) == (["pain"], [NAMES["left out"]])
    assert found(9) == (["pain"], [NAMES["doubled"]])
    assert found(10) == found(6) == ([], [NAMES["other text"]])
    title = b"1|t|No pain\n1|a|x\n1\t2\t6\tpain\tD\tC1\n1\t4\t8\tpain\tD\tC1\n"
    assert list(read("pubtator", {"a.txt": title}, tmp_path)[1].counts) == [NAMES["other text"]]


@pytest.mark.parametrize("kind", sorted(WRITERS.keys() - {"brat", "i2b2"}))
def test_a_document_twice(kind: str, tmp_path: Path) -> None:
    ((name, data),) = WRITERS[kind](REGULAR).items()
    stem, _, suffix = name.partition(".")
    documents, repairs = read(kind, {name: data, f"{stem}2.{suffix}": data}, tmp_path)
    assert [document.id for document in documents] == ["1", "1-2"] and repairs.counts == {NAMES["id"]: 1}


def test_the_docs_name_the_rules() -> None:
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## Irregularities") : text.index("\n## ", text.index("## Irregularities") + 1)]
    named = set(re.findall(r"`([^`]+)`", section))
    assert set(NAMES.values()) <= named
    source = "".join(path.read_text(encoding="utf-8") for path in (DOCS.parents[1] / "src/bioner/corpora").glob("*.py"))
    for rule in named:
        assert rule.replace("\\|", "|") in source or "/" in rule, rule
