"""Stand-ins for the corpora of Table 1: their formats, files and sizes, all text invented.

Beside the names of the files: 4,392 abstracts of MedMentions ST21pv, in one packed file with lists of ids (2,635, 878 and 879); 1,500 of
BC5CDR in three files; 170 and 256 notes of i2b2/VA 2010 in the folders of its archives.

    python tests/workflow/standin.py FOLDER

writes `mirror/` and `i2b2_2010/` there, and an overlay `corpora.json` with the digests.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEDMENTIONS = "medmentions/st21pv/data/corpus_pubtator.txt.gz"
IDS = {
    split: f"medmentions/full/data/corpus_pubtator_pmids_{name}.txt"
    for split, name in (("train", "trng"), ("validation", "dev"), ("test", "test"))
}
BC5CDR = {
    split: f"bc5cdr/CDR_{name}Set.PubTator.txt" for split, name in (("train", "Training"), ("validation", "Development"), ("test", "Test"))
}
SIZES = {"medmentions": (2635, 878, 879), "bc5cdr": (500, 500, 500), "i2b2": (170, 256)}
TYPES = [f"T{number:03d}" for number in (5, 7, 17, 22, 31, 33, 37, 38, 58, 62, 74, 82, 91, 92, 97, 98, 103, 168, 170, 201, 204)]
ENDINGS = (
    "itis",
    "ol",
    "ine",
    "emia",
    "ase",
    "oma",
    "in",
    "osis",
    "al",
    "um",
    "ia",
    "ectomy",
    "gram",
    "oid",
    "ure",
    "ics",
    "ist",
    "ers",
    "ate",
    "ids",
    "us",
)
"""What names of a type end with, in the order of TYPES, so that there is something to be learned."""

Name = tuple[str, str, str]
"""Words, type and concept."""


class Inventor:
    """Words, names and texts from a seed."""

    def __init__(self, seed: int, types: Sequence[str]) -> None:
        self.rng = random.Random(seed)
        self.words = [self._word(2, 9) for _ in range(6_000)]
        self.names: list[Name] = []
        for number, kind in enumerate(types):
            for concept in range(240 // len(types) + 20):
                for _ in range(2):  # two names of a concept
                    words = [self._word(3, 7) + ENDINGS[number], *([] if self.rng.random() < 0.6 else [self.rng.choice(self.words)])]
                    self.names.append((" ".join(reversed(words)), kind, f"{number:02d}{concept:04d}"))

    def _word(self, least: int, most: int) -> str:
        return "".join(self.rng.choices("abcdeghilmnoprstuvy", k=self.rng.randint(least, most)))

    def sentence(self, share: float) -> list[tuple[str, Name | None]]:
        """Words and names, one in `share` of them a name."""
        parts: list[tuple[str, Name | None]] = []
        for _ in range(self.rng.randint(9, 22)):
            name = self.rng.choice(self.names) if self.rng.random() < share else None
            parts.append((name[0] if name else self.rng.choice(self.words), name))
        return [*parts, (".", None)]


def pubtator(inventor: Inventor, name: str, share: float, sentences: int, prefix: str) -> str:
    """An abstract of so many sentences with its annotations."""
    text, rows, title = "", [], 0
    for _ in range(sentences):
        for word, meant in inventor.sentence(share):
            if meant:
                rows.append(f"{name}\t{len(text)}\t{len(text) + len(word)}\t{word}\t{meant[1]}\t{prefix}{meant[2]}\n")
            text += f"{word} "
        title = title or len(text)
    return f"{name}|t|{text[: title - 1]}\n{name}|a|{text[title:-1]}\n{''.join(rows)}\n"


def note(inventor: Inventor) -> tuple[str, str]:
    """A clinical note and its concepts: a header, then a sentence a line."""
    lines, rows = ["Admission Date :", "2031-02-03", ""], []
    for _ in range(inventor.rng.randint(20, 60)):
        words: list[str] = []
        for word, meant in inventor.sentence(0.1):
            if meant:
                last = len(words) + len(word.split()) - 1
                rows.append(f'c="{word}" {len(lines) + 1}:{len(words)} {len(lines) + 1}:{last}||t="{meant[1]}"\n')
            words += word.split()
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n", "".join(rows)


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_corpora(folder: Path, scale: float = 1.0) -> dict[str, Any]:
    """Write all three; gives what is to be laid over the config. With a smaller scale there are fewer documents."""
    mirror = folder / "mirror"
    sizes = {name: [max(4, round(scale * size)) for size in parts] for name, parts in SIZES.items()}
    inventor, packed, name = Inventor(1, TYPES), "", 30_000_000
    for split, size in zip(IDS, sizes["medmentions"], strict=True):
        names = [str(name + number) for number in range(size)]
        name += size
        packed += "".join(pubtator(inventor, each, 0.24, inventor.rng.randint(9, 14), "UMLS:C") for each in names)
        write(mirror / IDS[split], "".join(f"{each}\n" for each in names).encode())
    write(mirror / MEDMENTIONS, gzip.compress(packed.encode(), mtime=0))
    inventor = Inventor(2, ("Chemical", "Disease"))
    for split, size in zip(BC5CDR, sizes["bc5cdr"], strict=True):
        names = [str(name + number) for number in range(size)]
        name += size
        write(mirror / BC5CDR[split], "".join(pubtator(inventor, each, 0.09, inventor.rng.randint(9, 14), "D") for each in names).encode())
    write_notes(folder / "i2b2_2010", sizes["i2b2"])
    files = {"medmentions_st21pv": {None: MEDMENTIONS, **IDS}, "bc5cdr": BC5CDR}
    datasets = {name: {"files": [_file(mirror, split, path) for split, path in chosen.items()]} for name, chosen in files.items()}
    return {"mirror": str(mirror), "datasets": {**datasets, "i2b2_2010": {"folder": str(folder / "i2b2_2010")}}}


def write_notes(folder: Path, sizes: Sequence[int]) -> None:
    inventor = Inventor(3, ("problem", "treatment", "test"))
    training = folder / "concept_assertion_relation_training_data"
    for number in range(sizes[0]):
        text, rows = note(inventor)
        part = training / ("beth" if number % 3 else "partners")
        write(part / "txt" / f"record-{number}.txt", text.encode())
        write(part / "concept" / f"record-{number}.con", rows.encode())
    for number in range(sizes[0], sum(sizes)):
        text, rows = note(inventor)
        write(folder / "test_data" / f"{number:04d}.txt", text.encode())
        write(folder / "reference_standard_for_test_data" / "concepts" / f"{number:04d}.con", rows.encode())


def _file(mirror: Path, split: str | None, path: str) -> dict[str, Any]:
    content = (mirror / path).read_bytes()
    entry = {"path": path, "split": split, "url": f"https://example.org/{path}", "sha256": [hashlib.sha256(content).hexdigest()]}
    return entry | {"bytes": len(content)} | ({"role": "ids"} if path in IDS.values() else {})


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "corpora.json").write_text(json.dumps(write_corpora(target)))
