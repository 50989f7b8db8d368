"""A folder of images, local or in a bucket: what is in it, and its files as samples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..places import Creds
from ..storage.errors import InvalidInputError, NotFoundError
from ..storage.htypes import Sample
from ..storage.links.base import StoredLink
from ..storage.links.creds import Credentials
from ..storage.links.reader import UrlReader
from ..storage.stores import open_store
from ..storage.stores.opening import local_path_of

_KEY = "source"


class ImageFolder:
    """Where images are: `url` as the caller wrote it, `creds` as `lakebed.load` takes them."""

    def __init__(self, url: str, creds: Creds = None) -> None:
        self.url = url
        self._creds = creds
        self._local = _local_folder(url)
        credentials = Credentials()
        if isinstance(creds, str) or not creds:
            credentials.populate(_KEY, from_environment=True)
        else:
            credentials.populate(_KEY, creds)
        self._reader = UrlReader(credentials)

    def join(self, name: str) -> str:
        """The path or URL of a file in the folder."""
        if self._local is not None:
            return os.path.join(self._local, *name.split("/"))
        return f"{self.url.rstrip('/')}/{name}"

    def fetch(self, url: str, creds_key: str | None = None) -> bytes:
        """The bytes of a file anywhere, read with the folder's credentials."""
        return self._reader.fetch(StoredLink(url, _KEY if url.startswith("s3://") else None))

    def samples(self, urls: Sequence[str]) -> list[Sample]:
        """The files as samples to store; those of a bucket are read now, many at a time.

        Raises:
            StorageError: a file cannot be read.
        """
        if self._local is not None:
            return [Sample(path=url) for url in urls]
        key = _KEY if self.url.startswith("s3://") else None
        samples = []
        for found in self._reader.fetch_many([StoredLink(url, key) for url in urls]):
            if isinstance(found, Exception):
                raise found
            samples.append(Sample(data=found or b""))
        return samples

    def texts(self, names: Sequence[str]) -> list[str]:
        """Text files of the folder, many at a time.

        Raises:
            StorageError: one cannot be read.
            InvalidInputError: one is no UTF-8 text.
        """
        links = [StoredLink(self.join(name), _KEY if self.url.startswith("s3://") else None) for name in names]
        texts = []
        for name, found in zip(names, self._reader.fetch_many(links), strict=True):
            if isinstance(found, Exception):
                raise found
            try:
                texts.append((found or b"").decode())
            except UnicodeDecodeError as error:
                raise InvalidInputError(
                    "the file is no UTF-8 text", kind="bad-annotations", place=self.join(name)
                ) from error
        return texts

    def files(self) -> list[str]:
        """Names of all files in the folder and below it, sorted.

        Raises:
            NotFoundError: the folder is not there.
        """
        if self._local is None:
            return [stat.key for stat in open_store(self.url, self._creds).list()]
        self._expect_folder()
        found = []
        for folder, _, names in os.walk(self._local):
            below = os.path.relpath(folder, self._local).replace(os.sep, "/")
            found += [name if below == "." else f"{below}/{name}" for name in names]
        return sorted(found)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that are not there; over http nothing can be listed, so nothing is missing.

        Raises:
            NotFoundError: the folder itself is not there.
        """
        if urlsplit(self.url).scheme in ("http", "https"):
            return []
        if self._local is None:
            there = {stat.key for stat in open_store(self.url, self._creds).list()}
            return [name for name in names if name not in there]
        self._expect_folder()
        # One listing a folder: 100,000 calls of exists() take seconds on a network disk.
        listed: dict[str, set[str]] = {}
        for folder in {os.path.dirname(name) for name in names}:
            path = os.path.join(self._local, folder)
            listed[folder] = set(os.listdir(path)) if os.path.isdir(path) else set()
        return [name for name in names if os.path.basename(name) not in listed[os.path.dirname(name)]]

    def _expect_folder(self) -> None:
        if self._local is not None and not os.path.isdir(self._local):
            raise NotFoundError("the folder of the images is not there", kind="no-folder", place=self.url)


def _local_folder(url: str) -> str | None:
    if url.startswith("file://"):
        return local_path_of(url)
    return None if "://" in url else os.path.abspath(os.path.expanduser(url))
