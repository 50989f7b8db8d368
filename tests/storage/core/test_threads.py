"""Threads that share a handle: what each was told is saved is there once, and nobody reads half a row."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from lakebed.storage import objects
from lakebed.storage.exclusive import ForkSafeLock
from lakebed.storage.recent import Recent
from lakebed.storage.stores.memory import MemoryStore

from storage_model import by_profile, created, make_tensor, opened

ROWS = by_profile(60, 200, 1000)


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """Threads take turns a thousand times more often than they do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def run(*acts: Callable[[], None]) -> list[BaseException]:
    """What went wrong in threads that all run at once."""
    wrong: list[BaseException] = []

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.mark.usefixtures("eager_switches")
def test_writers_and_readers_of_one_handle() -> None:
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    make_tensor(ws, "text", "text_b")

    def write(name: str) -> Callable[[], None]:
        def act() -> None:
            for number in range(ROWS):
                ws.extend({"text_a": [f"{name}{number}"], "text_b": [f"{name}{number}"]}, 1)
                if number % 20 == 0:
                    ws.commit(allow_empty=True)

        return act

    def read() -> None:
        for _ in range(ROWS):
            snapshot = ws.snapshot()
            table = snapshot.table(["text_a", "text_b"])
            assert table.column(0).to_pylist() == table.column(1).to_pylist()
            if len(ws):
                assert ws.read("text_a", [0])

    assert run(write("x"), write("y"), read, read) == []
    ws.commit("end", allow_empty=True)
    found = opened(store)
    texts = found.read("text_a", range(len(found)))
    assert sorted(texts) == sorted(f"{name}{number}" for name in "xy" for number in range(ROWS))
    assert found.read("text_b", range(len(found))) == texts


@pytest.mark.usefixtures("eager_switches")
def test_threads_share_what_is_kept() -> None:
    kept: Recent[tuple[int], int] = Recent(3)

    def use() -> None:
        for number in range(ROWS * 20):
            key = (number % 7,)
            assert kept.get(key, lambda key=key: key[0]) == key[0]  # type: ignore[misc]

    assert run(use, use, use) == []


@pytest.mark.usefixtures("eager_switches")
def test_threads_read_small_objects_of_more_bundles_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "CACHED_BUNDLES", 1)
    kept, pointers = objects.Objects(MemoryStore()), []
    for number in range(4):
        staging = objects.Staging()
        staged = staging.add(b"%d" % number)
        pointers.append(replace(staged, bundle=kept.publish(staging)))

    def read() -> None:
        for number in range(ROWS * 200):
            assert kept.read(pointers[number % 4]) == b"%d" % (number % 4)

    assert run(read, read, read) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_lock_that_another_thread_holds_is_free_in_a_forked_child() -> None:
    lock, taken, done = ForkSafeLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(60)
    child = os.fork()
    if child == 0:
        with lock:
            os._exit(7)
    found = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done.set()
    holder.join()
    assert found == 7
