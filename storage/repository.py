"""A dataset in a store: creating and opening it, reading its state, and publishing the next one."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from .big_cells import FEATURE as BIG_CELLS
from .commits import Commit, Tree
from .context import Context
from .errors import (
    AlreadyExistsError,
    DamageError,
    FormatError,
    NotFoundError,
    ObjectExistsError,
    ObjectMissingError,
    StateError,
)
from .links.base import LinkReader
from .log import Entry, append_entry, entry_key, newest_entry
from .manifest import Manifest, write_manifest
from .objects import Pointer, Staging, open_lines, plain_json, seal_lines
from .refs import Branch, CommitRef, Refs
from .schema import Schema
from .snapshot import Snapshot
from .stores.base import Store
from .stores.turn import turn
from .views import read_view, view_map

FORMAT_KEY = "FORMAT"
FORMAT_VERSION = 1
FEATURES: tuple[str, ...] = (BIG_CELLS,)
"""Named features this release can read and write beyond format version 1."""
PREFIXES = ("log/", "hints/", "meta/", "rows/", "chunks/", "views/", "leases/", "tmp/")
"""Everything a dataset keeps below its root, beside FORMAT."""

deleted_here: set[str] = set()
"""Where this process has deleted a dataset: what waited for it in a handle is given up, and nobody misses it."""

Change = Callable[[Refs, Staging], Refs]
"""Builds the next refs map from the newest one, staging the objects it needs; may run again after a lost race."""


@dataclass(frozen=True, slots=True)
class Format:
    """What FORMAT says of a dataset."""

    uuid: str
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """The dataset as of one log entry."""

    entry: Entry
    refs: Refs


class Repository:
    """One dataset. Cheap to open: FORMAT, the newest log entry, and the refs map are read."""

    def __init__(
        self, store: Store, links: LinkReader, dataset_id: str, features: frozenset[str] = frozenset()
    ) -> None:
        self.store = store
        self.uuid = dataset_id
        self.context = Context(store, links, features)
        self._state: State | None = None

    # --- creating and opening ---

    @classmethod
    def exists(cls, store: Store) -> bool:
        """Whether there is a dataset at the store's root."""
        return store.stat(FORMAT_KEY) is not None and store.stat(entry_key(0)) is not None

    @classmethod
    def create(cls, store: Store, links: LinkReader, overwrite: bool = False) -> Repository:
        """Make an empty dataset with a branch "main".

        Raises:
            AlreadyExistsError: there is one and `overwrite` is false.
            StateError: kind "foreign-files": files that are no dataset lie there; they are left alone.
        """
        if cls.exists(store):
            if not overwrite:
                raise AlreadyExistsError(
                    "there is a dataset already",
                    kind="dataset-exists",
                    place=store.url,
                    hint="open it with lakebed.load(path), or pass overwrite=True to delete it first",
                )
            cls.delete(store)
        elif store.stat(FORMAT_KEY) is None:
            refuse_foreign_files(store)
        else:
            _refuse_half_a_log(store)
        made = write_format(store)
        repository = cls(store, links, made.uuid, made.features)
        try:
            repository.try_publish(None, "create", _first_refs)
        except ObjectExistsError as error:
            raise AlreadyExistsError(
                "somebody else created this dataset just now", kind="dataset-exists", place=store.url
            ) from error
        return repository

    @classmethod
    def open(cls, store: Store, links: LinkReader) -> Repository:
        """Open an existing dataset.

        Raises:
            NotFoundError: kind "no-dataset".
            FormatError: the format is not one this release knows.
            DamageError: FORMAT is damaged.
        """
        try:
            raw = store.get(FORMAT_KEY)
        except ObjectMissingError as error:
            raise no_dataset(store.url) from error
        found = check_format(raw, store.url)
        repository = cls(store, links, found.uuid, found.features)
        if store.stat(entry_key(0)) is None:
            raise no_dataset(store.url)
        return repository

    @classmethod
    def delete(cls, store: Store) -> None:
        """Remove a dataset: the log first, newest entry first, so that a killed deletion leaves either an older state
        that is whole, or no dataset and nothing that a new one at the same place would take for its own."""
        if store.stat(FORMAT_KEY) is None:
            raise no_dataset(store.url)
        deleted_here.add(store.url)
        for stat in reversed(list(store.list("log/"))):
            store.delete(stat.key)
        for prefix in PREFIXES:
            for stat in list(store.list(prefix)):
                store.delete(stat.key)
        store.delete(FORMAT_KEY)

    # --- state ---

    def state(self) -> State:
        """The newest state: probes the log for entries after the last one seen."""
        known = self._state
        entry = newest_entry(self.store, known.entry if known else None)
        if entry is None:
            raise no_dataset(self.store.url)
        if known is None or entry.number != known.entry.number:
            raw = self.context.objects.read_json(entry.refs)
            self._state = State(entry, Refs.from_json(raw, entry.refs.bundle))
        assert self._state is not None
        return self._state

    def publish(self, operation: str, change: Change) -> State:
        """Apply `change` to the newest refs map until no other writer is faster."""
        attempt = 0
        while True:
            try:
                with turn(self.store):
                    return self.try_publish(self.state(), operation, change)
            except ObjectExistsError:
                backoff(attempt)
                attempt += 1

    def try_publish(
        self, state: State | None, operation: str, change: Change, staging: Staging | None = None, transaction: str = ""
    ) -> State:
        """Apply `change` to `state` once: the bundle first, then the log entry; `transaction`: an id, "" for a new one.

        Raises:
            ObjectExistsError: another writer was faster; nothing happened.
        """
        staging = staging or Staging()
        raw = change(state.refs if state else Refs(), staging).to_json()
        pointer = staging.add_json(raw)
        bundle = self.context.objects.publish(staging)
        pointer = replace(pointer, bundle=bundle)
        entry = append_entry(
            self.store, state.entry if state else None, transaction or uuid.uuid4().hex, operation, pointer
        )
        self._state = State(entry, Refs.from_json(raw, bundle))
        return self._state

    # --- versions ---

    def commit(self, pointer: Pointer) -> Commit:
        """The commit (or working snapshot) at `pointer`."""
        return Commit.from_json(self.context.objects.read_json(pointer), pointer.bundle)

    def snapshot(self, branch: Branch) -> Snapshot:
        """What a branch shows: its working snapshot, else its last commit."""
        if branch.working is not None:
            return Snapshot(self.context, self.commit(branch.working).tree, None)
        assert branch.head is not None, "a branch has a commit or a working snapshot"
        return self.snapshot_at(branch.head)

    def snapshot_at(self, commit: CommitRef) -> Snapshot:
        """The version a commit sealed."""
        return Snapshot(self.context, self.commit(commit.pointer).tree, commit.id)

    def history(self, *heads: CommitRef | None) -> Iterator[tuple[CommitRef, Commit]]:
        """Commits reachable from `heads`, newest first."""
        seen: set[str] = set()
        waiting: list[tuple[float, int, CommitRef, Commit]] = []

        def visit(ref: CommitRef | None) -> None:
            if ref is not None and ref.id not in seen:
                seen.add(ref.id)
                commit = self.commit(ref.pointer)
                # The counter keeps children before parents where clocks gave equal times.
                heappush(waiting, (-commit.time, len(seen), ref, commit))

        for head in heads:
            visit(head)
        while waiting:
            _, _, ref, commit = heappop(waiting)
            yield ref, commit
            for parent in commit.parents:
                visit(parent)

    def find_commit(self, commit_id: str) -> CommitRef:
        """The commit with this id, or with an id that starts so (8 digits at least), reachable from anywhere.

        Raises:
            NotFoundError: kind "unknown-version".
        """
        refs = self.state().refs
        heads = [branch.head for branch in refs.branches.values()] + list(refs.tags.values())
        pinned = [read_view(self.context.objects, refs, name).commit for name in view_map(self.context.objects, refs)]
        for ref, _ in self.history(*heads, *pinned):
            if ref.id == commit_id or (len(commit_id) >= 8 and ref.id.startswith(commit_id)):
                return ref
        raise unknown_version(commit_id, refs, self.store.url)


