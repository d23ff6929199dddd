from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands import normalize as command
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention, Passage
from bioner.errors import BionerError
from bioner.preparation import characters
from bioner.preparation.normalize import STEPS, Step, normalize, normalize_text, original_mentions, restore
from bioner.preparation.offsets import OffsetMap
from bioner.provenance import imported_modules

ROOT = Path(__file__).parents[3]
BOTH = ("unicode", "shorthand")
PLAIN = sorted(STEPS.keys() - {"spelling"})


@given(st.data())
def test_text_between_edits_is_unchanged_and_a_second_pass_does_nothing(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    text = data.draw(texts)
    new, edits = normalize_text(text, BOTH)
    rebuilt, position = "", 0
    for start, end, new_start, new_end in edits:
        rebuilt += text[position:start] + new[new_start:new_end]
        position = end
    assert rebuilt + text[position:] == new
    assert normalize_text(new, ["unicode"]) == (new, [])


@given(st.data())
def test_result_is_in_normal_form_c_and_free_of_what_the_table_names(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    new, _ = normalize_text(data.draw(texts), ["unicode"])
    assert unicodedata.is_normalized("NFC", new)
    assert not set(new) & set(map(chr, characters.TABLE))


@given(st.data())
def test_clusters_normalized_alone_are_the_text_normalized_whole(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    text = data.draw(texts)
    spans = list(characters.clusters(text))
    assert "".join(text[start:end] for start, end in spans) == text
    for form in ("NFC", "NFKC"):
        assert "".join(unicodedata.normalize(form, text[start:end]) for start, end in spans) == unicodedata.normalize(form, text)


def test_characters_that_join_the_one_before_are_all_known() -> None:
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            assert characters._joins(chr(int(parts[1], 16))), hex(code)
        before = "\u1100" if code < 0x11A8 else "\uac00"
        if 0x1100 <= code < 0x1200 and len(unicodedata.normalize("NFC", before + chr(code))) == 1:
            assert characters._joins(chr(code)), hex(code)


@given(st.data())
def test_every_mention_comes_back_exactly(draw_document: Callable[[st.DataObject], Document], data: st.DataObject) -> None:
    document = draw_document(data)
    normalized = normalize(document, BOTH)
    kept = {mention.id for mention in normalized.mentions}
    restored = original_mentions(normalized)
    assert restored == tuple(mention for mention in document.mentions if mention.id in kept)
    mapped = restore(normalized, normalized.mentions)
    inexact = sum(mention != original for mention, original in zip(mapped, restored, strict=True))
    assert normalized.meta["lost_by_normalization"] == inexact + len(document.mentions) - len(kept)
    for mention in document.mentions:
        if mention.id not in kept:
            assert set(document.surface(mention)) <= set(characters.INVISIBLE) | {" "}
    assert (normalized.id, normalized.split) == (document.id, document.split)
    assert normalized.passages[0].end == normalized.passages[1].start or any(
        start < document.passages[0].end < end for start, end, _, _ in normalized.meta["edits"]
    )


@given(st.data())
def test_predicted_spans_cover_the_characters_they_were_made_of(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    text = data.draw(texts)
    new, edits = normalize_text(text, ["unicode"])
    for start in range(len(new)):
        for end in range(start + 1, len(new) + 1):
            low, high = OffsetMap(edits).to_original((start, end))
            assert 0 <= low < high <= len(text)
            assert new[start:end] in normalize_text(text[low:high], ["unicode"])[0]
            if not any(edit[2] < end and start < edit[3] for edit in edits):
                kept = text[low:high].translate(dict.fromkeys(map(ord, characters.INVISIBLE)))
                assert kept == new[start:end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TNF\u2010\u03b1 \u2212 \u201c5\u2032\u201d", 'TNF-\u03b1 - "5\'"'),
        ("10\u00a0mg\u2009of e\u0301\u200bx", "10 mg of \u00e9x"),
        ("e\u200d\u0301", "\u00e9"),
        ("Ca\u00b2\u207a \ufb01bre \uff21", "Ca2+ fibre A"),
        ("4 x10\u2079/L, 10\u207b\u00b2, m\u00b2, H\u2082O", "4 x10\u2079/L, 10\u207b\u00b2, m2, H2O"),
        ("Zorbin\u2122 37 \u00baC 5\u00bd \u00a8", "Zorbin\u2122 37 \u00baC 5\u00bd \u00a8"),
        ("\u00b5g \u2126", "\u03bcg \u03a9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
    ],
)
def test_characters_become_one_form(text: str, expected: str) -> None:
    assert normalize_text(text, ["unicode"])[0] == expected


@given(st.data())
def test_steps_compose_in_any_order(draw_document: Callable[[st.DataObject], Document], data: st.DataObject) -> None:
    document = draw_document(data)
    steps = data.draw(st.lists(st.sampled_from(PLAIN), unique=True))
    one_by_one = document.text
    for step in steps:
        one_by_one = normalize_text(one_by_one, [step])[0]
    normalized = normalize(document, steps)
    assert normalized.text == one_by_one
    rebuilt, position = "", 0
    for start, end, low, high in normalized.meta["edits"]:
        rebuilt += document.text[position:start] + normalized.text[low:high]
        position = end
    assert rebuilt + document.text[position:] == normalized.text
    kept = {mention.id for mention in normalized.mentions}
    assert original_mentions(normalized) == tuple(mention for mention in document.mentions if mention.id in kept)
    for mention in document.mentions:
        if mention.id not in kept:
            assert set(document.surface(mention)) <= set(characters.INVISIBLE) | {" "}


@given(st.data())
def test_normal_forms_are_those_of_unicode(texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    text = data.draw(texts)
    assert normalize_text(text, ["nfc"])[0] == unicodedata.normalize("NFC", text)
    assert normalize_text(text, ["nfkc"])[0] == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("nfc", "e\u0301 \ufb01 \u212b", "\u00e9 \ufb01 \u00c5"),
        ("nfkc", "e\u0301 \ufb01 x\u00b2 5\u00bd \U0001d4b3", "\u00e9 fi x2 51\u20442 X"),
        ("spaces", "a\u2009b\u2010c", "a b\u2010c"),
        ("dashes", "a\u2009b\u2010c\u2212", "a\u2009b-c-"),
        ("quotes", "\u201ca\u201d 5\u2032 b\u2019s \u2010", "\"a\" 5' b's \u2010"),
        ("invisible", "a\u200bb\ufeff\u00ad c\u2009", "ab c\u2009"),
        ("ligatures", "\ufb01bre e\ufb03cacy \ufb06 \u00e6 x\u00b2", "fibre efficacy st \u00e6 x\u00b2"),
        ("greek", "TNF-\u03b1, TNF\u03b1, \u03b1\u03b2 T, \u03949-THC", "TNF-alpha, TNFalpha, alphabeta T, Delta9-THC"),
        ("greek", "\U0001d6fc \u03f5 \u03c2 \u1d6a8", "alpha epsilon sigma \u1d6a8"),
        ("greek", "\u03bc-opioid, \u03bc1, the \u03bc", "mu-opioid, mu1, the mu"),
        ("greek", "5 \u03bcg, 5\u03bcM, \u03bcl, 10 \u03bc, 5 \u00b5g, 5 k\u03a9, 5\u2126, 3\u00a0\u03a9", None),
        ("greek", "\u03b1\u0301 \u03ac \u03bb\u03cc\u03b3\u03bf\u03c2 \u03b1\u03b2\u03b3\u03b4 \u1d5d \u1d66 \u2206 \u2211", None),
        (
            "shorthand_clinical",
            "45 yo pt c/o pain, h/o gout w/o fever",
            "45 year old patient complains of pain, history of gout without fever",
        ),
        ("shorthand_clinical", "Pt denies pain. Pts: hx, Hx.", "Patient denies pain. Patients: history, History."),
        (
            "shorthand_clinical",
            "5 mg p.o. b.i.d. Zorbin i.v., q.d\nP.O.\nprn",
            "5 mg by mouth twice a day. Zorbin intravenous, every day\nby mouth.\nas needed",
        ),
        ("shorthand_clinical", "5 mg bid, T.I.D. if well (q.h.s.)", "5 mg twice a day, three times a day if well (at bedtime)"),
        (
            "shorthand_clinical",
            "Pt film, 12 pt, PT, BID, in a bid to, Yo, I.M. Smith, P.O. Box, n/v, d/c, po, iv, i.v.c., a.i.m, pt-led, 1.q.d",
            None,
        ),
        ("shorthand_clinical", "W/ fever, Vs. none", "With fever, Versus none"),
    ],
)
def test_each_step_does_its_own(step: str, text: str, expected: str | None) -> None:
    assert normalize_text(text, [step])[0] == (text if expected is None else expected)


def test_steps_that_few_use_are_in_the_digest_of_normalize_alone() -> None:
    rare = {f"bioner.preparation.{name}" for name in ("abbreviations", "greek", "spelling")}
    assert {step.partition(":")[0] for step in STEPS.values() if isinstance(step, str)} == rare
    assert rare <= imported_modules("bioner.commands.normalize")
    for name in ("predict", "audit"):
        assert not rare & imported_modules(f"bioner.commands.{name}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A vs B, Vs. C", "A versus B, Versus C"),
        ("pain w/ fever w/o rash", "pain with fever without rash"),
        ("approx. 5, approx 6 (approx.)", "approximately 5, approximately 6 (approximately)"),
        ("s/p fall, 45 y/o", "status post fall, 45 year old"),
        ("VS: ok, Vs: ok, 5% w/v, w/fever, graft-vs-host, revs., w/o/w, W/O, C/O ratio", None),
        ("a w/o nanoemulsion and vs-like, anti-vs it, p/vs it, v.vs it", None),
    ],
)
def test_shorthand_is_written_out_as_whole_words(text: str, expected: str | None) -> None:
    assert normalize_text(text, ["shorthand"])[0] == (expected or text)


