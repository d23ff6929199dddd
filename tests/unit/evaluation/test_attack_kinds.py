"""Every kind of attack on text keeps labels exact, inside its budget, and does what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioner.commands.attack import gather, main
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention, Passage, Span
from bioner.errors import BionerError
from bioner.evaluation.attack_settings import SETTINGS, complete
from bioner.evaluation.attacks import NAME_ATTACKS, TEXT_ATTACKS, attack_document, describe
from bioner.evaluation.edits import Edit, Ground, attacked_document
from bioner.evaluation.greedy import SEARCH_ATTACKS
from bioner.evaluation.ocr import CONFUSIONS, confusable
from bioner.evaluation.sources import Sources
from bioner.preparation.normalize import normalize, normalizer
from bioner.storage import write_json
from bioner.words import split_words

NAMES = {
    "Chemical": ["inventamide", "placebolol", "zorbic acid", "quxin-2", "Fenzomate"],
    "Disease": ["madeupitis", "storied fever", "Plotz-Quux syndrome", "ZF"],
}
FILLERS = [
    "patients",
    "with",
    "treated",
    "by",
    "of",
    "the",
    "ZF",
    "zorbic fever",
    "severe,",
    "improved;",
    "(daily)",
    "follow-up",
    "stable",
    "weeks",
]


def invent(seed: int, name: str, used: Sequence[int] = (0, 1, 2)) -> Document:
    """A document of a few sentences whose names are those at the used places of `NAMES`; some mentions nested or in two parts."""
    random = Random(f"{name}:{seed}")
    text, mentions = "Zorbic fever (ZF) was seen. ", list[Mention]()
    for _ in range(random.randint(1, 4)):
        text += "Then "
        for _ in range(random.randint(2, 8)):
            if random.random() < 0.4:
                kind = random.choice(sorted(NAMES))
                surface = NAMES[kind][random.choice(used)]
                mentions.append(Mention(f"T{len(mentions)}", ((len(text), len(text) + len(surface)),), kind, (f"C:{surface}",)))
                text += f"{surface} "
            else:
                text += f"{random.choice(FILLERS)} "
        text = f"{text.rstrip()}. "
    if mentions and random.random() < 0.4:
        outer = random.choice(mentions)
        mentions.append(Mention("N", ((outer.start, outer.start + 3),), "Disease"))
    if len(mentions) > 1 and random.random() < 0.4 and mentions[0].end < mentions[1].start:
        mentions.append(Mention("D", (mentions[0].spans[0], mentions[1].spans[0]), "Chemical"))
    return Document(name, text.rstrip(), tuple(mentions), (Passage(0, 27, "title"), Passage(28, len(text.rstrip()), "abstract")))


@cache
def sources() -> Sources:
    """Of a fold whose validation part has names that its training part lacks."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{part}.jsonl" for part in ("test", "train", "validation")]
        write_documents(paths[0], [invent(number, f"t{number}") for number in range(12)])
        training = [invent(number, f"a{number}") for number in range(12)]
        # a second name of a concept, for synonyms
        training += [Document("s", "Inventol again", (Mention("1", ((0, 8),), "Chemical", ("C:inventamide",)),))]
        write_documents(paths[1], training)
        write_documents(paths[2], [invent(number, f"v{number}", (3, 2)) for number in range(12)])
        found = gather(paths[0], paths[1:])
    return replace(found, propose=propose)


def propose(document: Document, spans: Sequence[Span]) -> list[list[str]]:
    """A masked language model that knows a few words, in an order of their own at each place."""
    return [Random(span[0]).sample(["outcome", "madeupitis", "the", "Quiet", "x", "mouse"], 6) for span in spans]


ON = {kind: {"kind": kind, "rate": 1.0} for kind in TEXT_ATTACKS}


def attack(document: Document, kind: str, **changes: Any) -> Document:
    return attack_document(document, kind, ON[kind] | changes, sources())


def edits_of(document: Document, attacked: Document) -> set[tuple[Span, str]]:
    """Edited spans of the original, and what the attacked text has there."""
    spans = zip(attacked.meta["original_spans"], attacked.meta["edit_spans"], strict=True)
    return {((old[0], old[1]), attacked.text[slice(*new)]) for old, new in spans}


