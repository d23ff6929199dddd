"""Where an annotation is: its span in code points, though its producer may have counted in other units."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate

from bioner.entities import Span

EXACT = ""
_JOINS = ((1, "offsets left out the blank after the title"), (-1, "offsets counted two characters between title and abstract"))


def _units(text: str, length: Callable[[int, str], int], begin: int = 0) -> list[int]:
    return list(accumulate((length(index, character) for index, character in enumerate(text)), initial=begin))


class Locator:
    """Finds what annotations say in a text.

    Units are tried in a fixed order, code points first; another unit is believed only where the text at the place it gives is
    exactly what the annotation says.
    """

    def __init__(self, text: str, *, mark: bool = False, join: int | None = None) -> None:
        """`mark` says that a byte order mark stood before the text; `join` is where the text goes on after a title and one blank."""
        self.text = text
        self._mark = mark
        self._join = join

    @cached_property
    def _tables(self) -> list[tuple[str, list[int]]]:
        """Rule -> offset of each character of the text and of its end, in the rule's units."""
        text, tables = self.text, list[tuple[str, list[int]]]()
        if self._mark:
            tables.append(("offsets counted the byte order mark", _units(text, lambda _, character: 1, 1)))
        if "\r\n" in text:
            lone = _units(text, lambda index, character: int(text[index : index + 2] != "\r\n"))
            tables.append(("offsets left carriage returns out", lone))
        elif "\n" in text:
            tables.append(("offsets counted carriage returns", _units(text, lambda _, character: 1 + (character == "\n"))))
        if not text.isascii():
            tables.append(("offsets counted UTF-8 bytes", _units(text, lambda _, character: len(character.encode("utf-8", "replace")))))
            tables.append(("offsets counted UTF-16 units", _units(text, lambda _, character: 1 + (character > "\uffff"))))
        return tables

    def find(self, spans: list[Span], says: Callable[[list[str]], bool]) -> tuple[list[Span], str] | None:
        """Spans in code points and the rule that gave them (`EXACT` for none); None where no unit gives what is said.

        Args:
            spans: as written, possibly outside the text.
            says: whether the pieces at the spans are what the annotation says.
        """
        if self._holds(spans, says):
            return spans, EXACT
        for rule, candidate in self._candidates(spans):
            if self._holds(candidate, says):
                return candidate, rule
        return None

    def _holds(self, spans: list[Span], says: Callable[[list[str]], bool]) -> bool:
        pieces, length = [], len(self.text)
        for start, end in spans:
            if not 0 <= start < end <= length:
                return False
            pieces.append(self.text[start:end])
        return says(pieces)

    def _candidates(self, spans: list[Span]) -> Iterator[tuple[str, list[Span]]]:
        for rule, table in self._tables:
            yield rule, [(_at(table, start), _at(table, end)) for start, end in spans]
        if self._join is None:
            return
        for shift, rule in _JOINS:
            moved = [(start + shift, end + shift) for start, end in spans]
            if moved[0][0] >= self._join:
                yield rule, moved


def _at(table: list[int], offset: int) -> int:
    """The character that begins at an offset, or -1."""
    index = bisect_left(table, offset)
    return index if index < len(table) and table[index] == offset else -1
