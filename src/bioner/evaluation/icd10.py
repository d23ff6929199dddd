"""ICD-10-CM: which codes exist, and what they are called, by the package simple-icd-10-cm (release of April 2026)."""

from __future__ import annotations

from functools import cache

import simple_icd_10_cm as icd10cm

PREFIX = "ICD10CM:"


@cache
def describe(code: str) -> str | None:
    """The name of an ICD-10-CM code (`E10.9` or `E109`); None for what is no code of the release.

    Categories and subcategories count as codes (`E10`), as they do in cross-references; chapters and blocks do not.
    """
    if not icd10cm.is_valid_item(code) or not icd10cm.is_category_or_subcategory(code):
        return None
    return str(icd10cm.get_description(code))


def codes_of(xrefs: tuple[str, ...]) -> tuple[str, ...]:
    """The ICD-10-CM codes among cross-references, without their prefix, each once, sorted."""
    return tuple(sorted({xref.removeprefix(PREFIX) for xref in xrefs if xref.startswith(PREFIX)}))
