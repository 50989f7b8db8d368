"""Sorting by columns of numbers without SQL gives the order that SQL gives: ties, NULL and NaN included."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lakebed.tql import plan

import lakebed
from lakebed.engine import row_program
from planning import plan_anew

PLACES = count()
INTEGERS = st.sampled_from([None, -3, 0, 1, 2, 2**40])
REALS = st.sampled_from([None, -1.5, -0.0, 0.0, 0.1, 2.5, float("nan"), float("inf"), float("-inf")])
KEYS = st.tuples(
    st.sampled_from(["num", "real", "small", "count(boxes)"]),
    st.sampled_from(["", " desc"]),
    st.sampled_from(["", " nulls first", " nulls last"]),
).map("".join)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "num": draw(INTEGERS),
        "real": draw(REALS),
        "small": draw(st.integers(0, 2)),
        "boxes": draw(st.one_of(st.none(), st.integers(0, 2).map(lambda n: np.ones((n, 4), np.float32)))),
    }


def stored(parts: list[list[dict[str, Any]]]) -> Any:
    """A dataset with one append for each part."""
    ds = lakebed.empty(f"mem://sorting-{next(PLACES)}")
    with ds:
        ds.create_tensor("num", dtype="int64")
        ds.create_tensor("real", dtype="float32")
        ds.create_tensor("small", dtype="uint8")
        ds.create_tensor("boxes", htype="bbox")
        # A first sample that is there makes each a tensor of single numbers.
        ds.append({"num": 1, "real": 0.1, "small": 1, "boxes": None})
    for part in parts:
        ds.extend({name: [row[name] for row in part] for name in part[0]})
    return ds


@given(
    st.lists(st.lists(rows(), min_size=1, max_size=8), min_size=1, max_size=3),
    st.lists(KEYS, min_size=1, max_size=2),
    st.sampled_from(["", " limit 2", " limit 10"]),
    st.sampled_from(["", " where small > 0"]),
)
def test_numpy_and_sql_sort_alike(parts: list[list[dict[str, Any]]], keys: list[str], limit: str, where: str) -> None:
    ds = stored(parts)
    text = f"select *{where} order by {', '.join(keys)}{limit}"
    note(text)
    with pytest.MonkeyPatch.context() as patch:
        plan_anew(patch)
        patch.setattr(row_program, "ordered", unwanted)
        patch.setattr(plan, "order_keys", lambda keys: None)
        by_sql = list(ds.query(text).sample_indices)
    assert ds.explain(text).sql == ()
    assert list(ds.query(text).sample_indices) == by_sql


def unwanted(*arguments: object) -> Any:
    raise AssertionError("this sort is SQL's")