def recount(document: Document, attacked: Document) -> None:
    """Check text, mentions and passages of an attacked document against the edits in `meta`, one character at a time."""
    meta = attacked.meta
    pairs = list(zip(meta["original_spans"], meta["edit_spans"], strict=True))
    expected, position = "", 0
    for (start, end), (first, last) in pairs:
        expected += document.text[position:start]
        assert len(expected) == first
        expected += attacked.text[first:last]
        position = end
    assert expected + document.text[position:] == attacked.text
    assert all(document.text[slice(*old)] != attacked.text[slice(*new)] for old, new in pairs)
    own = attacked.mentions[: len(document.mentions)]
    for before, after in zip(document.mentions, own, strict=True):
        assert (before.id, before.type, len(before.spans)) == (after.id, after.type, len(after.spans))
        for (start, end), new in zip(before.spans, after.spans, strict=True):
            text, index = "", start
            while index < end:
                inside = [(old, made) for old, made in pairs if old[0] == index and (old[0] < old[1] <= end or start < old[0] == old[1])]
                text += "".join(attacked.text[slice(*made)] for _, made in inside)
                whole = [old for old, _ in inside if old[0] < old[1]]
                text += "" if whole else document.text[index]
                index = whole[0][1] if whole else index + 1
            assert attacked.text[slice(*new)] == text != ""
            left = sum(len(attacked.text[slice(*made)]) - (old[1] - old[0]) for old, made in pairs if old[1] <= start)
            assert new[0] == start + left
    assert meta["labels"]["added"] == len(attacked.mentions) - len(own)
    assert meta["label_validity"] == 1.0 and meta["edits_made"] == len(pairs)
    for mention in attacked.mentions:
        assert all(0 <= start < end <= len(attacked.text) for start, end in mention.spans)
    assert [passage.kind for passage in attacked.passages] == [passage.kind for passage in document.passages]


@pytest.mark.parametrize("kind", TEXT_ATTACKS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 400), rate=st.sampled_from([0.0, 0.2, 0.6, 1.0]), most=st.sampled_from([None, 0, 1, 3]))
def test_labels_are_exact_and_the_budget_is_kept(kind: str, seed: int, rate: float, most: int | None) -> None:
    document = invent(seed, "t3")
    attacked = attack(document, kind, rate=rate, edits=most)
    recount(document, attacked)
    assert attacked == attack(document, kind, rate=rate, edits=most)
    assert most is None or attacked.meta["edits_made"] <= most
    if rate == 0.0 or most == 0:
        assert (attacked.text, attacked.mentions) == (document.text, document.mentions)


@pytest.mark.parametrize("kind", TEXT_ATTACKS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 400), rates=st.lists(st.floats(0, 1), min_size=2, max_size=2), most=st.integers(0, 4))
def test_what_a_smaller_budget_changes_a_larger_one_changes_too(kind: str, seed: int, rates: list[float], most: int) -> None:
    document = invent(seed, "t3")
    low, high = sorted(rates)
    few, more, capped, looser = (
        edits_of(document, attack(document, kind, rate=rate, edits=edits))
        for rate, edits in ((low, None), (high, None), (high, most), (high, most + 2))
    )
    assert few <= more and capped <= looser <= more


@pytest.mark.parametrize("kind", TEXT_ATTACKS)
def test_each_kind_edits_something_and_another_seed_something_else(kind: str) -> None:
    documents = [invent(number, f"t{number}") for number in range(8)]
    found = [[edits_of(document, attack(document, kind, rate=0.5, seed=seed)) for document in documents] for seed in (1, 2)]
    assert any(found[0]) and any(found[1])
    assert found[0] != found[1]


def test_every_kind_has_settings_and_names_are_those_of_the_config() -> None:
    assert set(SETTINGS) == {*TEXT_ATTACKS, *SEARCH_ATTACKS}
    assert set(NAME_ATTACKS) < set(TEXT_ATTACKS)
    for kind, known in SETTINGS.items():
        assert complete(kind, {}) == {name: setting.default for name, setting in known.items()}


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("ocr", {"target": "words"}, "one of all, context, mentions for target"),
        ("case", {"form": "small"}, "one of upper, lower, title, swap for form"),
        ("abbreviation", {"direction": "up"}, "one of both, long, short for direction"),
        ("boundary_insertion", {"words": ["two words"]}, "a list of words of letters for words"),
        ("punctuation", {"edits": -1}, "at least 0, or null for edits"),
        ("synonyms", {"minimum_length": 3}, "expected settings rate, edits, seed, got minimum_length"),
        ("context", {"top": 0}, "at least 1 for top"),
    ],
)
def test_settings_out_of_their_range_are_named(kind: str, change: dict[str, Any], told: str) -> None:
    with pytest.raises(BionerError, match=re.escape(told)):
        attack(invent(1, "t1"), kind, **change)


