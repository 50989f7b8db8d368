"""Links: references to files outside the dataset, and how their bytes are reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import LakebedError


@dataclass(frozen=True, slots=True)
class Link:
    """A file to refer to instead of copying it: what `lakebed.link(url, creds_key=...)` returns.

    `url` is a local path, ``file://``, ``s3://`` or ``http(s)://`` URL; `creds_key` names (never holds) credentials.
    """

    url: str
    creds_key: str | None = None


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as a row keeps it, with what was seen of the file when it was linked (0, "", 0.0 if it was not read)."""

    url: str
    creds_key: str | None = None
    size: int = 0
    etag: str = ""
    mtime: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkHead:
    """The start of a linked file and what was seen of it."""

    data: bytes
    size: int
    etag: str = ""
    mtime: float = 0.0


class LinkReader(Protocol):
    """Reads linked files; picklable, thread-safe. Carries creds key names and providers, never secrets in its repr."""

    def head(self, url: str, creds_key: str | None, length: int) -> LinkHead:
        """The first `length` bytes and what the source says of the file.

        Raises:
            StorageError: kind "link-missing", "link-denied", "link-unreachable"; names the URL.
            NotFoundError: kind "unknown-creds-key".
        """

    def fetch(self, link: StoredLink) -> bytes:
        """The whole file. Raises as `head`, and StorageError kind "link-changed" if it is not the file first seen."""

    def fetch_many(self, links: Sequence[StoredLink | None]) -> list[bytes | LakebedError | None]:
        """Many files concurrently, in order: bytes, None for a None link, or the error instead of raising it."""