def _first_refs(_: Refs, staging: Staging) -> Refs:
    return Refs(branches={"main": Branch(None, stage_empty_version(staging, "main"))})


def stage_empty_version(staging: Staging, branch: str) -> Pointer:
    """Stage a working snapshot without tensors and rows."""
    tree = Tree(staging.add_json(Schema().to_json()), staging.add_json({}), write_manifest(Manifest(), staging), 0)
    return staging.add_json(Commit(tree, (), "", time.time(), None, branch).to_json())


def empty_version(context: Context) -> Snapshot:
    """What a dataset shows before anything was put in; stored nowhere."""
    staging = Staging()
    raw = json.loads(plain_json(staging.read(stage_empty_version(staging, ""))))
    return Snapshot(context, Commit.from_json(raw, "").tree, None, staging)


def write_format(store: Store) -> Format:
    """Create FORMAT, or take the one that is there."""
    made = Format(uuid.uuid4().hex, frozenset(FEATURES))
    content = {"magic": "lakebed", "uuid": made.uuid, "version": FORMAT_VERSION, "features": list(FEATURES)}
    try:
        store.create(FORMAT_KEY, seal_lines(content))
    except ObjectExistsError:
        # Left by a creation that was killed before its first log entry.
        return check_format(store.get(FORMAT_KEY), store.url)
    return made


