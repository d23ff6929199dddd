"""For all tests: Hypothesis without a clock, and the same examples and names of tests on every machine."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("bioner", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bioner")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name packed bytes by their parameter: they hold the second they were packed in, and workers must agree on names."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None
