"""Reads linked files from web servers, with the standard library."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from ..errors import StorageError
from ..stores.retry import retrying
from . import errors
from .base import LinkHead

TIMEOUT = 20.0
"""Seconds without a byte after which an attempt is given up."""
ATTEMPTS = 4
"""Fewer than for S3, because a list of links may name many hosts that are gone for good."""

_PASSING = {408, 425, 429, 500, 502, 503, 504}


def read_http(url: str, length: int | None, creds: Mapping[str, str]) -> LinkHead:
    """The first `length` bytes at `url` (None: all) with size, ETag and mtime as the server tells them.

    Args:
        creds: "authorization", if there, is sent as the header of that name, to the first host only.

    Raises StorageError: kind "link-missing", "link-denied" or "link-unreachable" (after several attempts).
    """
    try:
        return retrying(lambda: _read(url, length, creds), _is_passing, ATTEMPTS)
    except HTTPError as error:
        error.close()
        raise _refused(url, error) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise errors.unreachable(url, _reason(error), "check the network and the address") from error


def _read(url: str, length: int | None, creds: Mapping[str, str]) -> LinkHead:
    request = Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"))
    request.add_header("User-Agent", "lakebed")
    request.add_header("Accept-Encoding", "identity")  # we want the file's own bytes
    if length is not None:
        request.add_header("Range", f"bytes=0-{max(0, length - 1)}")
    if creds.get("authorization"):
        request.add_unredirected_header("Authorization", creds["authorization"])
    try:
        with _opener().open(request, timeout=TIMEOUT) as answer:
            data = answer.read() if length is None else answer.read(length)
            return _head(answer.headers, data, length)
    except HTTPError as error:
        if error.code == 416 and length is not None:  # the file is empty
            return _head(error.headers, b"", length)
        raise


def _head(headers: Any, data: bytes, length: int | None) -> LinkHead:
    return LinkHead(data, _size(headers, data, length), headers.get("ETag") or "", _mtime(headers.get("Last-Modified")))


def _size(headers: Any, data: bytes, length: int | None) -> int:
    whole = (headers.get("Content-Range") or "").rpartition("/")[2]
    if whole.isdecimal():
        return int(whole)
    if length is None:
        return len(data)
    return int(headers.get("Content-Length") or 0)


def _mtime(text: str | None) -> float:
    try:
        return parsedate_to_datetime(text).timestamp() if text else 0.0
    except ValueError:  # a server that writes dates in its own way tells us nothing
        return 0.0


@cache
def _opener() -> OpenerDirector:
    # Not urllib's default opener: that one also reads file:// and ftp://, which a redirect could ask for.
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(context=ssl.create_default_context()),
        HTTPDefaultErrorHandler(),
        HTTPRedirectHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _is_passing(error: Exception) -> bool:
    if isinstance(error, HTTPError):
        return error.code in _PASSING
    if isinstance(error, URLError):
        return isinstance(error.reason, OSError) and not isinstance(error.reason, ssl.SSLCertVerificationError)
    return isinstance(error, (OSError, http.client.HTTPException)) and not isinstance(error, http.client.InvalidURL)


def _refused(url: str, error: HTTPError) -> StorageError:
    said = f"HTTP {error.code} {error.reason}"
    if error.code in {404, 410}:
        return errors.missing(url, said)
    if error.code in {401, 403, 407}:
        return errors.denied(url, said, "give the link a creds_key whose credentials hold an authorization")
    return errors.unreachable(url, said)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__