@pytest.mark.parametrize(
    ("step", "text", "found", "original"),
    [
        ("shorthand", "h/o gout", "of gout", "h/o gout"),
        ("shorthand", "a 45 y/o had", "old", "y/o"),
        ("shorthand_clinical", "n.p.o. now", "by mouth", "n.p.o."),
        ("abbreviations", "messenger zorbin (mZ); the mZ", "zorbin", "mZ"),
        ("abbreviations", "zorbin Channel RNA (zcRNA), RNA of zcRNA", "RNA", "zcRNA"),
    ],
)
def test_what_is_found_in_a_part_of_an_expansion_is_the_whole_short_form(step: str, text: str, found: str, original: str) -> None:
    new, edits = normalize_text(text, ["unicode", step])
    start = new.rindex(found)
    low, high = OffsetMap(edits).to_original((start, start + len(found)))
    assert new != text and text[low:high] == original


ODD = "\ufeff\u0130\u00dfa\u00a0b\r\ne\u0301\u200b zorbin  fever (ZF) \U0001d6fc\u200d\u2009ZF\u200b\u200b"


@pytest.mark.parametrize("step", [*PLAIN, "all"])
def test_every_span_of_an_odd_text_comes_back(step: str) -> None:
    """Every mention there can be, alone and with all others: at the borders, nested, crossing, of invisible characters alone."""
    steps = PLAIN if step == "all" else [step]
    spans = [(start, end) for start in range(len(ODD)) for end in range(start + 1, len(ODD) + 1)]
    parts = [(first, second) for first in spans[::23] for second in spans[::19] if first[1] <= second[0]]
    mentions = tuple(Mention(f"T{n}", (found,), "X") for n, found in enumerate(spans))
    mentions += tuple(Mention(f"D{n}", found, "X") for n, found in enumerate(parts))
    normalized = normalize(Document("d", ODD, mentions, (Passage(0, len(ODD), "text"),)), steps)
    back = {mention.id: mention for mention in original_mentions(normalized)}
    assert back == {mention.id: mention for mention in mentions if mention.id in back}
    for mention in mentions:
        surface = "".join(ODD[start:end] for start, end in mention.spans)
        assert mention.id in back or set(surface) <= set(characters.INVISIBLE)


