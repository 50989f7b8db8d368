"""Boxes stay what their column says, corners or sizes, wherever a query has taken them from it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql.errors import TQLTypeError

from lakebed import engine
from memory_source import MemorySource

# The same boxes as their corners, as left, top, width, height, and as centre and size.
STORED: dict[str, list[list[list[float]]]] = {
    "LTRB": [[[10, 10, 30, 40]], [[1, 1, 2, 2], [5, 5, 9, 9]], []],
    "LTWH": [[[10, 10, 20, 30]], [[1, 1, 1, 1], [5, 5, 4, 4]], []],
    "CCWH": [[[20, 25, 20, 30]], [[1.5, 1.5, 1, 1], [7, 7, 4, 4]], []],
}


def asked(mode: str, text: str) -> list[Any]:
    boxes = pa.array(STORED[mode], pa.list_(pa.list_(pa.float32(), 4)))
    specs = [TensorSpec("b", "b", "bbox", dtype="float32", ndim=2), TensorSpec("n", "n", dtype="int64", ndim=0)]
    table = pa.table({"b": boxes, "n": pa.array([1, 2, 3], pa.int64())})
    source = MemorySource(specs, table, {"b": {"coords": {"type": "pixel", "mode": mode}}})
    computed = engine.run(source, text).computed
    assert computed is not None
    found: list[Any] = computed.column("w").to_pylist()
    return found


@pytest.mark.parametrize("mode", STORED)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select box_width(b) as w", [[20], [1, 4], []]),
        ("select box_height(b[:]) as w", [[30], [1, 4], []]),
        ("select box_width(b[-1:]) as w", [[20], [4], []]),
        ("select box_width(b[:, :]) as w", [[20], [1, 4], []]),
        ("select box_area(b[-1]) as w", [600, 16, None]),
        ("select box_width(b * 2) as w", [[40], [2, 8], []]),
        ("select box_width(cast(b as int)) as w", [[20], [1, 4], []]),
        ("select box_width(case when n > 1 then b * 2 else b end) as w", [[20], [2, 8], []]),
        ("select box_width(data(b, 0)) as w", [[20]] * 3),
        ("select iou(b[:1], b[0]) as w", [[1], [1], []]),
        ("select iou(b[0], data(b, 0)[0]) as w", [1, 0, None]),
        ("select box_width(c) as w from (select b[:1] as c)", [[20], [1], []]),
        ("select box_width(c) as w from (select b * 2 as c, n)", [[40], [2, 8], []]),
        ("select box_width(c[0]) as w from (select b as c group by n)", [[20], [1, 4], []]),
        ("select box_height(c[0][0]) as w from (select b as c group by n)", [30, 1, None]),
        ("select box_width(c) as w from (select b as c group by n > 0 across space)", [[20, 1, 4]]),
    ],
)
def test_sizes(mode: str, text: str, expected: list[Any]) -> None:
    assert asked(mode, text) == expected


@pytest.mark.parametrize("item", ["b[:, ::-1]", "b[:, :2]", "b[:, 4:]", "b[0][0]", "b[0, 1:]", "b[0, 0]"])
def test_parts_of_boxes_are_no_boxes_of_the_column(item: str) -> None:
    """Four numbers in another order are taken as any array is; fewer are refused."""
    if item == "b[:, ::-1]":
        assert asked("LTRB", f"select box_width({item}) as w") == [[10], [1, 5], []]
    else:
        with pytest.raises(TQLTypeError, match="BOX_WIDTH works on boxes"):
            asked("LTRB", f"select box_width({item}) as w")
