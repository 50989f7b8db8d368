"""Clean-up removes what nothing needs, and never anything else, whoever works beside it and wherever it is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np
import pytest
from lakebed.storage.errors import DamageError, InvalidInputError, NotFoundError, StateError, StorageError
from lakebed.storage.gc import gc
from lakebed.storage.leases import Holder, leases, reading
from lakebed.storage.repository import Repository
from lakebed.storage.selection import Selection
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import verify
from lakebed.storage.workspace import Workspace

from faulty_store import Crash, WatchedStore, copy_of, crash_before_write
from schedule import run, steps_of, two_switches
from storage_model import NoLinks, by_profile, created, make_tensor, opened, png, small_limits

DAY = 24 * 3600.0


class Clock:
    """The time of the store, set by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    found = Clock()
    with (
        small_limits(),
        mock.patch("lakebed.storage.stores.memory.time", found),
        mock.patch("lakebed.storage.gc.time", found),
    ):
        yield found


def repository(store: Store) -> Repository:
    return Repository.open(store, NoLinks())


def dataset(clock: Clock) -> MemoryStore:
    """Old garbage of every kind, and things that only a tag, a view, a branch or a commit needs."""
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    make_tensor(ws, "image", "image_a")
    for turn in range(3):
        ws.extend({"text_a": [f"{turn}"] * 14, "image_a": [png(24, turn)] * 14}, 14)
        ws.flush()
        ws.update([0], {"text_a": [f"edited {turn}"]})
        ws.flush()
    ws.commit("one")
    ws.checkout("tagged", create=True)
    _grow(ws, "tagged")
    ws.tag("keep")
    ws.checkout("viewed", create=True)
    _grow(ws, "viewed")
    ws.save_view(Selection(ws.snapshot(), np.array([3, 1])), id="kept")
    ws.checkout("gone", create=True)
    _grow(ws, "gone")
    ws.checkout("main")
    for name in ("tagged", "viewed", "gone"):
        ws.delete_branch(name)
    ws.checkout("side", create=True)
    _grow(ws, "side")
    clock.now += 30 * DAY
    return store


def _grow(ws: Workspace, word: str) -> None:
    ws.extend({"text_a": [word] * 20, "image_a": [png(24, len(word))] * 20}, 20)
    ws.commit(word)


def test_a_dry_run_changes_nothing_and_says_what_would_go(clock: Clock) -> None:
    store = dataset(clock)
    before = [stat.key for stat in store.list()]
    report = gc(repository(store))
    assert report.dry_run
    assert report.removed
    assert [stat.key for stat in store.list()] == before
    assert "would remove" in str(report)
    assert "nothing was touched" in str(report)


def test_what_was_told_is_removed_and_what_is_needed_stays_whole(clock: Clock) -> None:
    store = dataset(clock)
    told = gc(repository(store))
    done = gc(repository(store), dry_run=False)
    assert set(done.removed) == set(told.removed)
    assert {key.split("/")[0] for key in done.removed} == {"meta", "rows", "chunks"}
    assert not set(done.removed) & {stat.key for stat in store.list()}
    assert verify(repository(store), "deep").ok
    ws = opened(store, "keep")
    assert ws.read("text_a", [-1]) == ["tagged"]
    assert opened(store).view_selection(opened(store).view("kept")).read("text_a", [0, 1]) == ["0", "0"]
    assert gc(repository(store)).removed == ()


def test_what_is_young_or_was_in_use_within_the_grace_time_stays(clock: Clock) -> None:
    store = dataset(clock)
    gc(repository(store), dry_run=False)
    opened(store).delete_view("kept")
    clock.now += DAY
    assert gc(repository(store)).removed == ()  # the view was there a day ago
    clock.now += 7 * DAY
    assert gc(repository(store)).removed


def test_the_version_that_a_reader_leased_stays_until_it_is_done(clock: Clock) -> None:
    store = dataset(clock)
    ws = opened(store)
    ws.extend({"text_a": ["w"] * 20, "image_a": [png(24, 77)] * 20}, 20)
    ws.flush()
    snapshot = ws.snapshot()
    other = opened(store)
    other.reset()
    with reading(snapshot, seconds=20 * DAY) as lease:
        clock.now += 10 * DAY
        gc(repository(store), dry_run=False)
        lease.renew()
        clock.now += 19 * DAY
        gc(repository(store), dry_run=False)
        fresh = opened(store).version("main").context  # nothing cached
        assert len(type(snapshot)(fresh, snapshot.tree, None).read("image_a", range(len(snapshot)))) == len(snapshot)
    assert len(gc(repository(store)).removed) > 2


