"""History: branches, tags, log, diff, merge, reset and revert of a handle's dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .commits import CommitInfo
from .diff import Diff, diff
from .errors import AlreadyExistsError, NotFoundError, ObjectExistsError, StateError
from .exclusive import exclusive
from .handle import Handle
from .merge import Resolution, common_version, merged
from .names import check_ref_name
from .objects import Staging, check_json
from .refs import Branch, CommitRef, Refs
from .repository import backoff, empty_version, stage_empty_version, unknown_version
from .snapshot import Snapshot


class History(Handle):
    """The versions of a dataset, seen from one handle."""

    # --- versions ---

    @exclusive
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
            _refuse_taken(name, refs)
            self._check_still_there(refs)
            return refs.with_branch(name, tip)

        self.repository.publish("branch", change)

    @exclusive
    def reset(self) -> None:
        """Forget everything since the last commit, landed or waiting."""
        self._check_writable()
        self._savepoints[:] = [None] * self.depth
        self._done()
        self._attempts.clear()
        name = self.branch
        assert name is not None

        def change(refs: Refs, staging: Staging) -> Refs:
            if name not in refs.branches:
                raise self._branch_gone()
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

    @exclusive
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

    # --- branches and tags ---

    def delete_branch(self, name: str) -> None:
        """Remove a branch with its uncommitted changes; commits that tags and views pin stay.

        Raises:
            NotFoundError: kind "unknown-version".
            StateError: kind "branch-in-use": it is the one this handle is on, or "main".
        """
        if name in {self.branch, "main"}:
            raise StateError(
                f"branch {name!r} cannot be deleted",
                kind="branch-in-use",
                hint='go to another branch first with ds.checkout("..."); "main" always stays',
            )

        def change(refs: Refs, _: Staging) -> Refs:
            if name not in refs.branches:
                raise unknown_version(name, refs, self.repository.store.url)
            return replace(refs, branches={key: branch for key, branch in refs.branches.items() if key != name})

        self.repository.publish("delete-branch", change)

    @exclusive
    def rename_branch(self, old: str, new: str) -> None:
        """Give a branch another name; "main" keeps its own.

        Raises:
            NotFoundError, AlreadyExistsError, InvalidInputError, StateError
        """
        check_ref_name(new)
        if old == "main":
            raise StateError('branch "main" cannot be renamed', kind="branch-in-use", hint="make a branch from it")
        if self.branch == old:
            self.flush()

        def change(refs: Refs, _: Staging) -> Refs:
            if old not in refs.branches:
                raise unknown_version(old, refs, self.repository.store.url)
            _refuse_taken(new, refs)
            return replace(refs, branches={new if key == old else key: b for key, b in refs.branches.items()})

        self.repository.publish("rename-branch", change)
        if self.branch == old:
            self.branch = new

    def tag(self, name: str, ref: str | None = None) -> None:
        """Name a commit for ever: the last one below this handle, or the one `ref` means.

        Raises:
            StateError: kind "nothing-to-tag": there is no commit yet.
            AlreadyExistsError, NotFoundError, InvalidInputError
        """
        check_ref_name(name)
        commit = self._tip.head if ref is None else self._commit_ref(ref)
        if commit is None:
            raise StateError("there is no commit to tag", kind="nothing-to-tag", hint='call ds.commit("...") first')

        def change(refs: Refs, _: Staging) -> Refs:
            _refuse_taken(name, refs)
            if ref is None:
                self._check_still_there(refs)
            return replace(refs, tags={**refs.tags, name: commit})

        self.repository.publish("tag", change)

    def delete_tag(self, name: str) -> None:
        """Remove a tag. Raises NotFoundError, kind "unknown-version"."""

        def change(refs: Refs, _: Staging) -> Refs:
            if name not in refs.tags:
                raise unknown_version(name, refs, self.repository.store.url)
            return replace(refs, tags={key: tag for key, tag in refs.tags.items() if key != name})

        self.repository.publish("delete-tag", change)

    def _commit_ref(self, ref: str) -> CommitRef | None:
        refs = self.repository.state().refs
        if ref in refs.branches:
            return refs.branches[ref].head
        return refs.tags.get(ref) or self.repository.find_commit(ref)

    # --- merge and revert ---

    def merge(
        self,
        ref: str,
        resolution: Resolution = None,
        delete_removed_tensors: bool = False,
        message: str | None = None,
    ) -> str:
        """Merge the last commit of a branch (or a tag or commit) into this branch; returns the new commit's id.

        What is merged already changes nothing: the present commit's id comes back.

        Raises:
            StateError: kind "uncommitted-changes", "nothing-to-merge".
            NotFoundError: kind "unknown-version"; kind "unrelated": a path of another dataset.
            ConflictError: both sides changed the same cells and `resolution` is None; `conflicts` lists them.
        """
        if "/" in ref or ":" in ref:  # which no name may hold
            raise NotFoundError(
                f"{ref!r} is no version of this dataset, and versions of one dataset alone can be merged",
                kind="unrelated",
                place=self.repository.store.url,
                hint="append rows of another dataset with ds.extend(...), or name a branch, tag or commit of this one",
            )
        said = message if message is not None else f"Merge {ref} into {self.branch}"

        def plan() -> _Plan | None:
            theirs = self._commit_ref(ref)
            if theirs is None:
                raise StateError(f"branch {ref!r} has no commit", kind="nothing-to-merge", hint="commit there first")
            if any(found.id == theirs.id for found, _ in self.repository.history(self._tip.head)):
                return None
            return _Plan(
                self._common(theirs), self.repository.snapshot_at(theirs), said, (theirs,), delete_removed_tensors
            )

        return self._combine("merge", plan, resolution)

    def revert(self, ref: str, resolution: Resolution = None, message: str | None = None) -> str:
        """Undo one commit by a new one, keeping what came after; returns the new commit's id.

        Raises:
            StateError: kind "uncommitted-changes".
            ConflictError: later commits changed the same cells and `resolution` is None.
        """

        def plan() -> _Plan:
            undone = self.repository.find_commit(ref) if (found := self._commit_ref(ref)) is None else found
            commit = self.repository.commit(undone.pointer)
            before = self.repository.snapshot_at(commit.parents[0]) if commit.parents else empty_version(self.context)
            said = message if message is not None else f"Revert {undone.id[:12]}: {commit.message or ''}".rstrip(": ")
            return _Plan(self.repository.snapshot_at(undone), before, said, (), True)

        return self._combine("revert", plan, resolution)

    def _require_clean(self, what: str) -> None:
        if self.in_transaction or self.has_changes():
            raise StateError(
                f"there are uncommitted changes, which a {what} would mix with",
                kind="uncommitted-changes",
                place=self.repository.store.url,
                hint='call ds.commit("...") or ds.reset() first',
            )

    def _common(self, theirs: CommitRef) -> Snapshot:
        """The newest version that both sides descend from; where there are several, one made of them in memory."""
        return self._common_of([self._tip.head] if self._tip.head else [], theirs)

    def _common_of(self, heads: list[CommitRef], other: CommitRef) -> Snapshot:
        ours = {ref.id for ref, _ in self.repository.history(*heads)}
        common = [(ref, commit) for ref, commit in self.repository.history(other) if ref.id in ours]
        # What is below a common version is common too, so that only those that are no parent of one are newest.
        below = {parent.id for _, commit in common for parent in commit.parents}
        newest = [ref for ref, _ in common if ref.id not in below]
        if not newest:
            return empty_version(self.context)
        bases = [self._common_of(newest[:place], newest[place]) for place in range(1, len(newest))]
        return common_version([self.repository.snapshot_at(ref) for ref in newest], bases)

    @exclusive
    def _combine(self, operation: str, plan: Callable[[], _Plan | None], resolution: Resolution) -> str:
        """Commit what `plan` says on top of the branch's newest state, again and again until no writer is faster."""
        self._check_writable()
        self._resolve()
        attempt = 0
        while True:
            self._require_clean(operation)
            state = self.repository.state()
            self._follow(state)
            self._require_clean(operation)  # others may have left something uncommitted meanwhile
            planned = plan()
            if planned is None:
                return self._tip.head.id if self._tip.head else ""
            check_json(planned.message, "the message", "bad-message")
            self._draft = merged(planned.base, self._base, planned.theirs, resolution, planned.delete_removed_tensors)
            try:
                state = self._try_land(state, operation, planned.message, planned.parents)
            except ObjectExistsError:
                backoff(attempt)
                attempt += 1
                continue
            finally:
                self._done()
            self._follow(state)
            self._attempts.clear()
            assert self._tip.head is not None
            return self._tip.head.id


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a merge or a revert combines with the branch."""

    base: Snapshot
    theirs: Snapshot
    message: str
    parents: tuple[CommitRef, ...]
    """Further parents of the new commit."""
    delete_removed_tensors: bool


def _refuse_taken(name: str, refs: Refs) -> None:
    if name in refs.branches or name in refs.tags:
        raise AlreadyExistsError(
            f"there is a branch or tag {name!r} already", kind="branch-exists", place=name, hint="choose another name"
        )
