from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioner.entities import Document, Mention
from bioner.preparation.normalize import normalize, original_mentions, restore

FOLDER = Path(__file__).parents[4] / "shared/corpora/bc5cdr"


def read_pubtator(path: Path) -> Iterator[Document]:
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        title, abstract, *rows = block.split("\n")
        mentions = []
        for number, row in enumerate(rows):
            columns = row.split("\t")
            if columns[1] != "CID":
                mentions.append(Mention(f"T{number}", ((int(columns[1]), int(columns[2])),), columns[4], (columns[5],)))
                assert f"{title.split('|', 2)[2]} {abstract.split('|', 2)[2]}"[int(columns[1]) : int(columns[2])] == columns[3]
        yield Document(title.split("|")[0], f"{title.split('|', 2)[2]} {abstract.split('|', 2)[2]}", tuple(mentions))


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"BC5CDR is not at {FOLDER}")
def test_every_real_mention_goes_forth_and_back() -> None:
    """28,785 mentions in the originals, all exact by the map alone, also when the text is full of what is normalized."""
    total = edits = 0
    for path in sorted(FOLDER.glob("*.PubTator.txt")):
        for document in read_pubtator(path):
            for text in (document.text, document.text.replace(" ", "\u2009").replace("-", "\u2010").replace("'", "\u2019")):
                changed = Document(document.id, text, document.mentions)
                normalized = normalize(changed, ["unicode", "shorthand"])
                assert normalized.meta["lost_by_normalization"] == 0
                assert restore(normalized, normalized.mentions) == original_mentions(normalized) == changed.mentions
                edits += len(normalized.meta["edits"])
            total += len(document.mentions)
    assert total == 28_785
    assert edits > 100_000
