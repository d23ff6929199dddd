"""Pins: the commits of the hub's repositories, written into the config file where its author left null.

Only the characters of the values change; comments, order and layout of the file stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bioner.credentials import redact
from bioner.errors import BionerError
from bioner.schema import load_yaml
from bioner.storage import write_text
from bioner.tagging.hub import COMMIT, Snapshot, look_up

Place = tuple[str | int, ...]  # keys and indices that lead to a value of the config


@dataclass(frozen=True, slots=True)
class HubSource:
    """A source of an encoder on the hub: where it stands in the config, as read and as text."""

    encoder: str
    index: int
    repository: str
    revision: str | None

    @property
    def pinned(self) -> bool:
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    @property
    def path(self) -> Place:
        return ("encoders", self.encoder, "sources", self.index)


def unpinned(config: Path, encoders: Sequence[str]) -> list[HubSource]:
    """The hub sources in a config file, of some encoders or (none named) all, that name no commit."""
    _, data = _read(config)
    return [source for source in hub_sources(config, data, encoders) if not source.pinned]


def pin(config: Path, encoders: Sequence[str], *, update: bool) -> list[str]:
    """Record commits in a config file; gives a line for each hub source: encoder, repository, old → new.

    A revision that is null or absent becomes the commit of the repository's default branch, a branch
    or tag its own commit. `sha256: null` becomes the digest of the weights at the commit.

    Args:
        config: the file; it is replaced at once when all are found, and else stays as it is.
        encoders: names, or none for all.
        update: take the default branch's commit now for sources that are pinned, too.

    Raises:
        BionerError: no such encoder, a repository that cannot be asked, weights with another digest
            than the config says, or a layout in which a value cannot be replaced.
    """
    text, data = _read(config)
    wanted = copy.deepcopy(data)
    lines: list[str] = []
    changes: dict[Place, str] = {}
    for source in hub_sources(config, data, encoders):
        new = source.revision
        if update or not source.pinned:
            try:
                snapshot = look_up(source.repository, None if source.pinned else source.revision)
                changes |= _changes(snapshot, source, wanted["encoders"][source.encoder])
            except BionerError as error:
                raise BionerError(f"encoder {source.encoder}: {redact(str(error))}") from error
            new = snapshot.commit
        kept = " (kept)" if new == source.revision else ""
        lines.append(f"{source.encoder}  {source.repository}  {source.revision or 'null'} → {new}{kept}")
    if wanted != data:
        write_text(config.resolve(), _replace(config, text, changes, wanted))
    return lines


def _changes(snapshot: Snapshot, source: HubSource, entry: dict[str, Any]) -> dict[Place, str]:
    """Values by their path in the config, which are set in the encoder's entry too."""
    entry["sources"][source.index]["revision"] = snapshot.commit
    changes: dict[Place, str] = {(*source.path, "revision"): snapshot.commit}
    digest = snapshot.weights.sha256 if snapshot.weights else None
    if digest is not None and entry.get("sha256", digest) is None:
        entry["sha256"] = changes["encoders", source.encoder, "sha256"] = digest
    if digest is not None and entry.get("sha256", digest) != digest:
        raise BionerError(
            f"{snapshot.repository}@{snapshot.commit}: expected weights of sha256 {entry['sha256']}, as another source or the config says, "
            f"found {digest}; correct encoders.{source.encoder}.sha256, or take another repository"
        )
    return changes


def _read(config: Path) -> tuple[str, Any]:
    try:
        text = config.read_bytes().decode("utf-8")
        return text, load_yaml(text)
    except OSError as error:
        raise BionerError(f"{config}: expected a config file, found: {error.strerror}; name it with --config") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = mark.line + 1 if mark else 1
        raise BionerError(f"{config}:{line}: expected YAML in UTF-8, found: {problem or error}; correct the file") from error


def hub_sources(config: Path, data: Any, encoders: Iterable[str]) -> list[HubSource]:
    """The sources `{hub, revision}` of some encoders of a config, or of all when none is named, in its order."""
    entries = data.get("encoders") if isinstance(data, dict) else None
    if not isinstance(entries, dict):
        raise BionerError(f"{config}: expected a mapping with encoders, found none; name the file that has them with --config")
    found = []
    for name in encoders or entries:
        if name not in entries:
            raise BionerError(f"{config}: expected one of the encoders {', '.join(map(str, entries))}, got {name}; correct --encoder")
        sources = entries[name].get("sources") if isinstance(entries[name], dict) else None
        for index, source in enumerate(sources if isinstance(sources, list) else ()):
            if isinstance(source, dict) and isinstance(source.get("hub"), str):
                revision = source.get("revision")
                found.append(HubSource(name, index, source["hub"], None if revision is None else str(revision)))
    return found


def _replace(config: Path, text: str, changes: dict[Place, str], wanted: Any) -> str:
    """The text with values set at their paths; that it reads as wanted, and as nothing else, is checked."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits = {edit for path, value in changes.items() for edit in _edit(text, root, path, value)}
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        done = yaml.safe_load(text) == wanted
    except yaml.YAMLError:
        done = False
    if done:
        return text
    values = ", ".join(f"{'.'.join(map(str, path))}: {value}" for path, value in changes.items())
    raise BionerError(f"{config}: expected plain values to replace, found a layout that this cannot edit; write by hand: {values}")


def _edit(text: str, node: Any, path: Place, value: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and new characters that set the value at a path; none where the text has no such place."""
    for step in path[:-1]:
        children = _children(node)
        if step not in children:
            return
        node = children[step][1]
    children = _children(node)
    new = value if isinstance(yaml.safe_load(value), str) else f"'{value}'"  # a digest of digits only would be a number
    if path[-1] in children:
        old = children[path[-1]][1]
        start, end = old.start_mark.index, old.end_mark.index
        yield start, end, new if end > start else f" {new}"
    elif "hub" in children:  # a source without the key
        first = children["hub"][0].start_mark
        ending = "\r\n" if "\r\n" in text else "\n"
        yield first.index, first.index, f"{path[-1]}: {new}" + (", " if node.flow_style else ending + " " * first.column)


def _children(node: Any) -> dict[str | int, tuple[Any, Any]]:
    """Key and value of each key of a mapping, the last of equal ones, or of each index of a sequence."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    return dict(enumerate((item, item) for item in node.value)) if isinstance(node, yaml.SequenceNode) else {}
