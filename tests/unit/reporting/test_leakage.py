"""The table of leakage, recounted by hand from the collected rows and the audits."""

import csv
import json
import shutil
import statistics
from pathlib import Path

import pytest

from bioner.commands import table1 as command
from bioner.errors import BionerError

LEAKY = "kfold5_sentence_equal"


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def compared(collected, settings, tmp_path):
    """The collected rows once more, under a second protocol in which one mention more of each document is found."""
    folder = tmp_path / "collected"
    shutil.copytree(collected, folder)
    for name in ("scores", "documents"):
        rows = rows_of(folder / f"{name}.csv")
        again = [row | {"protocol": LEAKY} for row in rows]
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows + again)
    return folder, settings | {"protocol": "kfold5", "compare": [LEAKY], "notes": ["a declared exception"]}


def audits(folder, datasets, folds=(0, 1)):
    paths = []
    for dataset in datasets:
        for protocol in ("kfold5", LEAKY):
            for fold in folds:
                path = folder / "audit" / dataset / protocol / f"fold{fold}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                leaky = protocol == LEAKY
                checks = [{"name": "shared_documents", "found": 7 * leaky}, {"name": "shared_sentences", "found": 1 + fold}]
                audit = {"unsafe": "sentences are torn" * leaky, "training_words": 1000 + fold, "lost_by_cutting": 3 * leaky}
                path.write_text(json.dumps(audit | {"checks": checks}))
                paths.append(str(path))
    return paths


def run(folder, settings, output, paths):
    command.main(["--collected", str(folder), "--audits", *paths, "--settings", json.dumps(settings), "--output-folder", str(output)])
    return rows_of(output / "leakage.csv")


def test_each_protocol_has_a_row_with_its_words_leaks_and_difference(compared, tmp_path):
    folder, settings = compared
    present = [name for name, dataset in settings["datasets"].items() if not dataset.get("missing")]
    rows = run(folder, settings, tmp_path / "tables", audits(tmp_path, present))
    assert [(row["protocol"], row["unsafe"]) for row in rows] == [("kfold5", "no"), (LEAKY, "yes")] * (len(rows) // 2)
    assert len(rows) == 2 * len(present) * len(settings["models"])
    own, leaky = rows[0], rows[1]
    assert own["difference"] == "" and leaky["difference"] == "+0.00"
    values = [
        100 * float(row["value"])
        for row in rows_of(folder / "scores.csv")
        if (row["dataset"], row["protocol"], row["model"], row["attack"]) == (present[0], "kfold5", own["model"], "clean")
        and (row["definition"], row["average"], row["metric"]) == ("strict", "micro", "f1")
    ]
    assert own["f1"] == f"{statistics.fmean(values):.2f}" and float(own["f1_low"]) <= float(own["f1"]) <= float(own["f1_high"])
    assert (own["training_words"], own["folds"], own["leaks"]) == ("1000", "2", "shared sentences: 3")
    assert leaky["leaks"] == "shared documents: 14; shared sentences: 3"
    assert "unsafe protocol: sentences are torn; 6 mentions lost by cutting into sentences" in leaky["note"]
    assert all("a declared exception" in row["note"] for row in rows)
    assert "unsafe" not in own["note"]
    for suffix in ("md", "tex", "html"):
        assert "sentences are torn" in (tmp_path / "tables" / f"leakage.{suffix}").read_text(encoding="utf-8")


def test_what_an_adaptation_alone_leaks_stands_in_rows_of_adapted_models(compared, tmp_path):
    """The audit of an adaptation has its fold's checks too, which count once."""
    folder, settings = compared
    settings = settings | {"models": {name: dict(model) for name, model in settings["models"].items()}}
    settings["models"]["fgsm"]["adaptation"] = "more"
    present = list(settings["datasets"])
    paths = audits(tmp_path, present)
    for path in paths.copy():
        audit = json.loads(Path(path).read_text())
        audit["checks"].append({"name": "test_text_in_adaptation", "found": 4})
        paths.append(path.replace(".json", ".more.json"))
        Path(paths[-1]).write_text(json.dumps(audit))
    rows = run(folder, settings, tmp_path / "tables", paths)
    told = {(row["model"], row["protocol"]): row["leaks"] for row in rows}
    assert told["plain", "kfold5"] == told["pgd", "kfold5"] == "shared sentences: 3"
    assert told["fgsm", "kfold5"] == "shared sentences: 3; test text in adaptation: 8"
    assert told["fgsm", LEAKY] == "shared documents: 14; shared sentences: 3; test text in adaptation: 8"
    assert {row["training_words"] for row in rows} == {"1000"}
    with pytest.raises(BionerError, match=r"fold<k>\.more\.json"):
        run(folder, settings, tmp_path / "tables", audits(tmp_path, present))


def test_without_audits_there_is_no_such_table_and_a_missing_one_is_told(compared, tmp_path):
    folder, settings = compared
    command.main(["--collected", str(folder), "--settings", json.dumps(settings), "--output-folder", str(tmp_path / "tables")])
    assert not (tmp_path / "tables" / "leakage.csv").exists()
    with pytest.raises(BionerError, match="expected leak audits, found none"):
        run(folder, settings, tmp_path / "tables", [])
    (tmp_path / "fold0.json").write_text("{}")
    with pytest.raises(BionerError, match=r"fold0\.json: expected an audit with checks"):
        run(folder, settings, tmp_path / "tables", [str(tmp_path / "fold0.json")])
