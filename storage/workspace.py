"""A workspace: one handle's working copy of a dataset, with its transaction, on a branch or an old version."""

from __future__ import annotations

import atexit
import getpass
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from .arrow import Ints
from .commits import Commit, CommitInfo
from .diff import Diff, diff
from .draft import Draft
from .errors import AlreadyExistsError, InvalidInputError, ObjectExistsError, StateError
from .objects import Staging, encode_json
from .rebase import rebase
from .refs import Branch, CommitRef, Refs
from .repository import Repository, State, backoff, empty_version, stage_empty_version
from .schema import Schema, TensorSpec
from .selection import Selection
from .snapshot import Snapshot
from .views import ViewRecord, content_id, positions, read_rows, read_view, stage_rows, stage_view_map, view_map

LAND_SECONDS = 1.0
LAND_ROWS = 10_000
LAND_BYTES = 64 << 20
"""An implicit transaction lands with the next call after so long, so many rows or so many bytes."""

_unlanded: set[Workspace] = set()
"""Handles with changes waiting: held strongly, so that a dropped handle loses nothing before the process ends."""


class Workspace:
    """Reads and writes one branch, or reads one old version.

    Writes gather in a draft. Inside `begin`/`end` the whole draft lands at the outermost `end`; outside, it lands at
    `flush`, `commit`, `checkout`, `close`, at exit, or with the next call after a second, 10,000 rows or 64 MB.
    What has landed is durable and visible to others; `commit` seals it under a message.
    """

    def __init__(self, repository: Repository, ref: str = "main", read_only: bool = False) -> None:
        self.repository = repository
        self.context = repository.context
        self._asked_read_only = read_only
        self._draft: Draft | None = None
        self._since = 0.0
        self._savepoints: list[Draft | None] = []
        self.branch: str | None = None
        """The branch this handle is on; None on an old version."""
        self._tip = Branch()
        self._enter(ref)

    # --- where it stands ---

    @property
    def read_only(self) -> bool:
        return self._asked_read_only or self.branch is None

    @property
    def commit_id(self) -> str | None:
        """The last commit below what this handle sees."""
        return self._tip.head.id if self._tip.head else None

    @property
    def in_transaction(self) -> bool:
        return bool(self._savepoints)

    @property
    def depth(self) -> int:
        """Transactions that are open inside each other; 0 outside."""
        return len(self._savepoints)

    def set_read_only(self, value: bool) -> None:
        """Refuse writing from now on, or allow it again; an old version is read-only always."""
        self._asked_read_only = value

    def _enter(self, ref: str) -> None:
        refs = self.repository.state().refs
        if ref in refs.branches:
            self.branch, self._tip = ref, refs.branches[ref]
        else:
            commit = refs.tags.get(ref) or self.repository.find_commit(ref)
            self.branch, self._tip = None, Branch(commit, None)
        self._base = self.repository.snapshot(self._tip)

    def refresh(self) -> None:
        """See what others have landed on this branch since; changes waiting here are landed first."""
        self.flush()
        if self.branch is not None:
            self._follow(self.repository.state())

    def _follow(self, state: State) -> None:
        assert self.branch is not None
        tip = state.refs.branches.get(self.branch)
        if tip is None:
            raise StateError(
                f"branch {self.branch!r} was deleted meanwhile", kind="branch-gone", place=self.repository.store.url
            )
        if tip != self._tip:
            self._tip, self._base = tip, self.repository.snapshot(tip)
            self.context.fragments.forget(set(self._base.manifest.entries))

    def snapshot(self) -> Snapshot:
        """What this handle sees: what has landed and what waits."""
        return self._draft.snapshot() if self._draft is not None else self._base

    @property
    def schema(self) -> Schema:
        """The tensors as this handle sees them; unlike `snapshot` it seals nothing, so it may be asked for every row."""
        return self._draft.schema if self._draft is not None else self._base.schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        """Info of a tensor, or of the dataset for "", as this handle sees it; seals nothing."""
        if tensor:
            self.schema[tensor]
        infos = self._draft.infos if self._draft is not None else self._base.infos
        return infos.get(tensor, {})

    def __len__(self) -> int:
        return len(self._draft) if self._draft is not None else len(self._base)

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples of rows, waiting edits included."""
        return (self._base if self._draft is None else self._draft).read(tensor, rows)

    def has_changes(self) -> bool:
        """Whether what this handle sees differs from the last commit."""
        if self._draft is not None and self._draft.changed():
            return True
        if self._tip.working is None:
            return False
        if self._tip.head is None:
            return len(self._base) > 0 or len(self._base.schema) > 0 or bool(self._base.infos)
        return self._base.tree != self.repository.commit(self._tip.head.pointer).tree

    # --- transactions ---

    def begin(self) -> None:
        """Open a transaction; inside another one, a savepoint."""
        self._check_writable()
        if not self._savepoints:
            self.flush()
        self._savepoints.append(self._draft.fork() if self._draft is not None else None)

    def end(self) -> None:
        """Close the innermost transaction; the outermost one lands."""
        self._savepoints.pop()
        if not self._savepoints:
            self.flush()

    def rollback(self) -> None:
        """Close the innermost transaction and forget what happened in it."""
        self._draft = self._savepoints.pop()
        if self._draft is None:
            _unlanded.discard(self)

    def flush(self) -> None:
        """Land what waits: durable and visible to others when this returns. Inside a transaction nothing happens."""
        if not self._savepoints and self._draft is not None:
            if self._draft.changed():
                self._land("append" if self._draft.appended else "edit", None)
            self._done()

    def close(self) -> None:
        """Land what waits; a transaction that was not ended is forgotten."""
        if self._savepoints:
            self._savepoints.clear()
            self._done()
        self.flush()

    def _writing(self) -> Draft:
        self._check_writable()
        if self._draft is None:
            self._draft, self._since = Draft(self._base), time.monotonic()
            _unlanded.add(self)
        return self._draft

    def _written(self) -> None:
        draft = self._draft
        if self._savepoints or draft is None:
            return
        if time.monotonic() - self._since > LAND_SECONDS or draft.appended >= LAND_ROWS or draft.weight >= LAND_BYTES:
            self.flush()

    def _done(self) -> None:
        self._draft = None
        _unlanded.discard(self)

    def _check_writable(self) -> None:
        if self.branch is None:
            raise StateError(
                f"commit {self.commit_id} is an old version and cannot be changed",
                kind="read-only-version",
                place=self.repository.store.url,
                hint='make a branch from here with ds.checkout("name", create=True), or go back: ds.checkout("main")',
            )
        if self._asked_read_only:
            raise StateError(
                "the dataset was opened read-only",
                kind="read-only",
                place=self.repository.store.url,
                hint="open it with read_only=False",
            )

    # --- rows ---

    def extend(self, samples: Mapping[str, Sequence[Any]], count: int) -> None:
        """Append `count` rows; tensors not given get empty samples. Nothing is added if a sample does not fit."""
        self._writing().extend(samples, count)
        self._written()

    def update(self, rows: Sequence[int] | Ints, samples: Mapping[str, Sequence[Any]]) -> None:
        """Replace the samples of rows, tensor by tensor. Nothing is changed if one does not fit."""
        self._writing().update(rows, samples)
        self._written()

    def pop(self, rows: Sequence[int] | Ints) -> None:
        """Remove rows; later ones move up."""
        self._writing().pop(rows)
        self._written()

    # --- schema and info ---

    def create_tensor(self, spec: TensorSpec, info: Mapping[str, Any]) -> None:
        """Add a tensor; rows that are there already get empty samples in it.

        Raises:
            AlreadyExistsError: a tensor has that name.
        """
        draft = self._writing()
        if spec.name in draft.schema:
            raise AlreadyExistsError(
                f"tensor {spec.name!r} is there already",
                kind="tensor-exists",
                place=f"tensor {spec.name!r}",
                hint="pass exist_ok=True to keep it as it is",
            )
        column = draft.schema.free_column(spec.name)
        draft.set_schema(draft.schema.with_tensor(replace(spec, column=column)))
        draft.set_info(spec.name, info)
        self._written()

    def delete_tensor(self, name: str) -> None:
        """Drop a tensor; older commits keep it."""
        draft = self._writing()
        draft.set_schema(draft.schema.without(name))
        draft.infos.pop(name, None)
        self._written()

    def rename_tensor(self, old: str, new: str) -> None:
        """Give a tensor another name; no data is rewritten."""
        draft = self._writing()
        spec = draft.schema[old]
        if new in draft.schema:
            raise AlreadyExistsError(f"tensor {new!r} is there already", kind="tensor-exists", place=f"tensor {new!r}")
        draft.set_schema(draft.schema.with_tensor(replace(spec, name=new)))
        draft.set_info(new, draft.infos.pop(old, {}))
        self._written()

    def set_info(self, tensor: str, info: Mapping[str, Any]) -> None:
        """Replace the info of a tensor, or of the dataset for ""."""
        draft = self._writing()
        if tensor:
            draft.schema[tensor]
        draft.set_info(tensor, info)
        self._written()

    # --- landing ---

    def commit(self, message: str = "", allow_empty: bool = False) -> str:
        """Seal what this handle sees under a message; returns the commit's id. Durable when it returns.

        Raises:
            StateError: kind "nothing-to-commit", "in-transaction", or the version is read-only.
            ConflictError: another writer changed the same rows.
        """
        self._check_writable()
        if self._savepoints:
            raise StateError(
                "a commit inside `with ds:` would seal half a transaction",
                kind="in-transaction",
                hint="call ds.commit() after the with block",
            )
        if not allow_empty and not self.has_changes():
            raise StateError(
                "nothing changed since the last commit", kind="nothing-to-commit", place=self.repository.store.url,
                hint="pass allow_empty=True to commit all the same",
            )  # fmt: skip
        self._land("commit", message)
        self._done()
        assert self._tip.head is not None
        return self._tip.head.id

    def _land(self, operation: str, message: str | None) -> None:
        """Publish the draft on top of the branch's newest state, again and again until no writer is faster."""
        attempt = 0
        while True:
            state = self.repository.state()
            self._catch_up(state)
            try:
                state = self._try_land(state, operation, message)
            except ObjectExistsError:
                backoff(attempt)
                attempt += 1
                continue
            self._follow(state)
            return

    def _catch_up(self, state: State) -> None:
        """Put the draft on top of what others landed meanwhile."""
        before = self._base
        self._follow(state)
        if self._base is not before and self._draft is not None:
            self._draft = rebase(self._draft, self._base)

    def _try_land(self, state: State, operation: str, message: str | None) -> State:
        draft = self._draft if self._draft is not None else Draft(self._base)
        staging = draft.seal()
        name, tip = self.branch, self._tip
        assert name is not None

        def change(refs: Refs, staging: Staging) -> Refs:
            tree, next_row_id = draft.stage(staging, refs.next_row_id)
            parents = (tip.head,) if tip.head else ()
            version = Commit(tree, parents, author(), time.time(), message, name)
            branch = stage_version(version, tip.head, staging)
            return replace(refs.with_branch(name, branch), next_row_id=next_row_id)

        return self.repository.try_publish(state, operation, change, staging)

    # --- versions ---

    def checkout(self, ref: str, create: bool = False) -> None:
        """Go to a branch, tag or commit; with `create`, make a branch from what this handle sees and go there.

        Uncommitted changes stay on the branch they were made on; a new branch starts with them too.
        """
        if self._savepoints:
            raise StateError("a checkout inside `with ds:`", kind="in-transaction", hint="leave the with block first")
        self.flush()
        if create:
            self._create_branch(ref)
        self._enter(ref)

    def _create_branch(self, name: str) -> None:
        check_ref_name(name)
        tip = self._tip

        def change(refs: Refs, _: Staging) -> Refs:
            if name in refs.branches or name in refs.tags:
                raise AlreadyExistsError(
                    f"there is a branch or tag {name!r} already", kind="branch-exists", hint=f"ds.checkout({name!r})"
                )
            return refs.with_branch(name, tip)

        self.repository.publish("branch", change)

    def reset(self) -> None:
        """Forget everything since the last commit, landed or waiting."""
        self._check_writable()
        self._savepoints.clear()
        self._done()
        name = self.branch
        assert name is not None

        def change(refs: Refs, staging: Staging) -> Refs:
            head = refs.branches[name].head
            return refs.with_branch(name, Branch(head, None if head else stage_empty_version(staging, name)))

        self._follow(self.repository.publish("reset", change))

    def log(self) -> list[CommitInfo]:
        """Commits below what this handle sees, newest first."""
        return [CommitInfo.of(ref.id, commit) for ref, commit in self.repository.history(self._tip.head)]

    def commit_info(self, commit_id: str) -> CommitInfo:
        ref = self.repository.find_commit(commit_id)
        return CommitInfo.of(ref.id, self.repository.commit(ref.pointer))

    def branches(self) -> list[str]:
        return list(self.repository.state().refs.branches)

    def tags(self) -> list[str]:
        return list(self.repository.state().refs.tags)

    def version(self, ref: str) -> Snapshot:
        """The snapshot of a branch, tag or commit."""
        refs = self.repository.state().refs
        if ref in refs.branches:
            return self.repository.snapshot(refs.branches[ref])
        return self.repository.snapshot_at(refs.tags.get(ref) or self.repository.find_commit(ref))

    def diff(self, before: str | None = None, after: str | None = None) -> Diff:
        """What changed: from the last commit to now, from `before` to now, or from `before` to `after`.

        Raises:
            StateError: kind "in-transaction": changes that have not landed have no row ids yet.
        """
        if self._savepoints and self._draft is not None:
            raise StateError("a diff inside `with ds:`", kind="in-transaction", hint="leave the with block first")
        self.flush()
        if before is not None:
            old = self.version(before)
        elif self._tip.head is not None:
            old = self.repository.snapshot_at(self._tip.head)
        else:
            old = empty_version(self.context)
        return diff(old, self.version(after) if after is not None else self.snapshot())

    # --- creds keys ---

    def creds_keys(self) -> dict[str, dict[str, Any]]:
        """Creds key names and whether they are managed."""
        return {name: dict(value) for name, value in self.repository.state().refs.creds.items()}

    def set_creds_keys(self, change: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Add, change or (None) remove creds key names; values never come near the dataset."""
        self._check_writable()

        def apply(refs: Refs, _: Staging) -> Refs:
            creds = {**refs.creds, **change}
            return replace(refs, creds={name: value for name, value in creds.items() if value is not None})

        self.repository.publish("creds", apply)

    # --- views ---

    def save_view(
        self,
        selection: Selection,
        *,
        id: str | None = None,
        message: str = "",
        query: str = "",
        writer: str = "",
        overwrite: bool = False,
    ) -> ViewRecord:
        """Store a selection of a committed version. Durable when it returns.

        Raises:
            StateError: kind "uncommitted-changes".
            AlreadyExistsError: kind "view-exists": the id is taken by another view.
        """
        commit = self._commit_of(selection.snapshot)
        name = id or content_id(self.repository.uuid, commit.id, selection)
        check_ref_name(name)
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            views = view_map(objects, refs)
            if name in views and not overwrite:
                raise AlreadyExistsError(
                    f"view {name!r} is there already",
                    kind="view-exists",
                    place=f"view {name!r}",
                    hint="choose another id, or pass overwrite=True",
                )
            rows, computed = stage_rows(selection, staging)
            record = ViewRecord(name, message, query, commit, time.time(), len(selection), rows, computed, writer)
            views[name] = staging.add_json(record.to_json())
            return replace(refs, views=stage_view_map(views, staging))

        self.repository.publish("save-view", change)
        return self.view(name)

    def _commit_of(self, snapshot: Snapshot) -> CommitRef:
        if self.has_changes():
            raise StateError(
                "the dataset has uncommitted changes, and a view must be pinned to a commit",
                kind="uncommitted-changes",
                place=self.repository.store.url,
                hint='call ds.commit("...") first, then save the view (or ds.reset() to drop the changes)',
            )
        if snapshot.commit_id is not None and snapshot.commit_id != self.commit_id:
            return self.repository.find_commit(snapshot.commit_id)
        # A query made before ds.commit() looks at the working snapshot that the commit then sealed.
        head = self._tip.head
        if head is not None and self.repository.commit(head.pointer).tree == snapshot.tree:
            return head
        raise StateError(
            "the view looks at changes that were never committed",
            kind="uncommitted-changes",
            place=self.repository.store.url,
            hint="run the query again and save its result",
        )

    def view(self, view_id: str) -> ViewRecord:
        """The record of a saved view. Raises NotFoundError, kind "unknown-view"."""
        return read_view(self.context.objects, self.repository.state().refs, view_id)

    def views(self) -> list[ViewRecord]:
        """All saved views, oldest first."""
        refs = self.repository.state().refs
        records = [read_view(self.context.objects, refs, name) for name in view_map(self.context.objects, refs)]
        return sorted(records, key=lambda record: record.created)

    def view_selection(self, record: ViewRecord) -> Selection:
        """The rows of a saved view, from its own commit."""
        snapshot = self.repository.snapshot_at(record.commit)
        ids, computed = read_rows(self.context.objects, record)
        return Selection(snapshot, positions(snapshot.row_ids, ids, f"view {record.id!r}"), computed)

    def publish_materialised(self, view_id: str, index_key: str) -> ViewRecord:
        """Make materialised files visible: one log entry. If another process was faster, its files stand."""
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            record = read_view(objects, refs, view_id)
            if record.index:
                return refs
            pointer = staging.add_json(replace(record, index=index_key).to_json())
            return replace(refs, views=stage_view_map({**view_map(objects, refs), view_id: pointer}, staging))

        self.repository.publish("materialise", change)
        return self.view(view_id)

    def delete_view(self, view_id: str) -> None:
        """Remove a view, then its files. Raises NotFoundError, kind "unknown-view"."""
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            read_view(objects, refs, view_id)
            views = view_map(objects, refs)
            del views[view_id]
            return replace(refs, views=stage_view_map(views, staging))

        self.repository.publish("delete-view", change)
        for stat in list(self.repository.store.list(f"views/{view_id}/")):
            self.repository.store.delete(stat.key)


def stage_version(version: Commit, head: CommitRef | None, staging: Staging) -> Branch:
    """Stage a commit or a working snapshot; returns the branch with it at its tip."""
    pointer = staging.add_json(version.to_json())
    if version.message is None:
        return Branch(head, pointer)
    commit_id = blake2b(encode_json(version.to_json()), digest_size=20).hexdigest()
    return Branch(CommitRef(commit_id, pointer), None)


def author() -> str:
    """Who commits: LAKEBED_AUTHOR, else the user's login name."""
    try:
        return os.environ.get("LAKEBED_AUTHOR") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in this container
        return "unknown"


def check_ref_name(name: str) -> None:
    """Names of branches, tags and views: letters, digits, "_", "-", ".", not starting with "." or "-".

    Raises:
        InvalidInputError: kind "bad-name".
    """
    allowed = all(char.isalnum() or char in "_-." for char in name)
    if not name or not allowed or not name.isascii() or name[0] in ".-" or len(name) > 128:
        raise InvalidInputError(
            f"{name!r} cannot be a name",
            kind="bad-name",
            hint="use up to 128 letters, digits, '_', '-' and '.', and start with a letter or digit",
        )


@atexit.register
def _land_at_exit() -> None:
    for workspace in list(_unlanded):
        workspace.close()