@pytest.mark.parametrize("kind", ["typos", "ocr", "case", "punctuation"])
def test_a_target_is_context_or_mentions_and_both_are_all(kind: str) -> None:
    touched = 0
    for number in range(12):
        document = invent(number, f"t{number}")
        extents = [(mention.start, mention.end) for mention in document.mentions]
        found = {target: edits_of(document, attack(document, kind, target=target)) for target in ("all", "context", "mentions")}
        assert found["all"] == found["context"] | found["mentions"] and not found["context"] & found["mentions"]
        for span, _ in found["context"] | found["mentions"]:
            inside = any(a < span[1] and span[0] < b for a, b in extents) if span[0] < span[1] else any(a < span[0] < b for a, b in extents)
            assert inside == any(span == other for other, _ in found["mentions"])
            touched += inside
    assert touched


def lines(text: str, *surfaces: tuple[str, str], concepts: tuple[str, ...] = ()) -> Document:
    """A text with mentions at the first places of surfaces, with their types."""
    mentions = tuple(
        Mention(f"T{number}", ((text.index(surface), text.index(surface) + len(surface)),), kind, concepts)
        for number, (surface, kind) in enumerate(surfaces)
    )
    return Document("x", text, mentions)


def test_a_misreading_is_one_confusion_of_the_table() -> None:
    document = lines("The modern clinic saw placebolol work", ("placebolol", "Chemical"))
    for (start, end), new in edits_of(document, attack(document, "ocr", minimum_length=3)):
        word = document.text[start:end]
        assert new != word
        assert new in {word[:place] + read + word[place + len(printed) :] for place, printed, read in confusable(word)}
    assert ("rn", "m") in CONFUSIONS and ("m", "rn") in CONFUSIONS and confusable("xyz") == []


def test_case_changes_letters_alone() -> None:
    document = lines("Two of placebolol and ABC", ("placebolol", "Chemical"))
    forms = {form: attack(document, "case", form=form).text for form in ("upper", "lower", "title", "swap")}
    assert forms == {
        "upper": "TWO OF PLACEBOLOL AND ABC",
        "lower": "two of placebolol and abc",
        "title": "Two Of Placebolol And Abc",
        "swap": "tWO OF PLACEBOLOL AND abc",
    }


def test_punctuation_comes_and_goes_but_never_joins_a_mention_with_its_neighbour() -> None:
    text = "severe, placebolol-induced fever and beta-blockers"
    document = lines(text, ("placebolol", "Chemical"), ("beta-blockers", "Chemical"))
    seen = set()
    for seed in range(40):
        attacked = attack(document, "punctuation", seed=seed)
        seen |= edits_of(document, attacked)
        assert attacked.surface(attacked.mentions[0]) == "placebolol"
        assert attacked.surface(attacked.mentions[1]) in ("beta blockers", "betablockers")
    hyphen, inner = text.index("-"), text.index("-b")
    assert {new for span, new in seen if span == (hyphen, hyphen + 1)} == {" "}
    assert {new for span, new in seen if span == (inner, inner + 1)} == {" ", ""}
    assert ((6, 7), "") in seen
    assert {new for span, new in seen if span[0] == text.index(" fever")} == {",", "-"}


def test_forms_of_a_definition_are_exchanged_outside_of_it() -> None:
    text = "Zorbic fever (ZF) is rare. ZF and zorbic fever differ; ZF-like not. Zorbic  fever again"
    document = Document(
        "x", text, tuple(Mention(f"T{n}", (match.span(),), "Disease") for n, match in enumerate(re.finditer(r"\bZF\b(?!-)", text)))
    )
    both, long, short = (attack(document, "abbreviation", direction=direction) for direction in ("both", "long", "short"))
    assert long.text == text.replace(". ZF ", ". Zorbic fever ")
    assert short.text == text.replace("Zorbic  fever again", "ZF again")
    assert both.text == "Zorbic fever (ZF) is rare. Zorbic fever and zorbic fever differ; ZF-like not. ZF again"
    assert [both.surface(mention) for mention in both.mentions] == ["ZF", "Zorbic fever"]
    twice = replace(document, text=text.replace("not.", "not (zonal flu, ZF).") + " zonal flu (ZF)", mentions=())
    assert "Zorbic fever and zorbic" not in attack(twice, "abbreviation", direction="long").text


