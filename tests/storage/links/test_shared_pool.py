"""Threads that several callers share: few, in order, and gone afterwards."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lakebed.storage.links.shared_pool import SharedPool


def test_callers_at_once_have_no_more_threads_than_one_and_leave_none() -> None:
    pool = SharedPool(3, "shared-test")
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if number < 3:
            together.wait(10)  # so that all three threads are there
        with lock:
            running -= 1
        return number * number

    with ThreadPoolExecutor(4) as callers:
        jobs = [callers.submit(pool.map, work, range(start, start + 20)) for start in (0, 20, 40, 60)]
        results = [job.result() for job in jobs]
    assert results == [[n * n for n in range(start, start + 20)] for start in (0, 20, 40, 60)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shared-test")]
    assert most == 3


def test_the_first_error_is_raised_and_what_had_not_begun_never_does() -> None:
    begun, go = [], threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ValueError("first")
        go.wait(10)

    pool = SharedPool(2, "shared-test")
    caught: list[BaseException] = []

    def call() -> None:
        try:
            pool.map(work, range(50))
        except ValueError as error:
            caught.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while pool._pool is not None or not begun:
        pass  # until what was left has been cancelled
    go.set()
    caller.join(10)
    assert str(caught[0]) == "first"
    assert len(begun) < 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle_of_a_call_has_threads_of_its_own() -> None:
    pool, in_call, go = SharedPool(2, "shared-test"), threading.Event(), threading.Event()

    def wait(_: int) -> bool:
        in_call.set()
        return go.wait(10)

    caller = threading.Thread(target=pool.map, args=(wait, [0]))
    caller.start()
    assert in_call.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.map(abs, [-1, -2, 3]) == [1, 2, 3] else 1)
    _, status = os.waitpid(child, 0)
    go.set()
    caller.join(10)
    assert status == 0
