"""What two handles do with the rows and tensors of one dataset, as rules of a state machine beside a plain model."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lakebed.storage.errors import ConflictError
from lakebed.storage.handle import _unlanded
from lakebed.storage.stores.base import Store

from merge_model import Graph
from storage_model import (
    Column,
    Conflicted,
    Img,
    Row,
    RowIds,
    Version,
    check_source,
    created,
    given,
    make_tensor,
    opened,
    rebased,
    small_limits,
)

KINDS = ("label", "text", "number", "image")
NAMES = {kind: [f"{kind}_{letter}" for letter in "ab"] for kind in KINDS}
WORDS = ("ant", "bee", "cat", "dog", "elk")

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "label": st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    "text": st.text("abcä€", max_size=5) | st.just("long " * 20),
    "number": st.none() | st.integers(-3, 3),
    "image": st.none() | st.builds(Img, st.sampled_from([4, 4, 12, 20]), st.integers(0, 3)),
}
BIG = 8
"""Pictures of at least this size lie in chunk files under the small limits."""


who = st.sampled_from([0, 0, 0, 1])
"""Which of the two handles acts."""


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


class StorageRules(RuleBasedStateMachine):
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
        self.graph = Graph()
        self.tags: dict[str, str] = {}
        self.views: dict[str, tuple[str, list[int]]] = {}
        self.ids = RowIds()
        self.counter = 0

    def new_store(self) -> Store:
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            for who in range(len(self.handles)):
                self.close(who)
            self.check_everything_afresh()
        finally:
            _unlanded.clear()  # after a failure, nothing is left to do at exit
            self._stack.close()

    def check_everything_afresh(self) -> None:
        """What somebody who opens the dataset now sees."""
        raise NotImplementedError

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
        unchanged = mirror.head is not None and mirror.now == self.graph.versions[mirror.head]
        if not handle.has_changes():
            assert unchanged or (mirror.head is None and not mirror.now.schema.columns)
            return
        found: list[str] = []
        if self.land(who, lambda: found.append(handle.commit("a message"))):
            self.graph.add(found[0], mirror.base, self.branches[mirror.branch].head)
            self.branches[mirror.branch].head = found[0]
            self.follow(who)
