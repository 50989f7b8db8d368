"""Reads the files that links refer to: local paths, file://, s3:// and http(s):// URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial

from ...errors import LakebedError
from ..errors import InvalidInputError
from ..exclusive import ForkSafeLock
from ..stores.opening import local_path_of
from ..stores.s3_client import S3Access
from . import errors
from .base import LinkHead, StoredLink
from .creds import Credentials
from .http_file import read_http
from .local_file import read_local
from .s3_object import read_s3
from .shared_pool import SharedPool

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


class UrlReader:
    """A `LinkReader`: thread-safe, picklable, with no secret in its repr or pickle (see `Credentials`).

    Args:
        credentials: where the values of creds keys come from; shared, not copied: what is populated later counts.
        workers: files that `fetch_many` reads at the same time, in all its calls together.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> size = path.write_bytes(b"hello")
    >>> UrlReader().fetch(StoredLink(str(path), size=5))
    b'hello'
    """

    def __init__(self, credentials: Credentials | None = None, workers: int = 16) -> None:
        self.credentials = Credentials() if credentials is None else credentials
        self.workers = workers
        self._pool = SharedPool(workers, "lakebed-links")
        self._lock = ForkSafeLock()
        self._accesses: dict[tuple[str | None, int], S3Access] = {}

    def __repr__(self) -> str:
        return f"UrlReader({self.credentials!r})"

    def __reduce__(self) -> tuple[type[UrlReader], tuple[Credentials, int]]:
        return (UrlReader, (self.credentials, self.workers))

    def head(self, url: str, creds_key: str | None, length: int) -> LinkHead:
        """The first `length` bytes and what the source says of the file (size 0, ETag "" and mtime 0.0 if it does not).

        Raises:
            StorageError: kind "link-missing", "link-denied", "link-unreachable"; names the URL.
            MissingCredsError: kind "unknown-creds-key"; names the key and the URL.
            InvalidInputError: kind "bad-path": a scheme that cannot be read.
        """
        return self._read(url, creds_key, length)

    def fetch(self, link: StoredLink) -> bytes:
        """The whole file. Raises as `head`, and StorageError kind "link-changed" if it is not the file that was linked.

        Compared is what was recorded: the size, and the ETag, or the mtime where the source has no ETags.
        """
        found = self._read(link.url, link.creds_key, None)
        _expect_unchanged(link, found)
        return found.data

    def fetch_many(self, links: Sequence[StoredLink | None]) -> list[bytes | LakebedError | None]:
        """Many files concurrently, in order: bytes, None for a None link, or the error instead of raising it."""
        if len(links) < 2:
            return [self._fetch_one(link) for link in links]
        return self._pool.map(self._fetch_one, links)

    def _fetch_one(self, link: StoredLink | None) -> bytes | LakebedError | None:
        if link is None:
            return None
        try:
            return self.fetch(link)
        except LakebedError as error:
            return error

    def _read(self, url: str, creds_key: str | None, length: int | None) -> LinkHead:
        found = _SCHEME.match(url)
        scheme = found[1].lower() if found else ""
        if scheme == "s3":
            return read_s3(self._access(creds_key, url), url, length)
        if scheme in {"http", "https"}:
            return read_http(url, length, self.credentials.resolve(creds_key, errors.shown(url)))
        if scheme in {"", "file"}:
            return read_local(local_path_of(url) if scheme else os.path.expanduser(url), length, url)
        raise InvalidInputError(
            f"{scheme}:// is not something a link can be read from",
            kind="bad-path",
            place=url,
            hint="link a local path, file://, s3://, http:// or https://",
        )

    def _access(self, creds_key: str | None, url: str) -> S3Access:
        name = (creds_key, self.credentials.version)
        with self._lock:
            if name not in self._accesses:
                # Asked whenever it connects: first, and after the server said that the values have expired.
                self._accesses[name] = S3Access(partial(self.credentials.resolve, creds_key, url))
            return self._accesses[name]


def _expect_unchanged(link: StoredLink, found: LinkHead) -> None:
    if link.size and link.size != found.size:
        raise errors.changed(link.url, "size", link.size, found.size)
    if link.etag and found.etag:
        if link.etag != found.etag:
            raise errors.changed(link.url, "ETag", link.etag, found.etag)
    elif link.mtime and found.mtime and abs(link.mtime - found.mtime) > _CLOCK_STEP:
        raise errors.changed(link.url, "modification time", link.mtime, found.mtime)


_CLOCK_STEP = 0.001  # a time in seconds loses its last digits on its way through a float