def check_format(raw: bytes, url: str) -> Format:
    """What the bytes of a FORMAT file say.

    Raises:
        FormatError: it is of no dataset, or of a later format.
        DamageError: it is not what was written.
    """
    try:
        content = json.loads(raw.partition(b"\n")[0])
        magic, version, features, dataset_id = (content[key] for key in ("magic", "version", "features", "uuid"))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("its FORMAT file is not Lakebed's", kind="not-a-dataset", place=url) from error
    if magic != "lakebed":
        raise FormatError("its FORMAT file is not Lakebed's", kind="not-a-dataset", place=url)
    try:
        open_lines(raw)
    except ValueError as error:
        raise DamageError("its FORMAT file is not what was written", kind="format-damaged", place=url) from error
    unknown = sorted(set(features) - set(FEATURES))
    if version > FORMAT_VERSION or unknown:
        raise FormatError(
            f"it was written in format {version} with features {unknown}; this release reads format {FORMAT_VERSION}",
            kind="future-format",
            place=url,
            hint="upgrade lakebed: pip install -U lakebed",
        )
    return Format(str(dataset_id), frozenset(features))


def refuse_foreign_files(store: Store) -> None:
    """Raises StateError if anything but unfinished files lies in a place that is to become a dataset."""
    for stat in store.list(""):
        if not stat.key.startswith("tmp/"):
            raise StateError(
                f"files that are no dataset lie there, such as {stat.key!r}",
                kind="foreign-files",
                place=store.url,
                hint="choose an empty or new folder; nothing was touched",
            )


def _refuse_half_a_log(store: Store) -> None:
    """Later entries would be taken for those of the new log as soon as it came to their numbers."""
    entry = next(store.list("log/"), None)
    if entry is not None and store.stat(entry_key(0)) is None:
        raise StateError(
            "a copy of a dataset that was stopped half-way lies there",
            kind="unfinished-copy",
            place=store.url,
            hint="remove it with lakebed.delete(path), or copy again",
        )


def no_dataset(url: str) -> NotFoundError:
    """The one error for a place without a dataset."""
    return NotFoundError(
        "there is no dataset", kind="no-dataset", place=url, hint="check the path, or make one with lakebed.empty(path)"
    )


def unknown_version(ref: str, refs: Refs, url: str) -> NotFoundError:
    """The one error for a branch, tag or commit that is not there."""
    names = ", ".join([*refs.branches, *refs.tags])
    return NotFoundError(
        f"there is no branch, tag or commit {ref!r}",
        kind="unknown-version",
        place=url,
        hint=f"branches and tags are: {names}; ds.log() lists commits",
    )


def backoff(attempt: int) -> None:
    """Wait a little, longer after each lost race, so that many writers do not stay in step."""
    time.sleep(random.uniform(0, min(0.2, 0.002 * 2 ** min(attempt, 7))))
