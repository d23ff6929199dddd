"""The QWERTY keyboard: which letters lie beside each letter."""

from __future__ import annotations

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Letters next to each letter, each row half a key to the right of the one above."""
    places = {letter: (row, column + row / 2) for row, letters in enumerate(_ROWS) for column, letter in enumerate(letters)}
    return {
        letter: "".join(other for other, (r, c) in sorted(places.items()) if other != letter and abs(r - row) <= 1 and abs(c - column) <= 1)
        for letter, (row, column) in places.items()
    }


NEIGHBOURS = _neighbours()
"""For each lower-case letter a to z, the letters beside it, sorted."""
