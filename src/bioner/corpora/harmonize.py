"""Raw files of any format as one stream of checked documents, with a quality report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.corpora import bioc_json, bioc_xml, brat, conll, i2b2, jsonl, pubtator
from bioner.corpora.filtering import Filters
from bioner.corpora.limits import Limits
from bioner.corpora.lines import read_lines
from bioner.corpora.quality import TYPE_DROPPED, Quality, differences
from bioner.corpora.raw import RawCorpus, read_manifest
from bioner.corpora.repairs import Repairs
from bioner.documents import write_documents
from bioner.entities import Document, Mention, sort_mentions
from bioner.errors import BionerError
from bioner.storage import write_json

Reader = Callable[[RawCorpus, Repairs, Mapping[str, Any]], Iterator[Document]]
"""(raw files, repairs, options) -> documents; options are the dataset's entry under the format's name, and `limits`, a Limits."""

FORMATS: dict[str, Reader] = {
    "pubtator": pubtator.read,
    "i2b2": i2b2.read,
    "conll": conll.read,
    "brat": brat.read,
    "bioc_xml": bioc_xml.read,
    "bioc_json": bioc_json.read,
    "jsonl": jsonl.read,
}
"""Format -> its reader: a new format is one entry."""


def harmonize(dataset: str, settings: Mapping[str, Any], *, raw: str | Path, output: str | Path, quality: str | Path) -> None:
    """Read a corpus from its raw files; write its documents and its quality report.

    Args:
        dataset: name of the corpus.
        settings: its entry in the config: `format`; optional `types` (type -> other name, or null to drop it), `counts`
            (expected numbers by split, of what is read; looked at under `strict_counts` alone, where a difference is an error),
            `filters` (which documents are left out), `limits` and, under the format's name, what its reader is told.
        raw: the manifest of the raw files.
        output: JSON Lines of documents, as read, without those that filters leave out.
        quality: the quality report, JSON.

    Raises:
        BionerError: a file that is not of the format, a broken invariant, or counts that differ under `strict_counts`.
    """
    corpus = read_manifest(raw)
    if corpus.dataset != dataset:
        raise BionerError(f"{raw}: expected the raw files of {dataset}, found those of {corpus.dataset}; check --raw")
    kind = settings.get("format")
    if kind not in FORMATS:
        raise BionerError(f"{dataset}: expected format in {', '.join(sorted(FORMATS))}, found {kind!r}; correct it in the config")
    limits, filters, names = Limits.of(settings.get("limits")), Filters.of(settings.get("filters")), settings.get("types") or {}
    repairs, report = Repairs(), Quality()
    expected = settings.get("counts") or {} if settings.get("strict_counts") else {}

    def documents() -> Iterator[Document]:
        found = FORMATS[kind](corpus, repairs, {**(settings.get(kind) or {}), "limits": limits})
        for document in unique(splitted(found, corpus, repairs, limits), repairs):
            if names:
                report.before.add(document)
            renamed = with_types(document, names, repairs)
            check(renamed)
            report.add(renamed)
            if criterion := filters.reason(renamed):
                report.leave_out(renamed, criterion)
            else:
                yield renamed
        if others := differences(report.read.to_json(), expected):
            raise BionerError(f"{dataset}: {'; '.join(others)}; download again or correct `counts`")

    number = write_documents(output, documents())
    value = report.to_json(repairs, names)
    value |= {"dataset": dataset, "format": kind, "inputs": {file.name: file.sha256 for file in corpus.files}}
    write_json(quality, value)
    out = sum(report.filtered.counts.values())
    told = f"{number:,} documents{f' ({out:,} more left out by filters)' if out else ''}, {report.kept.mentions:,} mentions"
    say(f"{dataset}: {told}, {sum(repairs.counts.values()):,} repairs, see {quality}")


def splitted(documents: Iterable[Document], corpus: RawCorpus, repairs: Repairs, limits: Limits) -> Iterator[Document]:
    """Documents with the split that the corpus's id lists give them; unchanged where there are no lists.

    Raises:
        BionerError: an id in the lists of two splits, or a list that names no split or is not UTF-8.
    """
    if not corpus.of_role("ids"):
        yield from documents
        return
    splits, seen = _split_lists(corpus, repairs, limits), set()
    for document in documents:
        seen.add(document.id)
        if document.id not in splits:
            repairs.note("document in no split list", document.id)
        yield replace(document, split=splits.get(document.id))
    for missing in (name for name in splits if name not in seen):
        repairs.note("id in a split list without a document", missing)


def _split_lists(corpus: RawCorpus, repairs: Repairs, limits: Limits) -> dict[str, str]:
    """Document id -> split, from the files of role `ids`: one id a line."""
    splits: dict[str, str] = {}
    for file in corpus.of_role("ids"):
        if file.split is None:
            raise BionerError(f"{file.name}: expected a split for this list of ids, found none; give it one in the config")
        for number, line in enumerate(read_lines(file, repairs, limits), 1):
            name, place = line.strip(" \t"), f"{file.name}:{number}"
            if name and splits.setdefault(name, file.split) != file.split:
                raise BionerError(f"{place}: expected {name[:60]} in one split, found it in {splits[name]} too; correct the lists")
    return splits


def unique(documents: Iterable[Document], repairs: Repairs) -> Iterator[Document]:
    """Documents with unique ids: a repeated id gets the first free of `-2`, `-3`, ... (counted)."""
    following: dict[str, int] = {}
    for document in documents:
        name = document.id
        if name in following:
            while name in following:
                name = f"{document.id}-{following[document.id]}"
                following[document.id] += 1
            repairs.note("document id seen before: numbered", name)
        following[name] = 2
        yield document if name == document.id else replace(document, id=name)


def with_types(document: Document, names: Mapping[str, str | None], repairs: Repairs) -> Document:
    """The document with its entity types renamed; a type mapped to None is dropped (counted)."""
    if not names:
        return document
    mentions: dict[tuple[object, str], Mention] = {}
    for mention in document.mentions:
        kind = names.get(mention.type, mention.type)
        if kind is None:
            repairs.note(TYPE_DROPPED, document.id)
        elif (mention.spans, kind) in mentions:
            repairs.note("same span and type after renaming: one kept", document.id)
        else:
            mentions[mention.spans, kind] = mention._replace(type=kind)
    return replace(document, mentions=sort_mentions(mentions.values()))


def check(document: Document) -> None:
    """Raise BionerError unless spans are sorted, not empty and inside the text, and the id is not empty."""
    length = len(document.text)
    if not document.id:
        raise BionerError("expected every document to have an id, found an empty one; repair the raw file")
    for mention in document.mentions:
        previous = 0
        for start, end in mention.spans:
            if not previous <= start < end <= length:
                raise BionerError(
                    f"document {document.id}: expected spans inside its {length} characters, found {mention.spans}; report this"
                )
            previous = end
