"""A random walk over everything two handles can do with one dataset, beside a model in plain Python."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lakebed.storage.errors import ConflictError, NotFoundError, StateError
from lakebed.storage.gc import gc
from lakebed.storage.handle import _unlanded
from lakebed.storage.selection import Selection
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import verify

from storage_model import (
    Column,
    Conflicted,
    Img,
    Row,
    RowIds,
    Version,
    changes,
    check_source,
    created,
    expected,
    given,
    make_tensor,
    opened,
    rebased,
    seen,
    small_limits,
)

KINDS = ("label", "text", "number", "image")
NAMES = {kind: [f"{kind}_{letter}" for letter in "ab"] for kind in KINDS}
BRANCHES = ("main", "left", "right")
WORDS = ("ant", "bee", "cat", "dog", "elk")

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "label": st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    "text": st.text("abcä€", max_size=5) | st.just("long " * 20),
    "number": st.none() | st.integers(-3, 3),
    "image": st.none() | st.builds(Img, st.sampled_from([4, 4, 12, 20]), st.integers(0, 3)),
}
BIG = 8
"""Pictures of at least this size lie in chunk files under the small limits."""


@dataclass
class Mirror:
    """What one handle should see."""

    branch: str | None = "main"
    head: str | None = None
    base: Version = field(default_factory=Version)
    draft: Version | None = None
    savepoints: list[Version | None] = field(default_factory=list)

    @property
    def now(self) -> Version:
        return self.base if self.draft is None else self.draft


@dataclass
class BranchModel:
    head: str | None
    version: Version


class StorageMachine(RuleBasedStateMachine):
    """Rules are what users do; `handles` are the real thing, `mirrors` what they should see."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(small_limits())
        self.store: Store = self.new_store()
        first = created(self.store)
        self.handles = [first, opened(self.store)]
        self.mirrors = [Mirror(), Mirror()]
        self.branches = {"main": BranchModel(None, Version())}
        self.commits: dict[str, Version] = {}
        self.views: dict[str, tuple[str, list[int]]] = {}
        self.ids = RowIds()
        self.counter = 0

    def new_store(self) -> Store:
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            for who in range(len(self.handles)):
                self.close(who)
            self._check_everything_afresh()
            report = verify(opened(self.store).repository, "deep")
            assert report.ok, str(report)
        finally:
            _unlanded.clear()  # after a failure, nothing is left to do at exit
            self._stack.close()

    # --- helpers ---

    def fresh(self) -> int:
        self.counter += 1
        return self.counter

    def value(self, data: st.DataObject, kind: str) -> Any:
        drawn = data.draw(CELLS[kind])
        return replace(drawn, writing=self.fresh()) if isinstance(drawn, Img) and drawn.size >= BIG else drawn

    def writable(self, who: int) -> bool:
        return self.mirrors[who].branch is not None

    def follow(self, who: int) -> None:
        """The handle has looked at the newest state of its branch."""
        mirror = self.mirrors[who]
        if mirror.branch is not None:
            branch = self.branches[mirror.branch]
            mirror.base, mirror.head = branch.version, branch.head

    def land(self, who: int, act: Any) -> bool:
        """Run `act`, which lands the draft; update the model, or see the conflict. Returns whether it landed."""
        mirror = self.mirrors[who]
        assert mirror.branch is not None
        branch = self.branches[mirror.branch]
        try:
            merged = branch.version if mirror.draft is None else rebased(mirror.base, mirror.draft, branch.version)
        except Conflicted:
            try:
                act()
            except ConflictError:
                mirror.draft = None
                self.follow(who)
                return False
            raise AssertionError("the model says there is a conflict") from None
        act()
        branch.version = merged
        mirror.draft = None
        self.follow(who)
        check_source(self.handles[who].version(mirror.branch), merged, self.ids)
        return True

    def settle(self, who: int) -> None:
        """Land what waits and look at the newest state."""
        if self.mirrors[who].branch is None:
            self.handles[who].refresh()
        else:
            self.land(who, self.handles[who].refresh)

    def close(self, who: int) -> None:
        """Close the handle: what waits lands, an open transaction is forgotten."""
        mirror = self.mirrors[who]
        if mirror.savepoints:
            mirror.savepoints.clear()
            mirror.draft = None
            self.handles[who].close()
        elif mirror.draft is not None and mirror.draft != mirror.base:
            self.land(who, self.handles[who].close)
        else:
            self.settle(who)
            self.handles[who].close()

    def edit(self, who: int, version: Version) -> None:
        self.mirrors[who].draft = version

    # --- rows ---

    who = st.sampled_from([0, 0, 0, 1])

    @initialize(kinds=st.sets(st.sampled_from(KINDS), min_size=1))
    def first_tensors(self, kinds: set[str]) -> None:
        for kind in sorted(kinds):
            self.create_tensor(0, kind, 0)

    @rule(who=who, count=st.sampled_from([1, 1, 1, 2, 5, 20]), data=st.data())
    def extend(self, who: int, count: int, data: st.DataObject) -> None:
        mirror = self.mirrors[who]
        columns = mirror.now.schema.columns
        if not self.writable(who) or not columns:
            return
        given_columns = [c for c in columns if data.draw(st.booleans())] or list(columns)
        pattern: dict[str, list[Any]] = {
            column.key: [self.value(data, column.kind) for _ in range(min(count, 2))] for column in given_columns
        }
        rows: list[tuple[int, Row]] = []
        for place in range(count):
            cells = {key: values[place % len(values)] for key, values in pattern.items()}
            rows.append((self.fresh(), self._rewritten(cells)))
        samples = {c.name: [given(cells[c.key]) for _, cells in rows] for c in given_columns}
        self.handles[who].extend(samples, count)
        self.edit(who, mirror.now.appended(rows))

    def _rewritten(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Every appended picture is a writing of its own."""
        return {
            key: replace(value, writing=self.fresh()) if isinstance(value, Img) and value.writing else value
            for key, value in cells.items()
        }

    @rule(who=who, data=st.data())
    def update(self, who: int, data: st.DataObject) -> None:
        now = self.mirrors[who].now
        if not self.writable(who) or not now.rows or not now.schema.columns:
            return
        column = data.draw(st.sampled_from(now.schema.columns))
        places = data.draw(st.lists(st.integers(0, len(now.rows) - 1), min_size=1, max_size=4))
        values = [self.value(data, column.kind) for _ in places]
        self.handles[who].update(places, {column.name: [given(value) for value in values]})
        for place, value in zip(places, values, strict=True):
            now = now.edited(place, column.key, value)
        self.edit(who, now)

    @rule(who=who, data=st.data())
    def pop(self, who: int, data: st.DataObject) -> None:
        now = self.mirrors[who].now
        if not self.writable(who) or not now.rows:
            return
        places = data.draw(st.lists(st.integers(0, len(now.rows) - 1), min_size=1, max_size=4, unique=True))
        negative = data.draw(st.booleans())
        self.handles[who].pop([place - len(now.rows) if negative else place for place in places])
        self.edit(who, now.popped(places))

    # --- tensors and info ---

    @rule(who=who, kind=st.sampled_from(KINDS), letter=st.integers(0, 1))
    def create_tensor(self, who: int, kind: str, letter: int) -> None:
        now, name = self.mirrors[who].now, NAMES[kind][letter]
        if not self.writable(who) or any(column.name == name for column in now.schema.columns):
            return
        make_tensor(self.handles[who], kind, name)
        self.edit(who, replace(now, schema=now.schema.created(name, kind)))

    @rule(who=who, data=st.data())
    def delete_tensor(self, who: int, data: st.DataObject) -> None:
        now = self.mirrors[who].now
        if not self.writable(who) or not now.schema.columns:
            return
        column = data.draw(st.sampled_from(now.schema.columns))
        self.handles[who].delete_tensor(column.name)
        self.edit(who, now.without(column.name))

    @rule(who=who, data=st.data())
    def rename_tensor(self, who: int, data: st.DataObject) -> None:
        now = self.mirrors[who].now
        taken = {column.name for column in now.schema.columns}
        pairs = [(c.name, name) for c in now.schema.columns for name in NAMES[c.kind] if name not in taken]
        if not self.writable(who) or not pairs:
            return
        old, new = data.draw(st.sampled_from(pairs))
        self.handles[who].rename_tensor(old, new)
        self.edit(who, replace(now, schema=now.schema.renamed(old, new)))

    @rule(who=who, data=st.data(), note=st.integers(0, 3))
    def set_info(self, who: int, data: st.DataObject, note: int) -> None:
        now = self.mirrors[who].now
        if not self.writable(who):
            return
        column = data.draw(st.sampled_from([Column("", "", ""), *now.schema.columns]))
        self.handles[who].set_info(column.name, {**self.handles[who].info(column.name), "note": note})
        self.edit(who, replace(now, notes={**now.notes, column.key: note}))

    # --- transactions ---

    @rule(who=who)
    def begin(self, who: int) -> None:
        mirror = self.mirrors[who]
        if not self.writable(who) or len(mirror.savepoints) > 2:
            return
        if not mirror.savepoints:
            self.settle(who)
        self.handles[who].begin()
        mirror.savepoints.append(mirror.draft)

    @precondition(lambda self: any(mirror.savepoints for mirror in self.mirrors))
    @rule(who=who, keep=st.sampled_from([True, True, False]))
    def end_or_rollback(self, who: int, keep: bool) -> None:
        mirror, handle = self.mirrors[who], self.handles[who]
        if not mirror.savepoints:
            return
        saved = mirror.savepoints.pop()
        if not keep:
            handle.rollback()
            mirror.draft = saved
        elif mirror.savepoints:
            handle.end()
        elif self.land(who, handle.end):
            handle.refresh()
        else:
            assert not handle.in_transaction

    # --- landing ---

    @rule(who=who)
    def flush(self, who: int) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            self.handles[who].flush()
        elif mirror.draft is not None and mirror.draft != mirror.base:
            self.land(who, self.handles[who].flush)
        else:
            self.settle(who)

    @rule(who=who)
    def commit(self, who: int) -> None:
        mirror, handle = self.mirrors[who], self.handles[who]
        if mirror.branch is None or len(mirror.savepoints) > 1:
            return
        unchanged = mirror.head is not None and mirror.now == self.commits[mirror.head]
        if not handle.has_changes():
            assert unchanged or (mirror.head is None and not mirror.now.schema.columns)
            return
        found: list[str] = []
        if self.land(who, lambda: found.append(handle.commit("a message"))):
            self.commits[found[0]] = mirror.base
            self.branches[mirror.branch].head = found[0]
            self.follow(who)

    @rule(who=who)
    def reset(self, who: int) -> None:
        mirror = self.mirrors[who]
        if mirror.branch is None:
            return
        self.handles[who].reset()
        branch = self.branches[mirror.branch]
        branch.version = self.commits[branch.head] if branch.head else Version()
        mirror.savepoints = [None] * len(mirror.savepoints)
        mirror.draft = None
        self.follow(who)

    # --- versions ---

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

    @precondition(lambda self: self.commits)
    @rule(who=who, data=st.data())
    def checkout_commit(self, who: int, data: st.DataObject) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        commit = data.draw(st.sampled_from(list(self.commits)))
        self.settle(who)
        try:
            self.handles[who].checkout(commit)
        except NotFoundError:
            assert not self._reachable(commit)
            return
        mirror.branch, mirror.head, mirror.base = None, commit, self.commits[commit]

    def _reachable(self, commit: str) -> bool:
        """Whether a branch or view leads to the commit. No rule deletes a branch, so every commit is."""
        return commit in self.commits

    @rule(who=who)
    def an_old_version_is_read_only(self, who: int) -> None:
        if self.mirrors[who].branch is None:
            with pytest.raises(StateError, match="old version"):
                self.handles[who].pop([0])

    @precondition(lambda self: self.commits)
    @rule(who=who, data=st.data())
    def diff_of_two_commits(self, who: int, data: st.DataObject) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        self.settle(who)
        names = list(self.commits)  # oldest first: ids differ from run to run, and their order with them
        before, after = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
        self._check_diff(self.handles[who].diff(before, after), self.commits[before], self.commits[after])

    @rule(who=who)
    def diff_to_the_last_commit(self, who: int) -> None:
        mirror = self.mirrors[who]
        if mirror.savepoints:
            return
        self.settle(who)
        before = self.commits[mirror.head] if mirror.head else Version()
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

    # --- views ---

    @rule(who=who, name=st.sampled_from(["v1", "v2", "v3"]), data=st.data())
    def save_view(self, who: int, name: str, data: st.DataObject) -> None:
        mirror, handle = self.mirrors[who], self.handles[who]
        if handle.has_changes() or mirror.head is None or not mirror.base.rows or name in self.views:
            return
        places = data.draw(st.lists(st.integers(0, len(mirror.base.rows) - 1), max_size=6))
        handle.save_view(Selection(handle.snapshot(), np.array(places, np.int64)), id=name)
        self.views[name] = (mirror.head, places)

    @precondition(lambda self: self.views)
    @rule(who=who, data=st.data())
    def delete_view(self, who: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.views)))
        self.handles[who].delete_view(name)
        del self.views[name]

    # --- reading ---

    @rule(who=who, data=st.data())
    def read_one_cell(self, who: int, data: st.DataObject) -> None:
        now, handle = self.mirrors[who].now, self.handles[who]
        if not now.rows or not now.schema.columns:
            return
        place = data.draw(st.integers(0, len(now.rows) - 1))
        column = data.draw(st.sampled_from(now.schema.columns))
        names = handle.info(column.name).get("class_names", ())
        found = seen(column.kind, handle.read(column.name, [place])[0], names)
        assert found == expected(now.cell(now.rows[place][1], column))

    @rule(who=who)
    def look(self, who: int) -> None:
        check_source(self.handles[who].snapshot(), self.mirrors[who].now, self.ids)

    @rule(who=who)
    def reopen(self, who: int) -> None:
        mirror = self.mirrors[who]
        self.close(who)
        ref = mirror.branch or mirror.head
        assert ref is not None
        self.handles[who] = opened(self.store, ref)
        self.follow(who)

    @rule()
    def clean_up(self) -> None:
        """Clean-up without any grace: all that anybody can still ask for stays, and all of it is whole."""
        if any(mirror.savepoints for mirror in self.mirrors):
            return
        for who in (0, 1, 0):  # the first handle follows what the second one landed
            self.settle(who)
        repository = opened(self.store).repository
        gc(repository, grace=0.0, dry_run=False, exclusive=True)
        report = verify(repository, "deep")
        assert report.ok, str(report)

    @invariant()
    def handles_see_what_they_should(self) -> None:
        for handle, mirror in zip(self.handles, self.mirrors, strict=True):
            assert len(handle) == len(mirror.now.rows)
            if mirror.draft is None:
                assert handle.commit_id == mirror.head
                check_source(handle.snapshot(), mirror.base, self.ids)

    def _check_everything_afresh(self) -> None:
        """Every commit, branch and view, as somebody who opens the dataset now sees them."""
        handle = opened(self.store)
        for name, branch in self.branches.items():
            check_source(handle.version(name), branch.version, self.ids)
        for commit, version in self.commits.items():
            check_source(handle.version(commit), version, self.ids)
        assert {record.id for record in handle.views()} == set(self.views)
        for name, (commit, places) in self.views.items():
            version = self.commits[commit]
            shown = replace(version, rows=tuple(version.rows[place] for place in places))
            selection = handle.view_selection(handle.view(name))
            assert selection.row_ids.tolist() == [self.ids.ids[n] for n in shown.numbers()]
            for column in version.schema.columns:
                names = selection.info(column.name).get("class_names", ())
                found = [seen(column.kind, s, names) for s in selection.read(column.name, range(len(places)))]
                assert found == [expected(version.cell(cells, column)) for _, cells in shown.rows]


class MemoryMachine(StorageMachine):
    def new_store(self) -> Store:
        return MemoryStore()


class LocalMachine(StorageMachine):
    def new_store(self) -> Store:
        folder = Path(tempfile.mkdtemp(prefix="lakebed-machine-"))
        self._stack.callback(shutil.rmtree, folder)
        return LocalStore(folder / "ds", create=True)


CALM = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
TestInMemory = MemoryMachine.TestCase
TestInMemory.settings = settings(CALM, stateful_step_count=50)
TestOnDisk = LocalMachine.TestCase
TestOnDisk.settings = settings(CALM, max_examples=max(5, settings().max_examples // 5), stateful_step_count=30)
