"""Fragments that cannot hold a row of the answer: their files stay closed, and the answer is the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lakebed.storage.snapshot import Snapshot
from lakebed.storage.stores.local import LocalStore

import lakebed
from lakebed.engine import pruning, row_program

PLACES = count()
CLASSES = ["car", "bus", "truck", "tram"]
ROWS = 6
"""Rows of each fragment of the dataset below."""


@pytest.fixture(scope="module", autouse=True)
def small_fragments() -> Iterator[None]:
    """A fragment for each append, in a file of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakebed.storage.fold.TAIL_ROWS", 1)
        patch.setattr("lakebed.storage.fragment.INLINE", -1)
        yield


def written(path: str) -> Any:
    """Four fragments: numbers 0 to 5, 10 to 15, ...; each has cars and one class more."""
    ds = lakebed.empty(path)
    with ds:
        ds.create_tensor("labels", htype="class_label", class_names=CLASSES)
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("real", dtype="float32")
        ds.create_tensor("text", htype="text")
    for part in range(4):
        numbers = range(10 * part, 10 * part + ROWS)
        columns: dict[str, list[Any]] = {
            "labels": [["car", CLASSES[part]] if n % 2 else ["car"] for n in numbers],
            "boxes": [np.full((1 + n % 2, 4), n, np.float32) for n in numbers],
            "num": list(numbers),
            "real": [np.float32(n) / 10 for n in numbers],
            "text": [f"row {n}" for n in numbers],
        }
        ds.extend(columns)
        ds.flush()
    ds.commit("four fragments")
    return ds


class Opened:
    """A fresh handle on a dataset, and the fragments whose files it opened."""

    def __init__(self, path: str, patch: pytest.MonkeyPatch) -> None:
        self.ds = lakebed.load(path, read_only=True)
        snapshot = self.ds._pinned()
        assert isinstance(snapshot, Snapshot)
        entries = snapshot.manifest.entries
        self.keys = [snapshot.context.fragments.descriptor(entry.fragment).key for entry in entries]
        self.read: list[int] = []
        original = LocalStore.buffer

        def spy(store: LocalStore, key: str) -> Any:
            if key in self.keys:
                self.read.append(self.keys.index(key))
            return original(store, key)

        patch.setattr(LocalStore, "buffer", spy)

    def ask(self, text: str) -> list[int]:
        return [int(row) for row in self.ds.query(text).sample_indices]


@pytest.fixture
def path(tmp_path: Path) -> str:
    written(str(tmp_path / "ds"))
    return str(tmp_path / "ds")


CASES = {
    "contains(labels, 'bus')": ([7, 9, 11], [1]),
    "contains(labels, 't*')": ([13, 15, 17, 19, 21, 23], [2, 3]),
    "labels = 'truck'": ([], [2]),
    "not all(labels = 'car')": ([*range(1, 24, 2)][3:], [1, 2, 3]),
    "any(labels = 'bus' and boxes[:, 2] > 12)": ([9, 11], [1]),
    "any(labels = 'bus' or labels = 'tram')": ([7, 9, 11, 19, 21, 23], [1, 3]),
    "num = 12": ([8], [1]),
    "num > 32": ([21, 22, 23], [3]),
    "3 >= num": ([0, 1, 2, 3], [0]),
    "num between 14 and 21": ([10, 11, 12, 13], [1, 2]),
    "num in (5, 31)": ([5, 19], [0, 3]),
    "num in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)": ([1, 2, 3, 4, 5, 6], [0, 1]),
    "not num > 3": ([0, 1, 2, 3], [0]),
    "real < 0.15": ([0, 1], [0]),
    "real = 1.3": ([9], [1]),
    "num > 30 and contains(labels, 'bus')": ([], []),
    "num > 34 or contains(labels, 'bus')": ([7, 9, 11, 23], [1, 3]),
    "num < 12 and text like '%1%'": ([1, 6, 7], [0, 1]),
    "row_number() = 13": ([13], []),
    "row_number() between 4 and 7 and num != 4": ([5, 6, 7], [0, 1]),
    "contains(labels, 'car') and num = 99": ([], []),
}


