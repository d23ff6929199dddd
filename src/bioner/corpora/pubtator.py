"""PubTator: `ID|t|title`, `ID|a|abstract`, then tab-separated annotations, one document after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, repeat
from operator import lt
from typing import Any

from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_lines
from bioner.corpora.locating import Locator
from bioner.corpora.raw import RawCorpus
from bioner.corpora.repairs import Repairs
from bioner.entities import NO_CONCEPT, Document, Mention, Passage, Span
from bioner.errors import BionerError

_PASSAGE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}")
_COLUMNS = 7

BATCH = 4096
"""Lines that are looked at together: annotations of a document are most of them, and one by one they take long."""

RUN = 512
"""Annotation lines that are looked at together at most: what is looked at in vain stays small."""

_Key = tuple[int, int, str]
_as_mention: Callable[[tuple[str, tuple[Span], str, tuple[str, ...], None]], Mention] = partial(tuple.__new__, Mention)
"""A mention of its values; half a million are made, and `Mention(...)` takes four times as long."""


@dataclass(slots=True)
class _Draft:
    """A document being read; its annotations are lines, the least memory until it is complete, and the numbers of these.

    `room` is how many more characters these lines may have.
    """

    id: str
    place: str
    title: str
    room: int
    abstract: str | None = None
    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def annotate(self, name: str, number: int, lines: Sequence[str], limits: Limits) -> None:
        """Keep annotation lines, the first of them that of this number; BionerError when they are too many, or too long together."""
        length = sum(map(len, lines))
        if length > self.room or len(self.lines) + len(lines) > limits.document_mentions:
            raise self._exceeded(name, number, lines, limits)
        self.room -= length
        self.lines += lines
        self.numbers += range(number, number + len(lines))

    def _exceeded(self, name: str, number: int, lines: Sequence[str], limits: Limits) -> BionerError:
        """The error about the first of these lines that is over a limit."""
        room = self.room
        for place, line in enumerate(lines, number):
            room -= len(line)
            if len(self.lines) + place - number >= limits.document_mentions:
                return limits.exceeded("document_mentions", f"{name}:{place}")
            if room < 0:
                break
        return limits.exceeded("document_characters", f"{name}:{place}")


def read(corpus: RawCorpus, repairs: Repairs, options: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of all PubTator files of a corpus, each with its file's split; the only option is `limits`."""
    limits: Limits = options["limits"]
    for file in corpus.of_role("text"):
        for document in parse(file.name, read_lines(file, repairs, limits), repairs, limits):
            yield document if file.split is None else replace(document, split=file.split)


def parse(name: str, lines: Iterable[str], repairs: Repairs, limits: Limits) -> Iterator[Document]:
    """Documents of one PubTator file, in order; the text is title, one blank, abstract.

    Args:
        name: the file's name, for messages.
        lines: its lines, without their ends.
        repairs: counts what was repaired, skipped or dropped.
        limits: how large a document may be.

    Raises:
        BionerError: a line that is none of the format's, or a document over the limits, with file and line.
    """
    draft: _Draft | None = None
    opening, blank, begun = "\t", None, 0
    iterator = iter(lines)
    while batch := list(islice(iterator, BATCH)):
        place = 0
        while place < len(batch):
            line, number, first = batch[place], begun + place + 1, place
            place += 1
            if line.startswith(opening) and blank is None and draft is not None:
                # most lines, and never a passage: those have no tab before their bar
                place = _end_of_run(batch, place, opening)
                draft.annotate(name, number, batch[first:place], limits)
                continue
            if not line or line.isspace():
                blank = number
                continue
            passage = _PASSAGE.fullmatch(line)
            if passage and passage[2] == "t":
                if draft is not None:
                    if blank is None:
                        repairs.note("no blank line between documents", f"{name}:{number}")
                    yield _finish(draft, name, repairs)
                draft = _begin(passage[1], passage[3], f"{name}:{number}", limits)
                opening = f"{draft.id}\t"
            elif draft is None:
                raise BionerError(f"{name}:{number}: expected 'ID|t|title', found something else; remove or repair this line")
            else:
                if blank is not None:
                    repairs.note("blank line inside a document", f"{name}:{number}")
                if passage:
                    _add_abstract(draft, passage[1], passage[3], f"{name}:{number}", limits)
                else:
                    draft.annotate(name, number, [line], limits)
            blank = None
        begun += len(batch)
    if draft is not None:
        yield _finish(draft, name, repairs)


