"""BioC in XML and JSON: offsets by passage and by other units, several parts, what is refused; both forms give the same documents."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.corpora import bioc_json, bioc_xml
from bioner.corpora.limits import Limits
from bioner.corpora.raw import RawCorpus, RawFile
from bioner.corpora.repairs import Repairs
from bioner.entities import Document
from bioner.errors import BionerError

READERS = {"xml": bioc_xml.read, "json": bioc_json.read}
Value = dict[str, Any]


def run(folder: Path, name: str, data: str | bytes, **limits: int) -> tuple[list[Document], Repairs]:
    raw = data.encode() if isinstance(data, str) else data
    (folder / name).write_bytes(raw)
    repairs = Repairs()
    corpus = RawCorpus("x", (RawFile(folder / name, name, "test", "text", hashlib.sha256(raw).hexdigest()),))
    reader = READERS[name.removesuffix(".gz").rpartition(".")[2]]
    return list(reader(corpus, repairs, {"limits": Limits(**limits)})), repairs


def to_xml(*documents: Value) -> str:
    """Independent writer of BioC XML from BioC JSON."""

    def infons(value: Value) -> str:
        return "".join(f"<infon key={quoteattr(k)}>{escape(v)}</infon>" for k, v in value.get("infons", {}).items())

    def node(tag: str, value: Value) -> str:
        if tag == "location":
            return f'<location offset="{value["offset"]}" length="{value["length"]}"/>'
        inner = infons(value)
        inner += "".join(f"<{key}>{escape(str(value[key]))}</{key}>" for key in ("id", "offset", "text") if key in value)
        for part in ("passage", "sentence", "annotation", "relation", "location"):
            inner += "".join(node(part, item) for item in value.get(f"{part}s", ()))
        return f"<{tag}>{inner}</{tag}>"

    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n'
    return f"{head}<collection><source>s</source>\n{''.join(node('document', value) for value in documents)}</collection>"


def mention(text: str | None, *places: tuple[int, int], kind: str = "D", **infons: str) -> Value:
    value: Value = {"infons": {"type": kind, **infons}, "locations": [{"offset": a, "length": b} for a, b in places]}
    return value if text is None else value | {"text": text}


def passage(offset: int, text: str, *annotations: Value, kind: str = "abstract") -> Value:
    return {"offset": offset, "infons": {"type": kind}, "text": text, "annotations": list(annotations)}


def both(folder: Path, *documents: Value) -> tuple[list[Document], Repairs]:
    """Documents and repairs of the JSON form, after comparing them with those of the XML form."""
    one, repairs = run(folder, "a.json", json.dumps({"source": "s", "documents": list(documents)}))
    other, theirs = run(folder, "a.xml", to_xml(*documents))
    assert one == other
    assert (repairs.counts, repairs.annotations, repairs.exact) == (theirs.counts, theirs.annotations, theirs.exact)
    return one, repairs


def spans(document: Document) -> list[Any]:
    return [(m.spans, m.type, m.concepts) for m in document.mentions]


def test_passages_concepts_and_parts(tmp_path: Path) -> None:
    value = {
        "id": "7",
        "passages": [
            passage(0, "β gout", mention("gout", (2, 4), identifier="MESH:D1|D2"), kind="title"),
            passage(
                7, "left or right toe & <b>", mention("left ... toe", (7, 4), (21 - 1, 4 - 1)), mention("right\ntoe", (15, 9), MESH="-1")
            ),
        ],
        "relations": [{"infons": {}}, {"infons": {}}],
    }
    value["passages"][1]["annotations"][0]["locations"][1] = {"offset": 21, "length": 3}
    (document,), repairs = both(tmp_path, value)
    assert (document.id, document.split, document.text) == ("7", "test", "β gout left or right toe & <b>")
    assert [(p.start, p.end, p.kind) for p in document.passages] == [(0, 6, "title"), (7, 30, "abstract")]
    assert spans(document) == [
        (((2, 6),), "D", ("MESH:D1", "D2")),
        (((7, 11), (21, 24)), "D", ()),
        (((15, 24),), "D", ()),
    ]
    assert repairs.counts == {"relation skipped": 2} and (repairs.annotations, repairs.exact) == (3, 3)


def test_sentences_and_mentions_across_passages(tmp_path: Path) -> None:
    sentence = {"offset": 5, "text": "No pain.", "annotations": [mention("pain", (8, 4))]}
    value = {
        "id": "1",
        "passages": [
            passage(0, "gout", mention("gout No", (0, 7)), kind="title"),
            {"offset": 5, "sentences": [sentence, {"offset": 13, "text": " It ends."}], "annotations": [mention("It", (14, 2))]},
        ],
        "annotations": [mention("ends", (17, 4))],
    }
    (document,), repairs = both(tmp_path, value)
    assert document.text == "gout No pain. It ends."
    assert [document.text[p.start : p.end] for p in document.passages if p.kind == "sentence"] == ["No pain.", " It ends."]
    assert [m.spans for m in document.mentions] == [((0, 7),), ((8, 12),), ((14, 16),), ((17, 21),)]
    assert not repairs.counts and repairs.exact == 4


@pytest.mark.parametrize(
    ("second", "place", "rules"),
    [
        (9, (13, 4), {"offsets counted UTF-8 bytes": 1, "gap between passages closed to one blank": 1}),
        (8, (11, 4), {"offsets counted UTF-16 units": 1, "gap between passages closed to one blank": 1}),
        (7, (9, 4), {}),
        (7, (2, 4), {"offsets counted from the passage's start": 1}),
        (0, (2, 4), {"passages overlap by their offsets: put one after another": 1}),
        (40, (42, 4), {"gap between passages closed to one blank": 1}),
        (7, (8, 4), {"dropped: mention is not the text at its offsets": 1}),
        (7, (9, 0), {"dropped: no place, an empty one, or parts that overlap": 1}),
    ],
)
def test_offsets_in_other_units(tmp_path: Path, second: int, place: tuple[int, int], rules: dict[str, int]) -> None:
    lead = "\U0001d6fc " if "UTF" in str(rules) else "a "
    value = {"id": "1", "passages": [passage(0, "a pain"), passage(second, f"{lead}gout pain", mention("gout", place))]}
    if second == 9:
        value["passages"][1]["annotations"][0]["locations"][0]["offset"] = 9 + 5
    (document,), repairs = both(tmp_path, value)
    assert document.text == f"a pain {lead}gout pain"
    assert [document.surface(m) for m in document.mentions] == ([] if "dropped" in str(rules) else ["gout"])
    assert repairs.counts == rules and repairs.annotations == 1


def test_duplicates_and_annotations_without_text(tmp_path: Path) -> None:
    same = [mention("gout", (0, 4), identifier=i) for i in ("D1", "D1", "D2")]
    (document,), repairs = both(tmp_path, {"id": "1", "passages": [passage(0, "gout", *same, mention(None, (1, 2), kind="E"))]})
    assert spans(document) == [(((0, 4),), "D", ("D1", "D2")), (((1, 3),), "E", ())]
    assert repairs.counts == {
        "duplicate annotation dropped": 1,
        "same span and type again: concepts joined": 1,
        "annotation without its text: taken at its offsets": 1,
    }


def test_layouts_of_json_and_packed_files(tmp_path: Path) -> None:
    one, two = ({"id": name, "passages": [passage(0, "gout")]} for name in ("1", 2))
    layouts = [
        json.dumps({"documents": [one, two]}, indent=1),
        json.dumps([{"source": "s", "documents": [one]}, {"documents": [two], "version": 1.5}]),
        json.dumps({"PubTator3": [one, two]}),
        f"\ufeff{json.dumps(one)}\r\n{json.dumps(two)}",
        json.dumps([one, two]),
    ]
    for layout in layouts:
        assert [d.id for d in run(tmp_path, "a.json", layout)[0]] == ["1", "2"]
    assert [d.id for d in run(tmp_path, "a.json.gz", gzip.compress(layouts[0].encode()))[0]] == ["1", "2"]
    assert [d.id for d in run(tmp_path, "a.xml.gz", gzip.compress(to_xml(one, two).encode("utf-8")))[0]] == ["1", "2"]
    assert run(tmp_path, "a.json", '{"documents": []}')[0] == [] == run(tmp_path, "a.xml", "<collection/>")[0]


def test_places_are_lines(tmp_path: Path) -> None:
    bad = {"id": "2", "passages": [passage(0, "gout", mention("pain", (0, 4)))]}
    text = json.dumps({"documents": [{"id": "1", "passages": []}, bad]}, indent=1)
    _, repairs = run(tmp_path, "a.json", text)
    line = text[: text.index('"2"')].count("\n")
    assert repairs.places["dropped: mention is not the text at its offsets"] == [f"a.json:{line}"]
    _, repairs = run(tmp_path, "a.xml", to_xml(bad).replace("<annotation>", "\n\n<annotation>"))
    assert repairs.places["dropped: mention is not the text at its offsets"] == ["a.xml:6"]


LAUGHS = '<!DOCTYPE collection [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>\n<collection><source>&b;</source></collection>'
OUTSIDE = '<!DOCTYPE collection [<!ENTITY a SYSTEM "file:///etc/hostname">]>\n<collection><source>&a;</source></collection>'
SKIPPED = '<!DOCTYPE collection SYSTEM "BioC.dtd">\n<collection><source>&alpha;</source></collection>'


@pytest.mark.parametrize(
    ("name", "data", "limits", "match"),
    [
        ("a.xml", LAUGHS, {}, "a.xml:1: expected BioC without entities"),
        ("a.xml", OUTSIDE, {}, "a.xml:1: expected BioC without entities"),
        ("a.xml", SKIPPED, {}, "a.xml:2: expected BioC without entities"),
        ("a.xml", "<collection>\n<document>", {}, "a.xml:2: expected BioC XML, found: no element found"),
        ("a.xml", "", {}, "a.xml:1: expected BioC XML"),
        ("a.xml", "<html/>", {}, "a.xml:1: expected BioC's element collection"),
        ("a.xml", b"<collection>\n<source>\xff</source></collection>", {}, "a.xml:2: expected BioC XML, found: not well-formed"),
        ("a.xml", '<?xml version="1.0" encoding="none"?><collection/>', {}, "a.xml:1: expected .*XML.*encoding"),
        ("a.xml", "<collection><document>" + "<a>" * 50, {}, "a.xml:1: .*nested too deep"),
        ("a.xml", "<collection>\n<document/></collection>", {}, "a.xml:2: not a BioC document: expected a document with an id"),
        ("a.xml", "<collection><!--" + "x" * (1 << 20), {"line_characters": 9}, "a.xml:1: expected at most 9 characters in a line"),
        ("a.xml", to_xml({"id": "1", "passages": [passage(0, "x" * 90)]}), {"document_characters": 9}, "at most 9 characters"),
        ("a.json", "", {}, None),
        ("a.json", '{"documents": [\n{"id": "1", ]}', {}, "a.json:2: expected JSON, found"),
        ("a.json", '{"documents": [{"id": "1"}', {}, "a.json:1: expected '\\]' in BioC JSON"),
        ("a.json", '{"documents": 5}', {}, "a.json:1: expected a BioC collection or document"),
        ("a.json", "\n5", {}, "a.json:2: expected '{' in BioC JSON"),
        ("a.json", '{"documents": [[]]}', {}, "a.json:1: not a BioC document: expected an object, got list"),
        ("a.json", '{"documents": [' + "[" * 90000, {}, "a.json:1: expected JSON, found"),
        ("a.json", '{"documents": [{"id": "\\ud800", "passages": []}]}', {}, "a.json:1: expected JSON, found: .*surrogates"),
        ("a.json", '{"documents": [{"id": NaN, "passages": []}]}', {}, "a.json:1: expected JSON, found: .*NaN"),
        ("a.json", b'{"documents":\n "\xff"}', {}, "a.json:2: expected UTF-8, found byte 0xff"),
        ("a.json", '{"documents": [{"id": "1", "passages": [{"text": "a"}]}]}', {}, "a.json:1: .*expected 'offset' to be a number"),
        ("a.json", '{"documents": [{"id": "1", "passages": [{"offset": 0, "text": 5}]}]}', {}, "a.json:1: .*'text' to be a string"),
        ("a.json", '{"documents": ["' + "x" * (3 << 20), {"document_characters": 99}, "a.json:1: expected at most 99 characters"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, name: str, data: str | bytes, limits: Mapping[str, int], match: str | None) -> None:
    if match is None:
        assert run(tmp_path, name, data)[0] == []
        return
    with pytest.raises(BionerError, match=match) as caught:
        run(tmp_path, name, data, **limits)
    assert "\n" not in str(caught.value)


def test_a_wrong_value_in_a_large_file_is_told_by_its_line(tmp_path: Path) -> None:
    rest = json.dumps({"id": "2", "passages": [passage(0, "x" * 99)]}) + ",\n"
    for wrong in ('{"id": 1,\n "passages": [}', '{"id": tru}', '{"id": "\\x"}', '{"id": "1", "passages" []}'):
        with pytest.raises(BionerError, match=rf"a\.json:{2 + wrong.count(chr(10))}: expected JSON, found: "):
            run(tmp_path, "a.json", f'{{"documents":[\n{wrong},\n{rest * 30_000}', document_characters=5_000)


def test_values_over_the_end_of_a_block(tmp_path: Path) -> None:
    value = '{"id": "\\ud83e\\uddec", "infons": {"a": null, "b": -1.5e3}, "passages": []}'
    for place in range(len(value) + 1):
        filler = " " * ((1 << 20) - len('{"documents": [') - place)
        assert [document.id for document in run(tmp_path, "a.json", f'{{"documents": [{filler}{value}]}}')[0]] == ["\U0001f9ec"]


def test_an_annotation_without_type_and_too_many(tmp_path: Path) -> None:
    value = {"id": "1", "passages": [passage(0, "gout", mention("gout", (0, 4), kind=""), mention("gout", (0, 4)))]}
    for name, data in (("a.xml", to_xml(value)), ("a.json", json.dumps(value))):
        with pytest.raises(BionerError, match="not a BioC document: expected every annotation to have an infon 'type'"):
            run(tmp_path, name, data)
        with pytest.raises(BionerError, match="expected at most 1 annotations in a document"):
            run(tmp_path, name, data, document_mentions=1)


# XML has no U+FFFE and U+FFFF
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12)


@given(st.lists(TEXT, min_size=1, max_size=4), st.data())
def test_any_mention_of_any_passages_is_found(tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject) -> None:
    whole = " ".join(texts)
    passages, offset = [], 0
    for text in texts:
        passages.append(passage(offset, text))
        offset += len(text) + 1
    wanted = set()
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(whole) - 1))
        end = data.draw(st.integers(start + 1, len(whole)))
        home = data.draw(st.sampled_from(passages))
        home["annotations"].append(mention(whole[start:end], (start, end - start)))
        wanted.add((start, end))
    (document,), repairs = both(tmp_path_factory.mktemp("bioc"), {"id": "1", "passages": passages})
    assert document.text == whole and {m.spans[0] for m in document.mentions} == wanted
    assert repairs.exact == repairs.annotations
