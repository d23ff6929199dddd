"""Pages from templates: self-contained, every value escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page of a template for a context; every value is escaped, a value that is not there is an error.

    Templates may write `{{ 1234|count }}` for 1,234 and `{{ 0.123|percent }}` for 12.30; None becomes nothing.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": count, "percent": percent}
    return environment.get_template(template).render(context) + "\n"


def count(value: int | None) -> str:
    """A whole number with its thousands parted."""
    return "" if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """A share in [0, 1] in percent."""
    return "" if value is None else f"{100 * value:.2f}"
