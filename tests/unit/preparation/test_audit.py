from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioner.commands import audit as command
from bioner.documents import read_documents, to_json, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.preparation.audit import audit_fold
from bioner.preparation.augment import Noise, add_noise
from bioner.preparation.compose import Settings, compose_fold
from bioner.preparation.leaks import CHECKS, FoldSets
from bioner.preparation.normalize import normalize
from bioner.preparation.protocols import Protocol
from bioner.preparation.split import official
from bioner.rewriting import rewrite
from bioner.storage import read_json, write_json

STEPS = ["unicode", "shorthand"]


@pytest.fixture
def folder(tmp_path: Path, corpus: list[Document]) -> Path:
    """A clean fold of the invented corpus, in which no sentence comes twice."""
    fold = tmp_path / "fold0"
    corpus = [rewrite(d, [(m.span(), f"Cohort{d.id}") for m in re.finditer("Patients", d.text)]) for d in corpus]
    normalized = [normalize(document, STEPS) for document in corpus]
    noise = [add_noise(document, Noise(0.2)) for document in normalized]
    sets = compose_fold(
        {d.id: d for d in corpus}, {d.id: d for d in normalized}, noise, official(corpus, 1, "toy"), Settings(STEPS, (0.3, 1))
    )
    for name in ("train", "variants", "validation", "test"):
        write_documents(fold / f"{name}.jsonl", getattr(sets, name))
    write_json(fold / "lexicon.json", sets.lexicon.to_json())
    write_json(fold / "composition.json", {"protocol": "official", "normalize": STEPS, "training_words": 7, "lost_by_cutting": 0})
    return fold


def documents(folder: Path, name: str) -> list[Document]:
    return list(read_documents(folder / f"{name}.jsonl"))


def add(folder: Path, name: str, *more: Document) -> None:
    with open(folder / f"{name}.jsonl", "a", encoding="utf-8") as handle:
        handle.writelines(json.dumps(to_json(document)) + "\n" for document in more)


def run(folder: Path, allowed: dict[str, int] | None = None, *more: str) -> dict[str, Any]:
    output = folder.parent / "verdict.json"
    output.unlink(missing_ok=True)
    command.main(["--folder", str(folder), "--settings", json.dumps({"allowed": allowed or {}}), "--output", str(output), *more])
    return read_json(output)  # type: ignore[no-any-return]


def test_clean_fold_is_clean(folder: Path) -> None:
    report = run(folder)
    assert report["verdict"] == "clean"
    assert [check["name"] for check in report["checks"]] == list(CHECKS)
    assert all(check["found"] == 0 and not check["examples"] for check in report["checks"])


def share_id(folder: Path) -> set[str]:
    add(folder, "train", replace(normalize(documents(folder, "test")[0], STEPS), text="quite another text", mentions=(), passages=()))
    return {"shared_documents"}


def share_text(folder: Path) -> set[str]:
    test = documents(folder, "test")[0]
    add(folder, "train", Document("stranger", normalize(test, STEPS).text.upper().replace(" ", "  ")))
    return {"shared_documents"}


def train_on_validation(folder: Path) -> set[str]:
    add(folder, "train", replace(documents(folder, "validation")[0], id="stranger"))
    return {"validation_in_training"}


def share_between_evaluations(folder: Path) -> set[str]:
    add(folder, "validation", replace(normalize(documents(folder, "test")[0], STEPS), id="stranger"))
    return {"shared_documents"}


def share_nearly(folder: Path) -> set[str]:
    add(folder, "train", Document("stranger", _nearly(documents(folder, "test")[3])))
    return {"near_duplicates"}


def share_nearly_with_validation(folder: Path) -> set[str]:
    add(folder, "train", Document("stranger", _nearly(documents(folder, "validation")[3])))
    return {"validation_near_training"}


def _nearly(document: Document) -> str:
    """The text with another first word and another end; it has five sentences or more."""
    return normalize(replace(document, text=f"Account{document.text.removeprefix('Report')} Ends.", mentions=(), meta={}), STEPS).text


def share_sentence(folder: Path) -> set[str]:
    *_, sentence, end = normalize(documents(folder, "test")[3], STEPS).text.rpartition(" Cohort")
    add(folder, "train", Document("stranger", "Nothing else is like this. " + (sentence + end).strip().upper()))
    return {"shared_sentences"}


def vary_test(folder: Path) -> set[str]:
    add(folder, "variants", add_noise(normalize(documents(folder, "test")[3], STEPS), Noise(0.5)))
    return {"variant_of_test"}


def vary_test_in_train(folder: Path) -> set[str]:
    add(folder, "train", add_noise(normalize(documents(folder, "test")[3], STEPS), Noise(0.5)))
    return {"variant_of_test"}


