"""Each operation is killed, or disturbed, at every call it makes to the store.

After a crash the dataset opens, shows a state it had before, during or after the operation, is whole, and takes the
next commit. A handle that only met a failure goes on: nothing it was given is lost, and nothing lands twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from lakebed.loader import materialise
from lakebed.storage.errors import StorageError
from lakebed.storage.gc import gc
from lakebed.storage.handle import _unlanded
from lakebed.storage.log import entry_key, newest_entry, read_entry
from lakebed.storage.reach import refs_node, walk
from lakebed.storage.repair import repair
from lakebed.storage.selection import Selection
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace

from faulty_store import Crash, WatchedStore, copy_of, crash_before_write, failing_once, lost_answer, refused
from storage_model import NoLinks, created, make_tensor, opened, png, seen, small_limits


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_limits():
        yield
    _unlanded.clear()


def base_store() -> MemoryStore:
    """A dataset with history: two branches, edits, deletions, small and big pictures, a tag, a view."""
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "label", "label_a")
    make_tensor(ws, "image", "image_a")
    ws.extend({"label_a": [["cat"], ["dog"], [], ["cat", "elk"]], "image_a": [png(4, n) for n in range(4)]}, 4)
    ws.commit("first")
    ws.tag("start")
    ws.save_view(Selection(ws.snapshot(), np.array([2, 0])), id="kept")
    ws.checkout("side", create=True)
    ws.update([1], {"label_a": [["emu"]]})
    ws.extend({"label_a": [["side"]]}, 1)
    ws.commit("on the side")
    ws.checkout("main")
    ws.update([3], {"image_a": [png(20, 9)]})
    ws.pop([2])
    ws.commit("second")
    ws.extend({"label_a": [["new"]]}, 1)
    ws.flush()
    return store


def _append(ws: Workspace) -> None:
    ws.extend({"label_a": [["fox"], ["gnu"]], "image_a": [png(20, 1), png(4, 2)]}, 2)
    ws.flush()


def _transaction(ws: Workspace) -> None:
    ws.begin()
    ws.extend({"label_a": [[f"t{n}"] for n in range(20)]}, 20)
    ws.update([0], {"image_a": [png(20, 5)]})
    ws.pop([1])
    ws.end()


def _commit(ws: Workspace) -> None:
    ws.update([0], {"label_a": [["hen"]]})
    if ws.has_changes():
        ws.commit("third")


def _edit(ws: Workspace) -> None:
    ws.update([0, 1], {"label_a": [["hen"], []], "image_a": [png(20, 7), None]})
    ws.flush()


def _fold(ws: Workspace) -> None:
    ws.begin()
    for row in range(len(ws)):
        ws.update([row], {"label_a": [["folded"]]})
    ws.extend({"label_a": [["tail"]] * 20}, 20)
    ws.end()


def _schema(ws: Workspace) -> None:
    ws.begin()
    make_tensor(ws, "text", "text_a")
    ws.rename_tensor("label_a", "label_b")
    ws.delete_tensor("image_a")
    ws.set_info("", {"note": 3})
    ws.end()


def _branch(ws: Workspace) -> None:
    ws.checkout("fresh", create=True)


def _merge(ws: Workspace) -> None:
    ws.reset()
    ws.merge("side")


def _merge_conflicts(ws: Workspace) -> None:
    ws.reset()
    ws.update([1], {"label_a": [["ours"]]})
    ws.commit("the same row as on the side")
    ws.merge("side", "theirs")


def _revert(ws: Workspace) -> None:
    ws.reset()
    ws.revert("main")


def _view(ws: Workspace) -> None:
    ws.reset()
    ws.save_view(Selection(ws.snapshot(), np.array([0, 1])), id="new")


def _materialise(ws: Workspace) -> None:
    record = ws.view("kept")
    index = materialise(ws.view_selection(record), ws.repository.store, f"views/{record.id}")
    ws.publish_materialised(record.id, index.key)


def _gc(ws: Workspace) -> None:
    gc(ws.repository, grace=0.0, dry_run=False, exclusive=True)


def _delete_view(ws: Workspace) -> None:
    ws.delete_view("kept")


Step = Callable[[Workspace], object]

OPERATIONS: dict[str, Step] = {
    "append": _append,
    "transaction": _transaction,
    "edit": _edit,
    "commit": _commit,
    "fold": _fold,
    "schema": _schema,
    "branch": _branch,
    "reset": Workspace.reset,
    "revert": _revert,
    "merge": _merge,
    "merge-conflicts": _merge_conflicts,
    "tag": lambda ws: ws.tag("later"),
    "delete-tag": lambda ws: ws.delete_tag("start"),
    "delete-branch": lambda ws: ws.delete_branch("side"),
    "rename-branch": lambda ws: ws.rename_branch("side", "edge"),
    "save-view": _view,
    "delete-view": _delete_view,
    "materialise": _materialise,
    "clean-up": _gc,
    "creds": lambda ws: ws.set_creds_keys({"key": {"managed": False}}),
}


@dataclass(frozen=True)
class State:
    """All that a dataset shows, without what differs from run to run (ids of commits, times, numbers of rows)."""

    branches: tuple[tuple[str, tuple[str, ...], Any], ...]
    tags: tuple[str, ...]
    views: tuple[tuple[str, bool, Any], ...]
    """Name, whether there are copies of its cells, and its rows."""
    creds: tuple[str, ...]


def state_of(store: Store) -> State:
    return _state(opened(store))


def _state(ws: Workspace) -> State:
    branches = []
    for name in sorted(ws.branches()):
        ws.checkout(name)
        branches.append((name, tuple(info.message for info in ws.log()), _rows(ws.snapshot())))
    views = [(record.id, bool(record.index), _rows(ws.view_selection(record))) for record in ws.views()]
    return State(tuple(branches), tuple(sorted(ws.tags())), tuple(views), tuple(sorted(ws.creds_keys())))


def _rows(source: Any) -> Any:
    every = np.arange(len(source))
    columns = []
    for spec in source.schema:
        kind, info = spec.name.split("_")[0], source.info(spec.name)
        cells = [seen(kind, sample, info.get("class_names", ())) for sample in source.read(spec.name, every)]
        columns.append((spec.name, info.get("note"), tuple(cells)))
    return tuple(columns), source.info().get("note"), len(source)


def state_at(store: Store, number: int) -> State:
    """The state that log entry `number` made, as if nothing had come after."""
    twin = MemoryStore()
    for stat in store.list():
        if not stat.key.startswith("log/") or int(stat.key[4:]) <= number:
            twin.put(stat.key, store.get(stat.key))
    return state_of(twin)


def assert_whole(store: Store) -> None:
    """Everything that the newest state refers to is there and is what was written."""
    ws = opened(store)
    entry = newest_entry(store)
    assert entry is not None
    for node in walk(ws.context, [refs_node(entry.refs)], blobs=True):
        stat = store.stat(node.key) if node.key else None
        assert not node.key or (stat is not None and node.size in {-1, stat.size}), node


def assert_log_is_a_chain(store: Store) -> None:
    last = newest_entry(store)
    previous = ""
    for number in range(last.number + 1 if last else 0):
        entry = read_entry(store, number)
        assert entry is not None
        assert entry.previous == previous
        previous = entry.hash


def _steps(store: Store, act: Step) -> tuple[int, list[State]]:
    """How many store calls `act` makes, and every state that the dataset goes through."""
    first = newest_entry(store)
    watched = WatchedStore(copy_of(store))
    ws = opened(watched)
    before = watched.calls
    act(ws)
    ws.close()
    last = newest_entry(watched)
    assert first is not None
    assert last is not None
    return watched.calls - before, [state_at(watched, n) for n in range(first.number, last.number + 1)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_call_leaves_an_old_or_a_new_state(name: str) -> None:
    store, act = base_store(), OPERATIONS[name]
    _, states = _steps(store, act)
    assert len(states) > 1 or name == "clean-up"
    at, acknowledged = 0, False
    while not acknowledged:
        at += 1
        twin = copy_of(store)
        watched = WatchedStore(twin)
        ws = opened(watched)
        watched.before = crash_before_write(at)
        acknowledged = _dies(ws, act)
        _unlanded.clear()  # the process is gone
        assert_whole(twin)
        assert state_of(twin) in (states[-1:] if acknowledged else states), f"write {at}"
        assert_log_is_a_chain(twin)
        _next_commit_works(twin)
    assert at > 2


def _dies(ws: Workspace, act: Step) -> bool:
    """Whether the operation came to its end all the same."""
    try:
        act(ws)
        ws.close()
    except Crash:
        return False
    return True


def test_a_repair_that_is_killed_at_any_write_is_finished_by_the_next() -> None:
    store = base_store()
    last = newest_entry(store)
    assert last is not None
    damaged = copy_of(store)
    for key in (f"meta/{last.refs.bundle}", entry_key(last.number)):
        data = bytearray(damaged.get(key))
        data[30] ^= 1
        damaged.delete(key)
        damaged.put(key, bytes(data))
    finished = copy_of(damaged)
    assert repair(finished, NoLinks()).actions
    wanted, at, killed = state_of(finished), 0, True
    while killed:
        at += 1
        twin = copy_of(damaged)
        try:
            repair(WatchedStore(twin, crash_before_write(at)), NoLinks())
            killed = False
        except Crash:
            repair(twin, NoLinks())
        assert state_of(twin) == wanted, f"write {at}"
        assert_whole(twin)
        _next_commit_works(twin)
    assert at > 2


def _arm(watched: WatchedStore, plan: WatchedStore) -> None:
    watched.before, watched.after = plan.before, plan.after


def _next_commit_works(store: Store) -> None:
    ws = opened(store)
    rows = len(ws)
    ws.extend({}, 1)
    ws.commit("after the crash")
    assert len(opened(store)) == rows + 1


STEPS: dict[str, tuple[Step, ...]] = {
    "append": (
        lambda ws: ws.extend({"label_a": [["fox"], ["gnu"]], "image_a": [png(20, 1), png(4, 2)]}, 2),
        Workspace.flush,
    ),
    "append-and-look": (
        lambda ws: ws.extend({"label_a": [["fox"]] * 20}, 20),
        lambda ws: ws.snapshot().read("label_a", range(len(ws))),
        lambda ws: ws.update([1, 8], {"label_a": [["gnu"], ["fox"]]}),
        lambda ws: ws.pop([0, 9]),
        Workspace.flush,
    ),
    "commit": (
        lambda ws: ws.update([0], {"label_a": [["hen"]]}),
        lambda ws: ws.commit("third") if ws.has_changes() else None,
    ),
}
"""Operations call by call: each may be called again after an error."""


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("kind", ["refused", "lost-answer", "interrupted", "interrupted-late"])
def test_a_handle_that_met_one_failure_loses_nothing_and_lands_nothing_twice(name: str, kind: str) -> None:
    errors: dict[str, tuple[bool, Callable[[str], BaseException]]] = {
        "refused": (False, refused),
        "lost-answer": (True, lost_answer),
        "interrupted": (False, lambda _: KeyboardInterrupt()),
        "interrupted-late": (True, lambda _: KeyboardInterrupt()),
    }
    after, error = errors[kind]
    store = base_store()
    calls, states = _steps(store, lambda ws: [step(ws) for step in STEPS[name]])
    for at in range(1, calls + 1):
        twin = copy_of(store)
        watched = WatchedStore(twin)
        ws = opened(watched)
        _arm(watched, failing_once(twin, watched.calls + at, after, error))
        for step in STEPS[name]:
            _try_twice(ws, step)
        _try_twice(ws, Workspace.close)
        assert_whole(twin)
        assert state_of(twin) == states[-1], f"call {at} of {calls}"


def _try_twice(ws: Workspace, step: Step) -> None:
    try:
        step(ws)
    except (StorageError, KeyboardInterrupt):
        step(ws)


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_a_transaction_that_fails_at_its_end_lands_all_or_nothing(after: bool) -> None:
    store, act = base_store(), OPERATIONS["transaction"]
    calls, states = _steps(store, act)
    for at in range(1, calls + 1):
        twin = copy_of(store)
        watched = WatchedStore(twin)
        ws = opened(watched)
        _arm(watched, failing_once(twin, watched.calls + at, after, lost_answer if after else refused))
        try:
            act(ws)
        except StorageError:
            if ws.in_transaction:
                ws.rollback()
        ws.close()
        assert state_of(twin) in (states[0], states[-1]), f"call {at} of {calls}"
