"""A sub-query in a condition sees all rows, however few the other conditions have left."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec

from lakebed import engine
from memory_source import MemorySource

MANY = MemorySource([TensorSpec("n", "n", dtype="int64", ndim=0)], pa.table({"n": pa.array(range(200), pa.int64())}))


FLOATS = MemorySource(
    [TensorSpec("x", "x", dtype="float32", ndim=0)], pa.table({"x": pa.array([0.5, math.nan, None, 2], pa.float32())})
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * where x in (select x)", [0, 3]),
        ("select * where x not in (select x where x > 1)", [0, 1]),
        ("select * where x not in (select x where x is not null)", [1]),
        ("select * where x not in (select x)", []),  # of a missing one nobody knows
    ],
)
def test_nan_is_a_member_of_nothing(query: str, expected: list[int]) -> None:
    found = engine.run(FLOATS, query).rows
    assert found is not None and found.tolist() == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * where n = 2 and not exists (select * where n > 900)", [2]),
        ("select * where n = 2 and exists (select * where n > 100)", [2]),
        ("select * where n = 2 and n in (select n - 100 where n > 100)", [2]),
        ("select * where n = 2 and n not in (select n where n > 900)", [2]),
        ("select * where n in (2, 3) and n not in (select n where n = 3)", [2]),
        ("select * where n < 100 and n in (select n - 100 where n > 197)", [98, 99]),
        ("select * where n = 2 or n in (select n + 1 where n < 2)", [1, 2]),
        ("select * from (select * where n > 190) where n = 195 and exists (select * where n = 1)", [195]),
        ("select * where n = 2 and exists (select 1 from dataset where n > 100)", [2]),
        ("select * where n = 2 and exists (select 1, 'a', null where n > 900)", []),
        ("select * where n = 2 and exists ((select n) union (select n))", [2]),
        # Ordered by a column of the outer row, which is the same for all rows: the first one stays.
        (
            "select * from dataset as o where n in (select a.n + 5 as m from dataset as a order by o.n desc limit 1)",
            [5],
        ),
    ],
)
def test_rows(query: str, expected: list[int]) -> None:
    found = engine.run(MANY, query).rows
    assert found is not None and found.tolist() == expected
