"""Copies of immutable remote objects on the local disk, mapped when they are read, least recently used first out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ..errors import InvalidInputError
from ..exclusive import ForkSafeLock
from . import durable
from .mapped import map_file
from .places import cache_folder

DEFAULT_LIMIT = 8 << 30


@dataclass(frozen=True, slots=True)
class _Copy:
    path: str
    size: int
    used: float


class DiskCache:
    """At most about `limit` bytes below one folder, shared by all processes of the user.

    Processes count what they add and look at the whole folder from time to time, so the limit may be passed for a
    moment.
    A cache that cannot be written (full disk, no permission) keeps nothing; that is never an error.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self._folder = str(folder or cache_folder())
        self.limit = _limit_from_environment() if limit is None else limit
        self._lock = ForkSafeLock()
        self._added = self.limit  # unknown at first: look before the first copy is kept

    def __repr__(self) -> str:
        return f"DiskCache({self._folder!r}, limit={self.limit})"

    def __contains__(self, name: str) -> bool:
        return os.path.exists(self._path(name))

    def find(self, name: str) -> pa.Buffer | None:
        """The copy called `name`, mapped, or None."""
        path = self._path(name)
        try:
            found = map_file(path)
            os.utime(path)
        except OSError:  # not there, or removed by another process just now
            return None
        return found

    def keep(self, name: str, data: bytes | pa.Buffer) -> pa.Buffer:
        """Keep `data` under `name` and return it, mapped if it could be kept."""
        size = len(data)
        if size == 0 or size > self.limit:
            return pa.py_buffer(data)
        self._make_room(size)
        path = self._path(name)
        temporary = f"{path}.{durable.random_name()}"
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            # Synced, for a copy torn by a power cut would look like damage of the dataset.
            durable.write_new_file(temporary, data)
            os.replace(temporary, path)
        except OSError:  # the cache is a convenience: without it the bytes are served from memory
            durable.remove_quietly(temporary)
            return pa.py_buffer(data)
        found = self.find(name)
        return pa.py_buffer(data) if found is None else found

    def forget(self, name: str) -> None:
        """Drop the copy called `name`, if there is one."""
        durable.remove_quietly(self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name[:2], name)

    def _make_room(self, size: int) -> None:
        with self._lock:
            self._added += size
            if self._added <= self.limit // 16:
                return
            self._added = size
        self._evict(self.limit - size)

    def _evict(self, allowed: int) -> None:
        copies = sorted(self._copies(), key=lambda copy: copy.used)
        total = sum(copy.size for copy in copies)
        for copy in copies:
            if total <= allowed:
                return
            durable.remove_quietly(copy.path)  # a mapping that is still open stays valid, except on Windows: it stays
            total -= copy.size

    def _copies(self) -> Iterator[_Copy]:
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    found = os.stat(path)
                except OSError:  # another process removed it
                    continue
                yield _Copy(path, found.st_size, found.st_mtime)


def _limit_from_environment() -> int:
    text = os.environ.get("LAKEBED_CACHE_BYTES", "")
    if text and not text.isdecimal():
        raise InvalidInputError(
            f"LAKEBED_CACHE_BYTES is {text!r}, but a whole number of bytes is expected",
            kind="bad-setting",
            hint="write 8589934592 for 8 GiB, or 0 to keep no copies",
        )
    return int(text) if text else DEFAULT_LIMIT
