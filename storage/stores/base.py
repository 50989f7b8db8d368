"""The one small interface behind which every byte of a dataset lives: local folder, memory, or S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a store knows of an object without reading it."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch by the store's own clock."""


@runtime_checkable
class Store(Protocol):
    """Keys are "/"-separated relative paths of printable ASCII (see `keys`); no key is the folder of another one.

    Every write returns only when the object is durable (fsync of file and folder; a completed PUT). Objects are
    immutable once written: nothing is renamed over, appended to or truncated. Unfinished files stand in ``tmp/``, which
    is listed only by a prefix that names it. A store is picklable; the copy opens the same place.
    """

    @property
    def url(self) -> str:
        """Where this is, as a user would write it: ``/data/coco``, ``mem://name``, ``s3://bucket/prefix``."""

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissingError, StorageError."""

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer only at the object's end. Raises ObjectMissingError, StorageError."""

    def buffer(self, key: str) -> pa.Buffer:
        """The whole object for zero-copy reading: a mapped file on disk, the bytes themselves in memory, a mapped
        file of the local cache for S3. Raises ObjectMissingError, StorageError."""

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        """Write a new immutable object; writing the same bytes again under the same key is allowed and harmless.
        Raises StorageError."""

    def create(self, key: str, data: bytes) -> None:
        """Write `key` only if it does not exist: of many racing callers exactly one returns normally.

        The bytes of two callers must differ (a transaction id does that): a store that lost an answer on the network
        knows its own write by them.

        Raises:
            ObjectExistsError: the key was taken.
            CommitUnknownError: the store did not say whether it took the write; read the key back.
            StorageError: nothing was written.
        """

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        """Objects whose key starts with `prefix` and sorts after `start_after`, in key order."""

    def delete(self, key: str) -> None:
        """Remove an object; absent is fine. Raises StorageError."""

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of `key`, or None if it does not exist."""
