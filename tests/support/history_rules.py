"""What two handles do with the versions of one dataset, as rules of a state machine beside a plain model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from lakebed.storage.errors import AlreadyExistsError, ConflictError, NotFoundError, StateError

from merge_model import Contested, Decide, merged
from storage_model import Conflicted, Version, changes, check_source, expected, seen
from storage_rules import BranchModel, StorageRules, who

BRANCHES = ("main", "left", "right")
TAGS = ("t1", "t2")
RESOLUTIONS = (None, None, "ours", "theirs", "function")


def by_chance(row_id: int, tensor: str) -> str:
    """A decision that differs from conflict to conflict and is the same in the model."""
    return "theirs" if (row_id + len(tensor)) % 2 else "ours"


def _surely_differ(now: Version, sealed: Version) -> bool:
    """Whether two versions differ by their values; a change that was undone may still count as one."""
    return (
        now.numbers() != sealed.numbers()
        or now.schema.columns != sealed.schema.columns
        or bool(changes(sealed, now).touched)
    )


class HistoryRules(StorageRules):
    """Branches, tags, log, diff, merge, reset and revert."""

    # --- going to versions ---

    @rule(who=who)
    def reset(self, who: int) -> None:
        mirror = self.mirrors[who]
        if mirror.branch is None:
            return
        self.handles[who].reset()
        branch = self.branches[mirror.branch]
        branch.version = self.graph.versions[branch.head] if branch.head else Version()
        mirror.savepoints = [None] * len(mirror.savepoints)
        mirror.draft = None
        self.follow(who)

    @rule(who=who, name=st.sampled_from(BRANCHES))
    def checkout_branch(self, who: int, name: str) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        self.settle(who)
        create = name not in self.branches
        self.handles[who].checkout(name, create=create)
        if create:
            self.branches[name] = BranchModel(mirror.head, mirror.base)
        mirror.branch = name
        self.follow(who)

    @precondition(lambda self: self.graph.versions)
    @rule(who=who, data=st.data())
    def checkout_commit_or_tag(self, who: int, data: st.DataObject) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        ref = data.draw(st.sampled_from([*self.graph.versions, *sorted(self.tags)]))
        commit = self.tags.get(ref, ref)
        self.settle(who)
        if commit not in self.reachable():
            with pytest.raises(NotFoundError):
                self.handles[who].checkout(ref)
            return
        self.handles[who].checkout(ref)
        mirror.branch, mirror.head, mirror.base = None, commit, self.graph.versions[commit]

    def reachable(self) -> set[str]:
        """Commits that a branch, a tag or a view leads to."""
        heads = [branch.head for branch in self.branches.values()]
        return self.graph.below(*heads, *self.tags.values(), *(commit for commit, _ in self.views.values()))

    def go_to_main(self, who: int) -> None:
        """Leave a version that is going; nothing waits in the handle."""
        mirror = self.mirrors[who]
        self.handles[who].checkout("main")
        mirror.branch, mirror.draft = "main", None
        self.follow(who)

    @rule(who=who)
    def an_old_version_is_read_only(self, who: int) -> None:
        if self.mirrors[who].branch is None:
            with pytest.raises(StateError, match="old version"):
                self.handles[who].pop([0])

    @rule(who=who)
    def log(self, who: int) -> None:
        listed = [info.id for info in self.handles[who].log()]
        assert set(listed) == self.graph.below(self.mirrors[who].head)
        place = {commit: number for number, commit in enumerate(listed)}
        assert len(place) == len(listed)
        assert all(place[commit] < place[parent] for commit in listed for parent in self.graph.parents[commit])

    # --- branches and tags ---

    @rule(who=who, name=st.sampled_from(BRANCHES))
    def delete_branch(self, who: int, name: str) -> None:
        handle = self.handles[who]
        if name in {"main", self.mirrors[who].branch}:
            with pytest.raises(StateError, match="cannot be deleted"):
                handle.delete_branch(name)
        elif name not in self.branches:
            with pytest.raises(NotFoundError):
                handle.delete_branch(name)
        else:
            handle.delete_branch(name)
            del self.branches[name]
            self._others_branch_is_gone(who, name)

    @rule(who=who, old=st.sampled_from(BRANCHES), new=st.sampled_from(BRANCHES))
    def rename_branch(self, who: int, old: str, new: str) -> None:
        mirror, handle = self.mirrors[who], self.handles[who]
        if old == "main":
            with pytest.raises(StateError, match="cannot be renamed"):
                handle.rename_branch(old, new)
            return
        if mirror.branch == old and not mirror.savepoints:
            self.settle(who)
        if old not in self.branches or new in self.branches:
            with pytest.raises(AlreadyExistsError if old in self.branches else NotFoundError):
                handle.rename_branch(old, new)
            return
        handle.rename_branch(old, new)
        self.branches[new] = self.branches.pop(old)
        if mirror.branch == old:
            mirror.branch = new
        self._others_branch_is_gone(who, old)

    def _others_branch_is_gone(self, who: int, name: str) -> None:
        """The other handle, if it was there, can land nothing, is told so, and goes on from main."""
        other, handle = self.mirrors[1 - who], self.handles[1 - who]
        if other.branch != name:
            return
        while handle.in_transaction:
            handle.rollback()
        other.savepoints.clear()
        for act in (handle.refresh, handle.reset, handle.refresh):
            with pytest.raises(StateError, match="was deleted"):
                act()
        self.go_to_main(1 - who)

    @rule(who=who, name=st.sampled_from(TAGS), data=st.data())
    def tag(self, who: int, name: str, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from([None, *self.graph.versions, *self.branches]))
        commit = self._commit_of(who, ref)
        if commit is None:
            with pytest.raises(StateError, match="no commit to tag"):
                self.handles[who].tag(name, ref)
        elif ref is not None and commit not in self.reachable():
            with pytest.raises(NotFoundError):
                self.handles[who].tag(name, ref)
        elif name in self.tags:
            with pytest.raises(AlreadyExistsError):
                self.handles[who].tag(name, ref)
        else:
            self.handles[who].tag(name, ref)
            self.tags[name] = commit

    @precondition(lambda self: self.tags)
    @rule(who=who, data=st.data())
    def delete_tag(self, who: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tags)))
        self.handles[who].delete_tag(name)
        del self.tags[name]

    def _commit_of(self, who: int, ref: str | None) -> str | None:
        if ref is None:
            return self.mirrors[who].head
        return self.branches[ref].head if ref in self.branches else self.tags.get(ref, ref)

    # --- diff ---

    @precondition(lambda self: self.graph.versions)
    @rule(who=who, data=st.data())
    def diff_of_two_commits(self, who: int, data: st.DataObject) -> None:
        if self.mirrors[who].savepoints:
            return
        self.settle(who)
        reachable = self.reachable()
        names = [commit for commit in self.graph.versions if commit in reachable]  # oldest first: ids are by chance
        if names:
            before, after = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
            found = self.handles[who].diff(before, after)
            self._check_diff(found, self.graph.versions[before], self.graph.versions[after])

    @rule(who=who)
    def diff_to_the_last_commit(self, who: int) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        self.settle(who)
        before = self.graph.versions[mirror.head] if mirror.head else Version()
        self._check_diff(self.handles[who].diff(), before, mirror.base)

    def _check_diff(self, found: Any, before: Version, after: Version) -> None:
        wanted = changes(before, after)
        ids = self.ids.ids
        assert set(found.added.tolist()) == {ids[n] for n in wanted.added}
        assert set(found.deleted.tolist()) == {ids[n] for n in wanted.deleted}
        names = {column.key: column.name for column in after.schema.columns}
        assert {name: set(rows.tolist()) for name, rows in found.updated.items()} == {
            names[key]: {ids[n] for n in rows} for key, rows in wanted.updated.items()
        }
        old = {column.key: column.name for column in before.schema.columns}
        assert set(found.tensors_added) == {names[key] for key in names.keys() - old.keys()}
        assert set(found.tensors_deleted) == {old[key] for key in old.keys() - names.keys()}

    # --- merge and revert ---

    @rule(who=who, data=st.data(), how=st.sampled_from(RESOLUTIONS), drop=st.booleans())
    def merge(self, who: int, data: st.DataObject, how: str | None, drop: bool) -> None:
        if not self._made_clean(who, data, lambda: self.handles[who].merge("main")):
            return
        mirror, handle = self.mirrors[who], self.handles[who]
        reachable = self.reachable()
        commits = [commit for commit in self.graph.versions if commit in reachable]
        ref = data.draw(st.sampled_from([*self.branches, *self.branches, *sorted(self.tags), *commits]))
        theirs = self._commit_of(who, ref)
        if theirs is None:
            with pytest.raises(StateError, match="has no commit"):
                handle.merge(ref)
        elif theirs in self.graph.below(mirror.head):
            assert handle.merge(ref, how and "ours", drop) == mirror.head
        else:
            self._combine(
                who,
                how,
                lambda decide: merged(
                    self.graph.common(self.graph.below(mirror.head), self.graph.below(theirs)),
                    mirror.base,
                    self.graph.versions[theirs],
                    decide,
                    drop,
                ),
                lambda resolution: handle.merge(ref, resolution, drop),
                theirs,
            )

    @precondition(lambda self: self.graph.versions)
    @rule(who=who, data=st.data(), how=st.sampled_from(RESOLUTIONS))
    def revert(self, who: int, data: st.DataObject, how: str | None) -> None:
        commit = data.draw(st.sampled_from(list(self.graph.versions)))
        if not self._made_clean(who, data, lambda: self.handles[who].revert(commit)):
            return
        handle = self.handles[who]
        if commit not in self.reachable():
            with pytest.raises(NotFoundError):
                handle.revert(commit)
            return
        parents = self.graph.parents[commit]
        undone = self.graph.versions[commit]
        before = self.graph.versions[parents[0]] if parents else Version()
        self._combine(
            who,
            how,
            lambda decide: merged(undone, self.mirrors[who].base, before, decide, True),
            lambda resolution: handle.revert(commit, resolution),
            None,
        )

    def _made_clean(self, who: int, data: st.DataObject, refused: Callable[[], object]) -> bool:
        """Commit what is uncommitted, or see that nothing can be merged before that."""
        mirror = self.mirrors[who]
        if mirror.branch is None or mirror.savepoints:
            with pytest.raises(StateError, match=r"old version|uncommitted"):
                refused()
            return False
        if data.draw(st.sampled_from([True, True, True, False])):
            self.settle(who)
            self.commit(who)
        handle, branch = self.handles[who], self.branches[mirror.branch]
        if handle.has_changes():
            with pytest.raises(StateError, match="uncommitted"):
                refused()
            return False
        sealed = self.graph.versions[branch.head] if branch.head else Version()
        if _surely_differ(branch.version, sealed):  # by what the other handle did, which this one sees only now
            with pytest.raises(StateError, match="uncommitted"):
                refused()
        elif branch.version is not sealed:
            handle.refresh()
        self.follow(who)
        return not _surely_differ(branch.version, sealed) and not handle.has_changes()

    def _combine(
        self,
        who: int,
        how: str | None,
        model: Callable[[Decide | None], Version],
        act: Callable[[Any], str],
        theirs: str | None,
    ) -> None:
        """Merge in the model and for real; without a way to decide, conflicts leave everything as it is."""
        mirror, handle = self.mirrors[who], self.handles[who]
        assert mirror.branch is not None
        branch = self.branches[mirror.branch]
        names = {column.key: column.name for column in mirror.base.schema.columns}
        ways: dict[str | None, tuple[Decide | None, Any]] = {
            None: (None, None),
            "ours": (lambda *_: "ours", "ours"),
            "theirs": (lambda *_: "theirs", "theirs"),
            "function": (
                lambda number, key: by_chance(self.ids.ids[number], names.get(key, "")),
                lambda conflict: by_chance(conflict.row_id, conflict.tensor),
            ),
        }
        decide, resolution = ways[how]
        try:
            version = model(decide)
        except Contested as contested:
            with pytest.raises(ConflictError) as caught:
                act(resolution)
            wanted = {(self.ids.ids[number], names.get(key, "")) for number, key in contested.clashes}
            assert {(found.row_id, found.tensor) for found in caught.value.conflicts} == wanted
            self._check_samples(caught.value.conflicts, mirror.base)
            return
        except Conflicted:
            with pytest.raises(ConflictError):
                act(resolution)
            return
        commit = act(resolution)
        assert commit not in self.graph.versions
        self.graph.add(commit, version, branch.head, theirs)
        branch.head, branch.version = commit, version
        self.follow(who)
        check_source(handle.snapshot(), version, self.ids)
        if theirs is not None:
            assert act(resolution) == commit

    def _check_samples(self, conflicts: Any, ours: Version) -> None:
        """What a conflict shows of our side."""
        names = {column.name: column for column in ours.schema.columns}
        rows = {self.ids.ids[number]: cells for number, cells in ours.rows}
        for found in conflicts:
            column = names.get(found.tensor)
            if column is not None and column.kind != "label":
                assert seen(column.kind, found.ours, ()) == expected(ours.cell(rows[found.row_id], column))
