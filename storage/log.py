"""The log: one numbered entry per state change, created if absent; the only commit point of a dataset."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from .errors import CommitUnknownError, DamageError, ObjectExistsError, ObjectMissingError, StateError, StorageError
from .objects import Pointer, object_hash, open_lines, seal_lines
from .stores.base import Store

HINT_EVERY = 64
"""A hint object is left after so many entries, so that opening probes a few keys instead of the whole log."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One state change: the refs map after it is the state of the whole dataset."""

    number: int
    previous: str
    """Hash of the bytes of the entry before; "" for entry 0."""
    transaction: str
    """Random id of the attempt, by which a writer recognises its own entry after a lost response."""
    operation: str
    time: float
    refs: Pointer
    hash: str = ""
    """Hash of this entry's own bytes; not stored."""

    def encode(self) -> bytes:
        return seal_lines(
            {
                "n": self.number,
                "prev": self.previous,
                "txn": self.transaction,
                "op": self.operation,
                "time": self.time,
                "refs": self.refs.to_json(),
            }
        )


def decode_entry(data: bytes, number: int, place: str) -> Entry:
    """An entry from its stored bytes.

    Raises:
        DamageError: they are not an entry with that number.
    """
    try:
        raw: dict[str, Any] = open_lines(data)
        entry = Entry(
            raw["n"], raw["prev"], raw["txn"], raw["op"], raw["time"],
            Pointer.from_json(raw["refs"], ""), object_hash(data),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _damaged(place, number) from error
    if entry.number != number:
        raise _damaged(place, number)
    return entry


def _damaged(place: str, number: int) -> DamageError:
    return DamageError(
        "a log entry is not what was written",
        kind="log-damaged",
        place=f"{place}: {entry_key(number)}",
        hint="run `lakebed verify` on the dataset, then `lakebed repair`",
    )


def entry_key(number: int) -> str:
    return f"log/{number:020d}"


def read_entry(store: Store, number: int) -> Entry | None:
    """Entry `number`, or None if it has not been written."""
    try:
        data = store.get(entry_key(number))
    except ObjectMissingError:
        return None
    return decode_entry(data, number, store.url)


def newest_entry(store: Store, known: Entry | None = None) -> Entry | None:
    """The last entry of the log, searched forward from `known` or from the newest hint (which is never trusted).

    Raises:
        StateError: kind "dataset-replaced": `known` is of a log that is there no more.
        DamageError: the last entry is damaged; damage in older ones is for `verify` to find.
    """
    if known is not None:
        _expect_same_log(store, known)
    last = known.number if known is not None else _hinted(store)
    if known is None and not _is_there(store, last):
        if last == 0 or not _is_there(store, 0):
            return None
        last = 0
    step = 1
    while _is_there(store, last + step):
        last, step = last + step, step * 2
    # Entries are gapless, so the last one lies below the first miss: halve the distance.
    while step > 1:
        step //= 2
        last += step if _is_there(store, last + step) else 0
    return known if known is not None and last == known.number else read_entry(store, last)


def _is_there(store: Store, number: int) -> bool:
    return store.stat(entry_key(number)) is not None


def _expect_same_log(store: Store, known: Entry) -> None:
    """Entries never change, so one that does means another dataset at the same place: going on from `known` would break
    that one's log and land rows of the old dataset in it."""
    try:
        found = read_entry(store, known.number)
    except DamageError:  # for `verify` to find
        return
    if found is None or found.hash != known.hash:
        raise StateError(
            "the dataset was deleted, or replaced by a new one, since it was opened here",
            kind="dataset-replaced",
            place=store.url,
            hint="open what is there now with lakebed.load(path); nothing was written to it",
        )


def _hinted(store: Store) -> int:
    newest = 0
    for stat in store.list("hints/"):
        name = stat.key.rpartition("/")[2]
        newest = max(newest, int(name)) if name.isdigit() else newest
    return newest


def append_entry(store: Store, after: Entry | None, transaction: str, operation: str, refs: Pointer) -> Entry:
    """Create the entry after `after`; durable when this returns.

    Raises:
        ObjectExistsError: another writer took the number; re-read and try again.
        CommitUnknownError: the store did not say; the entry may or may not be there.
    """
    number = after.number + 1 if after else 0
    entry = Entry(number, after.hash if after else "", transaction, operation, time.time(), refs)
    data = entry.encode()
    try:
        store.create(entry_key(number), data)
    except ObjectExistsError:
        _raise_unless_ours(store, number, transaction)
    except CommitUnknownError:
        if read_entry(store, number) is None:
            raise
        _raise_unless_ours(store, number, transaction)
    if number % HINT_EVERY == 0 and number:
        with contextlib.suppress(StorageError):  # advisory; the entry is there, and that is what counts
            _leave_hint(store, number)
    return decode_entry(data, number, store.url)


def _raise_unless_ours(store: Store, number: int, transaction: str) -> None:
    """A retried request may meet its own entry: that is success, not a conflict."""
    found = read_entry(store, number)
    if found is None or found.transaction != transaction:
        raise ObjectExistsError("another writer was faster", kind="object-exists", place=entry_key(number))


def _leave_hint(store: Store, number: int) -> None:
    store.put(f"hints/{number:020d}", b"")
    for stat in list(store.list("hints/")):
        name = stat.key.rpartition("/")[2]
        if name.isdigit() and int(name) < number - HINT_EVERY:
            store.delete(stat.key)
