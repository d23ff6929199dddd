"""What the report says about corpora, leakage, training and where everything came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.errors import BionerError
from bioner.preparation.audit import NO_ADAPTATION
from bioner.reporting.collected import read_runs
from bioner.reporting.leakage import audited
from bioner.reporting.pages import percent
from bioner.reporting.settings import ReportSettings
from bioner.storage import read_json


def read_quality(paths: Iterable[str | Path], settings: ReportSettings) -> list[dict[str, Any]]:
    """One line for each corpus: documents, mentions, types, shares in percent, repairs by rule, warnings.

    The shares are those of exact offsets, of test mentions that training has too (`seen`), of mentions that are not of their surface
    form's most frequent type (`several_types`), and of what is annotated or left out while its form mostly is not (`left_out`).

    Raises BionerError naming a report that is missing or lacks a part.
    """
    lines = []
    for path in paths:
        value = read_json(path)
        try:
            every, labels = value["counts"]["all"], value["consistency"]
            line = {
                "title": _title(str(value["dataset"]), settings),
                "documents": f"{every['documents']:,}",
                "mentions": f"{every['mentions']:,}",
                "types": str(len(every["types"])),
                "offsets": percent(value["offsets"]["share"]),
                "seen": percent(value["seen_in_training"].get("test", {}).get("share")),
                "several_types": percent(labels["several_types"]["minority_share"]),
                "left_out": percent(labels["left_out"]["minority_share"]),
                "repairs": [f"{rule.replace('_', ' ')}: {repair['count']:,}" for rule, repair in sorted(value["repairs"].items())],
                "warnings": [str(warning) for warning in value["warnings"]],
            }
        except (KeyError, TypeError) as error:
            raise BionerError(
                f"{path}: expected a quality report with counts, offsets, consistency, repairs and warnings, found no {error}; "
                "run inspect again"
            ) from error
        lines.append(line)
    return lines


def read_audits(paths: Iterable[str | Path], settings: ReportSettings) -> list[dict[str, Any]]:
    """One line for each audit: verdict, number of checks, what they found.

    Its path says of what it is: <dataset>/<protocol>/fold<k>.json, with `.<adaptation>` before the end where an encoder is adapted. Of
    a fold with such an audit beside its own, the own one does not say that there is no adaptation.

    Raises BionerError naming a file that is missing or not an audit.
    """
    files = [(path, *audited(path)) for path in map(Path, paths)]
    adapted = {(path.parent, fold) for path, fold, adaptation in files if adaptation}
    lines = []
    for path, fold, adaptation in files:
        value = read_json(path)
        elsewhere = NO_ADAPTATION if (path.parent, fold) in adapted else None
        try:
            told = [check for check in value["checks"] if check["found"] or check["note"] not in ("", elsewhere)]
            findings = [_finding(check) for check in told]
            line = {"verdict": str(value["verdict"]), "checks": len(value["checks"]), "findings": findings}
        except (KeyError, TypeError) as error:
            raise BionerError(f"{path}: expected an audit with a verdict and checks, found no {error}; run audit again") from error
        names = {"title": _title(path.parent.parent.name, settings), "protocol": path.parent.name, "fold": fold, "adaptation": adaptation}
        lines.append(names | line)
    return lines


def _finding(check: Mapping[str, Any]) -> str:
    note = f" ({check['note']})" if check["note"] else ""
    return f"{str(check['name']).replace('_', ' ')}: {check['found']}{note}"


def read_training(path: str | Path, settings: ReportSettings) -> list[dict[str, str]]:
    """One line for each dataset and model of the experiment: runs, minutes of all runs together, epochs, device, precision, threads."""
    lines = []
    for (dataset, protocol, model), runs in read_runs(path).items():
        if dataset not in settings.datasets or model not in settings.models:
            continue
        seconds = [float(run["seconds"]) for run in runs if run["seconds"]]
        line = {
            "title": settings.datasets[dataset].title,
            "model": model,
            "protocol": protocol,
            "runs": str(len(runs)),
            "minutes": f"{sum(seconds) / 60:.1f}" if seconds else "",
            **{column: _different(run[column] for run in runs) for column in ("epochs", "device", "precision", "threads")},
        }
        lines.append(line)
    return lines


def _different(values: Iterable[str]) -> str:
    return ", ".join(sorted({value for value in values if value}, key=lambda value: (len(value), value)))


def read_provenance(value: Any) -> list[tuple[str, str]]:
    """A JSON object as lines of name and value, sorted; names of nested objects are joined by a dot."""
    if not isinstance(value, dict):
        raise BionerError(f"provenance: expected a JSON object, found {type(value).__name__}; correct the rule that passes it")
    return sorted(_flat(value, ()))


def _flat(value: Any, names: Sequence[str]) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in _flat(inner, [*names, str(name)])]
    if isinstance(value, list):
        return [(".".join(names), ", ".join(map(str, value)))]
    return [(".".join(names), "" if value is None else str(value))]


def _title(dataset: str, settings: ReportSettings) -> str:
    return settings.datasets[dataset].title if dataset in settings.datasets else dataset
