"""A handle: its open transaction, and how that lands."""

from __future__ import annotations

import atexit
import contextlib
import getpass
import os
import sys
import time
import uuid
import weakref
from dataclasses import dataclass, replace

from ..errors import LakebedError
from .commits import Commit, commit_id
from .draft import Draft
from .errors import CommitUnknownError, ConflictError, ObjectExistsError, StateError, StorageError
from .exclusive import exclusive
from .leases import Holder
from .log import read_entry
from .moments import Moment
from .objects import Staging, check_json, encode_json
from .rebase import rebase
from .refs import Branch, CommitRef, Refs
from .repository import Repository, State, backoff, deleted_here
from .standing import STALE_SECONDS, Standing
from .stores.turn import turn

LAND_SECONDS = 1.0
LAND_ROWS = 10_000
LAND_BYTES = 64 << 20
"""An implicit transaction lands with the next call after so long, so many rows or so many bytes."""
LEASE_SECONDS = 3600.0
"""A draft that waits longer is protected by a lease from clean-up, renewed as often."""

_unlanded: set[Handle] = set()
"""Handles with changes waiting: held strongly, so that a dropped handle loses nothing before the process ends."""
_handles: weakref.WeakSet[Handle] = weakref.WeakSet()
"""All handles of this process."""
_expecting: set[int] = set()
"""Processes, by number, that asked `multiprocessing` to land what waits at their end."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A landing whose answer has not come: the log entry it may have become, and whether that seals a commit."""

    number: int
    transaction: str
    seals: bool


