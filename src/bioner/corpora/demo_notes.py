"""The demo's notes in the i2b2 format: `.txt` and `.con` files, ugly cases included."""

from __future__ import annotations

import random
from dataclasses import replace

from bioner.corpora import demo_i2b2
from bioner.corpora.demo_formats import to_concepts
from bioner.corpora.demo_text import Text, Writer, disturb, join
from bioner.corpora.demo_words import FILLERS
from bioner.entities import Document, Mention

NOISE = 0.04
"""Share of annotations that are lost or misplaced, as in a corpus made by people."""

File = tuple[str, str | None, str, bytes]


def notes(seed: int, number: int) -> list[File]:
    """Notes and their concepts, 70 % for training, the rest for test."""
    concepts = demo_i2b2.lexicon(random.Random(f"{seed}:demo_i2b2:lexicon"), number)
    files: list[File] = []
    for index in range(number):
        rng = random.Random(f"{seed}:demo_i2b2:{index}")
        split = "train" if index < 0.7 * number else "test"
        text = _note(index, Writer(rng, concepts, FILLERS, demo_i2b2.no_concept))
        mentions = [Mention(f"T{n}", ((mark.start, mark.end),), mark.type) for n, mark in enumerate(text.marks, 1)]
        if index % 3 == 0:
            rng.shuffle(mentions)
        if index == 4:
            mentions.append(mentions[0])
        name = f"demo-{index + 1:04d}"
        rows = to_concepts(Document(name, text.text, tuple(mentions)))
        body = text.text.replace("\n", "\r\n") if index == 5 else text.text
        files.append((f"{split}/txt/{name}.txt", split, "text", body.encode()))
        files.append((f"{split}/concept/{name}.con", split, "annotations", rows.encode()))
    return files


def _note(index: int, writer: Writer) -> Text:
    """A note of about 110 words: a date, headers, lines, blank lines between sections."""
    rng = writer.rng
    if index == 2:
        return Text("\n".join(["Admission Date :", "2031-02-03", "", *demo_i2b2.PLAIN]) + "\n")
    sentences = [disturb(writer.write(line), rng, rate=NOISE) for line in rng.sample(demo_i2b2.SENTENCES.strip().splitlines(), 11)]
    if index == 3:
        sentences.insert(4, _broken(writer.write(demo_i2b2.TWO_LINES)))
    if index % 10 == 6:
        sentences.insert(2, Text(demo_i2b2.UGLY[index // 10 % len(demo_i2b2.UGLY)]))
    headers = rng.sample(demo_i2b2.HEADERS, 3)
    parts = [Text("Admission Date :"), Text(f"2031-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}")]
    for number, header in enumerate(headers):
        parts += [Text(""), Text(header), *sentences[number * 4 : number * 4 + 4]]
    return join([*parts, Text("")] if index % 7 else parts, "\n")


def _broken(text: Text) -> Text:
    """The text with a line end for the first blank inside its first mark."""
    place = text.text.index(" ", text.marks[0].start)
    return replace(text, text=text.text[:place] + "\n" + text.text[place + 1 :])
