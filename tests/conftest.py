"""Shared by all tests: the place of the corpora, and hypothesis without a clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("bioner", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bioner")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora beside the project; the test is skipped where it is absent."""
    folder = SHARED / "corpora"
    if not folder.is_dir():
        pytest.skip("../shared/corpora is absent: the real corpora are not part of the project")
    return folder