def _end_of_run(batch: list[str], place: int, opening: str) -> int:
    """Where lines from `place` on end that begin with `opening`; there may be more of them after RUN lines."""
    try:
        end = batch.index("", place, place + RUN)
    except ValueError:
        end = min(place + RUN, len(batch))
    # all up to the next empty line, as a rule: seen without a look at each
    if batch[end - 1].startswith(opening) and "\n".join(["", *batch[place:end]]).count(f"\n{opening}") == end - place:
        return end
    while place < len(batch) and batch[place].startswith(opening):
        place += 1
    return place


def _begin(name: str, title: str, place: str, limits: Limits) -> _Draft:
    if not name.strip():
        raise BionerError(f"{place}: expected 'ID|t|title', found a blank id; repair this line")
    if len(title) + 1 > limits.document_characters:
        raise limits.exceeded("document_characters", place)
    # texts of mentions stand beside the document's own
    return _Draft(name, place, title, max(4 * limits.document_characters, 100 * limits.document_mentions))


def _add_abstract(draft: _Draft, name: str, abstract: str, place: str, limits: Limits) -> None:
    if name != draft.id or draft.abstract is not None or draft.lines:
        raise BionerError(
            f"{place}: expected one '{draft.id}|a|abstract' after the title at {draft.place}, found another; repair this line"
        )
    if len(draft.title) + 1 + len(abstract) > limits.document_characters:
        raise limits.exceeded("document_characters", place)
    draft.abstract = abstract


def _finish(draft: _Draft, name: str, repairs: Repairs) -> Document:
    """The document of a complete draft, its annotations checked against its text."""
    if draft.abstract is None:
        repairs.note("no abstract line", draft.place)
    text = f"{draft.title} {draft.abstract or ''}"
    start = len(draft.title) + 1
    passages = [Passage(0, len(draft.title), "title"), Passage(start, len(text), "abstract")]
    mentions = _regular(draft, text, name, repairs) or _any(draft, Locator(text, join=start), name, repairs)
    return Document(
        draft.id, text, mentions=tuple(mentions), passages=tuple(passage for passage in passages if passage.start < passage.end)
    )


def _regular(draft: _Draft, text: str, name: str, repairs: Repairs) -> list[Mention] | None:
    """The mentions, as of `_any`, if no annotation has an irregularity but several types; None otherwise.

    All lines at once, because corpora are large: MedMentions has 352,496.
    """
    columns = "\t\n".join(["", *draft.lines]).split("\t")[1:]
    if len(columns) != 6 * len(draft.lines):
        return None
    names, firsts, lasts, written, kinds, concepts = (columns[part::6] for part in range(6))
    bounds = firsts + lasts
    digits, marks = "".join(bounds), "".join(kinds + concepts)
    if (
        # each line's end is before a sixth column, and there only: they have six columns each
        names.count(f"\n{draft.id}") != len(names)
        or not (digits.isdecimal() and digits.isascii() and max(map(len, bounds)) < 10)
        or "" in columns
        or not NO_CONCEPT.isdisjoint(concepts)
        or "|" in marks
        or marks.split() != [marks]
    ):
        return None
    starts, ends = list(map(int, firsts)), list(map(int, lasts))
    if max(ends) > len(text) or list(map(text.__getitem__, map(slice, starts, ends))) != written:
        return None
    several = [index for index, kind in enumerate(kinds) if "," in kind]
    for index in several:
        first, *more = kinds[index].split(",")
        if not first or not any(more):
            return None
        kinds[index] = first
    keys, order = list(zip(starts, ends, kinds, strict=True)), None
    if not all(map(lt, keys, keys[1:])):
        if len(set(keys)) < len(keys):
            return None
        order = sorted(range(len(keys)), key=keys.__getitem__)
    for index in several:
        repairs.note("several types: first one taken", f"{name}:{draft.numbers[index]}")
    repairs.annotations += len(keys)
    repairs.exact += len(keys)
    # a zip of a zip: a tuple of one tuple for each
    values = zip(map("T%d".__mod__, range(1, len(keys) + 1)), zip(zip(starts, ends, strict=True)), kinds, zip(concepts), repeat(None))
    mentions = list(map(_as_mention, values))
    return mentions if order is None else [mentions[place] for place in order]