def vary_test_under_a_false_name(folder: Path) -> set[str]:
    source = documents(folder, "train")[0].id
    text = normalize(documents(folder, "test")[3], STEPS).text
    add(folder, "variants", Document("x~noise1", text, meta={"source": source, "augmentation": "noise"}))
    return {"variant_of_test"}


def vary_validation(folder: Path) -> set[str]:
    add(folder, "variants", add_noise(documents(folder, "validation")[0], Noise(0.5)))
    return {"variant_of_validation"}


def vary_unknown(folder: Path) -> set[str]:
    add(folder, "variants", Document("x~noise1", "some text", meta={"source": "x", "augmentation": "noise"}))
    return {"variant_of_unknown"}


def vary_with_test_text(folder: Path) -> set[str]:
    text = _nearly(documents(folder, "test")[3])
    add(folder, "variants", Document("x~noise1", text, meta={"source": documents(folder, "train")[0].id, "augmentation": "noise"}))
    return {"foreign_text_in_variants"}


def vary_with_a_test_sentence(folder: Path) -> set[str]:
    source = documents(folder, "train")[0]
    sentence = "Something quite unlike all of the others was seen there once."
    add(folder, "validation", Document("holder", sentence))
    meta = {"source": source.id, "augmentation": "back_translation"}
    add(folder, "variants", Document("x~back_translation1", f"{source.text} {sentence}", meta=meta))
    return {"foreign_text_in_variants"}


def vary_with_a_test_name(folder: Path) -> set[str]:
    source = documents(folder, "train")[0]
    add(folder, "test", Document("holder", "a hidden name", (Mention("T1", ((2, 13),), "Drug", ("C1",)),)))
    meta = {"source": source.id, "augmentation": "shuffling"}
    add(folder, "variants", Document("x~shuffling1", "the hidden name", (Mention("T1", ((4, 15),), "Drug", ("C1",)),), meta=meta))
    return {"foreign_names_in_variants"}


def evaluate_variant(folder: Path) -> set[str]:
    add(folder, "test", Document("y~noise1", "some other text", meta={"source": "y", "augmentation": "noise"}))
    return {"variant_in_evaluation"}


def name_from_test(folder: Path) -> set[str]:
    return _name(folder, [documents(folder, "test")[0].id])


def name_without_provenance(folder: Path) -> set[str]:
    return _name(folder, [])


def name_with_false_provenance(folder: Path) -> set[str]:
    return _name(folder, [documents(folder, "train")[0].id])


def name_of_another_concept(folder: Path) -> set[str]:
    """A training surface, but paired with a concept that only the test part gives it."""
    lexicon = read_json(folder / "lexicon.json")
    lexicon["entries"]["C-of-test"] = [sorted(lexicon["provenance"])[0]]
    write_json(folder / "lexicon.json", lexicon)
    return {"test_only_lexicon_entries"}


def _name(folder: Path, ids: list[str]) -> set[str]:
    lexicon = read_json(folder / "lexicon.json")
    lexicon["entries"]["C1"].append("hidden name")
    if ids:
        lexicon["provenance"]["hidden name"] = ids
    write_json(folder / "lexicon.json", lexicon)
    add(folder, "test", Document("holder", "a hidden name", (Mention("T1", ((2, 13),), "Drug", ("C1",)),)))
    return {"test_only_lexicon_entries"}


def repeat_id(folder: Path) -> set[str]:
    add(folder, "variants", documents(folder, "variants")[0])
    return {"duplicate_ids"}


