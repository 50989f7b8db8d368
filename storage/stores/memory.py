"""A store in the memory of this process, for tests and for datasets that need not last."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from ..errors import ObjectExistsError, StorageError, object_missing
from ..exclusive import ForkSafeLock
from .base import ObjectStat
from .keys import check_key, check_prefix, check_range

_PROCESS = secrets.token_hex(16)  # a forked child keeps it, and it does hold a copy of the objects


@dataclass(frozen=True, slots=True)
class _Place:
    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    lock: ForkSafeLock = field(default_factory=ForkSafeLock)


_PLACES: dict[str, _Place] = {}


class MemoryStore:
    """Objects in a dictionary. Stores of the same name in one process are the same store; without a name it is new.

    >>> MemoryStore("doctest").put("a", b"1")
    >>> MemoryStore("doctest").get("a")
    b'1'
    """

    def __init__(self, name: str = "") -> None:
        self._name = name or secrets.token_hex(8)
        self._place = _PLACES.setdefault(self._name, _Place())

    @property
    def url(self) -> str:
        """``mem://name``."""
        return f"mem://{self._name}"

    def __repr__(self) -> str:
        return f"MemoryStore({self._name!r})"

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (_reopen, (self._name, _PROCESS))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryStore) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissingError."""
        found = self._place.objects.get(check_key(key))
        if found is None:
            raise object_missing(f"{self.url}/{key}")
        return found[0]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer only at the object's end. Raises ObjectMissingError."""
        check_range(start, length)
        return self.get(key)[start : start + length]

    def buffer(self, key: str) -> pa.Buffer:
        """The object's own bytes, not copied. Raises ObjectMissingError."""
        return pa.py_buffer(self.get(key))

    def stat(self, key: str) -> ObjectStat | None:
        """Size and time of `key`, or None if it does not exist."""
        found = self._place.objects.get(check_key(key))
        return None if found is None else ObjectStat(key, len(found[0]), found[1])

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        """Objects whose key starts with `prefix` and sorts after `start_after`, in key order."""
        check_prefix(prefix)
        with self._place.lock:
            found = [item for item in self._place.objects.items() if item[0] > start_after and _listed(item[0], prefix)]
        for key, (data, modified) in sorted(found, key=lambda item: item[0]):
            yield ObjectStat(key, len(data), modified)

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        """Write a new immutable object; the same bytes again are fine.

        Raises StorageError of kind "object-differs" if other bytes stand under this key; they are left alone.
        """
        body = bytes(data)
        if not self._add(key, body) and self.get(key) != body:
            raise StorageError(
                "another object stands under this key, and objects are never replaced",
                kind="object-differs",
                place=f"{self.url}/{key}",
            )

    def create(self, key: str, data: bytes) -> None:
        """Write `key` only if it does not exist. Raises ObjectExistsError if the key was taken."""
        if not self._add(key, bytes(data)):
            raise ObjectExistsError("the object exists already", place=f"{self.url}/{key}")

    def _add(self, key: str, data: bytes) -> bool:
        check_key(key)
        with self._place.lock:
            if key in self._place.objects:
                return False
            self._place.objects[key] = (data, time.time())
            return True

    def delete(self, key: str) -> None:
        """Remove an object; absent is fine."""
        with self._place.lock:
            self._place.objects.pop(check_key(key), None)


def _listed(key: str, prefix: str) -> bool:
    return key.startswith(prefix) and (prefix.startswith("tmp") or not key.startswith("tmp/"))


class _Elsewhere(MemoryStore):
    """A store of another process: it has a name and no objects, and says so when it is used."""

    def __init__(self, name: str, process: str) -> None:
        self._name = name
        self._process = process

    @property
    def _place(self) -> _Place:  # type: ignore[override]  # nothing can be assigned to it
        raise StorageError(
            "a dataset in memory cannot be opened in another process",
            kind="not-shared",
            place=self.url,
            hint="use a local folder or S3 with worker processes, or num_workers=0",
        )

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (_reopen, (self._name, self._process))


def _reopen(name: str, process: str) -> MemoryStore:
    return MemoryStore(name) if process == _PROCESS else _Elsewhere(name, process)
