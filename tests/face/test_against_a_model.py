from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

import lakebed
from face_data import fresh_path

NAMES = ["a", "b", "c"]
Row = tuple[int, tuple[str, ...]]

ROWS = st.tuples(st.integers(-9, 9), st.lists(st.sampled_from(NAMES), max_size=3).map(tuple))


def sample(row: Row) -> dict[str, Any]:
    return {"x": row[0], "y": list(row[1]) or None}


def rows_of(found: Any) -> list[Row]:
    texts = found.y.data()["text"] if len(found) else []
    return [(int(x), tuple(names)) for x, names in zip(found.x.numpy(aslist=True), texts, strict=True)]


class DatasetAgainstLists(RuleBasedStateMachine):
    """A dataset does what lists of rows would do, through edits, transactions, commits, views and reopening."""

    versions = Bundle("versions")
    views = Bundle("views")

    @initialize()
    def create(self) -> None:
        self.ds = lakebed.empty(fresh_path())
        self.ds.create_tensor("x", dtype="int64")
        self.ds.create_tensor("y", htype="class_label", class_names=NAMES)
        self.rows: list[Row] = []
        self.committed: dict[str, list[Row]] = {}
        self.head: list[Row] | None = None
        self.saved: dict[str, list[Row]] = {}

    @rule(row=ROWS)
    def append(self, row: Row) -> None:
        self.ds.append(sample(row))
        self.rows.append(row)

    @rule(rows=st.lists(ROWS, max_size=5), as_rows=st.booleans())
    def extend(self, rows: list[Row], as_rows: bool) -> None:
        samples = [sample(row) for row in rows]
        columns = {name: [one[name] for one in samples] for name in ("x", "y")}
        self.ds.extend(samples if as_rows else columns)
        self.rows += rows

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), row=ROWS)
    def edit(self, data: st.DataObject, row: Row) -> None:
        place = data.draw(st.integers(-len(self.rows), len(self.rows) - 1))
        if data.draw(st.booleans()):
            self.ds[place].update(sample(row))
            self.rows[place] = row
        else:
            self.ds.x[place] = row[0]
            self.rows[place] = (row[0], self.rows[place][1])

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), values=st.lists(st.integers(-9, 9), min_size=1, max_size=4))
    def edit_slice(self, data: st.DataObject, values: list[int]) -> None:
        start = data.draw(st.integers(0, len(self.rows) - 1))
        values = values[: len(self.rows) - start]
        self.ds.x[start : start + len(values)] = values
        for place, value in enumerate(values, start):
            self.rows[place] = (value, self.rows[place][1])

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def pop(self, data: st.DataObject) -> None:
        gone = data.draw(st.sets(st.integers(0, len(self.rows) - 1), max_size=3))
        self.ds.pop(list(gone))
        self.rows = [row for place, row in enumerate(self.rows) if place not in gone]

    @rule(rows=st.lists(ROWS, max_size=3), fails=st.booleans())
    def transaction(self, rows: list[Row], fails: bool) -> None:
        before = list(self.rows)
        try:
            with self.ds:
                for row in rows:
                    self.append(row)
                if self.rows:
                    self.ds.pop(0)
                    self.rows.pop(0)
                assert rows_of(self.ds) == self.rows
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            self.rows = before

    @rule(target=versions)
    def commit(self) -> str:
        commit_id = self.ds.commit("step", allow_empty=True)
        self.committed[commit_id] = list(self.rows)
        self.head = list(self.rows)
        return commit_id

    @rule(version=versions)
    def open_an_old_commit(self, version: str) -> None:
        assert rows_of(lakebed.load(f"{self.ds.path}@{version}")) == self.committed[version]

    @precondition(lambda self: self.head is not None)
    @rule()
    def reset(self) -> None:
        self.ds.reset()
        self.rows = list(self.head or [])

    @rule()
    def reopen(self) -> None:
        self.ds.flush()
        self.ds = lakebed.load(self.ds.path)

    @precondition(lambda self: self.head is not None)
    @rule(target=views, name=st.sampled_from(NAMES))
    def save_a_view(self, name: str) -> str:
        if self.ds.has_head_changes:
            self.commit()
        view = self.ds.query(f"select * where contains(y, '{name}')")
        view.save_view(overwrite=True)
        self.saved[view.id] = [row for row in self.rows if name in row[1]]
        return str(view.id)

    @rule(view=views)
    def load_a_view(self, view: str) -> None:
        assert rows_of(self.ds.load_view(view)) == self.saved[view]

    @rule(data=st.data())
    def query_and_slice(self, data: st.DataObject) -> None:
        limit = data.draw(st.integers(-9, 9))
        found = self.ds.query(f"select * where x > {limit}")
        assert rows_of(found) == [row for row in self.rows if row[0] > limit]
        step = data.draw(st.sampled_from([1, 2, -1]))
        assert rows_of(self.ds[::step]) == self.rows[::step]

    @invariant()
    def shows_the_rows(self) -> None:
        if hasattr(self, "ds"):
            assert len(self.ds) == len(self.rows)
            assert rows_of(self.ds) == self.rows
            if self.rows:
                last = self.ds[-1].numpy()
                assert int(last["x"]) == self.rows[-1][0]
                assert isinstance(last["y"], np.ndarray)


TestDatasetAgainstLists = DatasetAgainstLists.TestCase
