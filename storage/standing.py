"""Where a handle stands in a dataset, and what it sees from there: what has landed, and on top what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .arrow import Ints
from .draft import Draft
from .errors import StateError
from .exclusive import ForkSafeLock, exclusive
from .moments import Moment
from .refs import Branch, Refs
from .repository import Repository, State
from .schema import Schema
from .snapshot import Snapshot

STALE_SECONDS = 3600.0
"""For so long after a look at the newest state a handle may refer to what it saw; clean-up spares that for longer."""


class Standing:
    """On one branch, or on one old version; `Handle` adds writing."""

    def __init__(self, repository: Repository, ref: str = "main", read_only: bool = False) -> None:
        self.repository = repository
        self.context = repository.context
        self._asked_read_only = read_only
        self.lock = ForkSafeLock()
        """Held by whoever changes what waits here, so that threads may share a handle."""
        self._draft: Draft | None = None
        self.branch: str | None = None
        """The branch this handle is on; None on an old version."""
        self._tip = Branch()
        self._looked = Moment.now()
        self._enter(ref)

    @property
    def read_only(self) -> bool:
        return self._asked_read_only or self.branch is None

    @property
    def commit_id(self) -> str | None:
        """The last commit below what this handle sees."""
        return self._tip.head.id if self._tip.head else None

    def set_read_only(self, value: bool) -> None:
        """Refuse writing from now on, or allow it again; an old version is read-only always."""
        self._asked_read_only = value

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

    def _enter(self, ref: str) -> None:
        refs = self.repository.state().refs
        self._looked = Moment.now()
        if ref in refs.branches:
            self.branch, self._tip = ref, refs.branches[ref]
        else:
            commit = refs.tags.get(ref) or self.repository.find_commit(ref)
            self.branch, self._tip = None, Branch(commit, None)
        self._base = self.repository.snapshot(self._tip)

    def _follow(self, state: State) -> None:
        assert self.branch is not None
        tip = state.refs.branches.get(self.branch)
        if tip is None:
            raise self._branch_gone()
        self._looked = Moment.now()
        if tip != self._tip:
            self._tip, self._base = tip, self.repository.snapshot(tip)
            self.context.fragments.forget(set(self._base.manifest.entries))

    def _branch_gone(self) -> StateError:
        return StateError(
            f"branch {self.branch!r} was deleted or renamed meanwhile",
            kind="branch-gone",
            place=self.repository.store.url,
            hint="changes that wait here land if a branch of that name is made again; ds.reset() forgets them, then "
            'go to another one: ds.checkout("main")',
        )

    def _check_still_there(self, refs: Refs) -> None:
        """Nothing new may point at what clean-up may have removed: a version that was replaced long ago.

        Raises:
            StateError: kind "stale-handle".
        """
        fresh = self._looked.age < STALE_SECONDS
        if fresh or self._tip in refs.branches.values():
            return
        if self._tip.working is None and self._tip.head is not None:
            self.repository.find_commit(self._tip.head.id)
            return
        raise StateError(
            "what this handle looks at was replaced by others long ago",
            kind="stale-handle",
            place=self.repository.store.url,
            hint="call ds.refresh() and look at the rows again",
        )

    # --- what it sees ---

    def snapshot(self) -> Snapshot:
        """What this handle sees: what has landed and what waits. Who only reads never waits for another thread."""
        return self._base if self._draft is None else self._drafted()

    @exclusive
    def _drafted(self) -> Snapshot:
        return self._base if self._draft is None else self._draft.snapshot()

    @property
    def schema(self) -> Schema:
        """The tensors as this handle sees them; unlike `snapshot` it seals nothing, so it is cheap for every row."""
        draft = self._draft
        return draft.schema if draft is not None else self._base.schema

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        """Info of a tensor, or of the dataset for "", as this handle sees it; seals nothing."""
        if tensor:
            self.schema[tensor]
        draft = self._draft
        infos = draft.infos if draft is not None else self._base.infos
        return infos.get(tensor, {})

    @exclusive
    def __len__(self) -> int:
        return len(self._draft) if self._draft is not None else len(self._base)

    def read(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        """Decoded samples of rows, waiting edits included."""
        return self._base.read(tensor, rows) if self._draft is None else self._read_drafted(tensor, rows)

    @exclusive
    def _read_drafted(self, tensor: str, rows: Sequence[int] | Ints) -> list[Any]:
        return (self._base if self._draft is None else self._draft).read(tensor, rows)

    @exclusive
    def has_changes(self) -> bool:
        """Whether what this handle sees differs from the last commit."""
        if self._draft is not None and self._draft.changed():
            return True
        if self._tip.working is None:
            return False
        if self._tip.head is None:
            return len(self._base) > 0 or len(self._base.schema) > 0 or bool(self._base.infos)
        return self._base.tree != self.repository.commit(self._tip.head.pointer).tree