@pytest.mark.parametrize("where", CASES)
def test_only_fragments_that_may_match_are_opened(where: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(path, monkeypatch)
    rows, fragments = CASES[where]
    assert opened.ask(f"select * where {where}") == rows
    assert sorted(opened.read) == fragments


@pytest.mark.parametrize(
    ("text", "rows", "fragments"),
    [
        ("select * where contains(labels, 'car') limit 8", list(range(8)), [0, 1]),
        ("select * where num >= 0 limit 3", [0, 1, 2], [0]),
        ("select * where contains(labels, 'bus') order by num desc limit 2", [11, 9], [1]),
        ("select num + 1 as more where num > 32 order by num desc", [23, 22, 21], [3]),
        ("select num + 1 as more where row_number() = 8", [8], [1]),
        ("select num + 1 as more limit 4 offset 5", [5, 6, 7, 8], [0, 1]),
        ("select * where num > 32 union select * where contains(labels, 'bus')", [7, 9, 11, 21, 22, 23], [1, 3]),
        ("select * from (select * where num < 12) where num > 9", [6, 7], [0, 1]),
    ],
)
def test_limits_orders_and_computed_columns_open_what_they_need(
    text: str, rows: list[int], fragments: list[int], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Opened(path, monkeypatch)
    assert opened.ask(text) == rows
    assert sorted(opened.read) == fragments


def test_a_count_opens_the_fragments_of_its_condition(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(path, monkeypatch)
    assert opened.ds.query("select count(*)")["count"].numpy().tolist() == [24]
    assert opened.read == []
    assert opened.ds.query("select count(*) where contains(labels, 'tram')")["count"].numpy().tolist() == [3]
    assert opened.read == [3]


def test_some_rows_are_read_without_the_other_fragments(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(path, monkeypatch)
    assert opened.ds["num"][6:9].numpy().tolist() == [10, 11, 12]
    assert opened.read == [1]
    view = opened.ds.query("select * where num in (30, 10)")
    assert view.query("select * where num > 20").sample_indices is not None
    assert sorted(opened.read) == [1, 3]


def test_edited_rows_are_found_where_the_fragment_had_no_such_value(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = lakebed.load(path)
    with ds:
        ds["labels"][2] = ["tram"]
        ds["num"][8] = 77
        ds["real"][3] = np.float32(np.inf)
    ds.commit("edited")
    opened = Opened(path, monkeypatch)
    assert opened.ask("select * where contains(labels, 'tram')") == [2, 19, 21, 23]
    assert sorted(opened.read) == [0, 3]
    assert opened.ask("select * where num > 40") == [8]
    assert opened.ask("select * where real > 100") == [3]
    assert opened.ask("select * where num = 12") == []


def test_rows_of_a_transaction_are_found(path: str) -> None:
    ds = lakebed.load(path)
    with ds:
        ds["num"][0] = 500
        ds.append({"labels": ["tram"], "boxes": np.ones((1, 4), np.float32), "num": 600, "real": 9.0, "text": "new"})
        assert list(ds.query("select * where num >= 500").sample_indices) == [0, 24]
        assert list(ds.query("select * where contains(labels, 'tram')").sample_indices) == [19, 21, 23, 24]


def test_rows_older_than_a_tensor_are_missing_there(path: str) -> None:
    ds = lakebed.load(path)
    with ds:
        ds.create_tensor("late", dtype="int64")
        ds.create_tensor("extra", htype="class_label", class_names=["x", "y"])
        ds.append({"num": 1, "late": 5, "extra": ["x"], "labels": [], "boxes": None, "real": 1.0, "text": ""})
    assert list(ds.query("select * where late > 4").sample_indices) == [24]
    assert list(ds.query("select * where late is null and num > 33").sample_indices) == [22, 23]
    assert list(ds.query("select * where contains(extra, 'x')").sample_indices) == [24]
    assert list(ds.query("select * where all(extra = 'x') and num > 33").sample_indices) == [22, 23]


def test_nan_is_found_by_what_nan_passes(path: str) -> None:
    ds = lakebed.load(path)
    ds["real"][4] = np.float32(np.nan)
    assert list(ds.query("select * where not real < 100").sample_indices) == [4]
    assert list(ds.query("select * where real != 0.3 and num < 5").sample_indices) == [0, 1, 2, 4]


def test_half_floats_have_ends_too(tmp_path: Path) -> None:
    ds = lakebed.empty(str(tmp_path / "half"))
    ds.create_tensor("x", dtype="float16")
    ds.extend({"x": [np.float16(0.1), np.float16(2.5)]})
    ds.flush()
    ds.extend({"x": [np.float16(7)]})
    assert list(ds.query("select * where x > 2").sample_indices) == [1, 2]
    assert ds.explain_query("select * where x > 3").pruned == 1


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_counts_fragments_and_opens_none_but_for_estimates(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(path, monkeypatch)
    found = opened.ds.explain("select * where num > 32")
    assert (found.pruned, found.fragments) == (3, 4) and "fragments=1 of 4" in found.plan
    assert "fragments pruned: 3 of 4" in str(found) and found.estimated_rows == ROWS and opened.read == []
    assert "Binary('>')" in found.tree and "tree:" in str(found)
    labels = opened.ds.explain("select * where contains(labels, 'bus')")
    assert labels.estimated_rows == 3 and opened.read == [1]
    both = opened.ds.explain("select num + 1 as n where num > 32 or contains(labels, 'bus') order by num")
    assert both.pruned == 2 and both.sql
    assert opened.ds.explain("select *").pruned == 0


# --- pruned and unpruned answers are equal ---------------------------------------------------------------------------

NUMBERS = st.sampled_from([-3, 0, 1, 2, 7, 2**40])
REALS = st.sampled_from([-1.5, 0.0, 0.1, 0.3, 2.5, float("nan"), float("inf")])
NAMES = st.sampled_from(CLASSES)
COMPARISONS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@st.composite
def cells(draw: st.DrawFn) -> dict[str, Any]:
    """A row; each cell may be missing, labels and boxes together."""
    labels = draw(st.none() | st.lists(NAMES, max_size=2))
    return {
        "labels": labels,
        "boxes": None if labels is None else np.full((len(labels), 4), draw(NUMBERS), np.float32),
        "num": draw(st.none() | NUMBERS),
        "real": draw(st.none() | REALS),
        "text": draw(st.sampled_from(["a", "b", None])),
    }


@st.composite
def wheres(draw: st.DrawFn, depth: int = 2) -> str:
    if depth and draw(st.booleans()):
        left, right = draw(wheres(depth - 1)), draw(wheres(depth - 1))
        return draw(st.sampled_from([f"({left} and {right})", f"({left} or {right})", f"not ({left})"]))
    op, name = draw(COMPARISONS), draw(NAMES)
    number, real = draw(NUMBERS), draw(st.sampled_from([0.1, 0.3, 1, 2.5]))
    simple = [
        f"contains(labels, '{name}')",
        f"labels {op} '{name}'",
        f"all(labels {op} '{name}')",
        f"any(labels = '{name}' and boxes[:, 2] {op} {number})",
        f"all_strict(labels {op} '{name}' or boxes[:, 0] > {number})",
        f"num {op} {number}",
        f"{number} {op} num",
        f"real {op} {real}",
        f"num between {number} and {draw(NUMBERS)}",
        f"num in ({number}, {draw(NUMBERS)})",
        f"real in ({real}, 7)",
        f"row_number() {op} {draw(st.integers(0, 9))}",
        "text = 'a'",
        "text like 'a%'",
        "num is null",
        f"num + 1 {op} {number}",
    ]
    return draw(st.sampled_from(simple))


@given(st.lists(st.lists(cells(), min_size=1, max_size=3), min_size=1, max_size=4), st.data())
def test_pruned_and_unpruned_answers_are_equal(parts: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    ds = lakebed.empty(f"mem://pruning-{next(PLACES)}")
    with ds:
        ds.create_tensor("labels", htype="class_label", class_names=CLASSES)
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("real", dtype="float32")
        ds.create_tensor("text", htype="text")
        # A first sample that is there makes each a tensor of single values.
        ds.append({"labels": ["bus"], "boxes": np.ones((1, 4), np.float32), "num": 1, "real": 0.1, "text": "b"})
    for part in parts:
        ds.extend({name: [row[name] for row in part] for name in part[0]})
        ds.flush()
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(ds) - 1))
        if data.draw(st.booleans()) and len(ds) > 1:
            ds.pop(place)
        else:
            for name, cell in data.draw(cells()).items():
                ds[name][place] = cell
    for where in data.draw(st.lists(wheres(), min_size=1, max_size=4)):
        limit = data.draw(st.sampled_from(["", " limit 2", " order by num desc limit 3", " order by real"]))
        text = f"select * where {where}{limit}"
        note(text)
        pruned = ds.query(text).sample_indices
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(row_program, "possible", lambda source, test: pruning.everything(source))
            assert list(pruned) == list(ds.query(text).sample_indices)


def test_conditions_joined_by_and_stop_at_their_limit(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(path, monkeypatch)
    assert opened.ask("select * where contains(labels, 'car') and num >= 2 limit 3") == [2, 3, 4]
    assert sorted(opened.read) == [0]
