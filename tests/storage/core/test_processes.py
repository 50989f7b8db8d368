"""A dataset in several processes: pickled into a spawned one, or open when one is forked."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakebed.storage import handle
from lakebed.storage.leases import leases
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.links.shared_pool import SharedPool
from lakebed.storage.stores.cache import DiskCache
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.stores.s3_client import S3Access
from lakebed.storage.stores.turn import turn

import handle_children as children
import lakebed
from storage_model import make_tensor, opened

HAS_FORK = hasattr(os, "fork")
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
needs_fork = pytest.mark.skipif(not HAS_FORK, reason="no fork here")
CONTEXTS: dict[str, Any] = {
    way: multiprocessing.get_context(way) for way in ("spawn", "fork") if way in multiprocessing.get_all_start_methods()
}


@pytest.fixture
def ds(tmp_path: Path) -> lakebed.Dataset:
    """One committed row."""
    made = lakebed.empty(tmp_path / "ds")
    made.create_tensor("name", htype="text")
    made.append({"name": "first"})
    made.commit("one row")
    return made


def names(ds: lakebed.Dataset) -> list[str]:
    return [str(row.name.text()) for row in lakebed.load(ds.path)]


def run(way: str, act: Callable[..., None], *arguments: Any) -> None:
    child = CONTEXTS[way].Process(target=act, args=arguments)
    child.start()
    child.join(120)
    assert child.exitcode == 0


@pytest.mark.parametrize("way", CONTEXTS)
@pytest.mark.parametrize(
    "act", [children.append_and_return, children.append_in_a_transaction, children.append_and_commit]
)
def test_what_a_child_appends_is_saved_and_the_parent_goes_on(
    ds: lakebed.Dataset, way: str, act: Callable[..., None]
) -> None:
    ds.append({"name": "of the parent"})
    run(way, act, ds, "of the child")
    ds.append({"name": "after"})
    ds.commit("after")
    assert sorted(names(ds)) == ["after", "first", "of the child", "of the parent"]
    assert len(ds) == 4


@pytest.mark.parametrize("way", CONTEXTS)
def test_a_child_that_only_reads_sees_what_has_landed_and_lands_nothing(ds: lakebed.Dataset, way: str) -> None:
    if way == "spawn":
        ds.append({"name": "handed over"})  # pickling lands it
        run(way, children.only_read, ds, "handed over")
        assert names(ds) == ["first", "handed over"]
    else:
        ds.append({"name": "waits"})
        run(way, children.only_read, ds, "first")
        assert names(ds) == ["first"]
        ds.flush()
        assert names(ds) == ["first", "waits"]


@needs_fork
@pytest.mark.parametrize("written", [False, True], ids=["nothing written yet", "something written"])
def test_a_child_forked_inside_a_transaction_has_none_open(ds: lakebed.Dataset, written: bool) -> None:
    with ds:
        if written:
            ds.append({"name": "of the parent"})
        run("fork", children.append_in_a_transaction, ds, "of the child")
        assert names(ds) == ["first", "of the child"]
        ds.append({"name": "more of the parent"})
    wanted = ["first", "of the child", "of the parent", "more of the parent"]
    assert names(ds) == [name for name in wanted if written or name != "of the parent"]


@needs_fork
@pytest.mark.parametrize("fails", [False, True])
def test_a_child_may_leave_the_block_that_it_was_forked_in(ds: lakebed.Dataset, fails: bool) -> None:
    def leave_it() -> None:
        try:
            ds.append({"name": "of the child"})
            if fails:
                raise KeyError
        except KeyError:
            ds.__exit__(KeyError, KeyError(), None)
        else:
            ds.__exit__(None, None, None)

    with ds:
        ds.append({"name": "of the parent"})
        assert children.forked(leave_it) == 0
    assert names(ds) == ["first", *([] if fails else ["of the child"]), "of the parent"]


@needs_fork
def test_a_child_leaves_the_parents_lease_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "LEASE_SECONDS", -1.0)  # as if the transaction had begun long ago
    store = LocalStore(tmp_path / "ds", create=True)
    lakebed.empty(tmp_path / "ds")
    ws = opened(store)
    make_tensor(ws, "text", "text_a")
    ws.begin()
    ws.extend({"text_a": ["a"]}, 1)
    ws.extend({"text_a": ["b"]}, 1)
    held = [lease.key for lease in leases(store)]
    assert len(held) == 1
    assert children.forked(ws.close) == 0
    assert [lease.key for lease in leases(store)] == held
    ws.end()
    assert leases(store) == []


class Access(S3Access):
    """One whose credentials are never found, for nothing here has a server."""

    def __init__(self) -> None:
        super().__init__(self._ask)

    def _ask(self) -> Any:
        raise KeyError


def use_access(access: S3Access) -> None:
    with pytest.raises(KeyError):
        _ = access.client


SHARED: dict[str, tuple[Callable[[Path], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "memory": (lambda _: MemoryStore(), lambda kept: kept._place.lock, lambda kept: kept.put("meta/a", b"a")),
    "cache": (lambda path: DiskCache(path), lambda kept: kept._lock, lambda kept: kept.keep("ab", b"a")),
    "pool": (lambda _: SharedPool(2, "test"), lambda kept: kept._lock, lambda kept: kept.map(str, [1, 2])),
    "links": (lambda _: UrlReader(), lambda kept: kept._lock, lambda kept: kept._access(None, "s3://a/b")),
    "s3": (lambda _: Access(), lambda kept: kept._lock, use_access),
}
"""What threads of a process share: how it is made, its lock, a use that takes it."""


@needs_fork
@pytest.mark.parametrize("name", SHARED)
def test_a_child_does_not_wait_for_a_thread_that_it_was_forked_without(tmp_path: Path, name: str) -> None:
    make, lock_of, use = SHARED[name]
    kept, taken, done = make(tmp_path), threading.Event(), threading.Event()

    def hold() -> None:
        with lock_of(kept):
            taken.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(60)
    try:
        assert children.forked(lambda: use(kept), seconds=20) == 0
    finally:
        done.set()
        holder.join()


@needs_fork
def test_a_turn_ends_with_its_holder_although_a_child_was_forked_meanwhile(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ds", create=True)
    store.put("tmp/a", b"")  # so that the folder is there
    ready, go_on = os.pipe(), os.pipe()
    with turn(store):
        child = os.fork()
        if child == 0:
            os.write(ready[1], b"r")
            os.read(go_on[0], 1)  # a worker that lives for hours
            os._exit(0)
        os.read(ready[0], 1)
    try:
        assert children.forked(lambda: _take_at_once(tmp_path / "ds" / "tmp" / "turn")) == 0
    finally:
        os.write(go_on[1], b"g")
        os.waitpid(child, 0)
        for end in (*ready, *go_on):
            os.close(end)


def _take_at_once(path: Path) -> None:
    import fcntl

    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
