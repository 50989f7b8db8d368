"""From the path a user writes to the store behind it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import InvalidInputError
from .base import Store
from .local import LocalStore
from .memory import MemoryStore
from .places import data_folder

Creds = Mapping[str, Any] | Callable[[], Mapping[str, str]] | str | None

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)


def open_store(path: str | os.PathLike[str], creds: Creds = None, create: bool = False) -> Store:
    """The store at `path`; nothing is read yet.

    Args:
        path: a local path, ``file://`` URL, ``mem://name`` (in this process), ``s3://bucket/prefix``, or
            ``hub://org/name``: a folder below the one (or below the bucket) that LAKEBED_HUB names.
        creds: for S3: a mapping with any of aws_access_key_id, aws_secret_access_key, aws_session_token,
            endpoint_url, aws_region, profile_name, or a function that returns one and is asked again when they have
            expired. None or "ENV": boto3's own rules.
        create: make the local folder if it is missing.

    Raises:
        InvalidInputError: kind "bad-path": an empty path, an unknown scheme, no bucket or name.
        StorageError: the folder cannot be made.

    >>> open_store("mem://doctest").url
    'mem://doctest'
    """
    text = os.fspath(path)
    found = _SCHEME.match(text)
    if found is None:
        return LocalStore(_local_path(text), create=create)
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme == "file":
        return LocalStore(local_path_of(text), create=create)
    if scheme == "mem":
        return MemoryStore(_expect_name(rest.strip("/"), text))
    if scheme == "hub":
        return open_store(_hub_path(rest.strip("/"), text), creds, create)
    if scheme == "s3":
        from .s3 import S3Store  # boto3 takes 0.2 s to import

        return S3Store(text, creds)
    raise InvalidInputError(
        f"{scheme}:// is not a place that can be opened",
        kind="bad-path",
        place=text,
        hint="use a local path, file://, mem://name, s3://bucket/prefix or hub://org/name",
    )


def local_path_of(url: str) -> str:
    """The local path that a ``file://`` URL means. Raises InvalidInputError for one of another host."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        if os.name == "nt":
            return f"\\\\{parts.netloc}{url2pathname(parts.path)}"
        raise InvalidInputError(
            f"the URL names a file on host {parts.netloc!r}, but only local files can be opened",
            kind="bad-path",
            place=url,
            hint="write file:///path, with three slashes",
        )
    return url2pathname(parts.path)


def _local_path(text: str) -> Path:
    return Path(_expect_name(text, text)).expanduser()


def _expect_name(name: str, text: str) -> str:
    if not name or "\0" in name:
        raise InvalidInputError("the path names nothing", kind="bad-path", place=repr(text))
    return name


def _hub_path(name: str, text: str) -> str:
    if _HUB_NAME.fullmatch(name) is None:
        raise InvalidInputError("a hub path is hub://org/name", kind="bad-path", place=text)
    base = os.environ.get("LAKEBED_HUB") or str(data_folder() / "hub")
    if base.startswith("hub://"):
        raise InvalidInputError(
            "LAKEBED_HUB names a hub, but a folder or bucket is expected", kind="bad-path", place=base
        )
    return f"{base.rstrip('/')}/{name}"
