"""Leases: notes that somebody still reads or writes, so that clean-up leaves alone what nothing else refers to.

A lease is a small object below ``leases/`` that says for how long it counts, by the store's clock, and what it holds:
versions that a reader looks at, and, for a writer, everything written since it began. Renewing writes a new note and
removes the old one. A lease that was forgotten runs out by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import LakebedError
from .commits import Tree
from .errors import ObjectMissingError, StorageError
from .objects import open_lines, seal_lines
from .snapshot import Snapshot
from .stores.base import ObjectStat, Store

PREFIX = "leases/"
SECONDS = 24 * 3600.0
"""How long a lease counts without being renewed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was found in the store."""

    key: str
    since: float
    """When it began, by the store's clock: what was written later is left alone."""
    until: float
    """When it runs out, by the store's clock."""
    trees: tuple[Tree, ...]
    """Versions to be kept."""
    writes: bool
    """Whether what was written since it began is to be left alone too."""


class Holder:
    """A lease of this process."""

    def __init__(
        self, store: Store, trees: Sequence[Tree] = (), writes: bool = False, ago: float = 0, seconds: float = SECONDS
    ) -> None:
        """Take a lease on versions and, with `writes`, on all that was written from `ago` seconds before now on.

        Raises:
            StorageError: the store cannot be written to.
        """
        self._store = store
        self._trees = tuple(trees)
        self._writes = writes
        self._ago = ago
        self._seconds = seconds
        self._name = uuid.uuid4().hex
        self._turn = 0
        self._since: float | None = None
        self._key = ""
        self.renew()

    def renew(self) -> None:
        """Count from now on again. Raises StorageError."""
        key = f"{PREFIX}{self._name}-{self._turn}"
        trees = [tree.to_json() for tree in self._trees]
        note = {
            "since": self._since,
            "seconds": self._seconds,
            "trees": trees,
            "writes": self._writes,
            "ago": self._ago,
        }
        self._store.put(key, seal_lines(note))
        if self._since is None:
            stat = self._store.stat(key)
            self._since = stat.modified - self._ago if stat else None
        before, self._key, self._turn = self._key, key, self._turn + 1
        if before:
            self._store.delete(before)

    def release(self) -> None:
        """Give the lease up. Raises StorageError."""
        self._store.delete(self._key)


@contextmanager
def reading(snapshot: Snapshot, seconds: float = SECONDS) -> Iterator[Holder]:
    """Keep a version readable while the block runs, whatever becomes of its branch."""
    holder = Holder(snapshot.context.store, (snapshot.tree,), seconds=seconds)
    try:
        yield holder
    finally:
        holder.release()


def leases(store: Store) -> list[Lease]:
    """All leases there are, also those that have run out.

    Raises:
        StorageError: the store, or a lease, cannot be read.
    """
    while True:
        found = [_read(store, stat) for stat in store.list(PREFIX)]
        whole = [lease for lease in found if lease is not None]
        # One that vanished was released or renewed, and the new note may not have been listed: look again.
        if len(whole) == len(found):
            return whole


def _read(store: Store, stat: ObjectStat) -> Lease | None:
    try:
        raw = open_lines(store.get(stat.key))
    except ObjectMissingError:
        return None
    except ValueError as error:
        raise _unreadable(f"{store.url}: {stat.key}") from error
    since = stat.modified - raw["ago"] if raw["since"] is None else raw["since"]
    trees = tuple(Tree.from_json(tree, "") for tree in raw["trees"])
    return Lease(stat.key, since, stat.modified + raw["seconds"], trees, raw["writes"])


def _unreadable(place: str) -> LakebedError:
    return StorageError(
        "a lease cannot be read, so nobody knows what it holds",
        kind="lease-damaged",
        place=place,
        hint="delete that file if no reader or writer is at work",
    )
