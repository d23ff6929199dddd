"""Credentials: used from the environment alone, refused where they would be recorded, and never repeated in a message."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from bioner.errors import ConfigError

HIDDEN = "***"

_SECRET_NAME = r"[\w.%-]*(?:token|secret|passw(?:or)?d|signature|credential|api_?-?key|access_?-?key(?:_?id)?)|sig|auth"
_USER = r"(?<=://)(?:[^/?#{0}]*|[^/?#{0}:@]*:(?!\d+(?:[/?#\s]|$))[^{0}\0]*)@"
"""user:password@, with a slash in the password or without, and none of some characters."""
_PARTS = re.compile(
    _USER.format(r"\s") + rf"|(?<=[?&;])(?P<name>{_SECRET_NAME})=[^&#\s\"']+"
    r"|\bhf_[A-Za-z0-9]{16,}",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """A message with `***` for user names and passwords in URLs, for values of queries such as `token=`, and for tokens of the hub."""
    return _PARTS.sub(lambda found: f"{found['name']}={HIDDEN}" if found["name"] else HIDDEN + "@" * found[0].endswith("@"), text)


def redact_url(url: str) -> str:
    """One URL with `***` for what `redact` hides, and for user names and passwords with blanks in them, of which a message has no end."""
    return redact(re.sub(_USER.format(""), f"{HIDDEN}@", url))


def split_url(url: str) -> tuple[str, str | None]:
    """A URL without its user name and password, and these as the value of a header `Authorization` (RFC 7617); None where it has none.

    Raises:
        ValueError: no URL; its text is not in the message.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # which tells of brackets and letters that there cannot be, and of a password's too
        raise ValueError("no host after ://; percent-encode what is special in a password") from None
    user, at, host = parts.netloc.rpartition("@")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("no port after the host's name") from None
    if not at:
        return url, None
    name, _, password = user.partition(":")
    said = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")
    return parts._replace(netloc=host).geturl(), f"Basic {said}"


def check_recordable(config: Any) -> None:
    """Whether a configuration can be recorded as it is: in Snakemake's and DVC's files, logs and reports.

    Raises:
        ConfigError: a value holds credentials or a null character, or a key a control character; the value is not in the message.
    """
    for where, text, is_key in _texts(config, ""):
        if "\0" in text or (is_key and not text.isprintable()):
            raise ConfigError(f"{where}: expected text without control characters, found some; remove them")
        if redact(text) != text:
            raise ConfigError(
                f"{where}: expected no user names, passwords or tokens, for the configuration is recorded, found some in {redact(text)}; "
                "set BIONER_MIRROR or HF_TOKEN in the environment instead (docs/security.md)"
            )


def _texts(value: Any, where: str) -> Iterator[tuple[str, str, bool]]:
    """Place and text of all keys and strings, and whether it is a key."""
    if isinstance(value, dict):
        for key, part in value.items():
            place = f"{where}.{key}" if where else str(key)
            yield redact(repr(place)[1:-1]), str(key), True
            yield from _texts(part, place)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{where}.{number}")
    elif isinstance(value, str):
        yield where, value, False