def test_a_lease_that_was_forgotten_runs_out(clock: Clock) -> None:
    store = dataset(clock)
    Holder(store, (), writes=True, seconds=3 * DAY)
    clock.now += 2 * DAY
    assert all(key.startswith(("meta", "rows", "chunks")) for key in gc(repository(store)).removed)
    clock.now += 2 * DAY
    report = gc(repository(store), dry_run=False)
    assert report.leases == 0
    clock.now += 8 * DAY
    gc(repository(store), dry_run=False)
    assert leases(store) == []


def test_a_long_transaction_keeps_its_files_by_a_lease(clock: Clock) -> None:
    store = dataset(clock)
    ws = opened(store)
    ws.begin()
    with mock.patch("lakebed.storage.handle.LEASE_SECONDS", -1.0):
        for turn in range(4):
            ws.extend({"text_a": [f"slow {turn}"] * 20, "image_a": [png(24, turn)] * 20}, 20)
            ws.snapshot()
            clock.now += DAY / 2
            gc(repository(store), grace=DAY, dry_run=False)
    ws.end()
    assert verify(repository(store), "full").ok
    assert leases(store) == []


def test_a_transaction_that_is_undone_gives_its_lease_up(clock: Clock) -> None:
    store = dataset(clock)
    ws = opened(store)
    with mock.patch("lakebed.storage.handle.LEASE_SECONDS", -1.0):
        ws.begin()
        ws.extend({"text_a": ["a"]}, 1)
        ws.extend({"text_a": ["b"]}, 1)
        assert len(leases(store)) == 1
        ws.rollback()
    assert leases(store) == []


def slept_in_a_transaction(clock: Clock) -> tuple[MemoryStore, Workspace]:
    """A handle that wrote rows in a transaction, open since a month ago."""
    store = dataset(clock)
    ws = opened(store)
    ws.begin()
    ws.extend({"text_a": ["slept"] * 20, "image_a": [png(24, 3)] * 20}, 20)
    ws.snapshot()
    clock.now += 30 * DAY
    return store, ws


def test_a_transaction_that_slept_until_its_files_were_removed_does_not_land(clock: Clock) -> None:
    store, ws = slept_in_a_transaction(clock)
    gc(repository(store), dry_run=False)
    with mock.patch("lakebed.storage.handle.STALE_SECONDS", -1.0), pytest.raises(StorageError, match="cleaned up"):
        ws.end()
    assert verify(repository(store), "full").ok


class Asleep:
    """The clocks of a machine that sleeps while the store's goes on: the steady one stands still."""

    def __init__(self, clock: Clock) -> None:
        self.time = clock.time

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def asleep(clock: Clock) -> Iterator[None]:
    with mock.patch("lakebed.storage.moments.time", Asleep(clock)):
        yield


@pytest.mark.usefixtures("asleep")
@pytest.mark.parametrize("what", ["branch", "tag", "view"])
def test_a_handle_that_slept_gives_no_name_to_what_was_removed(clock: Clock, what: str) -> None:
    store = dataset(clock)
    ws, other = opened(store, "side"), opened(store, "side")
    selection = Selection(ws.snapshot(), np.array([0]))
    if what == "branch":
        ws.update([0], {"text_a": ["not committed"]})
        ws.flush()
        other.reset()
    other.checkout("main")
    other.delete_branch("side")
    clock.now += 30 * DAY
    gc(repository(store), dry_run=False)
    acts: dict[str, Callable[[], object]] = {
        "branch": lambda: ws.checkout("again", create=True),
        "tag": lambda: ws.tag("again"),
        "view": lambda: ws.save_view(selection, id="again"),
    }
    with pytest.raises((StateError, NotFoundError)):
        acts[what]()
    assert verify(repository(store), "full").ok


@pytest.mark.usefixtures("asleep")
def test_a_transaction_that_slept_does_not_land_without_its_files(clock: Clock) -> None:
    store, ws = slept_in_a_transaction(clock)
    gc(repository(store), dry_run=False)
    with pytest.raises(StorageError, match="cleaned up"):
        ws.end()
    assert verify(repository(store), "full").ok


