"""Names in the config become files, wildcards and words of shell lines: only letters, digits and underscores get there."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bioner.config import load_plan
from bioner.credentials import check_recordable
from bioner.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
NAMED = ("datasets", "encoders", "models", "attacks", "experiments", "adaptations", "searches", "ontologies", "lexicons")
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
WORD = Draft202012Validator(SCHEMA["$defs"]["name"])


def entry(section: str) -> Any:
    """Some entry of a section that is as the schema wants it."""
    entries = {
        "adaptations": {"encoder": "minilm"},
        "searches": {"model": "plain", "dataset": "bc5cdr", "trials": 1, "space": {"training.clip": {"low": 0.5, "high": 1}}},
        "ontologies": {"title": "x", "licence": "x", "files": [{"path": "x", "url": "https://h/x"}]},
        "lexicons": {"tsv": "x"},
    }
    return entries[section] if section in entries else next(iter(CONFIG[section].values()))


@pytest.mark.parametrize("section", NAMED)
def test_a_hostile_name_is_refused_in_one_line(section: str) -> None:
    for name in ("a; touch x", "a\n"):
        config = copy.deepcopy(CONFIG)
        where = config.setdefault("preparation", {}) if section == "lexicons" else config
        where[section] = {**(where.get(section) or {}), name: copy.deepcopy(entry(section))}
        with pytest.raises(ConfigError) as caught:
            load_plan(config, ROOT)
        assert str(caught.value).isprintable() and section in str(caught.value), caught.value


def test_every_name_in_the_config_is_a_word() -> None:
    sections = SCHEMA["properties"] | SCHEMA["properties"]["preparation"]["properties"]
    assert all(sections[section]["propertyNames"] == {"$ref": "#/$defs/name"} for section in NAMED)
    open_ended = {name for name, part in sections.items() if isinstance(part.get("additionalProperties"), dict)}
    assert open_ended == set(NAMED), "a section with names of its users: give it propertyNames, and add it to NAMED"


def refused(name: str) -> bool:
    try:
        check_recordable({name: None})
    except ConfigError:
        return True
    return not WORD.is_valid(name)


@given(st.text())
def test_a_name_is_letters_digits_and_underscores(name: str) -> None:
    assert refused(name) or (name.isascii() and name.replace("_", "").isalnum() and not name[0].isdigit() and name == name.lower())


@pytest.mark.parametrize("name", ["a; touch x", "a\n", "a b", "$(touch x)", "`x`", "../x", "-rf", "a'b", "", "a\0b", "{z}", "ä", "A", "1"])
def test_these_names_are_refused(name: str) -> None:
    assert refused(name) and not refused("a_1")


@pytest.mark.parametrize("change", [{"revision": "main"}, {"revision": "0" * 39 + "g"}, {"revision": "$(touch x)"}, {"path": "../.."}])
def test_a_hub_source_is_a_commit_and_nothing_else(change: dict[str, str]) -> None:
    config = copy.deepcopy(CONFIG)
    config["encoders"]["x"] = {"sources": [{"hub": "a/b", "revision": None} | change]}
    with pytest.raises(ConfigError, match=r"encoders\.x\.sources"):
        load_plan(config, ROOT)


PARAMETER = re.compile(r"^ {8}(\w+)=(.+?)(?=^ {8}\w|^ {4}\w|\Z)", re.M | re.S)
PLAIN = ("code_digest(", "files_digest(", 'config["prediction"]["precision"]', '"results/', 'f"results/')
"""What may stand as it is: digests, one of three words, and folders as the rules' own patterns have them."""


def test_no_value_of_the_config_is_a_plain_param() -> None:
    """Snakemake takes braces in a plain text for wildcards, `a {x} b` in a title, say; what a function returns it leaves alone."""
    seen = 0
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.findall(r"^    params:\n(.+?)(?=^    \w|\Z)", path.read_text(), re.M | re.S):
            for name, value in PARAMETER.findall(block):
                seen += 1
                assert value.lstrip("\n ").startswith(("lambda wildcards", *PLAIN)), (path.name, name, value)
    assert seen > 80