def test_synonyms_are_names_of_the_concept_and_keep_it() -> None:
    document = lines("of inventamide", ("inventamide", "Chemical"), concepts=("C:inventamide",))
    attacked = attack(document, "synonyms")
    assert attacked.text == "of Inventol" and attacked.mentions[0].concepts == ("C:inventamide",)
    for concepts in ((), ("C:inventamide", "C:placebolol"), ("-1",)):
        assert attack(replace(document, mentions=(document.mentions[0]._replace(concepts=concepts),)), "synonyms").text == document.text


def test_new_names_are_seen_unseen_or_of_another_type() -> None:
    document = lines("of inventamide in madeupitis", ("inventamide", "Chemical"), ("madeupitis", "Disease"), concepts=("C0",))
    training = {kind: set(NAMES[kind][:3]) for kind in NAMES} | {"Chemical": {*NAMES["Chemical"][:3], "Inventol"}}
    for seed in range(30):
        seen, unseen, other = (attack(document, f"entities_{way}", seed=seed) for way in ("seen", "unseen", "other_type"))
        assert {
            m.type: {seen.surface(m)} <= training[m.type] - {document.surface(document.mentions[i])} for i, m in enumerate(seen.mentions)
        } == {
            "Chemical": True,
            "Disease": True,
        }
        assert [unseen.surface(mention) for mention in unseen.mentions] == [NAMES["Chemical"][3], NAMES["Disease"][3]]
        assert other.surface(other.mentions[0]) in training["Disease"] and other.surface(other.mentions[1]) in training["Chemical"]
        assert [mention.type for mention in other.mentions] == ["Chemical", "Disease"]
        assert all(mention.concepts == (f"C:{seen.surface(mention)}",) or seen.surface(mention) == "Inventol" for mention in seen.mentions)
        assert unseen.mentions[0].concepts == (f"C:{NAMES['Chemical'][3]}",) and other.mentions[0].concepts == ()


def test_nested_and_discontiguous_mentions_are_not_renamed() -> None:
    document = Document("x", "of zorbic acid", (Mention("1", ((3, 14),), "Chemical"), Mention("2", ((3, 9),), "Chemical")))
    apart = Document("x", "of zorbic and quxin", (Mention("1", ((3, 9), (14, 19)), "Chemical"),))
    for kind in ("entities_seen", "entities_unseen", "entities_other_type"):
        assert attack(document, kind).text == document.text and attack(apart, kind).text == apart.text


def test_a_corpus_of_one_type_has_no_other_type() -> None:
    single = replace(sources(), seen={"Disease": [("colic", ())]}, other={"Disease": [("gripe", ())]})
    document = lines("of madeupitis", ("madeupitis", "Disease"))
    assert attack_document(document, "x", ON["entities_other_type"], single).text == document.text


def test_context_is_other_words_and_never_a_name_or_a_word_of_a_mention() -> None:
    document = lines("Patients who took madeupitis remained STABLE", ("madeupitis", "Disease"))
    for seed in range(20):
        attacked = attack(document, "context", seed=seed, minimum_length=4)
        assert attacked.surface(attacked.mentions[0]) == "madeupitis"
        words = attacked.text.split()
        assert words[1] == "who" and words[0] in ("Outcome", "Quiet", "Mouse", "The") and words[5] in ("OUTCOME", "QUIET", "MOUSE", "THE")
    with pytest.raises(BionerError, match="expected a masked language model, got none"):
        attack_document(document, "x", ON["context"])


def test_a_word_is_inserted_beside_a_mention_and_outside_of_all() -> None:
    document = lines("severe zorbic acid, IL2", ("zorbic acid", "Chemical"), ("acid", "Chemical"), ("IL", "Chemical"))
    texts = set()
    for seed in range(40):
        attacked = attack(document, "boundary_insertion", seed=seed, words=["and"])
        assert [attacked.surface(mention) for mention in attacked.mentions] == ["zorbic acid", "acid", "IL"]
        texts.add(attacked.text)
    assert texts <= {
        f"severe {before}zorbic acid{after}, {left}IL2" for before in ("", "and ") for after in ("", " and") for left in ("", "and ")
    }
    assert len(texts) > 3


