"""Stores that fail on purpose, or count what is asked of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa
from lakebed.storage.errors import CommitUnknownError, StorageError
from lakebed.storage.stores.base import ObjectStat, Store
from lakebed.storage.stores.memory import MemoryStore

T = TypeVar("T")

WRITES = frozenset({"put", "create", "delete"})


class Crash(BaseException):
    """The process dies here; nothing in the code under test may catch it."""


class WatchedStore:
    """A store that passes everything on to another, after telling `watch` the call's number, name and key.

    `after` is told once a call has taken effect, and may raise as if the answer had been lost.
    """

    def __init__(
        self,
        inner: Store,
        before: Callable[[int, str, str], None] = lambda *_: None,
        after: Callable[[int, str, str], None] = lambda *_: None,
    ) -> None:
        self.inner = inner
        self.before = before
        self.after = after
        self.calls = 0
        self.counts: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return self.inner.url

    def get(self, key: str) -> bytes:
        return self._run("get", key, lambda: self.inner.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._run("get_range", key, lambda: self.inner.get_range(key, start, length))

    def buffer(self, key: str) -> pa.Buffer:
        return self._run("buffer", key, lambda: self.inner.buffer(key))

    def put(self, key: str, data: bytes | memoryview | pa.Buffer) -> None:
        self._run("put", key, lambda: self.inner.put(key, data))

    def create(self, key: str, data: bytes) -> None:
        self._run("create", key, lambda: self.inner.create(key, data))

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectStat]:
        return iter(self._run("list", prefix, lambda: list(self.inner.list(prefix, start_after))))

    def delete(self, key: str) -> None:
        self._run("delete", key, lambda: self.inner.delete(key))

    def stat(self, key: str) -> ObjectStat | None:
        return self._run("stat", key, lambda: self.inner.stat(key))

    def _run(self, name: str, key: str, act: Callable[[], T]) -> T:
        self.calls += 1
        number = self.calls
        self.counts[name] += 1
        self.before(number, name, key)
        result = act()
        self.after(number, name, key)
        return result


def crash_before_write(at: int) -> Callable[[int, str, str], None]:
    """Dies before the `at`-th call that writes (from 1), and stays dead.

    Death at any other moment leaves the same in the store: reads change nothing, and after a write is before the next.
    """
    writes = 0

    def die(number: int, name: str, key: str) -> None:
        nonlocal writes
        writes += name in WRITES
        if writes >= at:
            raise Crash(f"{name} {key}")

    return die


def failing_once(inner: Store, at: int, after: bool, error: Callable[[str], BaseException]) -> WatchedStore:
    """Fails at the `at`-th call and works again from then on."""

    def fail(number: int, name: str, key: str) -> None:
        if number == at:
            raise error(name)

    return WatchedStore(inner, after=fail) if after else WatchedStore(inner, before=fail)


def lost_answer(name: str) -> BaseException:
    """What a store raises when the answer to a call was lost after it took effect."""
    return CommitUnknownError("no answer") if name == "create" else StorageError("no answer")


def refused(name: str) -> BaseException:
    """What a store raises when it did nothing."""
    return StorageError(f"{name} refused")


def copy_of(store: Store) -> MemoryStore:
    """The same objects in a memory store of their own."""
    twin = MemoryStore()
    for stat in store.list():
        twin.put(stat.key, store.get(stat.key))
    return twin
