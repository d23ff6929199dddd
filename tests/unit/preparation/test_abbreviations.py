from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.preparation.abbreviations import expand_abbreviations, find_definitions
from bioner.preparation.offsets import OffsetMap

LABELLED = Path(__file__).parents[4] / "shared/corpora/ab3p/MED1250_labeled"

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


def test_measured_precision_and_recall() -> None:
    """Exact (short, long) pairs of each abstract of MED1250: 989 right of 1,044 found and 1,203 labelled."""
    if not LABELLED.is_file():
        pytest.skip(f"the labelled pairs are not at {LABELLED}")
    labelled: list[tuple[list[str], set[tuple[str, str]]]] = []
    for line in LABELLED.read_bytes().decode("cp1252").split("\n"):
        if re.fullmatch(r"[0-9]+\s*", line):
            labelled.append(([], set()))
        elif re.fullmatch(r"  [^|]+\|[^|]+", line):
            short, long = (" ".join(part.split()) for part in line.split("|"))
            labelled[-1][1].add((short, long))
        elif line.strip() and not line.startswith("//"):
            labelled[-1][0].append(line.replace("\r", "").strip())
    right = found = wanted = 0
    for lines, gold in labelled:
        made = {(short, " ".join(long.split())) for short, long in pairs("\n".join(lines))}
        right, found, wanted = right + len(made & gold), found + len(made), wanted + len(gold)
    assert (len(labelled), wanted) == (1252, 1203)
    assert right >= 989 and found <= 1044, (right, found)
