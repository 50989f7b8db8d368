"""Threads of the loader: jobs in order, errors to whoever asks, nothing left behind."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from lakebed.loader.threads import DaemonPool


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pool-test")]


def test_results_and_errors_reach_whoever_asks() -> None:
    pool = DaemonPool(3, "pool-test")
    futures = [pool.submit(lambda n: 12 // n, n) for n in (1, 2, 0, 4)]
    assert [future.result(10) for future in (futures[0], futures[1], futures[3])] == [12, 6, 3]
    with pytest.raises(ZeroDivisionError):
        futures[2].result(10)
    assert len(names()) <= 3
    pool.close()
    pool.join(threading.TIMEOUT_MAX)
    assert not names()


def test_closing_cancels_what_has_not_begun() -> None:
    pool, gate, begun = DaemonPool(1, "pool-test"), threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return gate.wait(10)

    running, waiting = pool.submit(hold), pool.submit(print)
    assert begun.wait(10)
    pool.close()
    assert waiting.cancelled()
    gate.set()
    assert running.result(10)


def test_a_forgotten_pool_ends_its_threads_and_keeps_no_result() -> None:
    class Result:
        pass

    pool = DaemonPool(2, "pool-test")
    future = pool.submit(Result)
    seen = weakref.ref(future.result(10))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("pool-test")]
    del pool, future
    gc.collect()
    for thread in threads:
        thread.join(10)
    assert not names()
    assert seen() is None