class Handle(Standing):
    """Stands on one branch, or on one old version.

    Writes gather in a draft. Inside `begin`/`end` the whole draft lands at the outermost `end`; outside, it lands at
    `flush`, `commit`, `checkout`, `close`, at exit, or with the next call after a second, 10,000 rows or 64 MB.
    What has landed is durable and visible to others; `commit` seals it under a message.
    """

    def __init__(self, repository: Repository, ref: str = "main", read_only: bool = False) -> None:
        self._since = self._leased = Moment.now()
        """When the draft was begun, and when its lease was last renewed."""
        self._savepoints: list[Draft | None] = []
        self._attempts: list[Attempt] = []
        """Landings that this handle has not seen in the log yet (a lost answer, Ctrl-C), so that none is repeated."""
        self._lease: Holder | None = None
        super().__init__(repository, ref, read_only)
        _handles.add(self)

    @property
    def in_transaction(self) -> bool:
        return bool(self._savepoints)

    @property
    def depth(self) -> int:
        """Transactions that are open inside each other; 0 outside."""
        return len(self._savepoints)

    @exclusive
    def refresh(self) -> None:
        """See what others have landed on this branch since; changes waiting here are landed first."""
        self.flush()
        if self.branch is not None:
            self._follow(self.repository.state())

    # --- transactions ---

    @exclusive
    def begin(self) -> None:
        """Open a transaction; inside another one, a savepoint."""
        self._check_writable()
        if not self._savepoints:
            self.flush()
        self._savepoints.append(self._draft.fork() if self._draft is not None else None)

    @exclusive
    def end(self) -> None:
        """Close the innermost transaction; the outermost one lands. A forked child has none: see `_disown`."""
        if self._savepoints:
            self._savepoints.pop()
        if self._savepoints:
            return
        try:
            self.flush()
        except CommitUnknownError:
            raise
        except BaseException:
            self._done()  # an exception means that nothing of the transaction lands, now or later
            raise

    @exclusive
    def rollback(self) -> None:
        """Close the innermost transaction and forget what happened in it."""
        self._draft = self._savepoints.pop() if self._savepoints else None
        if self._draft is None:
            self._done()

    @exclusive
    def flush(self) -> None:
        """Land what waits: durable and visible to others when this returns. Inside a transaction nothing happens."""
        if self._savepoints:
            return
        if self._draft is not None and self._draft.changed():
            self._land("append" if self._draft.appended else "edit", None)
        else:
            self._resolve()
        self._done()

    @exclusive
    def close(self) -> None:
        """Land what waits; a transaction that was not ended is forgotten."""
        if self._savepoints:
            self._savepoints.clear()
            self._done()
        self.flush()

    def _writing(self) -> Draft:
        self._check_writable()
        if self._attempts:
            self.flush()  # what may have landed already must not grow
        if self._draft is None:
            self._draft = Draft(self._base)
            self._since = self._leased = self._draft.began
            _unlanded.add(self)
            _expect_the_end()
        if self._leased.age > LEASE_SECONDS:
            self._keep_alive()
        return self._draft

    def _written(self) -> None:
        draft = self._draft
        if self._savepoints or draft is None:
            return
        if self._since.age > LAND_SECONDS or draft.appended >= LAND_ROWS or draft.weight >= LAND_BYTES:
            try:
                self.flush()
            except StorageError as error:
                error.hint = "what this call changed waits in memory, do not repeat it; ds.flush() tries again"
                raise

    def _keep_alive(self) -> None:
        """Tell clean-up that a long transaction is at work: its files are in no version yet."""
        if self._lease is None:
            self._lease = Holder(self.repository.store, (self._base.tree,), writes=True, ago=self._since.age)
        else:
            self._lease.renew()
        self._leased = Moment.now()

    def _done(self) -> None:
        self._draft = None
        _unlanded.discard(self)
        if self._lease is not None:
            with contextlib.suppress(StorageError):  # it runs out by itself
                self._lease.release()
            self._lease = None

    def _disown(self) -> None:
        """In a forked child: what waits, open transactions and the lease are the parent's, which goes on with them."""
        self._draft = self._lease = None
        self._savepoints.clear()
        self._attempts.clear()

    # --- landing ---

    @exclusive
    def commit(self, message: str = "", allow_empty: bool = False) -> str:
        """Seal what this handle sees under a message; returns the commit's id. Durable when it returns.

        Inside a transaction it lands what the transaction did so far; an exception later undoes what came after.

        Raises:
            StateError: kind "nothing-to-commit"; "in-transaction", inside a nested one; or the version is read-only.
            ConflictError: another writer changed the same rows.
        """
        self._check_writable()
        check_json(message, "the message", "bad-message")
        if len(self._savepoints) > 1:
            raise StateError(
                "a commit inside a nested `with ds:` would seal half of the outer one",
                kind="in-transaction",
                hint="call ds.commit() after the inner with block",
            )
        if self._attempts and self._landed_unseen(self.repository.state(), message):
            assert self._tip.head is not None
            return self._tip.head.id
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
        if self._draft is not None:
            self._draft.seal()  # big files are written before it is this writer's turn
        lost = 0
        while not self._land_once(operation, message):
            backoff(lost)
            lost += 1

    def _land_once(self, operation: str, message: str | None) -> bool:
        """Try to land; False if another writer was faster."""
        with turn(self.repository.store):
            state = self.repository.state()
            if self._landed_unseen(state, message):
                return True
            self._catch_up(state)
            try:
                landed = self._try_land(state, operation, message)
            except ObjectExistsError:
                return False
        self._done()
        self._follow(landed)
        self._attempts.clear()
        return True

    def _resolve(self) -> None:
        """Learn what became of landings whose answer was lost, where no draft waits to try again."""
        if self._attempts:
            self._landed_unseen(self.repository.state(), None)
            self._attempts.clear()

    def _check_files_there(self, draft: Draft) -> None:
        """A process may sleep with its laptop, for longer than any lease.

        Raises:
            StorageError: kind "files-gone".
        """
        self._keep_alive()
        store = self.repository.store
        gone = [key for key in draft.new_files() if store.stat(key) is None]
        if gone:
            raise StorageError(
                f"{len(gone)} files of this transaction were cleaned up while it waited, such as {gone[0]}",
                kind="files-gone",
                place=store.url,
                hint="nothing of it was saved; give the rows again",
            )

    def _landed_unseen(self, state: State, message: str | None) -> bool:
        """Whether an attempt whose answer was lost is in the log after all, so that nothing is left to do."""
        found = next((attempt for attempt in self._attempts if self._is_in_log(attempt)), None)
        if found is None:
            return False
        self._done()
        self._follow(state)
        self._attempts.clear()
        return found.seals or message is None

    def _is_in_log(self, attempt: Attempt) -> bool:
        entry = read_entry(self.repository.store, attempt.number)
        return entry is not None and entry.transaction == attempt.transaction

    def _catch_up(self, state: State) -> None:
        """Put the draft on top of what others landed meanwhile."""
        self._follow(state)
        # Not "has the base moved just now": a rebase that failed half-way must be done before the draft may land.
        if self._draft is None or self._draft.base is self._base:
            return
        try:
            self._draft = rebase(self._draft, self._base)
        except ConflictError:
            # A draft that does not fit must not land later over what the others did.
            self._done()
            raise

    def _try_land(self, state: State, operation: str, message: str | None, others: tuple[CommitRef, ...] = ()) -> State:
        """Publish the draft as the next version of the branch; `others` are further parents, of a merge.

        Raises:
            ObjectExistsError: another writer was faster; nothing happened.
        """
        draft = self._draft if self._draft is not None else Draft(self._base)
        staging = draft.seal()
        name, tip = self.branch, self._tip
        assert name is not None

        def change(refs: Refs, staging: Staging) -> Refs:
            tree, next_row_id = draft.stage(staging, refs.next_row_id)
            parents = ((tip.head,) if tip.head else ()) + others
            version = Commit(tree, parents, author(), time.time(), message, name)
            branch = stage_version(version, tip.head, staging)
            return replace(refs.with_branch(name, branch), next_row_id=next_row_id)

        if draft.began.age > STALE_SECONDS:
            self._check_files_there(draft)
        attempt = Attempt(state.entry.number + 1, uuid.uuid4().hex, message is not None)
        self._attempts.append(attempt)
        try:
            return self.repository.try_publish(state, operation, change, staging, attempt.transaction)
        except CommitUnknownError:
            raise
        except LakebedError:  # surely not written; any other exception leaves that open
            self._attempts.remove(attempt)
            raise


