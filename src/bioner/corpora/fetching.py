"""One file over HTTP, tried again and resumed where it stopped."""

from __future__ import annotations

import http.client
import re
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bioner.commandline import say
from bioner.corpora.partial import Partial
from bioner.credentials import redact, redact_url, split_url
from bioner.errors import BionerError

REMEDY = "set `mirror:` in the config or BIONER_MIRROR to a folder or URL prefix that has this file"
CHUNK = 1 << 16
LARGE = 4 << 20
"""Bytes from which on a file's progress is told."""
SLACK = 1 << 20
TELL_EVERY = 10.0
"""Seconds between two lines of progress."""
WITHOUT_RANGES = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.PRECONDITION_FAILED)
"""Statuses by which some servers and proxies refuse a part of a file that they give as a whole."""
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Statuses below 500 after which the same request may succeed."""
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on with a URL; times in seconds.

    Fields:
        tries: requests in a row that bring no new byte, after which the file is given up.
        pause: before the second of them, doubling; `longest` bounds what a server's Retry-After makes of it.
        timeout: for a connection, and between two pieces of an answer.
    """

    tries: int = 3
    pause: float = 1.0
    longest: float = 60.0
    timeout: float = 60.0


def largest(size: int | None) -> float:
    """Bytes beyond which nothing more of a file of known size is taken, so that a wrong one cannot fill the disk."""
    return float("inf") if size is None else size + SLACK


def fetch(url: str, partial: Partial, what: str, *, size: int | None, patience: Patience) -> bool:
    """Append to a partial file what it lacks of a URL's content, trying again after what may pass.

    Args:
        url: http or https; redirects are followed within these. A user name and a password in it go to that host alone.
        what: the file's name in messages.
        size: of the file in bytes, if known; an answer that is longer is not read to its end.

    Returns:
        Whether bytes of an earlier answer were kept, to which a wrong digest may then be due.

    Raises:
        BionerError: refused, or no new byte in `patience.tries` requests.
    """
    transfer = _Transfer(url, partial, what, size, patience.timeout)
    misses, best = 0, partial.size
    if best:
        say(f"{what}: going on after {best} bytes")
    while True:
        try:
            return transfer.request()
        except _Failed as error:
            misses = 0 if partial.size > best else misses + 1
            best = max(best, partial.size)
            if error.wait is None or misses >= patience.tries:
                tried = "not tried again" if error.wait is None else f"tried {misses} times without a new byte"
                kept = f"; {partial.size} bytes are kept, and the next run goes on from there" if partial.size else ""
                raise BionerError(
                    f"{what}: expected the file at {redact_url(url)}, found: {error} ({tried}); check the network, or {REMEDY}{kept}"
                ) from error
            say(f"{what}: {error}; trying again")
            time.sleep(max(min(error.wait, patience.longest), patience.pause * 2 ** max(misses - 1, 0)))


class _Failed(Exception):
    """A request that did not bring all; `wait` is the least pause (s) before the next one, None when another is no use."""

    def __init__(self, found: str, wait: float | None) -> None:
        super().__init__(redact(" ".join(found.split()))[:200])
        self.wait = wait


@dataclass(slots=True)
class _Transfer:
    """The requests for one file: its `size` as the config knows it, `total` and validator (ETag or date) as the last answer told them."""

    url: str
    partial: Partial
    what: str
    size: int | None
    timeout: float
    total: int | None = None
    validator: str | None = None

    def request(self) -> bool:
        """Ask once for what is missing, and whether earlier bytes were kept; raises _Failed."""
        offset = self.partial.size
        try:
            with _opener().open(self._question(offset), timeout=self.timeout) as answer:
                self._place(answer)
                kept = self.partial.size > 0
                self._receive(answer)
                return kept
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                return True  # all is there, or too much: the digest tells
            if error.code in WITHOUT_RANGES and offset:
                self.partial.empty()
                raise _Failed(f"HTTP {error.code} {error.reason} for a part of the file", 0) from error
            after = error.headers.get("Retry-After", "")
            passing = error.code >= 500 or error.code in PASSING
            raise _Failed(f"HTTP {error.code} {error.reason}", (int(after) if after.isdecimal() else 0) if passing else None) from error
        except (ValueError, http.client.InvalidURL) as error:
            raise _Failed(str(error), None) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Failed(self._explain(error), 0) from error

    def _question(self, offset: int) -> urllib.request.Request:
        headers = {"User-Agent": _agent(), "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if self.validator:
                headers["If-Range"] = self.validator
        url, authorization = split_url(self.url)
        question = urllib.request.Request(url, headers=headers)
        if authorization:
            question.add_unredirected_header("Authorization", authorization)
        return question

    def _place(self, answer: Any) -> None:
        """See where an answer's bytes belong: after those that are there, or in place of them."""
        validator = _validator(answer.headers)
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            told = answer.headers.get("Content-Range", "")
            match = CONTENT_RANGE.fullmatch(told)
            if not match or int(match[1]) != self.partial.size or (self.validator and validator not in (None, self.validator)):
                self.partial.empty()
                raise _Failed(f"another part of the file, or of another file, than was asked for ({told or 'no Content-Range'})", 0)
            whole = match[2]
            self.validator = validator or self.validator
        else:
            self.partial.empty()
            whole = "*"
            self.validator = validator
        if whole != "*":
            self.total = int(whole)
        else:
            self.total = self.size if answer.length is None else self.partial.size + answer.length

    def _receive(self, answer: Any) -> None:
        left, told, most = answer.length, time.monotonic(), largest(self.size)
        # read1 gives what is there, so that a stall or a kill loses nothing that came before it
        while left != 0 and self.partial.size <= most and (chunk := answer.read1(CHUNK)):
            self.partial.write(chunk)
            left = None if left is None else left - len(chunk)
            if max(self.total or 0, self.partial.size) >= LARGE and time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                say(f"{self.what}: {self._progress}")
        if self.total is not None and self.partial.size < min(self.total, most):
            raise ConnectionError("connection closed")

    @property
    def _progress(self) -> str:
        return f"{self.partial.size} of {self.total or self.size or 'unknown'} bytes"

    def _explain(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return f"no bytes for {self.timeout:g} s after {self._progress}"
        if isinstance(reason, socket.gaierror):
            return f"no such host, or no network ({reason.strerror})"
        if isinstance(reason, http.client.IncompleteRead):
            reason = "connection closed"
        found = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
        return f"{found} after {self._progress}" if self.partial.size else found


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https alone, proxies of the environment included: no redirect leads to a file of this machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirects,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Takes credentials along to where they were given for, and to no other host."""

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (following.type, following.host) == (req.type, req.host) and req.has_header("Authorization"):
            following.add_unredirected_header("Authorization", req.get_header("Authorization", ""))
        return following


def _agent() -> str:
    try:
        return f"bioner/{version('bioner')}"
    except PackageNotFoundError:
        return "bioner"  # run from its sources by PYTHONPATH


def _validator(headers: Message) -> str | None:
    """What identifies the very bytes of an answer; a weak ETag does not, and may not stand in If-Range."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
