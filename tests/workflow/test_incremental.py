"""What a second run does after each kind of change."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Project


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert "Nothing to be done" in finished.run()


def test_touching_sources_changes_nothing(finished: Project) -> None:
    for path in sorted((finished.folder / "src").rglob("*.py")):
        path.touch()
    for name in ("Snakefile", "config.yaml"):
        (finished.folder / name).touch()
    assert finished.planned() == {}


def test_a_comment_or_docstring_changes_nothing(finished: Project) -> None:
    finished.edit("src/bioner/tagging/training.py", "class Training:", "# a remark\nclass Training:")
    finished.edit("src/bioner/reporting/tables.py", '"""', '"""Another docstring. ')
    assert finished.planned() == {}


def test_an_edit_of_the_table_code_rebuilds_tables_only(finished: Project) -> None:
    finished.edit(
        "src/bioner/reporting/table1.py", "from __future__ import annotations\n", "from __future__ import annotations\n\nADDED = 1\n"
    )
    assert finished.planned() == {"table1": 1, "report": 1}


def test_an_edit_of_the_training_code_retrains(finished: Project) -> None:
    finished.edit("src/bioner/tagging/training.py", "CHECKPOINT_SECONDS = 60.0", "CHECKPOINT_SECONDS = 61.0")
    planned = finished.planned()
    assert planned["train"] == 2
    assert not planned.keys() & {"harmonize", "normalize", "split", "compose", "audit", "fetch_encoder"}


def test_one_models_learning_rate_retrains_that_model_only(finished: Project) -> None:
    planned = finished.planned("--config", 'models={"plain": {"training": {"learning_rate": 0.0002}}}')
    assert {rule: planned[rule] for rule in ("recipe", "train", "predict", "score")} == {"recipe": 1, "train": 1, "predict": 1, "score": 1}
    needed = {"recipe", "train", "predict", "postprocess", "score", "collect", "table1", "tabulate", "figures", "report"}
    assert planned.keys() == needed


def test_a_title_retrains_nothing(finished: Project) -> None:
    planned = finished.planned("--config", 'models={"plain": {"title": "Plain MiniLM"}}')
    assert planned.keys() <= {"table1", "tabulate", "figures", "report"} and planned


def test_another_policy_of_post_processing_predicts_nothing_again(finished: Project) -> None:
    planned = finished.planned("--config", 'postprocessing={"overlaps": "first"}')
    assert planned["postprocess"] == 2 and planned.keys() == {"postprocess", "score", "collect", "table1", "tabulate", "figures", "report"}


def test_another_attack_predicts_again_and_retrains_nothing(finished: Project) -> None:
    planned = finished.planned("--config", 'attacks={"fgsm": {"epsilon": 0.05}}')
    assert planned["predict"] == 2 and "train" not in planned


def test_a_known_leak_is_looked_at_again_and_nothing_is_trained(finished: Project) -> None:
    planned = finished.planned("--config", 'datasets={"demo_bc5cdr": {"allowed_leaks": {"shared_documents": 1}}}')
    assert planned == {"audit": 1, "table1": 1, "report": 1}


def test_what_is_said_of_a_corpus_trains_nothing(finished: Project) -> None:
    change = 'datasets={"demo_bc5cdr": {"licence": "another word", "counts": {"train": {"documents": 9}}}}'
    assert finished.planned("--config", change) == {"inspect": 1, "report": 1}


def test_other_weights_in_an_encoder_s_folder_are_fetched_and_trained(finished: Project, toy_encoder: Path, tmp_path: Path) -> None:
    before = finished.planned()
    config = toy_encoder / "config.json"
    kept = config.read_text()
    try:
        config.write_text(json.dumps(json.loads(kept) | {"layer_norm_eps": 1e-6}))
        planned = finished.planned()
    finally:
        config.write_text(kept)
    assert before == {} and (planned["fetch_encoder"], planned["train"]) == (1, 2) and "compose" not in planned


def test_another_byte_in_a_provided_corpus_is_read_again(finished: Project, tmp_path: Path) -> None:
    line = {"id": "1", "split": "train", "text": "gout pain", "mentions": [{"id": "T1", "spans": [[0, 4]], "type": "D", "concepts": []}]}
    entry = {
        "title": "Mine",
        "format": "jsonl",
        "source": "provided",
        "licence": "own",
        "folder": str(tmp_path / "my corpus"),
        "groups": {"D": "diseases"},
    }
    wanted = ("results/quality/mine.json", "--config", f"datasets={json.dumps({'mine': entry})}")
    file = tmp_path / "my corpus" / "a.jsonl"
    file.parent.mkdir()
    file.write_text(json.dumps(line) + "\n")
    finished.run(*wanted)
    assert finished.planned(*wanted) == {}
    file.touch()
    assert finished.planned(*wanted) == {}
    file.write_text(json.dumps(line | {"text": "ague pain"}) + "\n")
    assert finished.planned(*wanted) == {"download": 1, "harmonize": 1, "inspect": 1}
    finished.run(*wanted)
    (file.parent / "b.jsonl").write_text(json.dumps(line | {"id": "2"}) + "\n")
    assert finished.planned(*wanted) == {"download": 1, "harmonize": 1, "inspect": 1}
    finished.run(*wanted)
    told = {"mine": entry | {"licence": "another word"}}
    assert finished.planned(wanted[0], "--config", 'mirror="/elsewhere"', f"datasets={json.dumps(told)}") == {"inspect": 1}
    file.parent.rename(tmp_path / "elsewhere")
    assert finished.planned(*wanted) == {}
