"""Clean-up: removes files that nothing refers to any more. A dry run unless told otherwise.

Kept is what can be reached from the newest state, or from any state that was the newest one within the grace time, or
from a lease; and whatever is younger than the grace time, or than the start of a writer that holds a lease. Names of
objects are never used twice, so what is unreachable and old stays unreachable: it may be deleted in any order, and a
run that is killed is finished by the next one.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import LakebedError
from .errors import DamageError, InvalidInputError, ObjectMissingError
from .leases import Lease, leases
from .log import Entry, entry_key
from .reach import Edges, Node, Progress, bundles, files, log_entries, read_refs, refs_node, walk
from .repository import Repository
from .stores.base import ObjectStat, Store
from .views import view_map

GRACE = 7 * 24 * 3600.0
LEAST_GRACE = 2 * 3600.0
"""Below this, handles that are at work may lose what they need."""

_SWEPT = ("meta/", "rows/", "chunks/", "views/", "leases/", "tmp/")
_TURN = "tmp/turn"
_OURS = {
    "meta": re.compile(r"[0-9a-f]{32}"),
    "rows": re.compile(r"[0-9a-f]{32}\.arrow"),
    "chunks": re.compile(r"[0-9a-f]{32}\.arrow"),
    "views": re.compile(r"[^/]+/.+"),
}
"""What the names look like that a dataset gives; anything else there is never removed."""


@dataclass(frozen=True, slots=True)
class GcReport:
    """What clean-up removed, or would remove."""

    url: str
    dry_run: bool
    removed: tuple[str, ...]
    """Keys; in a dry run those that would go."""
    freed: int
    """Their bytes."""
    kept: int
    """Objects that stay because something refers to them."""
    waiting: int
    """Objects that nothing refers to and that are too young to go."""
    leases: int
    """Leases that count."""

    def __str__(self) -> str:
        did = "would remove" if self.dry_run else "removed"
        lines = [
            f"{self.url}: {did} {len(self.removed)} objects, {self.freed:,} bytes",
            f"  kept {self.kept} in use, {self.waiting} too young to tell, {self.leases} leases counted",
        ]
        if self.dry_run and self.removed:
            lines.append("  nothing was touched: this was a dry run")
        return "\n".join(lines)


def gc(
    repository: Repository,
    grace: float = GRACE,
    dry_run: bool = True,
    exclusive: bool = False,
    progress: Progress | None = None,
) -> GcReport:
    """Remove what nothing refers to.

    Args:
        grace: seconds; what was written or in use more recently stays.
        dry_run: only report.
        exclusive: nobody else has the dataset open, so that `grace` may be under two hours.

    Raises:
        InvalidInputError: kind "short-grace".
        DamageError, ObjectMissingError: the newest state cannot be read whole, so nobody knows what it needs.
        StorageError: the store refused; what was removed until then was not needed.
    """
    if grace < LEAST_GRACE and not exclusive:
        raise InvalidInputError(
            f"a grace time of {grace:g} seconds is too short while others may have the dataset open",
            kind="short-grace",
            hint="use two hours or more, or exclusive=True if nobody else has it open",
        )
    tell = progress or (lambda *_: None)
    store = repository.store
    now = time.time() if dry_run else _clock(store)
    # Listed before the marks are set: what is written after this line is no candidate at all.
    listed = [stat for prefix in _SWEPT for stat in store.list(prefix)]
    needed = _needed(repository, now, grace, tell)
    loose = [stat for stat in listed if not needed.holds(stat.key)]
    old = [stat for stat in loose if stat.modified < needed.cutoff]
    if not dry_run and old:
        # Others may have gone on meanwhile; by the rules above nothing changes, and looking costs little.
        again = _needed(repository, now, grace, tell)
        old = [stat for stat in old if not again.holds(stat.key) and stat.modified < again.cutoff]
        _delete(store, old, tell)
    return GcReport(
        store.url,
        dry_run,
        tuple(stat.key for stat in old),
        sum(stat.size for stat in old),
        len(listed) - len(loose),
        len(loose) - len(old),
        needed.leases,
    )


@dataclass(frozen=True, slots=True)
class _Needed:
    """What has to stay."""

    bundles: frozenset[str]
    files: frozenset[str]
    views: frozenset[str]
    expired: frozenset[str]
    """Keys of leases that have run out."""
    cutoff: float
    """What was written later stays, by the store's clock."""
    leases: int

    def holds(self, key: str) -> bool:
        kind, _, name = key.partition("/")
        if kind in _OURS and not _OURS[kind].fullmatch(name):
            return True  # somebody put it there who is not us
        if kind == "meta":
            return name in self.bundles
        if kind == "views":
            # Also what its index does not name: a run that was stopped is finished with these.
            return name.partition("/")[0] in self.views
        if kind == "leases":
            return key not in self.expired
        if kind == "tmp":
            return key == _TURN
        return key in self.files


def _needed(repository: Repository, now: float, grace: float, tell: Progress) -> _Needed:
    counting = leases(repository.store)
    alive = [lease for lease in counting if lease.until >= now]
    entries = list(_recent(repository.store, now - grace))
    edges = _strictly(repository, entries[0])
    edges |= _leniently(repository, entries[1:], alive)
    tell("finding what is in use", len(edges), len(edges))
    return _Needed(
        frozenset(bundles(edges)),
        frozenset(files(edges)),
        frozenset(_views(repository, entries)),
        frozenset(lease.key for lease in counting if lease.until < now),
        min([now - grace, *(lease.since for lease in alive if lease.writes)]),
        len(alive),
    )


def _recent(store: Store, since: float) -> Iterator[Entry]:
    """The newest entry, and those that were the newest one at some time after `since`."""
    for entry in log_entries(store):
        yield entry
        stat = store.stat(entry_key(entry.number))
        if stat is None or stat.modified < since:
            return  # the ones before had been replaced by then


def _strictly(repository: Repository, newest: Entry) -> Edges:
    try:
        return walk(repository.context, [refs_node(newest.refs)])
    except (DamageError, ObjectMissingError) as error:
        error.hint = "nothing was removed; run `lakebed verify`, then `lakebed repair`"
        raise


def _leniently(repository: Repository, entries: Iterable[Entry], alive: Iterable[Lease]) -> Edges:
    """What older states and leases need, less what an earlier, stricter run has removed."""
    roots = [refs_node(entry.refs) for entry in entries]
    for lease in alive:
        for tree in lease.trees:
            roots += [Node("json", tree.schema), Node("json", tree.info), Node("manifest", tree.manifest)]
    return walk(repository.context, roots, on_problem=_ignore_missing)


def _ignore_missing(node: Node, error: LakebedError) -> None:
    if not isinstance(error, ObjectMissingError):
        raise error


def _views(repository: Repository, entries: Iterable[Entry]) -> set[str]:
    """Ids of the views that the states have."""
    found: set[str] = set()
    for entry in entries:
        try:
            found |= view_map(repository.context.objects, read_refs(repository.context.objects, entry)).keys()
        except ObjectMissingError:  # an old state, see `_leniently`
            continue
    return found


def _clock(store: Store) -> float:
    """The time by the store's own clock."""
    key = f"tmp/clock-{uuid.uuid4().hex}"
    store.put(key, b"")
    stat = store.stat(key)
    store.delete(key)
    return stat.modified if stat else 0.0


def _delete(store: Store, old: list[ObjectStat], tell: Progress) -> None:
    for done, stat in enumerate(old, 1):
        store.delete(stat.key)
        tell("removing", done, len(old))