def test_a_word_beside_a_mention_does_not_depend_on_the_order_of_mentions() -> None:
    document = lines("severe zorbic acid, madeupitis, IL 2", ("zorbic acid", "Chemical"), ("madeupitis", "Disease"), ("IL", "Chemical"))
    for seed in range(20):
        turned = replace(document, mentions=document.mentions[::-1])
        assert attack(turned, "boundary_insertion", seed=seed).text == attack(document, "boundary_insertion", seed=seed).text


def test_sentences_of_other_documents_come_with_their_mentions() -> None:
    count = 0
    for document in sources().documents[:6]:
        others = {other.id: other for other in sources().documents if other.id != document.id}
        attacked = attack(document, "concatenation")
        added = attacked.mentions[len(document.mentions) :]
        count += len(added)
        for mention in added:
            source, _, name = mention.id.partition(":")
            (original,) = (found for found in others[source].mentions if found.id == name)
            assert attacked.surface(mention) == others[source].surface(original)
            assert (mention.type, mention.concepts) == (original.type, original.concepts)
        for start, end in attacked.meta["edit_spans"]:
            sentence = attacked.text[start + 1 : end]
            homes = [other for other in others.values() if sentence in other.text]
            inside = [mention for mention in attacked.mentions if mention.start < end and start < mention.end]
            assert homes and all(start < mention.start and mention.end <= end and mention in added for mention in inside)
            first = homes[0].text.index(sentence)
            gold = [mention for mention in homes[0].mentions if first <= mention.start and mention.end <= first + len(sentence)]
            assert len(homes) > 1 or len(inside) == len(gold)
            cut = [mention for mention in homes[0].mentions if mention.start < first + len(sentence) and first < mention.end]
            assert len(homes) > 1 or cut == gold
    assert count > 5
    alone = replace(sources(), documents=[document])
    assert attack_document(document, "x", ON["concatenation"], alone).text == document.text
    torn = lines("Alpha beta. Gamma delta.", ("beta. Gamma", "Disease"))
    assert attack_document(document, "x", ON["concatenation"], replace(sources(), documents=[torn])).text == document.text
    short = lines("One madeupitis. Two here.", ("madeupitis", "Disease"))
    long = replace(short, id="y", text="A one. A two. A three. A four. A five.", mentions=())
    twice = attack_document(long, "x", ON["concatenation"], replace(sources(), documents=[short, long]))
    assert twice.meta["edits_made"] == 2 and len(twice.mentions) == 1


def test_edits_that_break_labels_are_refused() -> None:
    document = lines("of madeupitis", ("madeupitis", "Disease"))
    ground = Ground(document)
    assert ground.allows(Edit((3, 13), "x")) and not ground.allows(Edit((3, 13), ""))
    assert not ground.allows(Edit((2, 5), "x")) and not ground.allows(Edit((2, 14), ""))
    assert ground.allows(Edit((0, 2), "")) and ground.allows(Edit((3, 3), "x "))
    with pytest.raises(ValueError, match="across its border"):
        attacked_document(document, [Edit((2, 5), "x")], "x")
    assert attacked_document(document, [Edit((3, 3), "the "), Edit((3, 3), "old ")], "x").text == "of the old madeupitis"


def test_the_log_says_what_was_done_and_no_text() -> None:
    attacked = [attack(invent(number, f"t{number}"), "concatenation", rate=0.5) for number in range(4)]
    told = describe("foreign", attacked)
    edits, added = (
        sum(document.meta["edits_made"] for document in attacked),
        sum(document.meta["labels"]["added"] for document in attacked),
    )
    checked = sum(len(document.mentions) for document in attacked)
    assert told.startswith(f"attack foreign: {edits} edits in ") and f"{checked} labels checked, 100.00 % valid" in told
    assert told.endswith(f"{added} added") and "madeupitis" not in told


