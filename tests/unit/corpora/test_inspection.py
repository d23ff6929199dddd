"""The second look at a corpus, against slower counts by definition; nothing of a corpus under agreement is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bioner.commands.inspect import main
from bioner.corpora.consistency import LeftOut, Surfaces, describe, fold, free_runs, surface_key
from bioner.corpora.download import download
from bioner.corpora.harmonize import harmonize
from bioner.corpora.inspection import inspect_corpus
from bioner.corpora.profile import Profile, quantiles, shapes, together
from bioner.corpora.quality import expected_counts
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.corpora.repeats import Seen, Texts
from bioner.documents import read_documents, write_documents
from bioner.entities import SPLITS, Document, Mention, Span
from bioner.errors import BionerError
from bioner.planning.corpora import DATASET_KEYS

ROOT = Path(__file__).resolve().parents[3]
MIRROR = ROOT.parent / "shared" / "corpora"
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["datasets"]


def document(text: str, *mentions: tuple[str, str], id: str = "d", split: str | None = None) -> Document:
    """A document whose mentions are given as (text, type), each at the first place after the one before."""
    made, place = [], 0
    for number, (surface, kind) in enumerate(mentions):
        place = text.index(surface, place)
        made.append(Mention(f"T{number}", ((place, place + len(surface)),), kind))
    return Document(id, text, tuple(made), split=split)


# --- label consistency


def labels(*documents: Document, examples: int = 50) -> dict[str, Any]:
    surfaces = Surfaces()
    for each in documents:
        surfaces.add(each)
    left_out = LeftOut(surfaces)
    for each in documents:
        left_out.add(each)
    return describe(surfaces, left_out, examples)


WORDS = st.sampled_from(["gout", "Gout", "GOUT", "toe", "IL", "2", "-", "of", "gout toe", "il"])
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", " ", "\n", ""])), min_size=1, max_size=9).map(
    lambda pairs: "".join(word + blank for word, blank in pairs)
)


@st.composite
def annotated(draw: st.DrawFn) -> Document:
    text = draw(TEXTS)
    mentions = []
    for number in range(draw(st.integers(0, 4))):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=draw(st.sampled_from([2, 2, 2, 4])))))
        spans = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        mentions.append(Mention(f"T{number}", spans, draw(st.sampled_from(["A", "B"]))))
    return Document("d", text, tuple(mentions))


def tokens(text: str) -> list[Span]:
    """Runs of letters and digits, and every other character that is no white space, one character after another."""
    found: list[Span] = []
    for place, character in enumerate(text):
        if character.isalnum() and found and found[-1][1] == place and text[place - 1].isalnum():
            found[-1] = (found[-1][0], place + 1)
        elif not character.isspace():
            found.append((place, place + 1))
    return found


def form(text: str) -> tuple[str, ...]:
    """The words of a text; lower case but for those with a capital after their first character."""
    words = [text[start:end] for start, end in tokens(text)]
    return tuple(word if any(letter.isupper() for letter in word[1:]) else word.lower() for word in words)


def naive(documents: Sequence[Document]) -> tuple[dict[tuple[str, ...], Counter[str]], Counter[tuple[str, ...]]]:
    """Mentions by surface form and type, and places left out: every range of words of every document is looked at."""
    types: dict[tuple[str, ...], Counter[str]] = {}
    for each in documents:
        for mention in each.mentions:
            words = form(each.text[mention.start : mention.end])
            if len(mention.spans) == 1 and words:
                types.setdefault(words, Counter())[mention.type] += 1
    places: Counter[tuple[str, ...]] = Counter()
    for each in documents:
        taken = {place for mention in each.mentions for start, end in mention.spans for place in range(start, end)}
        spans = tokens(each.text)
        found = []
        for first, last in product(range(len(spans)), range(1, len(spans) + 1)):
            words = form(each.text[spans[first][0] : spans[last - 1][1]]) if first < last else ()
            touched = any(place in taken for start, end in spans[first:last] for place in range(start, end))
            if words in types and sum(map(len, words)) >= 3 and not touched:
                found.append((first, last, words))
        for first, last, words in found:
            if not any(low <= first and last <= high and (low, high) != (first, last) for low, high, _ in found):
                places[words] += 1
    return types, places


@given(st.lists(annotated(), max_size=4))
def test_label_consistency_against_every_range_of_words(documents: list[Document]) -> None:
    types, places = naive(documents)
    found = labels(*documents, examples=10_000)
    several = {words: counts for words, counts in types.items() if len(counts) > 1}
    assert found["mentions"] == sum(counts.total() for counts in types.values()) and found["surfaces"] == len(types)
    assert found["mentions"] + found["aside"] == sum(len(each.mentions) for each in documents)
    assert {form(line["surface"]): line["types"] for line in found["several_types"]["examples"]} == several
    assert found["several_types"]["surfaces"] == len(several)
    assert found["several_types"]["mentions"] == sum(counts.total() for counts in several.values())
    assert found["several_types"]["minority"] == sum(min(counts.values()) for counts in several.values())
    told = {form(line["surface"]): (line["annotated"], line["left_out"]) for line in found["left_out"]["examples"]}
    assert told == {words: (types[words].total(), number) for words, number in places.items()}
    assert found["left_out"]["surfaces"] == len(places) and found["left_out"]["places"] == places.total()
    assert found["left_out"]["annotated"] == sum(types[words].total() for words in places)
    minority = sum(min(number, types[words].total()) for words, number in places.items())
    compared = sum(counts.total() for words, counts in types.items() if sum(map(len, words)) >= 3) + places.total()
    assert found["left_out"]["minority"] == minority
    assert found["left_out"]["minority_share"] == (round(minority / compared, 6) if compared else None)


def test_what_is_told_of_label_consistency() -> None:
    first = document("Scaly fever, a fever of mice. SCF and scf.", ("Scaly fever", "Disease"), ("SCF", "Disease"))
    second = document("scaly  fever or plain fever; fever; SCF", ("fever", "Sign"), ("SCF", "Gene"))
    third = document("Fever after fever. SCF", ("Fever", "Sign"), ("SCF", "Disease"))
    found = labels(first, second, third)
    examples = [{"surface": "SCF", "types": {"Disease": 2, "Gene": 1}}]
    assert found["several_types"] == {"surfaces": 1, "mentions": 3, "minority": 1, "minority_share": 0.166667, "examples": examples}
    examples = [{"surface": "fever", "annotated": 2, "left_out": 4, "share": 0.666667}]
    totals = {"surfaces": 1, "annotated": 2, "places": 4, "share": 0.666667, "minority": 2, "minority_share": 0.2}
    assert found["left_out"] == totals | {"examples": examples}
    assert (found["mentions"], found["surfaces"], found["aside"]) == (6, 3, 0)
    limited = labels(first, second, third, examples=0)
    assert limited["several_types"]["examples"] == limited["left_out"]["examples"] == []
    assert limited["left_out"]["places"] == 4


def test_case_counts_only_in_abbreviations() -> None:
    assert [fold(word) for word in ("Gout", "gout", "WAS", "mRNA", "A", "p53", "P53", "2", "-")] == [
        "gout",
        "gout",
        "WAS",
        "mRNA",
        "a",
        "p53",
        "p53",
        "2",
        "-",
    ]
    assert surface_key(" IL-2\n Receptor ") == "IL - 2 receptor" and surface_key(" ") == ""


def test_long_surface_forms_are_cut_and_kept_on_a_line() -> None:
    found = labels(document("x" * 200 + "\ny", ("x" * 200 + "\ny", "A")), document("x" * 200 + " y"))
    (line,) = found["left_out"]["examples"]
    assert line["surface"] == "x" * 79 + "…"


def test_short_forms_and_mentions_of_several_parts_are_not_looked_for() -> None:
    parts = Document("d", "left and right ventricle", (Mention("T1", ((0, 4), (15, 24)), "Part"), Mention("T2", ((9, 24),), "Part")))
    found = labels(parts, document("K and K, left ventricle, right ventricle", ("K", "A")))
    assert found["aside"] == 1
    assert [line["surface"] for line in found["left_out"]["examples"]] == ["right ventricle"]


@given(st.lists(st.integers(1, 4), max_size=6), st.lists(st.tuples(st.integers(0, 14), st.integers(1, 5)), max_size=5))
def test_free_runs_are_the_words_without_a_covered_character(sizes: list[int], covers: list[tuple[int, int]]) -> None:
    words, place = [], 0
    for size in sizes:
        words.append((place, place + size))
        place += size + 1
    covered = [(start, start + size) for start, size in covers]
    taken = {place for start, end in covered for place in range(start, end)}
    free = [taken.isdisjoint(range(*word)) for word in words]
    runs = list(free_runs(words, covered))
    assert [any(first <= index < last for first, last in runs) for index in range(len(words))] == free
    assert all(last < first for (_, last), (first, _) in pairwise(runs))


# --- profile


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=7))
def test_shapes_against_all_pairs(spans: list[Span]) -> None:
    expected: Counter[str] = Counter()
    for index, (a, b) in enumerate(spans):
        one, kinds = set(range(a, b)), set()
        for c, d in spans[:index] + spans[index + 1 :]:
            other = set(range(c, d))
            if one & other:
                kinds |= {"overlapping"}
                if one == other:
                    kinds |= {"same_span"}
                elif one < other:
                    kinds |= {"nested"}
                elif not other < one:
                    kinds |= {"crossing"}
        expected.update(kinds)
    assert shapes(spans) == expected


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_quantiles_by_nearest_rank(numbers: list[int]) -> None:
    ordered = sorted(numbers)
    expected = {
        name: next(number for number in ordered if sum(other <= number for other in ordered) * 100 >= percent * len(ordered))
        for name, percent in (("minimum", 0), ("median", 50), ("percentile_95", 95), ("maximum", 100))
    }
    assert quantiles(Counter(numbers)) == expected
    assert expected["minimum"] == ordered[0] and expected["maximum"] == ordered[-1]


def test_a_profile_counts_and_adds_up() -> None:
    one, two = Profile(), Profile()
    one.add(document("IL-2 is a protein.", ("IL-2", "Gene"), ("pro", "Gene")))
    two.add(document("", id="e"))
    whole = together([one, two]).to_json()
    assert (whole["documents"], whole["mentions"], whole["sentences"], whole["types"]) == (2, 2, None, {"Gene": 2})
    assert whole["lengths"]["document_words"] == {"minimum": 0, "median": 0, "percentile_95": 7, "maximum": 7}
    assert whole["lengths"]["mention_words"]["maximum"] == 3 and whole["lengths"]["mention_characters"]["minimum"] == 3
    assert whole["shapes"]["boundary_inside_a_word"] == {"count": 1, "share": 0.5}
    assert two.to_json()["lengths"]["mention_words"] is None and two.to_json()["shapes"]["nested"]["share"] is None


# --- repeats


def test_repeats_shared_texts_and_what_is_left_without_them() -> None:
    documents = [
        document("One text", id="a", split="train"),
        document("one  TEXT", id="b", split="train"),
        document("in test too", id="c", split="train"),
        document("In test too", id="d", split="validation"),
        document("in test\ntoo", id="e", split="test"),
        document("in test too ", id="f", split="test"),
        document(" ", id="g", split="train"),
        document("", id="h", split="train"),
        document("One text", id="i"),
        document("in test too ", id="j", split="test"),
    ]
    texts = Texts()
    for each in documents:
        texts.add(each)
    assert [each.id for each in documents if texts.keeps(each)] == ["a", "e", "g", "h", "i"]
    assert texts.to_json() == {
        "within": {
            "train": {"documents": 1, "identical": 0, "first": [["a", "b"]]},
            "test": {"documents": 2, "identical": 1, "first": [["e", "f"], ["e", "j"]]},
        },
        "between": [
            {"splits": ["train", "validation"], "texts": 1, "first": [["c", "d"]]},
            {"splits": ["train", "test"], "texts": 1, "first": [["c", "e"]]},
            {"splits": ["validation", "test"], "texts": 1, "first": [["d", "e"]]},
        ],
    }


def test_at_most_fifty_pairs_are_listed() -> None:
    texts = Texts()
    for number in range(60):
        texts.add(document("the same", id=f"d{number}", split="train"))
    found = texts.to_json()["within"]["train"]
    assert found["documents"] == 59 and len(found["first"]) == 50


def test_mentions_that_training_has_too() -> None:
    seen = Seen()
    seen.add(document("Scaly  fever and zorbinol", ("Scaly  fever", "Disease"), ("zorbinol", "Drug"), split="train"))
    seen.add(document("x scaly fever, scaly fever", ("scaly fever", "Disease"), ("scaly fever", "Sign"), split="test"))
    seen.add(document("scaly fever and plimurin", ("scaly fever", "Disease"), ("plimurin", "Drug"), split="test"))
    expected = {"mentions": 4, "seen": 2, "share": 0.5, "distinct": 3, "distinct_seen": 1, "distinct_share": 0.333333, "other_type": 1}
    assert seen.to_json() == {"test": expected}
    only = Seen()
    only.add(document("x", split="test"))
    assert only.to_json() == {}


# --- the whole report


def report_of(documents: Sequence[Document], **more: Any) -> dict[str, Any]:
    """What harmonize reports of documents, as far as the second look needs it."""
    counts: dict[str, Any] = {}
    for each in documents:
        for split in (each.split or "none", "all"):
            row = counts.setdefault(split, {"documents": 0, "mentions": 0, "types": {}})
            row["documents"] += 1
            row["mentions"] += len(each.mentions)
            for mention in each.mentions:
                row["types"][mention.type] = row["types"].get(mention.type, 0) + 1
    told = {"dataset": "toy", "format": "jsonl", "inputs": {"toy.jsonl": "0" * 64}, "repairs": {}, "filtered": {}}
    told |= {"lost_mentions": {"reading": 0, "types": 0, "filters": 0}, "types_read": {}}
    return told | {"offsets": {"checked": 0, "exact": 0, "share": None}, "counts": counts, "kept": counts} | more


MARK = "zorvexium"


def marked() -> list[Document]:
    """Documents whose every annotated word and id-free text has a marker; labels of all kinds disagree."""
    return [
        document(f"{MARK} plain {MARK}\tacid", (MARK, "Drug"), (f"{MARK}\tacid", "Drug"), id="n1", split="train"),
        document(f"{MARK} plain {MARK} acid", (MARK, "Sign"), id="n2", split="train"),
        document(f"{MARK} plain {MARK} acid", id="n3", split="train"),
        document(f"{MARK} plain {MARK} acid", (MARK, "Sign"), id="n4", split="test"),
    ]


def run(folder: Path, documents: Sequence[Document], **settings: Any) -> tuple[dict[str, Any], str]:
    folder.mkdir(exist_ok=True)
    write_documents(folder / "corpus.jsonl", documents)
    (folder / "harmonized.json").write_text(json.dumps(report_of(documents)), encoding="utf-8")
    arguments = ["--dataset", "toy", "--settings", json.dumps(settings), "--corpus", folder / "corpus.jsonl"]
    arguments += ["--harmonized", folder / "harmonized.json", "--quality", folder / "quality.json", "--page", folder / "quality.html"]
    main([str(argument) for argument in arguments])
    return json.loads((folder / "quality.json").read_text("utf-8")), (folder / "quality.html").read_text("utf-8")


def test_nothing_of_a_corpus_under_agreement_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report, page = run(tmp_path / "open", marked(), title="Toy", agreement=None)
    shown = [line["surface"] for kind in ("several_types", "left_out") for line in report["consistency"][kind]["examples"]]
    assert MARK in shown and f"{MARK} acid" in shown and MARK in page
    capfd.readouterr()

    closed, page = run(tmp_path / "closed", marked(), title="Toy", agreement="sign it")
    log = "".join(capfd.readouterr())
    assert "1 surface forms of several types, 2 left out in places, 2 documents repeated, 1 texts in two splits" in log
    for text in (json.dumps(closed), page, log):
        assert MARK not in text.lower() and "plain" not in text.lower().replace('class="plain', "").replace("th.plain", "")
    for kind in ("several_types", "left_out"):
        assert closed["consistency"][kind].pop("examples") == [] != report["consistency"][kind].pop("examples")
    assert closed["consistency"] == report["consistency"]
    assert closed["repeats"]["between"] == [{"splits": ["train", "test"], "texts": 1, "first": [["n1", "n4"]]}]
    assert "under a data use agreement" in page


def test_nothing_of_a_note_is_told_from_its_files_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notes = {
        "a": (f"Has {MARK} acid and {MARK} .\n", f'c="{MARK} acid" 1:1 1:2||t="problem"\n', "train"),
        "b": (f"Has {MARK} acid and {MARK} .\n", f'c="{MARK}" 1:4 1:4||t="test"\nc="not {MARK}" 1:1 1:1||t="test"\n', "test"),
        "c": (f"Has {MARK} .\n", f'c="{MARK}" 1:1 1:1||t="problem"\n', "train"),
    }
    entries = []
    for name, (note, concepts, split) in notes.items():
        for path, content, role in ((f"{name}.txt", note, "text"), (f"{name}.con", concepts, "annotations")):
            (tmp_path / path).write_text(content)
            entries.append(manifest_entry(tmp_path, path, split, role))
    write_manifest(tmp_path / "manifest.json", "toy", "mine", entries)
    harmonize("toy", {"format": "i2b2"}, raw=tmp_path / "manifest.json", output=tmp_path / "c.jsonl", quality=tmp_path / "h.json")
    arguments = ["--dataset", "toy", "--settings", '{"agreement": "sign it"}', "--corpus", tmp_path / "c.jsonl"]
    main(
        [
            str(each)
            for each in (*arguments, "--harmonized", tmp_path / "h.json", "--quality", tmp_path / "q.json", "--page", tmp_path / "p")
        ]
    )
    report = json.loads((tmp_path / "q.json").read_text("utf-8"))
    assert report["consistency"]["several_types"]["surfaces"] == 1 and report["consistency"]["left_out"]["surfaces"] == 2
    assert sum(entry["count"] for entry in report["repairs"].values()) >= 1
    told = [(tmp_path / name).read_text("utf-8").lower() for name in ("h.json", "q.json", "p")]
    assert MARK in (tmp_path / "c.jsonl").read_text() and not any(MARK in text for text in [*told, *capfd.readouterr()])


def test_the_report_has_all_of_harmonize_and_counts_without_repeats(tmp_path: Path) -> None:
    expected = {"train": {"documents": 3, "mentions": 5, "types": {"Drug": 2}}, "validation": {"documents": 1}}
    report, _ = run(tmp_path, marked(), counts=expected, licence="none", source="provided")
    before = report_of(marked())
    assert {key: report[key] for key in before} == before
    assert report["expected"] == [
        {"split": "train", "what": "documents", "expected": 3, "found": 3},
        {"split": "train", "what": "mentions", "expected": 5, "found": 3},
        {"split": "train", "what": "Drug mentions", "expected": 2, "found": 2},
        {"split": "validation", "what": "documents", "expected": 1, "found": 0},
    ]
    assert report["warnings"] == ["train: expected 5 mentions, found 3", "validation: expected 1 documents, found 0"]
    assert report["splits"]["train"]["documents"] == 3 and report["splits"]["all"]["mentions"] == 4
    nothing = {"documents": 0, "mentions": 0, "types": {}}
    kept = {"documents": 1, "mentions": 1, "types": {"Sign": 1}}
    assert report["deduplicated"] == {"train": nothing, "test": kept, "all": kept}
    assert (report["title"], report["licence"], report["source"]) == ("toy", "none", "provided")
    assert expected_counts({}, {}) == []


def test_another_file_than_the_one_reported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BionerError, match="toy: expected the 4 documents and 4 mentions that harmonize reported, found 3 and 3"):
        inspect_corpus(report_of(marked()), {}, lambda: marked()[:3])
    (tmp_path / "h.json").write_text('{"dataset": "other"}')
    arguments = ["--dataset", "toy", "--settings", "{}", "--corpus", "c", "--harmonized", str(tmp_path / "h.json")]
    with pytest.raises(BionerError, match=r"h\.json: expected what harmonize reported of toy, found another file"):
        main([*arguments, "--quality", str(tmp_path / "q.json"), "--page", str(tmp_path / "q.html")])
    assert not (tmp_path / "q.json").exists()


# --- real corpora: dataset -> repeats to the character within splits, texts in two splits, documents and mentions without repeats
REAL: dict[str, tuple[dict[str, int], dict[str, int], dict[str, tuple[int, int]]]] = {
    "bc5cdr": ({}, {}, {"train": (500, 9385), "validation": (500, 9591), "test": (500, 9809)}),
    "ncbi_disease": ({"train": 1}, {}, {"train": (592, 5134), "validation": (100, 787), "test": (100, 960)}),
    "jnlpba": ({"train": 1, "test": 1}, {"train test": 10}, {"train": (1989, 51047), "test": (403, 8644)}),
    "bc2gm": (
        {"train": 76, "validation": 17, "test": 23},
        {"train validation": 12, "train test": 34, "validation test": 15},
        {"train": (12460, 15149), "validation": (2487, 3041), "test": (5015, 6319)},
    ),
    "species800": (
        {"train": 362, "validation": 55, "test": 91},
        {"train validation": 8, "train test": 8, "validation test": 7},
        {"train": (5362, 2557), "validation": (768, 384), "test": (1539, 767)},
    ),
}


@pytest.mark.skipif(not MIRROR.is_dir(), reason="needs the corpora in ../shared/corpora")
@pytest.mark.parametrize("name", sorted(REAL))
def test_repeats_of_real_corpora(tmp_path: Path, name: str) -> None:
    within, between, kept = REAL[name]
    settings = CONFIG[name]
    told = {rule: {key: settings[key] for key in keys if key in settings} for rule, keys in DATASET_KEYS.items()}
    download(name, told["download"], tmp_path / "raw" / "manifest.json", mirror=str(MIRROR))
    harmonize(name, told["harmonize"], raw=tmp_path / "raw" / "manifest.json", output=tmp_path / "c", quality=tmp_path / "h")
    report = inspect_corpus(json.loads((tmp_path / "h").read_text()), told["inspect"], lambda: read_documents(tmp_path / "c"))
    assert {split: found["identical"] for split, found in report["repeats"]["within"].items()} == within
    assert {" ".join(found["splits"]): found["texts"] for found in report["repeats"]["between"]} == between
    counts = report["deduplicated"]
    assert {split: (counts[split]["documents"], counts[split]["mentions"]) for split in SPLITS if split in counts} == kept
    assert report["expected"] and all(row["expected"] == row["found"] for row in report["expected"])
