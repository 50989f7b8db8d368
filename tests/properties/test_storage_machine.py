"""A random walk over everything two handles can do with one dataset, beside a model in plain Python."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from lakebed.storage.gc import gc
from lakebed.storage.selection import Selection
from lakebed.storage.snapshot import Snapshot
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import verify
from lakebed.storage.workspace import Workspace

from history_rules import HistoryRules
from storage_model import Version, check_source, expected, opened, seen
from storage_rules import who


class StorageMachine(HistoryRules):
    """Views, reading, clean-up and reopening, and what must hold after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Snapshot, Version]] = []

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

    @precondition(lambda self: self.views)
    @rule(who=who, data=st.data())
    def load_view(self, who: int, data: st.DataObject) -> None:
        self._check_view(self.handles[who], data.draw(st.sampled_from(sorted(self.views))))

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
    def hold(self, who: int) -> None:
        """Somebody keeps what a handle shows now, waiting changes included, to read it later."""
        self.held = [*self.held[-2:], (self.handles[who].snapshot(), self.mirrors[who].now)]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), travels=st.booleans())
    def look_at_what_is_held(self, data: st.DataObject, travels: bool) -> None:
        """It is the same for ever, whatever was landed, merged, folded or undone meanwhile; in other processes too."""
        snapshot, version = data.draw(st.sampled_from(self.held))
        if travels and snapshot.staging is None:
            snapshot = pickle.loads(pickle.dumps(snapshot))
        check_source(snapshot, version, self.ids)

    @rule(who=who)
    def reopen(self, who: int) -> None:
        mirror = self.mirrors[who]
        self.close(who)
        ref = mirror.branch or mirror.head
        assert ref is not None
        if mirror.branch is None and ref not in self.reachable():
            ref, mirror.branch = "main", "main"
        self.handles[who] = opened(self.store, ref)
        self.follow(who)

    @rule()
    def clean_up(self) -> None:
        """Clean-up without any grace: all that anybody can still ask for stays, and all of it is whole."""
        if any(mirror.savepoints for mirror in self.mirrors):
            return
        for number in (0, 1, 0):  # the first handle follows what the second one landed
            self.settle(number)
            mirror = self.mirrors[number]
            if mirror.branch is None and mirror.head not in self.reachable():
                self.go_to_main(number)
        self.held = []  # without a lease or a grace time nobody spares what it looks at
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

    def check_everything_afresh(self) -> None:
        """Every commit, branch and view, as somebody who opens the dataset now sees them."""
        handle = opened(self.store)
        for name, branch in self.branches.items():
            check_source(handle.version(name), branch.version, self.ids)
        for commit in self.reachable():
            check_source(handle.version(commit), self.graph.versions[commit], self.ids)
        assert set(handle.branches()) == set(self.branches)
        assert set(handle.tags()) == set(self.tags)
        assert {record.id for record in handle.views()} == set(self.views)
        for name in self.views:
            self._check_view(handle, name)
        report = verify(handle.repository, "deep")
        assert report.ok, str(report)

    def _check_view(self, handle: Workspace, name: str) -> None:
        """A saved view shows its rows for ever, whatever became of the branch they were on."""
        commit, places = self.views[name]
        version = self.graph.versions[commit]
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
