"""Groups without SQL are those that SQL makes: order, rows and counts, missing values and NaN included."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lakebed.tql import plan

import lakebed
from lakebed.engine import execution, group_scan
from planning import plan_anew

PLACES = count()
KEYS = st.lists(st.sampled_from(["num", "real", "small", "flag", "text"]), min_size=1, max_size=3, unique=True)
ROWS = st.fixed_dictionaries(
    {
        "num": st.sampled_from([None, -3, 0, 1, 2**40]),
        "real": st.sampled_from([-1.5, -0.0, 0.0, 0.1, float("inf"), float("nan"), None]),
        "small": st.integers(0, 2),
        "flag": st.sampled_from([True, False, None]),
        "text": st.sampled_from(["", "a", "ä", "A", None]),
    }
)


def stored(parts: list[list[dict[str, Any]]]) -> Any:
    """A dataset with one append for each part."""
    ds = lakebed.empty(f"mem://grouping-{next(PLACES)}")
    with ds:
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("real", dtype="float32")
        ds.create_tensor("small", dtype="uint8")
        ds.create_tensor("flag", dtype="bool")
        ds.create_tensor("text", htype="text")
        # A first sample that is there makes each a tensor of single values.
        ds.append({"num": 1, "real": 0.1, "small": 1, "flag": True, "text": "a"})
    for part in parts:
        ds.extend({name: [row[name] for row in part] for name in part[0]})
    return ds


def shape(groups: Any) -> tuple[list[list[int]], list[int]]:
    return [list(group.sample_indices) for group in groups], groups.to_arrow().column("n").to_pylist()


@given(
    st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=3),
    KEYS,
    st.sampled_from(["", " where small > 0", " where small > 9"]),
)
def test_numpy_and_sql_group_alike(parts: list[list[dict[str, Any]]], keys: list[str], where: str) -> None:
    ds = stored(parts)
    text = f"select {', '.join(keys)}, count(*) as n{where} group by {', '.join(keys)}"
    note(text)
    with pytest.MonkeyPatch.context() as patch:
        plan_anew(patch)
        patch.setattr(plan, "group_rows", lambda *_: None)
        by_sql = shape(ds.query(text))
    assert shape(ds.query(text)) == by_sql
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_scan, "small_codes", lambda keys: None)
        assert shape(ds.query(text)) == by_sql


def test_groups_need_no_sql_where_only_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = stored([[{"num": 5, "real": 0.5, "small": 1, "flag": None, "text": "b"}]])
    monkeypatch.setattr(execution, "compile_relation", unwanted)
    groups = ds.query("select text, flag, num, count(*) as n where small = 1 group by text, flag")
    assert groups["n"].numpy().tolist() == [1, 1]
    assert groups["text"] == ["a", "b"]
    assert [cells[0] for cells in groups["num"]] == [1, 5]


def test_lists_of_numbers_are_keys_that_sql_compares() -> None:
    ds = lakebed.empty(f"mem://grouping-{next(PLACES)}")
    with ds:
        ds.create_tensor("nums", htype="sequence", dtype="int64")
        ds.extend({"nums": [[1, 2], [1], [1, 2], []]})
    groups = ds.query("select nums, count(*) as n group by nums")
    assert shape(groups) == ([[0, 2], [1], [3]], [2, 1, 1])


def unwanted(*_: object) -> Any:
    raise AssertionError("this is no work for SQL")
