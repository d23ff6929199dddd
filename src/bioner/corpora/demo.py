"""The demo's corpora: small, synthetic, in the three original formats, ugly cases included."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioner.commandline import say
from bioner.corpora import demo_bc5cdr, demo_medmentions
from bioner.corpora.demo_formats import to_pubtator
from bioner.corpora.demo_notes import notes
from bioner.corpora.demo_text import Text, Writer, disturb, join
from bioner.corpora.demo_words import FILLERS
from bioner.corpora.raw import manifest_entry, write_manifest
from bioner.entities import SPLITS, Document, Mention, Passage, sort_mentions
from bioner.errors import BionerError
from bioner.storage import atomic_path

LICENCE = "synthetic text made by bioner; no rights reserved"
FEWEST = 12
"""Fewest documents of a demo corpus: each ugly case and each type needs one."""

NOISE = 0.04
"""Share of annotations that are lost or misplaced, as in a corpus made by people."""

NAMES = {"train": ("CDR_TrainingSet", "trng"), "validation": ("CDR_DevelopmentSet", "dev"), "test": ("CDR_TestSet", "test")}
"""Split -> stem of its BC5CDR file, and suffix of its MedMentions list."""

File = tuple[str, str | None, str, bytes]
"""Name, split, role and content."""


def generate(dataset: str, settings: Mapping[str, Any], output: str | Path) -> None:
    """Write a demo corpus beside its manifest; the same settings give the same bytes.

    Args:
        dataset: demo_medmentions, demo_bc5cdr or demo_i2b2.
        settings: optional `seed` (default 13) and `documents` (default 60).
        output: the manifest.

    Raises:
        BionerError: another dataset, or fewer documents than the demo needs.
    """
    makers: dict[str, Callable[[int, int], list[File]]] = {"demo_bc5cdr": bc5cdr, "demo_medmentions": medmentions, "demo_i2b2": notes}
    if dataset not in makers:
        raise BionerError(f"expected a demo dataset ({', '.join(sorted(makers))}), found {dataset!r}; use download for other datasets")
    seed, number = settings.get("seed", 13), settings.get("documents", 60)
    if not isinstance(seed, int) or not isinstance(number, int) or number < FEWEST:
        raise BionerError(
            f"{dataset}: expected a whole seed and at least {FEWEST} documents, found {seed!r} and {number!r}; correct the config"
        )
    folder = Path(output).parent
    entries = []
    for name, split, role, data in makers[dataset](seed, number):
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(data)
        entries.append(manifest_entry(folder, name, split, role))
    write_manifest(output, dataset, LICENCE, entries)
    say(f"{dataset}: {number} synthetic documents in {folder}")


def split_of(index: int, number: int) -> str:
    """The split of a document by its index: the first 60 % are training, the next 20 % validation, the rest test."""
    return SPLITS[0] if index < 0.6 * number else SPLITS[1] if index < 0.8 * number else SPLITS[2]


def lines(table: str) -> list[str]:
    """The lines of a table of templates."""
    return table.strip().splitlines()


def article(writer: Writer, titles: Sequence[str], sentences: Sequence[str], first: Sequence[str] = ()) -> list[Text]:
    """A title and the sentences of an abstract of about 110 words, `first` among them."""
    rng = writer.rng
    chosen = [*first, *rng.sample(list(sentences), rng.choice((7, 8, 9)) - len(first))]
    rng.shuffle(chosen)
    with_lead = [rng.choice(FILLERS["lead_in"]) + text if rng.random() < 0.15 and text[0] in "{[" else text for text in chosen]
    return [writer.write(rng.choice(list(titles))), *(writer.write(text) for text in with_lead)]


def document(name: str, split: str, title: Text, abstract: Text, **meta: Any) -> Document:
    """The document of a title and an abstract; a split form of a composite goes to `meta["seventh"]`."""
    whole = join((title, abstract), " ")
    mentions = [Mention(f"T{n}", ((mark.start, mark.end),), mark.type, mark.ids) for n, mark in enumerate(whole.marks, 1)]
    seventh = {f"T{n}": mark.parts for n, mark in enumerate(whole.marks, 1) if mark.parts}
    passages = (Passage(0, len(title.text), "title"), Passage(len(title.text) + 1, len(whole.text), "abstract"))
    return Document(name, whole.text, sort_mentions(mentions), passages, split, {"seventh": seventh} | meta)


def bc5cdr(seed: int, number: int) -> list[File]:
    """Three PubTator files with chemicals, diseases, composites, 'no concept' and relations."""
    concepts = demo_bc5cdr.lexicon(random.Random(f"{seed}:demo_bc5cdr:lexicon"), 2 * number)
    parts: dict[str, list[str]] = {split: [] for split in SPLITS}
    for index in range(number):
        rng = random.Random(f"{seed}:demo_bc5cdr:{index}")
        writer = Writer(rng, concepts, FILLERS, demo_bc5cdr.mesh)
        title, *body = article(writer, lines(demo_bc5cdr.TITLES), lines(demo_bc5cdr.SENTENCES), demo_bc5cdr.EDGES.get(index, ()))
        title, body = _edge(index, title, [disturb(text, rng, rate=NOISE) for text in body])
        made = document(str(990_000_001 + index), split_of(index, number), title, join(body, " "))
        chemicals, ailments = (
            sorted({concept for mention in made.mentions if mention.type == kind for concept in mention.concepts} - {"-1"})
            for kind in ("Chemical", "Disease")
        )
        made.meta["relations"] = list(zip(chemicals[:2], ailments[:2], strict=False))
        if index % 9 == 4 and made.split == "train" and made.mentions:
            made.meta["seventh"].setdefault(made.mentions[-1].id, "")
        parts[split_of(index, number)].append(to_pubtator(made))
    return [(f"{NAMES[split][0]}.PubTator.txt", split, "text", "".join(parts[split]).encode()) for split in SPLITS]


def medmentions(seed: int, number: int) -> list[File]:
    """One packed PubTator file with the 21 types of ST21pv, and the lists of its splits."""
    concepts = demo_medmentions.lexicon(random.Random(f"{seed}:demo_medmentions:lexicon"), number)
    rotation = lines(demo_medmentions.ROTATION)
    texts, lists = [], {split: list[str]() for split in SPLITS}
    for index in range(number):
        rng = random.Random(f"{seed}:demo_medmentions:{index}")
        writer = Writer(rng, concepts, FILLERS, demo_medmentions.umls)
        first = [rotation[index % len(rotation)], *([demo_medmentions.NESTED] if index % 12 == 8 else [])]
        title, *body = article(writer, lines(demo_medmentions.TITLES), lines(demo_medmentions.SENTENCES), first)
        # the second turn of the rotation stays as it is, so that no rare type is lost
        title, body = _edge(index, title, [disturb(text, rng, rate=0.0 if 5 <= index < 10 else NOISE) for text in body])
        name = str(980_000_001 + index)
        texts.append(to_pubtator(document(name, split_of(index, number), title, join(body, " "))))
        lists[split_of(index, number)].append(name)
    packed = gzip.compress("".join(texts).encode(), mtime=0)
    ids: list[File] = [
        (f"corpus_pubtator_pmids_{NAMES[split][1]}.txt", split, "ids", "".join(f"{name}\n" for name in lists[split]).encode())
        for split in SPLITS
    ]
    return [("corpus_pubtator.txt.gz", None, "text", packed), *ids]


def _edge(index: int, title: Text, body: list[Text]) -> tuple[Text, list[Text]]:
    """The ugly documents: an empty abstract, one without mentions, one beyond the basic plane."""
    if index == 1:
        return title, []
    if index == 2:
        return Text("Minutes of the annual meeting"), [
            Text("The meeting was held in Old Harlow. No decision was taken and the date of the next one is open.")
        ]
    if index == 3:
        return title, [Text("Symbols such as \U0001d6fc and \U0001f9ec stand before these words."), *body]
    return title, body
