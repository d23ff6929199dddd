"""Documents, gold mentions and what became of them, as short lists for the error browser's scripts.

A mention is `[type, start, end, ...]`: the number of its type, then each part's start and end, in code points. A judgement is
`[kind, gold]` or `[kind, gold, score, type, start, end, ...]`: the number of its error kind, the place of its gold mention among the
document's (-1 for none), and the predicted mention with its score in thousandths (-1 for none). Gold mentions without a
judgement were found exactly: of them nothing is written, which is what keeps the report small.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any

from bioner.entities import Document, Mention, Span
from bioner.errors import BionerError
from bioner.evaluation.errors import CORRECT, ERROR_KINDS, error_kinds

_KINDS = {kind: number for number, kind in enumerate(ERROR_KINDS)}
_WORD = re.compile(r"\s*\S+|\s+")


class Numbers:
    """Names in the order in which they were first seen, and the number of each."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, name: str) -> int:
        """The number of a name, a new one the first time."""
        return self._numbers.setdefault(name, len(self._numbers))

    @property
    def names(self) -> list[str]:
        return list(self._numbers)


def gold_list(document: Document, types: Numbers) -> list[list[int]]:
    """The gold mentions of a document in reading order, each spans and type once."""
    return [_mention(mention, types) for mention in _distinct(document)]


def judgements(gold: Document, predicted: Document, types: Numbers) -> list[list[int]]:
    """What became of the mentions of a document, but for those found exactly.

    Raises:
        BionerError: the two have different texts.
    """
    places = {(mention.spans, mention.type): place for place, mention in enumerate(_distinct(gold))}
    found = []
    for kind, wanted, guess in error_kinds(gold, predicted):
        if kind != CORRECT:
            judgement = [_KINDS[kind], places[wanted.spans, wanted.type] if wanted else -1]
            if guess is not None:
                judgement += [-1 if guess.score is None else round(1000 * guess.score), *_mention(guess, types)]
            found.append(judgement)
    return found


def edit_spans(original: Document, attacked: Document) -> tuple[list[list[int]], list[list[int]]]:
    """Where an attacked text differs: spans in the attacked text and, one for each, in the original one.

    They are what the attack recorded (`edit_spans` and `original_spans` in the document's meta), else a comparison word by word.

    Raises:
        BionerError: recorded spans that are not pairs of places in the texts.
    """
    after, before = attacked.meta.get("edit_spans"), attacked.meta.get("original_spans")
    if after is None and before is None:
        return _compared(original.text, attacked.text)
    return _checked(after, attacked, "edit_spans"), _checked(before, original, "original_spans")


def script(name: str, value: Any) -> str:
    """A script that hands a value to the page under a name; ASCII, and nothing in it can end a script element."""
    line = json.dumps([name, value], separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f"browser.put(...{line});\n"


def evenly(count: int, limit: int | None) -> Sequence[int]:
    """At most `limit` of the places 0 to count - 1, the same distance apart; all without a limit."""
    return range(count) if limit is None or limit >= count else [place * count // limit for place in range(limit)]


def _distinct(document: Document) -> list[Mention]:
    found: dict[tuple[tuple[Span, ...], str], Mention] = {}
    for mention in sorted(document.mentions, key=lambda mention: (mention.spans, mention.type)):
        found.setdefault((mention.spans, mention.type), mention)
    return list(found.values())


def _mention(mention: Mention, types: Numbers) -> list[int]:
    return [types.of(mention.type), *(place for span in mention.spans for place in span)]


def _compared(original: str, attacked: str) -> tuple[list[list[int]], list[list[int]]]:
    before, after = _words(original), _words(attacked)
    matcher = difflib.SequenceMatcher(None, [original[a:b] for a, b in before], [attacked[a:b] for a, b in after], autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    return (
        [_stretch(after, first, last, attacked) for _, _, _, first, last in changes],
        [_stretch(before, first, last, original) for _, first, last, _, _ in changes],
    )


def _words(text: str) -> list[Span]:
    return [match.span() for match in _WORD.finditer(text)]


def _stretch(words: Sequence[Span], first: int, last: int, text: str) -> list[int]:
    """The characters of words `first` to `last` without the white space around them; an empty span between words."""
    if first == last:
        place = words[first][0] if first < len(words) else len(text)
        return [place, place]
    start, end = words[first][0], words[last - 1][1]
    return [start + len(text[start:end]) - len(text[start:end].lstrip()), end]


def _checked(value: Any, document: Document, name: str) -> list[list[int]]:
    spans = [list(span) for span in value] if isinstance(value, list) and all(isinstance(span, list | tuple) for span in value) else [[]]
    for span in spans:
        places = len(span) == 2 and all(isinstance(place, int) for place in span)
        if not places or not 0 <= span[0] <= span[1] <= len(document.text):
            raise BionerError(
                f"document {document.id!r}: expected meta.{name} as pairs of places in its text, found others; run the attack again"
            )
    return spans