def stage_version(version: Commit, head: CommitRef | None, staging: Staging) -> Branch:
    """Stage a commit or a working snapshot; returns the branch with it at its tip."""
    pointer = staging.add_json(version.to_json())
    if version.message is None:
        return Branch(head, pointer)
    return Branch(CommitRef(commit_id(encode_json(version.to_json())), pointer), None)


def author() -> str:
    """Who commits: LAKEBED_AUTHOR, else the user's login name."""
    try:
        name = os.environ.get("LAKEBED_AUTHOR") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in this container
        return "unknown"
    return name.encode("utf-8", "replace").decode()  # a variable may hold bytes that are no text


@atexit.register
def _land_at_exit() -> None:
    for handle in list(_unlanded):
        _unlanded.discard(handle)  # it is tried once, and told once
        try:
            handle.close()
        except Exception as error:  # whatever it is, the changes of other handles are still to be saved
            replaced = isinstance(error, LakebedError) and error.kind == "dataset-replaced"
            if replaced and handle.repository.store.url in deleted_here:
                continue
            print(f"lakebed: changes that waited at exit were not saved: {error}", file=sys.stderr)


def _expect_the_end() -> None:
    """Processes that `multiprocessing` forked end without Python's exit handlers, but with finalizers of its own."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is None or util is None or process.parent_process() is None or os.getpid() in _expecting:
        return
    _expecting.add(os.getpid())
    util.Finalize(None, _land_at_exit, exitpriority=0)


def _forget_in_child() -> None:
    """Landed by parent and child, what waits would be there twice."""
    _unlanded.clear()
    for handle in list(_handles):
        handle._disown()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_in_child)
