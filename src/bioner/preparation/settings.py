"""Settings that more than one step of preparation reads."""

from __future__ import annotations

from typing import Any

from bioner.errors import BionerError


def seeded_rate(name: str, value: Any) -> tuple[float, int]:
    """Rate and seed of `{"rate": ..., "seed": ...}`; BionerError names the setting that is not as expected."""
    if isinstance(value, dict) and not set(value) - {"rate", "seed"}:
        rate: Any = value.get("rate")
        seed: Any = value.get("seed", 1)
        if type(rate) in (int, float) and 0 <= rate <= 1 and type(seed) is int:
            return float(rate), seed
    raise BionerError(f"expected `{name}` with a rate in [0, 1] and a whole seed, got {value!r:.80}; change it in the config")
