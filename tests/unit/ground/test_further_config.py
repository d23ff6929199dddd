"""Post-processing, linking and transfer in the configuration: what is planned, and mistakes by name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioner.config import load_plan
from bioner.errors import ConfigError
from bioner.evaluation import boundaries, consistency, overlap_policies
from bioner.experiments import Run
from bioner.planning import Plan

ROOT = Path(__file__).resolve().parents[3]
ENTRY = {"title": "x", "scale": "open", "datasets": ["bc5cdr", "jnlpba"], "models": ["plain", "crf"], "linking": "disease_ontology"}
TRANSFER = {"from": "bc5cdr", "to": "ncbi_disease", "types": {"Disease": "Disease"}}


def load(entry: dict[str, Any] | None = None, base: Path = ROOT, **changes: Any) -> Plan:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config |= {"run": ["mine"], "mirror": None} | changes
    config["experiments"]["mine"] = copy.deepcopy(entry or ENTRY)
    return load_plan(config, base)


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIONER_MIRROR", raising=False)


def test_the_schema_has_just_the_steps_and_policies_that_there_are() -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    known = schema["properties"]["postprocessing"]["properties"]
    assert known["boundaries"]["items"]["enum"] == list(boundaries.STEPS)
    assert known["abbreviations"]["enum"] == [*consistency.POLICIES, None]
    assert known["overlaps"]["enum"] == [*overlap_policies.POLICIES, None]
    assert known["nested"]["enum"] == list(overlap_policies.NESTED)


def test_post_processing_is_planned_when_there_is_a_step() -> None:
    assert load().postprocessed_files == ["postprocess.json", "clean.jsonl"]
    nothing = load(postprocessing={"boundaries": [], "abbreviations": None, "overlaps": None})
    assert nothing.postprocessed_files == [] and "postprocessing" not in nothing.further_tables("mine")


def test_runs_on_corpora_with_diseases_are_linked() -> None:
    plan = load()
    assert plan.linked_runs("mine") == [Run("bc5cdr", "official", model, 0, 1) for model in ("plain", "crf")]
    assert plan.table_rows("mine", "linking")[0] == "results/linked/bc5cdr/official/plain/fold0/seed1/disease_ontology.csv"
    assert plan.disease_types("bc5cdr") == ["Disease"] and plan.disease_types("jnlpba") == []
    assert plan.table_settings("mine", "linking") == {"ontology": "Disease Ontology", "missing": None}
    assert plan.slice("download", "disease_ontology").keys() == {"files"}
    assert load(ENTRY | {"linking": None}).linked_runs("mine") == []


def test_a_mirror_without_the_ontology_leaves_the_rest_alone(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    plan = load(base=tmp_path, mirror="mirror")
    assert plan.linked_runs("mine") == [] and len(plan.experiment("mine").runs) == 4
    missing = plan.table_settings("mine", "linking")["missing"]
    assert missing.startswith("disease_ontology is not there: put disease_ontology/2026-07-31/allXREFinDO.tsv and 6 more below the mirror")
    (tmp_path / "results/raw/disease_ontology").mkdir(parents=True)
    (tmp_path / "results/raw/disease_ontology/manifest.json").touch()
    assert load(base=tmp_path, mirror="mirror").linked_runs("mine")


def test_transfers_are_of_the_experiments_own_runs() -> None:
    plan = load(ENTRY | {"transfer": [TRANSFER]})
    assert plan.transfers("mine") == [(Run("bc5cdr", "official", model, 0, 1), "ncbi_disease") for model in ("plain", "crf")]
    assert plan.transfer_types("bc5cdr", "ncbi_disease") == {"Disease": "Disease"}
    assert plan.further_tables("mine") == ["postprocessing", "linking", "transfer"]
    assert plan.table_rows("mine", "transfer")[1] == "results/transferred/bc5cdr/official/crf/fold0/seed1/ncbi_disease/scores.csv"
    run = Run("bc5cdr", "kfold5_trainval_1000words", "plain", 3, 1)
    assert plan.transfer_test(run, "ncbi_disease") == "results/folds/ncbi_disease/kfold5/fold3/test.jsonl"


MISTAKES = {
    "ontology": ({"linking": "mesh"}, {}, "experiments.mine.linking: unknown name 'mesh'; expected one of disease_ontology"),
    "from": ({"transfer": [TRANSFER | {"from": "anatem"}]}, {}, "experiments.mine.transfer.0.from: unknown name 'anatem'"),
    "to": ({"transfer": [TRANSFER | {"to": "ncbi"}]}, {}, "experiments.mine.transfer.0.to: unknown name 'ncbi'"),
    "itself": ({"transfer": [TRANSFER | {"to": "bc5cdr"}]}, {}, "transfer.0.to: expected another dataset than 'bc5cdr'"),
    "agreement": ({"transfer": [TRANSFER | {"to": "i2b2_2010"}]}, {}, "'i2b2_2010' is under an agreement"),
    "twice": (
        {
            "transfer": [
                TRANSFER,
                {"from": "jnlpba", "to": "bc2gm", "types": {"protein": "GENE"}},
                TRANSFER | {"types": {"Chemical": "Disease"}},
            ]
        },
        {},
        "experiments.mine.transfer.2: expected each pair once, found bc5cdr to ncbi_disease in transfer.0 too; put their types into one",
    ),
    "no types": ({"transfer": [TRANSFER | {"types": {}}]}, {}, "experiments.mine.transfer.0.types"),
    "no ids": (
        {"protocol": "kfold", "datasets": ["bc5cdr"], "transfer": [TRANSFER | {"to": "bc5cdr_disease"}]},
        {},
        "expected a dataset that experiments.mine.protocol can divide, got 'bc5cdr_disease' under kfold",
    ),
    "step": ({}, {"postprocessing": {"boundaries": ["trim"]}}, "postprocessing.boundaries.0: 'trim' is not one of"),
    "policy": ({}, {"postprocessing": {"overlaps": "largest"}}, "postprocessing.overlaps: 'largest' is not one of"),
    "key": ({}, {"postprocessing": {"border": []}}, "postprocessing: unknown key 'border'"),
    "name": ({}, {"ontologies": {"bc5cdr": {"title": "x", "licence": "x", "files": [{"path": "a", "url": "b"}]}}}, "ontologies.bc5cdr"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_entry_and_key(name: str) -> None:
    entry, changes, message = MISTAKES[name]
    with pytest.raises(ConfigError) as error:
        load(ENTRY | entry, **changes)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_two_experiments_must_map_types_alike() -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config |= {"run": ["mine", "other"], "mirror": None}
    config["experiments"]["mine"] = ENTRY | {"transfer": [TRANSFER]}
    config["experiments"]["other"] = ENTRY | {"transfer": [TRANSFER | {"types": {"Chemical": "Disease"}}]}
    with pytest.raises(ConfigError, match="must transfer bc5cdr to ncbi_disease by the same types, found others in mine, other"):
        load_plan(config, ROOT)


def test_the_targets_of_several_experiments_name_each_run_once() -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"run": ["mine", "same"], "mirror": None}
    config["experiments"] |= {name: copy.deepcopy(ENTRY | {"transfer": [TRANSFER]}) for name in ("mine", "same")}
    plan = load_plan(config, ROOT)
    first, second = (Run("bc5cdr", "official", model, 0, 1) for model in ("crf", "plain"))
    assert plan.linked == [(first, "disease_ontology"), (second, "disease_ontology")]
    assert plan.transferred == [(first, "ncbi_disease"), (second, "ncbi_disease")]
    assert len(plan.runs) == 4 and plan.runs[:2] == [first, second]
    assert plan.searched_runs == []


def test_licences_are_those_of_datasets_and_ontologies() -> None:
    plan = load()
    assert plan.licences.keys() == plan.config["datasets"].keys() | plan.config["ontologies"].keys()
    assert plan.licences["bc5cdr"] == plan.config["datasets"]["bc5cdr"]["licence"]
