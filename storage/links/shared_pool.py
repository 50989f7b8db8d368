"""Threads for reading many files, shared by all calls that are under way at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from ..exclusive import ForkSafeLock

T = TypeVar("T")
R = TypeVar("R")


class SharedPool:
    """At most `count` threads, however many callers there are; none are left when nobody calls.

    A pool for each call would start threads for a few files at a time, and several callers at once would have so many
    connections that most of them are thrown away after one file.

    >>> SharedPool(2, "example").map(str.upper, ["a", "b"])
    ['A', 'B']
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._lock = ForkSafeLock()
        self._pool: ThreadPoolExecutor | None = None
        self._users = 0
        self._process = os.getpid()

    def map(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`work` of each item, in order; the first error is raised, and what has not begun by then never does."""
        with self._threads() as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)  # woken once, not for each item
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()

    @contextmanager
    def _threads(self) -> Iterator[ThreadPoolExecutor]:
        with self._lock:
            if self._process != os.getpid():  # a fork has the numbers, but none of the threads
                self._pool, self._users, self._process = None, 0, os.getpid()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix=self._name)
            pool = self._pool
            self._users += 1
        try:
            yield pool
        finally:
            with self._lock:
                self._users -= 1
                last = self._users == 0
                if last:
                    self._pool = None
            if last:
                pool.shutdown()
