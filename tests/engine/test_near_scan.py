"""The rows nearest to a vector are those that SQL finds, in its order: ties, missing vectors, odd numbers included."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lakebed.tql import plan
from lakebed.tql.errors import TQLTypeError

import lakebed
from lakebed.engine import row_program
from planning import plan_anew

PLACES = count()
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.1, 3.0, 1e-3])
ODD = st.sampled_from([float("nan"), float("inf"), 1e30, 1e-30, 0.0])
VECTORS = st.lists(NUMBERS, min_size=2, max_size=2)
CELLS: st.SearchStrategy[list[float]] = st.one_of(
    VECTORS, VECTORS, VECTORS, st.just([]), st.lists(ODD, min_size=2, max_size=2)
)
KEYS = {
    "cosine": "cosine_similarity(vec, array[{}, {}])",
    "turned": "cosine_similarity(array[{}, {}], vec)",
    "dot": "dot(vec, array[{}, {}])",
    "distance": "l2_norm(vec - array[{}, {}])",
}


def stored(parts: list[list[list[float]]], dtype: str) -> Any:
    """A dataset with one append for each part."""
    ds = lakebed.empty(f"mem://near-{next(PLACES)}")
    with ds:
        ds.create_tensor("vec", htype="embedding" if dtype == "float32" else "generic", dtype=dtype)
        ds.create_tensor("num", dtype="int64")
    for part in parts:
        samples: dict[str, list[Any]] = {"vec": [np.array(cell, dtype) for cell in part]}
        ds.extend({**samples, "num": [len(cell) for cell in part]})
    return ds


def asked(ds: Any, text: str) -> tuple[list[int], list[float | None]]:
    found = ds.query(text)
    return list(found.sample_indices), found["score"].numpy(aslist=True) if "score" in text else []


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=12), min_size=1, max_size=3),
    st.lists(NUMBERS, min_size=2, max_size=2),
    st.sampled_from(sorted(KEYS)),
    st.sampled_from(["", " desc"]),
    st.sampled_from(["limit 1", "limit 2 offset 1", "limit 3"]),
    st.sampled_from(["", " where num = 2", " where num < 9"]),
    st.sampled_from(["float32", "float64"]),
)
def test_numpy_and_sql_find_the_same_rows(
    parts: list[list[list[float]]], vector: list[float], key: str, way: str, limit: str, where: str, dtype: str
) -> None:
    ds = stored(parts, dtype)
    ordered = f"{where} order by {KEYS[key].format(*vector)}{way} {limit}"
    for text in (f"select *{ordered}", f"select num, {KEYS[key].format(*vector)} as score{ordered}"):
        note(text)
        with pytest.MonkeyPatch.context() as patch:
            plan_anew(patch)
            patch.setattr(plan, "near_key", lambda keys: None)
            by_sql = asked(ds, text)
        np.testing.assert_equal(asked(ds, text), by_sql)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(KEYS)), st.sampled_from(["", " desc"]))
def test_rounding_loses_no_row(seed: int, key: str, way: str) -> None:
    """Many vectors that differ in their last digits only."""
    random = np.random.default_rng(seed)
    cells = np.array([1.5, -0.7]) * (1 + random.integers(-3, 4, (64, 2)) * 2e-7)
    ds = stored([cells.tolist()], "float32")
    text = f"select * order by {KEYS[key].format(1.5, -0.7)}{way} limit 7"
    with pytest.MonkeyPatch.context() as patch:
        plan_anew(patch)
        patch.setattr(plan, "near_key", lambda keys: None)
        by_sql = asked(ds, text)
    assert asked(ds, text) == by_sql


def test_no_sql_is_run_for_plain_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_program.RowProgram, "run_relation", None, raising=False)
    ds = stored([[[float(n), 1.0] for n in range(40)]], "float32")
    assert ds.explain("select * order by dot(vec, array[1, 0]) desc limit 3").plan.count("NearRows") == 1
    found = ds.query("select * where num = 2 order by dot(vec, array[1, 0]) desc limit 3")
    assert list(found.sample_indices) == [39, 38, 37]


def test_a_vector_of_another_length_is_refused_as_ever() -> None:
    ds = stored([[[1.0, 2.0]] * 20], "float32")
    with pytest.raises(TQLTypeError, match="do not fit together"):
        ds.query("select * order by dot(vec, array[1, 2, 3]) limit 1")