def _any(draft: _Draft, locator: Locator, name: str, repairs: Repairs) -> list[Mention]:
    """The mentions, sorted, numbered in the order of the file; the same span and type again joins the first."""
    found: dict[_Key, tuple[int, dict[str, None]]] = {}
    for number, line in zip(draft.numbers, draft.lines, strict=True):
        place = f"{name}:{number}"
        annotation = _annotation(locator, draft.id, line, place, repairs)
        if annotation is None:
            continue
        key, concepts = annotation
        if key not in found:
            found[key] = len(found) + 1, concepts
        elif len(found[key][1]) == len(concepts) and list(found[key][1]) == list(concepts):
            repairs.note("duplicate annotation dropped", place)
        else:
            repairs.note("same span and type again: concepts joined", place)
            found[key][1].update(concepts)
    return [Mention(f"T{order}", ((start, end),), kind, tuple(concepts)) for (start, end, kind), (order, concepts) in sorted(found.items())]


def _annotation(locator: Locator, name: str, line: str, place: str, repairs: Repairs) -> tuple[_Key, dict[str, None]] | None:
    """What an annotation line says; None for a relation or a mention that is not in the text.

    Raises:
        BionerError: a line that is none of the format's.
    """
    columns = line.split("\t", _COLUMNS)
    if columns[0] != name or not 4 <= len(columns) <= _COLUMNS:
        raise BionerError(
            f"{place}: expected 4 to 7 tab-separated columns that begin with the document's id {name}, found "
            f"{line.count(chr(9)) + 1} that {'do' if columns[0] == name else 'do not'}; repair this line"
        )
    if len(columns) == 4 and not _NUMBER.fullmatch(columns[1]):
        repairs.note("relation line skipped", place)
        return None
    if len(columns) < 5 or not all(_NUMBER.fullmatch(value) for value in columns[1:3]) or not columns[4].strip():
        raise BionerError(f"{place}: expected 'ID start end text type concept', found something else; repair this line")
    span = _span(locator, int(columns[1]), int(columns[2]), columns[3], place, repairs)
    types = [kind.strip() for kind in columns[4].split(",") if kind.strip()]
    if not types:
        raise BionerError(f"{place}: expected a type in column 5, found none; repair this line")
    if len(types) > 1:
        repairs.note("several types: first one taken", place)
    if len(columns) == _COLUMNS:
        repairs.note("composite: seventh column read over" if columns[6].strip() else "empty seventh column", place)
    concepts = _concepts(columns[5] if len(columns) > 5 else "", place, repairs)
    return None if span is None else ((*span, types[0]), concepts)


def _span(locator: Locator, start: int, end: int, written: str, place: str, repairs: Repairs) -> tuple[int, int] | None:
    """The half-open span of a mention, or None (counted) when its text is not there."""
    repairs.annotations += 1
    inside = start < end <= len(locator.text)
    found, bare = locator.text[start:end], written.rstrip()
    if inside and found == written:
        repairs.exact += 1
        return start, end
    if inside and bare and found.rstrip() == bare:
        fault = "trailing blank in a mention's text removed" if found == bare else "trailing blank in a mention's span removed"
        repairs.note(fault, place)
        return start, start + len(bare)
    located = locator.find([(start, end)], lambda pieces: pieces == [written])
    if located is None:
        fault = "dropped: mention is not the text at its offsets" if inside else "dropped: span empty or outside the text"
        repairs.note(fault, place)
        return None
    repairs.note(located[1], place)
    return located[0][0]


def _concepts(column: str, place: str, repairs: Repairs) -> dict[str, None]:
    """Concept identifiers of column 6: alternatives or parts joined by `|`; `-` and `-1` stand for none."""
    parts = column.split("|")
    if any(part != part.strip() for part in parts):
        repairs.note("stray blank in a concept id removed", place)
    names = [part.strip() for part in parts if part.strip()]
    if "-1" in names:
        repairs.note("annotation without a concept (-1)", place)
    if "-" in names:
        repairs.note("annotation without a concept (-)", place)
    if len(names) > 1:
        repairs.note("several concepts joined by |", place)
    return dict.fromkeys(name for name in names if name not in NO_CONCEPT)