@pytest.mark.usefixtures("asleep")
def test_the_lease_of_a_transaction_that_slept_covers_all_that_it_wrote(clock: Clock) -> None:
    store, ws = slept_in_a_transaction(clock)
    ws.extend({"text_a": ["awake"]}, 1)
    gc(repository(store), dry_run=False)
    ws.end()
    assert verify(repository(store), "full").ok
    assert opened(store).read("text_a", [-1]) == ["awake"]


def test_a_short_grace_needs_the_promise_that_nobody_else_is_there(clock: Clock) -> None:
    store = dataset(clock)
    with pytest.raises(InvalidInputError, match="too short"):
        gc(repository(store), grace=60.0)
    assert gc(repository(store), grace=0.0, exclusive=True).removed


def test_a_damaged_dataset_is_not_cleaned_up(clock: Clock) -> None:
    store = dataset(clock)
    _flip_newest_bundle(store)
    before = len(list(store.list()))
    with pytest.raises(DamageError) as caught:
        gc(repository(store), dry_run=False)
    assert "nothing was removed" in caught.value.hint
    assert len(list(store.list())) == before


def _flip_newest_bundle(store: MemoryStore) -> None:
    refs = opened(store).repository.state().entry.refs
    key = f"meta/{refs.bundle}"
    data = bytearray(store.get(key))
    data[refs.offset + 5] ^= 1
    store.delete(key)
    store.put(key, bytes(data))


def test_a_run_that_is_killed_at_any_deletion_harms_nothing_and_is_finished_by_the_next(clock: Clock) -> None:
    store = dataset(clock)
    finished = copy_of(store)
    _age(clock)
    gc(repository(finished), dry_run=False)
    at, killed = 0, True
    while killed:
        at += 1
        twin = copy_of(store)
        _age(clock)
        watched = WatchedStore(twin)
        opened_there = repository(watched)
        watched.before = crash_before_write(at)
        try:
            gc(opened_there, dry_run=False)
            killed = False
        except Crash:
            assert verify(repository(twin), "quick").ok
            gc(repository(twin), dry_run=False)
        left = {stat.key for stat in twin.list() if not stat.key.startswith("tmp/")}
        assert left == {stat.key for stat in finished.list()}
    assert at > 10


def _age(clock: Clock) -> None:
    clock.now += 30 * DAY


# --- beside others ---


def _commits(store: Store) -> None:
    ws = opened(store)
    ws.extend({"text_a": ["beside"] * 15, "image_a": [png(24, 5)] * 15}, 15)
    ws.commit("beside gc")


def _branches_from_a_version_that_is_going(store: Store) -> None:
    ws = opened(store, "side")
    opened(store).delete_branch("side")
    ws.checkout("again", create=True)
    assert ws.read("text_a", [-1]) == ["side"]


def _takes_back_what_was_uncommitted(store: Store) -> None:
    ws = opened(store)
    ws.extend({"text_a": ["kept"] * 15}, 15)
    ws.flush()
    other = opened(store)
    other.reset()
    ws.checkout("rescued", create=True)
    ws.commit("rescued")


def _saves_and_deletes_views(store: Store) -> None:
    ws = opened(store, "side")
    ws.save_view(Selection(ws.snapshot(), np.arange(3)), id="fresh")
    ws.delete_view("kept")


def _merges(store: Store) -> None:
    ws = opened(store)
    ws.merge("side")


OTHERS: dict[str, Callable[[Store], None]] = {
    "commit": _commits,
    "branch": _branches_from_a_version_that_is_going,
    "rescue": _takes_back_what_was_uncommitted,
    "views": _saves_and_deletes_views,
    "merge": _merges,
}


def _cleans(store: Store) -> None:
    gc(repository(store), grace=LITTLE, dry_run=False, exclusive=True)


LITTLE = 3600.0
"""Grace in the tests beside others: all that they write is younger, all that was there before is older."""


@pytest.mark.parametrize("name", OTHERS)
def test_whoever_works_beside_clean_up_finds_everything_in_every_order_of_calls(name: str, clock: Clock) -> None:
    start = dataset(clock)
    other = OTHERS[name]
    first, second = steps_of(copy_of(start), _cleans), steps_of(copy_of(start), other)
    stride = max(1, (first * second) // by_profile(60, 400, 20_000))
    for number, switches in enumerate(two_switches(first, second)):
        if number % stride:
            continue
        store = copy_of(start)
        clock.now += 30 * DAY
        errors = run(store, [_cleans, other], switches)
        assert errors == [None, None], (name, switches)
        found = verify(repository(store), "full")
        assert found.ok, (name, switches, str(found))
