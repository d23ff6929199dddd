"""Predictions after post-processing: clean borders, consistent abbreviations, no overlaps; gold is never looked at.

The steps run in this order, each under its own key of the settings and left out where that is null or empty:

1. `boundaries` (bioner.evaluation.boundaries), mention by mention;
2. `abbreviations` (bioner.evaluation.consistency), over the places of each short form of a document;
3. `overlaps` (bioner.evaluation.overlap_policies), last, because the steps before it can make mentions meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.boundaries import clean_boundaries
from bioner.evaluation.consistency import DONE, FindDefinitions, make_consistent
from bioner.evaluation.overlap_policies import resolve_overlaps
from bioner.storage import read_json, sha256_file, write_json

KEYS = ("boundaries", "abbreviations", "overlaps", "nested")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is done: boundary steps (none for an empty tuple), and policies (None: the step is left out)."""

    boundaries: tuple[str, ...] = ()
    abbreviations: str | None = None
    overlaps: str | None = None
    nested: str = "remove"

    @classmethod
    def of(cls, value: Any) -> Settings:
        """Settings of their JSON object; BionerError for anything else."""
        if not isinstance(value, Mapping) or value.keys() - set(KEYS):
            raise BionerError(f"settings: expected an object with {', '.join(KEYS)}, got {value!r:.80}; correct postprocessing")
        return cls(tuple(value.get("boundaries") or ()), value.get("abbreviations"), value.get("overlaps"), value.get("nested") or "remove")

    def counted(self) -> list[str]:
        """Names of all counts under these settings: mentions before and after, and what each step can do."""
        names = ["before", "after", *(f"boundaries.{step}" for step in self.boundaries), *["boundaries.removed"] * bool(self.boundaries)]
        names += [f"abbreviations.{what}" for what in DONE if self.abbreviations is not None]
        return names + ["overlaps.removed"] * (self.overlaps is not None)


def postprocess(document: Document, settings: Settings, find: FindDefinitions) -> tuple[Document, Counter[str]]:
    """A predicted document after all steps, and what they did: numbers of mentions, by `<step>.<what>`.

    Post-processing a second time changes nothing more where `abbreviations` is None.

    Args:
        find: finds the definitions of abbreviations in the text.

    Raises:
        BionerError: an unknown step or policy.
    """
    counts: Counter[str] = Counter()
    mentions: tuple[Mention, ...] = document.mentions
    if settings.boundaries:
        kept = []
        for mention in mentions:
            cleaned, changed = clean_boundaries(document.text, mention, settings.boundaries)
            counts.update(f"boundaries.{step}" for step in changed)
            if cleaned is not None:
                kept.append(cleaned)
        counts["boundaries.removed"] += len(mentions) - len(kept)
        mentions = tuple(kept)
    if settings.abbreviations is not None:
        mentions, done = make_consistent(document.text, mentions, settings.abbreviations, find)
        counts.update({f"abbreviations.{what}": number for what, number in done.items()})
    if settings.overlaps is not None:
        left = resolve_overlaps(mentions, settings.overlaps, nested=settings.nested)
        counts["overlaps.removed"] += len(mentions) - len(left)
        mentions = left
    return replace(document, mentions=mentions), counts


def postprocess_file(*, predictions: str | Path, settings: Any, output: str | Path, manifest: str | Path, find: FindDefinitions) -> None:
    """Post-process the clean predictions of a run; write them, and what was done, as JSON.

    The manifest has `settings`, `counts` (mentions before and after, and what each step did to how many),
    `predictions` (sha256 of what was read) and `postprocessed` (sha256 of what was written).

    Args:
        predictions: clean.jsonl of the run, in original text.

    Raises:
        BionerError: malformed settings or predictions.
    """
    chosen = Settings.of(settings)
    counts: Counter[str] = Counter()
    found = []
    for document in read_documents(predictions):
        done, what = postprocess(document, chosen, find)
        counts.update(what | Counter(before=len(document.mentions), after=len(done.mentions)))
        found.append(done)
    write_documents(output, found)
    told = {name: counts[name] for name in chosen.counted()}
    digests = {"predictions": sha256_file(predictions), "postprocessed": sha256_file(output)}
    write_json(manifest, {"settings": dict(settings), "counts": told, **digests})
    say(f"postprocess: {', '.join(f'{name} {number}' for name, number in told.items())}")


def verify_postprocessed(manifest: str | Path, predictions: str | None = None) -> Path:
    """The post-processed predictions that a manifest is about, as its digest says.

    Args:
        predictions: sha256 of the run's clean predictions, which they must have been made from; None where nobody knows it.

    Raises:
        BionerError: a file is missing, or differs, or was made from other predictions.
    """
    value = read_json(manifest)
    facts = value if isinstance(value, dict) else {}
    file = Path(manifest).parent / "clean.jsonl"
    wanted, source = facts.get("postprocessed"), facts.get("predictions")
    if not file.is_file() or sha256_file(file) != wanted:
        raise BionerError(f"{file}: expected the predictions named in {manifest}, found none or others; run postprocess again")
    if predictions not in (None, source):
        raise BionerError(f"{manifest}: expected predictions of sha256 {predictions}, found {source!r:.80}; run postprocess again")
    return file