def test_the_command_takes_names_from_the_other_parts(tmp_path: Path) -> None:
    for part, documents in (
        ("test", [invent(1, "t1")]),
        ("train", [invent(2, "a2"), invent(4, "a4")]),
        ("validation", [invent(3, "v3", (3,))]),
    ):
        write_documents(tmp_path / f"{part}.jsonl", documents)
    write_json(tmp_path / "composition.json", {"normalize": ["unicode"]})
    arguments = ["--test", str(tmp_path / "test.jsonl"), "--name", "new", "--settings", '{"kind": "entities_unseen"}']
    composition = ["--composition", str(tmp_path / "composition.json")]
    names = ["--names", str(tmp_path / "train.jsonl"), str(tmp_path / "validation.jsonl")]
    main([*arguments, *names, *composition, "--output", str(tmp_path / "one.jsonl")])
    (attacked,) = read_documents(tmp_path / "one.jsonl")
    found = {attacked.surface(mention) for mention in attacked.mentions if mention.id.startswith("T")}
    assert found & {NAMES["Chemical"][3], NAMES["Disease"][3]} and attacked.meta["attack"] == "new"
    with pytest.raises(BionerError, match="got 1 files"):
        main([*arguments, *names[:2], *composition, "--output", str(tmp_path / "two.jsonl")])
    with pytest.raises(BionerError, match=r"composition.json of the fold, got none; give --composition"):
        main([*arguments, *names, "--output", str(tmp_path / "two.jsonl")])


def test_words_stay_words_under_attacks_on_words() -> None:
    """Typing errors, misreadings and case neither split nor join words, so that what a tagger can express stays what it was."""
    for number in range(8):
        document = invent(number, f"t{number}")
        for kind in ("typos", "ocr", "case"):
            assert len(split_words(attack(document, kind).text)) == len(split_words(document.text))


def nested(name: str, text: str, *found: tuple[str, str]) -> Document:
    mentions = [Mention(f"T{n}", ((text.index(s), text.index(s) + len(s)),), kind) for n, (s, kind) in enumerate(found)]
    return Document(name, text, tuple(mentions))


def gathered(folder: Path, train: Document, test: Document, normalized: Callable[[str], str] = str) -> Sources:
    for part, documents in (("train", [train]), ("validation", []), ("test", [test])):
        write_documents(folder / f"{part}.jsonl", documents)
    return gather(folder / "test.jsonl", [folder / "train.jsonl", folder / "validation.jsonl"], normalized=normalized)


def test_a_nested_name_of_training_is_no_unseen_one(tmp_path: Path) -> None:
    train = nested("a", "The zor-2 receptor.", ("zor-2 receptor", "DNA"), ("zor-2", "protein"))
    found = gathered(tmp_path, train, nested("b", "A zor-2 and abx.", ("zor-2", "protein"), ("abx", "protein")))
    assert [name for name, _ in found.unseen_names["protein"]] == ["abx"]
    assert all(name != "zor-2" for name, _ in found.foreign_names["protein"])


@pytest.mark.parametrize(("name", "steps"), [("Plotz\u2019s disease", ["unicode"]), ("\u03b1-quuxemia", ["unicode", "greek"])])
def test_a_name_that_normalization_changed_is_seen_and_its_own(tmp_path: Path, name: str, steps: list[str]) -> None:
    """Training names come from normalized text, those of the test part from the original."""
    train = normalize(nested("a", f"The {name} is common.", (name, "Disease")), steps)
    test = nested("b", f"A {name} and abx.", (name, "Disease"), ("abx", "Disease"))
    write_json(tmp_path / "composition.json", {"normalize": steps})
    found = gathered(tmp_path, train, test, normalizer(tmp_path / "composition.json"))
    assert train.surface(train.mentions[0]) != name and [surface for surface, _ in found.unseen_names["Disease"]] == ["abx"]
    seen = attack_document(test, "x", ON["entities_seen"], found)
    assert [seen.surface(mention) for mention in seen.mentions] == [name, train.surface(train.mentions[0])]


def test_words_inside_names_are_protected_too(tmp_path: Path) -> None:
    train = nested("a", "Of plotz-quuxia (zib/zab) syndrome.", ("plotz-quuxia (zib/zab) syndrome", "Disease"), ("quuxia", "Disease"))
    found = gathered(tmp_path, train, nested("b", "An abx.", ("abx", "Disease")))
    assert {"plotz", "quuxia", "zib", "zab", "syndrome", "abx"} <= found.protected_words


@pytest.mark.parametrize(("text", "name"), [("anti-CD4 cells", "-CD4"), ("a Ca2+dependent one", "Ca2+")])
def test_a_word_at_a_border_is_never_glued_to_another(text: str, name: str) -> None:
    start = text.index(name)
    document = Document("a", text, (Mention("T1", ((start, start + len(name)),), "Chemical"),))
    for seed in range(20):
        settings = ON["boundary_insertion"] | {"seed": seed}
        attacked = attack_document(document, "x", settings).text
        assert {text[a:b] for a, b in split_words(text)} <= {attacked[a:b] for a, b in split_words(attacked)}, attacked
