"""The configuration against its schema: defaults, numbers, and errors that name the entry and what was expected."""

from __future__ import annotations

import copy
import difflib
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from yaml.constructor import ConstructorError

from bioner.errors import ConfigError

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
LARGEST = 2**63
"""Integers are smaller, of either sign."""

# the loader in C, where PyYAML was built with it, is ten times as fast; every job of a cluster reads the schema
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Placing(_SAFE):  # type: ignore[misc]
    """PyYAML's safe loader, which says too where a value stands that Python has none for."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (KeyError, ValueError) as error:
            number = str(node.tag).endswith(":int") and len(node.value) > sys.get_int_max_str_digits()
            told = f"a number that is too long ({len(node.value):,} characters)" if number else f"a value that cannot be read ({error})"
            raise ConstructorError(None, None, told, node.start_mark) from error


def load_yaml(text: str) -> Any:
    """The value of a YAML text; yaml.YAMLError for what is none, with its place."""
    return yaml.load(text, _Placing)


def read_schema(path: Path) -> dict[str, Any]:
    """The schema, read from YAML."""
    schema: dict[str, Any] = load_yaml(path.read_text(encoding="utf-8"))
    return schema


def check_schema(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """ConfigError for the first value, by its place, that a configuration must not have; defaults and numbers are filled in."""
    fill_defaults(config, schema)
    read_numbers(config, schema)
    _check_numbers(config, "")
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        raise ConfigError(describe_error(errors[0]))


def fill_defaults(value: Any, schema: dict[str, Any]) -> None:
    """Set missing keys to their schema's `default`, in place, at every level of mappings."""
    if not isinstance(value, dict):
        return
    for key, part in schema.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            fill_defaults(value[key], part)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for key in value.keys() - schema.get("properties", {}).keys():
            fill_defaults(value[key], others)


def read_numbers(value: Any, schema: dict[str, Any]) -> Any:
    """The value with strings turned into numbers where the schema wants one, in place in mappings and lists.

    Snakemake reads numbers inside `--config 'training={learning_rate: 0.001}'` as strings.
    """
    kinds = {kind for part in (schema, *schema.get("anyOf", ())) for kind in _list(part.get("type"))}
    if isinstance(value, str) and kinds & {"number", "integer"} and "string" not in kinds:
        value = None if value == "null" and "null" in kinds else _number(value)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    for part in (schema, *schema.get("anyOf", ())):
        if isinstance(value, dict):
            for key in value:
                inner = part.get("properties", {}).get(key, part.get("additionalProperties"))
                if isinstance(inner, dict):
                    value[key] = read_numbers(value[key], inner)
        elif isinstance(value, list) and isinstance(part.get("items"), dict):
            value[:] = [read_numbers(item, part["items"]) for item in value]
    return value


def _number(text: str) -> int | float | str:
    """The number that a text says, or the text itself."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _check_numbers(value: Any, where: str) -> None:
    """ConfigError for what is no number, and for one that processors have no integer for."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            _check_numbers(part, f"{where}.{key}" if where else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}: expected a finite number, found {value}; correct it")
    elif isinstance(value, int) and abs(value) >= LARGEST:
        raise ConfigError(f"{where}: expected a number below 2^63, found a larger one; correct it, or quote what is text")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def describe_error(error: jsonschema.ValidationError) -> str:
    """An error of the schema as one line: where it is, and what was expected there."""
    where = ".".join(str(part) for part in error.absolute_path) or "config"
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = schema.get("properties", {})
        unknown = sorted(map(str, error.instance.keys() - known.keys()))
        return f"{where}: unknown key '{unknown[0]}'{_suggest(unknown[0], known)}; expected keys are {', '.join(sorted(known))}"
    if error.validator == "anyOf":
        return _describe_alternatives(error, where)
    hint, value = schema.get("description", ""), repr(error.instance)
    told = error.message.replace(value, f"{value[:100]}...") if len(value) > 100 else error.message
    return f"{where}: {told}{f' ({hint})' if hint else ''}"


def _describe_alternatives(error: jsonschema.ValidationError, where: str) -> str:
    """What is wrong in the alternative that the value was meant for: the mapping, or one of the names."""
    if isinstance(error.instance, dict):
        depth = len(error.absolute_path)
        meant = (part for part in error.context or () if len(part.absolute_path) > depth or part.validator not in ("enum", "type"))
        if (chosen := next(meant, None)) is not None:
            return describe_error(chosen)
    schema = error.schema if isinstance(error.schema, dict) else {}
    choices = [str(name) for part in error.context or () if part.validator == "enum" for name in _list(part.validator_value)]
    expected = [f"one of {', '.join(choices)}"] if choices else []
    if any("kind" in option.get("properties", {}) for option in schema.get("anyOf", ())):
        expected.append("a mapping with kind")
    if hint := schema.get("description", ""):
        hint = f" ({hint})" if expected else hint
    told = ", or ".join(expected) + hint or error.message
    return f"{where}: expected {told}, got {error.instance!r:.100}"


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f", did you mean '{close[0]}'?" if close else ""


def check_names(names: Iterable[str], known: dict[str, Any], where: str) -> None:
    """ConfigError for a name that a mapping lacks, with the one that may have been meant."""
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: unknown name '{name}'{_suggest(name, known)}; expected one of {', '.join(sorted(known))}")


def iter_keys(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of a schema with its dotted name, for documentation and tests."""
    for key, part in schema.get("properties", {}).items():
        yield f"{prefix}{key}", part
        yield from iter_keys(part, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from iter_keys(schema["additionalProperties"], f"{prefix}<name>.")
