"""Threads that never keep the program from ending.

`concurrent.futures` joins its threads when the interpreter exits, so one that waits for a server that does not answer
would hold the program for as long as the store goes on trying. These are given a moment to finish what they do.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_GRACE = 2.0
"""Seconds at exit for threads that are at work: native code must not be cut off in the middle."""

_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class DaemonPool:
    """At most `count` daemon threads that work off jobs in order; `close` ends them.

    >>> pool = DaemonPool(2, "example")
    >>> pool.submit(sum, [1, 2]).result()
    3
    >>> pool.close()
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        _POOLS.add(self)

    def submit(self, call: Callable[..., T], *args: Any) -> Future[T]:
        """Have a thread call it; the future can be cancelled until one does."""
        future: Future[T] = Future()
        self._jobs.put((future, call, args))
        if len(self._threads) < self._count:
            # A thread knows the queue alone, so that a pool nobody holds any more can be collected.
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Cancel what has not begun and let the threads end; does not wait for them."""
        with suppress(Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job[0].cancel()
        self._jobs.put(None)

    def join(self, deadline: float) -> None:
        """Wait for threads at work until `time.monotonic()` is `deadline`."""
        for thread in self._threads:
            if thread is not threading.current_thread():  # the collector of garbage may close a pool anywhere
                thread.join(max(0.0, deadline - time.monotonic()))

    def __del__(self) -> None:
        self.close()


_POOLS: weakref.WeakSet[DaemonPool] = weakref.WeakSet()


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, call, args = job
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call(*args))
            except BaseException as error:  # whoever asks for the result gets it
                future.set_exception(error)
        del job, future, call, args  # or the last result would live until the next job
    jobs.put(None)  # for the next thread


@atexit.register
def _end_all() -> None:
    pools = list(_POOLS)
    for pool in pools:
        pool.close()
    deadline = time.monotonic() + _GRACE
    for pool in pools:
        pool.join(deadline)