def test_the_page_explains_every_step_and_key_and_its_examples_hold(tmp_path: Path) -> None:
    page = (ROOT / "docs/preparation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \| `(.*?)` \|", page, re.MULTILINE)
    assert len(rows) == len(STEPS) and {name for name, _, _ in rows} == set(STEPS)
    (tmp_path / "words.txt").write_text("patients\n")
    digest = hashlib.sha256(b"patients\n").hexdigest()
    for name, text, becomes in rows:
        step: Step = {name: {"dictionary": str(tmp_path / "words.txt"), "sha256": digest}} if name == "spelling" else name
        given = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
        assert normalize_text(given, [step])[0] == becomes != given
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    keys = schema["properties"]["preparation"]["properties"]
    for kind in ("noise", "synonyms", "shuffling", "back_translation", "lexicons"):
        entry = keys[kind].get("properties") or keys[kind]["additionalProperties"]["properties"]
        assert not [key for key in (kind, *entry) if not re.search(rf"\b{key}:", page)]


def test_mention_across_an_edit_is_widened_counted_and_kept() -> None:
    document = Document("d", "e\u0301 x", (Mention("T1", ((1, 4),), "Drug"), Mention("T2", ((3, 4),), "Drug")), (Passage(0, 4, "text"),))
    normalized = normalize(document, ["unicode"])
    assert normalized.mentions[0].spans == ((0, 3),)
    assert normalized.meta == {"edits": [[0, 2, 0, 1]], "lost_by_normalization": 1, "original_spans": {"0": [[1, 4]]}}
    assert original_mentions(normalized) == document.mentions
    assert restore(normalized, normalized.mentions)[0].spans == ((0, 4),)


def test_wrong_input_is_told() -> None:
    for step in ("stemming", {"unicode": 1, "greek": 1}, {}, 3, ["unicode"]):
        with pytest.raises(BionerError, match="steps among unicode"):
            normalize(Document("d", "x"), [step])
    with pytest.raises(BionerError, match="'greek' without settings"):
        normalize(Document("d", "x"), [{"greek": {}}])
    with pytest.raises(BionerError, match="as harmonized"):
        normalize(normalize(Document("d", "x"), []), [])
    with pytest.raises(BionerError, match=r"meta\.edits"):
        restore(Document("d", "x"), [])


def test_command_writes_normalized_documents(tmp_path: Path) -> None:
    write_documents(
        tmp_path / "c.jsonl", [Document("d", "A vs\u00a0B", (Mention("T1", ((5, 6),), "Drug"),), split="test", meta={"title": "t"})]
    )
    argv = ["--corpus", str(tmp_path / "c.jsonl"), "--settings", json.dumps(BOTH), "--output", str(tmp_path / "n.jsonl")]
    command.main(argv)
    (document,) = read_documents(tmp_path / "n.jsonl")
    assert (document.text, document.split, document.meta["title"]) == ("A versus B", "test", "t")
    assert document.surface(document.mentions[0]) == "B"
    with pytest.raises(BionerError, match="list of normalization steps"):
        command.main([*argv[:3], '"unicode"', *argv[4:]])
