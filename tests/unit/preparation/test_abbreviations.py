from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.preparation.abbreviations import expand_abbreviations, find_definitions
from bioner.preparation.offsets import OffsetMap

ROOT = Path(__file__).parents[3]

PIECES = st.sampled_from(
    [
        "zorbin receptor",
        "ZR",
        "(ZR)",
        "[ZR]",
        " (",
        ")",
        "(",
        "]",
        "[",
        "zr",
        " ",
        ". ",
        "; ",
        ", ",
        "\n",
        "Z",
        "-",
        "İ",
        "ß",
        "\U0001d4b5",
        "2",
        "é",
    ]
)


def pairs(text: str) -> list[tuple[str, str]]:
    return [(text[slice(*found.short)], text[slice(*found.long)]) for found in find_definitions(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We gave the zorbin receptor blocker (ZRB) daily.", [("ZRB", "zorbin receptor blocker")]),
        ("The ZRB (zorbin receptor blocker) was given.", [("ZRB", "zorbin receptor blocker")]),
        ("blocking [of the plimurin channel (PC)] and [plimurin acid (PA; n = 5)]", [("PC", "plimurin channel"), ("PA", "plimurin acid")]),
        ("plimurin kinase [PK] and (rapid flow index [RFI] of 5)", [("PK", "plimurin kinase"), ("RFI", "rapid flow index")]),
        ("trans-zorbin fever (TZF)", [("TZF", "trans-zorbin fever")]),
        ('of "zorbin fever" (ZF)', [("ZF", "zorbin fever")]),
        ("zorbin flow at rest F(1.0) (ZF(1.0))", [("ZF(1.0)", "zorbin flow at rest F(1.0)")]),
        ("rapid zorbin flow in 10 s (RZF(10))", [("RZF(10)", "rapid zorbin flow in 10 s")]),
        ("a zebra. Fever (ZF)", []),
        ("zorbin patients (n = 5) and age (years)", []),
        ("zebras and the (one) or fever of very many other words before it all here (ZF)", []),
        ("of ZF zorbin (ZF) and form ZF (ZF)", []),
        ("no text here (", []),
        ("", []),
    ],
)
def test_definitions(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZF? Zorbin fever (ZF) is bad. ZF, ZF.", "ZF? Zorbin fever (ZF) is bad. Zorbin fever, Zorbin fever."),
        ("zorbin\n fever (ZF) ends; zorbin fever (ZF) begins; a ZF", None),
        (
            "zorbin fever (ZF), ZFs, ZF-like, anti-ZF, ZF/X, A.ZF, zf, (ZF), [ZF]",
            "zorbin fever (ZF), ZFs, ZF-like, anti-ZF, ZF/X, A.ZF, zf, (ZF), [ZF]",
        ),
        ("zorbin fever (ZF). Zonal flow (ZF). ZF", "zorbin fever (ZF). Zonal flow (ZF). ZF"),
        ("zorbin fever (ZF). Zorbin  fever (ZF). ZF", "zorbin fever (ZF). Zorbin  fever (ZF). zorbin fever"),
        ("wide angle scan (Was). Was it? wide alpha (wa) wa", "wide angle scan (Was). Was it? wide alpha (wa) wa"),
        ("zorbin-type flow (Z-F). Z-F", "zorbin-type flow (Z-F). Z-F"),
    ],
)
def test_expansion(text: str, expected: str | None) -> None:
    new, _ = expand_abbreviations(text)
    assert new == (expected if expected is not None else text.removesuffix("ZF") + "zorbin fever")


def test_a_mention_of_a_short_form_becomes_one_of_the_long_form() -> None:
    text = "zorbin fever (ZF) after ZF treatment"
    new, edits = expand_abbreviations(text)
    offsets, start = OffsetMap(edits), text.rindex("ZF")
    for span, surface in (((start, start + 2), "zorbin fever"), ((start, len(text)), "zorbin fever treatment"), ((14, 16), "ZF")):
        assert new[slice(*offsets.to_new(span))] == surface
        assert offsets.to_original(offsets.to_new(span)) == span


@given(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text()))
def test_any_text(text: str) -> None:
    for found in find_definitions(text):
        short, long = text[slice(*found.short)], text[slice(*found.long)]
        assert 2 <= len(short) <= 10 and len(long) > len(short)
        assert found.short[1] < found.long[0] or found.long[1] < found.short[0]
        assert set(filter(str.isalnum, short.lower())) <= set(long.lower())
    new, edits = expand_abbreviations(text)
    rebuilt, position = "", 0
    for start, end, low, high in edits:
        rebuilt += text[position:start] + new[low:high]
        position = end
    assert rebuilt + text[position:] == new


@pytest.fixture(scope="module")
def benchmark() -> Any:
    """benchmarks/abbreviations.py, which is no package."""
    spec = importlib.util.spec_from_file_location("benchmark_of_abbreviations", ROOT / "benchmarks/abbreviations.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_labelled_pairs_are_read_as_they_stand(benchmark: Any, tmp_path: Path) -> None:
    head, tail = "12 \nA \r title\nText \x93q\x94 of zorbin fever (ZF).\r", "7\n\nOther\n\n12\n\nMore of it."
    (tmp_path / "f").write_bytes(f"{head}\n  ZF| zorbin  fever \r\n// a remark\n  ZF|zorbin fever\n\r \n{tail}".encode("latin-1"))
    first, second = benchmark.read_labelled(tmp_path / "f")
    assert first.text.split("\n")[::2] == ["A title", "More of it."] and first.pairs == {("ZF", "zorbin fever"): 2}
    assert (second.text, second.pairs.total()) == ("Other", 0)
    seconds, found = benchmark.find_ours([first, second])
    measured = benchmark.measure([first, second], found)
    assert seconds > 0 and (measured.right, measured.found, measured.labelled) == (1, 1, 2)
    assert (measured.precision, measured.recall, measured.f1) == (1.0, 0.5, pytest.approx(2 / 3))


def test_measured_precision_and_recall(benchmark: Any) -> None:
    """Exact (short, long) pairs of each abstract of MED1250: 1,004 right of 1,060 found, 1,221 labelled (distinct: 989, 1,044, 1,203)."""
    if not benchmark.LABELLED.is_file():
        pytest.skip(f"the labelled pairs are not at {benchmark.LABELLED}")
    records = benchmark.read_labelled(benchmark.LABELLED)
    measured = benchmark.measure(records, benchmark.find_ours(records)[1])
    assert (len(records), measured.labelled) == (1250, 1221)
    assert measured.right >= 1004 and measured.found <= 1060, measured
    made = [{(record.text[slice(*d.short)], record.text[slice(*d.long)]) for d in find_definitions(record.text)} for record in records]
    right = sum(len(found & set(record.pairs)) for record, found in zip(records, made, strict=True))
    assert sum(len(record.pairs) for record in records) == 1203
    assert right >= 989 and sum(map(len, made)) <= 1044, right
