"""The error about a recipe that nothing can be trained by."""

from __future__ import annotations

from bioner.errors import BionerError


class RecipeError(BionerError):
    """Values of a recipe that do not go together, or not with its encoder or training part; the message names what to change.

    It follows from recipe and data alone, whatever the machine: the same training would fail again.
    """
