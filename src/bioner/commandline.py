"""What every command shares: errors for people, and settings that arrive as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from bioner.errors import BionerError


def execute(main: Callable[[], None]) -> None:
    """Run a command; a BionerError becomes one line on standard error and exit status 1."""
    try:
        main()
    except BionerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def say(message: str) -> None:
    """One line of progress on standard error, at once."""
    print(message, file=sys.stderr, flush=True)


def json_argument(text: str) -> Any:
    """An argparse type: a value given as JSON, as the workflow's rules pass their slice of the config."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"expected JSON, got {text[:60]!r} ({error})") from error