PLANTS = [
    share_id, share_text, share_nearly, share_nearly_with_validation, share_sentence,
    train_on_validation, share_between_evaluations, vary_test, vary_test_in_train, vary_test_under_a_false_name,
    vary_validation, vary_unknown, evaluate_variant, name_from_test, name_without_provenance, name_with_false_provenance,
    name_of_another_concept, repeat_id, vary_with_test_text, vary_with_a_test_sentence, vary_with_a_test_name,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_each_planted_leak_is_caught_by_name(folder: Path, plant: Callable[[Path], set[str]]) -> None:
    expected = plant(folder)
    with pytest.raises(BionerError) as caught:
        run(folder)
    report = read_json(folder.parent / "verdict.json")
    assert report["verdict"] == "leak"
    found = {check["name"]: check for check in report["checks"] if check["found"]}
    assert set(found) == expected
    (name,) = expected
    assert found[name]["found"] == 1 and f"{name}: 1, allowed 0 ({found[name]['examples'][0]})" in str(caught.value)
    assert "\n" not in str(caught.value)
    known = {d.id for part in ("train", "validation", "test") for d in documents(folder, part)} | {"(unknown)"}
    assert all(example in known or "~" in example for example in found[name]["examples"])


def test_exactly_the_recorded_count_is_allowed_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = documents(folder, "test")
    add(folder, "train", *(Document(f"again{i}", normalize(test[i], STEPS).text) for i in range(3)))
    report = run(folder, {"shared_documents": 3})
    assert report["verdict"] == "clean"
    assert report["checks"][0] == {
        "name": "shared_documents",
        "found": 3,
        "examples": [document.id for document in test[:3]],
        "allowed": 3,
        "note": "known: 3 recorded in the config",
    }
    assert "shared_documents: known: 3" in capsys.readouterr().err
    for count in (2, 4):
        with pytest.raises(BionerError, match=f"shared_documents: 3, allowed {count}"):
            run(folder, {"shared_documents": count})


def test_variant_of_a_known_shared_document_is_no_second_leak(folder: Path) -> None:
    again = Document("again", normalize(documents(folder, "test")[0], STEPS).text)
    add(folder, "train", again)
    add(folder, "variants", add_noise(again, Noise(0.0)))
    assert run(folder, {"shared_documents": 1})["verdict"] == "clean"


def test_allowance_that_is_not_needed_is_noted(folder: Path) -> None:
    report = run(folder, {"shared_documents": 3})
    assert report["verdict"] == "clean" and report["checks"][0]["note"] == "3 recorded in the config, 0 found"


def test_wrong_input_is_told(folder: Path) -> None:
    with pytest.raises(BionerError, match="audit settings"):
        run(folder, {"shared": 1})
    with pytest.raises(BionerError, match="audit settings"):
        command.main(["--folder", str(folder), "--settings", '{"allow": {}}', "--output", "x"])
    with open(folder / "train.jsonl", "a") as handle:
        handle.write("{}\n")
    with pytest.raises(BionerError, match=r"train\.jsonl:37: not a document"):
        run(folder)
    (folder / "train.jsonl").unlink()
    with pytest.raises(BionerError, match="found none"):
        run(folder)


def protocol(folder: Path, name: str) -> None:
    write_json(folder / "composition.json", read_json(folder / "composition.json") | {"protocol": name})


def found(report: dict[str, Any]) -> dict[str, int]:
    return {check["name"]: check["found"] for check in report["checks"] if check["found"]}


@pytest.mark.parametrize("plant", ["whole", "nearly", "raw", "inside"])
def test_test_text_in_adaptation_is_caught_by_name(folder: Path, plant: str) -> None:
    text = folder.parent / "adaptation.jsonl"
    known, leaked = documents(folder, "train")[:5], documents(folder, "test")[3]
    prepared = normalize(leaked, STEPS)
    longer = " ".join(f"Word{number} is of another text than all of the others here." for number in range(40))
    texts = {"whole": prepared.text, "nearly": _nearly(leaked), "raw": leaked.text, "inside": f"{longer} {leaked.text}"}
    more = Document("stranger", texts[plant])
    unchecked = next(check for check in run(folder)["checks"] if check["name"] == "test_text_in_adaptation")
    assert unchecked["note"].startswith("not checked")
    write_documents(text, known)
    report = run(folder, {}, "--adaptation", str(text))
    assert report["verdict"] == "clean" and not any(check["note"] for check in report["checks"])
    write_documents(text, [*known, more])
    with pytest.raises(BionerError, match=rf"test_text_in_adaptation: 1, allowed 0 \({leaked.id}\)"):
        run(folder, {}, "--adaptation", str(text))


def test_validation_may_be_trained_on_where_the_protocol_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held_out = documents(folder, "validation")
    add(folder, "train", *held_out)
    add(folder, "variants", add_noise(held_out[0], Noise(0.5)))
    with pytest.raises(BionerError, match=f"validation_in_training: {len(held_out)}, allowed 0"):
        run(folder)
    protocol(folder, "official_trainval")
    report = run(folder)
    assert (report["verdict"], found(report)) == ("clean", {"validation_in_training": len(held_out)})
    assert "validation_in_training: declared: train_on_validation" in capsys.readouterr().err
    add(folder, "train", replace(normalize(documents(folder, "test")[0], STEPS), id="stranger"))
    with pytest.raises(BionerError, match="found shared_documents: 1"):
        run(folder)


def test_names_of_a_declared_external_lexicon_are_counted_and_accepted(folder: Path) -> None:
    add(folder, "test", Document("holder", "a hidden name", (Mention("T1", ((2, 13),), "Drug", ("C1",)),)))
    lexicon = read_json(folder / "lexicon.json")
    lexicon["external"] = {"own": {"sha256": "0", "entries": {"C1": ["hidden name", "never seen", "zorbinol"]}}}
    write_json(folder / "lexicon.json", lexicon)
    report = run(folder)
    assert (report["verdict"], found(report)) == ("clean", {"external_lexicon_entries": 1})
    entry = next(check for check in report["checks"] if check["found"])
    assert entry["examples"] == ["holder"] and entry["note"] == "declared: lexicon: external"


def test_single_sentences_fail_an_official_split_and_are_reported_of_folds(folder: Path) -> None:
    share_sentence(folder)
    protocol(folder, "kfold5_equal")
    report = run(folder)
    assert (report["verdict"], found(report)) == ("clean", {"shared_sentences": 1})
    assert next(check for check in report["checks"] if check["found"])["note"].startswith("reported: ")
    protocol(folder, "official")
    assert run(folder, {"shared_sentences": 1})["verdict"] == "clean"


def test_of_a_training_part_that_was_cut_fewer_leaks_than_recorded_are_accepted(folder: Path) -> None:
    share_text(folder)
    with pytest.raises(BionerError, match="shared_documents: 1, allowed 2"):
        run(folder, {"shared_documents": 2})
    protocol(folder, "official_equal")
    assert run(folder, {"shared_documents": 2})["verdict"] == "clean"
    with pytest.raises(BionerError, match="shared_documents: 1, allowed 0"):
        run(folder)


def test_a_renamed_sentence_may_meet_one_of_the_test_part(folder: Path) -> None:
    """Of sentences made alike, as of a template, one is that of a test document once its names are replaced."""
    source = documents(folder, "train")[0]
    shape = "{} was given to all of the patients in {}."
    add(folder, "train", replace(source, id="s", text=f"{source.text} {shape.format('Xorb', 'Rome')}", mentions=(), meta={}))
    add(folder, "test", Document("t", f"Another one. {shape.format('Zorbinol', 'Oslo')}"))
    variant = Document("s~synonyms1", f"{source.text} {shape.format('Zorbinol', 'Oslo')}", meta={"source": "s", "augmentation": "synonyms"})
    add(folder, "variants", variant)
    assert run(folder)["verdict"] == "clean"


def test_what_is_allowed_of_the_official_split_excuses_no_fold(folder: Path) -> None:
    share_text(folder)
    assert run(folder, {"shared_documents": 1})["verdict"] == "clean"
    protocol(folder, "kfold5")
    with pytest.raises(BionerError, match="shared_documents: 1, allowed 0"):
        run(folder, {"shared_documents": 1})


def test_recorded_counts_hold_where_validation_is_trained_on_too(folder: Path) -> None:
    """A sentence and a whole document that validation and test have in common: the same counts, whether it is trained on or not."""
    *_, sentence, end = normalize(documents(folder, "test")[3], STEPS).text.rpartition(" Cohort")
    held = Document("stranger", "Nothing else is like this. " + (sentence + end).strip())
    again = Document("again", _nearly(documents(folder, "test")[6]))
    add(folder, "validation", held, again)
    allowed = {"shared_sentences": 1, "near_duplicates": 1}
    assert run(folder, allowed)["verdict"] == "clean"
    add(folder, "train", *documents(folder, "validation"))
    protocol(folder, "official_trainval")
    assert run(folder, allowed)["verdict"] == "clean"


def test_parts_of_one_source_are_originals(folder: Path) -> None:
    parts = [Document(f"p-{number}", f"part {number} of a text that is long enough", meta={"source": "p"}) for number in range(2)]
    add(folder, "train", *parts)
    noisy = add_noise(parts[0], Noise(0.9))
    assert noisy.source == "p-0"
    add(folder, "variants", noisy)
    assert run(folder)["verdict"] == "clean"


def test_an_unsafe_protocol_is_never_clean_and_never_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    protocol(folder, "augment_first5")
    assert run(folder)["verdict"] == "unsafe"
    vary_test_in_train(folder)
    evaluate_variant(folder)
    report = run(folder)
    assert (report["verdict"], found(report)) == ("unsafe", {"variant_of_test": 1, "variant_in_evaluation": 1})
    assert report["protocol"] == "augment_first5" and "a document and its variant" in report["unsafe"]
    assert "unsafe protocol augment_first5" in capsys.readouterr().err


def test_a_sentence_is_known_by_its_document(folder: Path) -> None:
    train, test = documents(folder, "train")[0], documents(folder, "test")[0]
    sentence = Document(f"{train.id}#s1", "a sentence of its own", meta={"source": train.id, "sentence": 1})
    sets = FoldSets(
        train=[train], variants=[], validation=[], test=[test, sentence], lexicon={"entries": {}, "provenance": {}}, steps=STEPS
    )
    report = audit_fold(sets, {}, Protocol.parse("kfold5_sentence"))
    assert found(report) == {"shared_documents": 1}
