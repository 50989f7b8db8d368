"""Columns that few datasets have: centred and solid boxes, arrays of any number of axes, labels without names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql import parse, register_function
from lakebed.tql.bind import bind
from lakebed.tql.errors import TQLError
from lakebed.tql.functions import REGISTERED
from lakebed.tql.schema import ColumnInfo, DatasetSchema, Kind

import lakebed
from lakebed import engine
from memory_source import MemorySource


@pytest.fixture
def rare() -> MemorySource:
    """Two rows; the boxes of the second have no place."""
    boxes = [[[10, 10, 4, 2], [20, 10, 4, 2]], []]
    solids = [[[1, 2, 3, 4, 5, 6, 0, 0, 0]], []]
    table = pa.table(
        {
            "centred": pa.array(boxes, pa.list_(pa.list_(pa.float32(), 4))),
            "solids": pa.array(solids, pa.list_(pa.list_(pa.float32(), 9))),
            "grid": pa.array([[6, 5, 4, 3, 2, 1], [1, 1]], pa.list_(pa.int64())),
            "grid.shape": pa.array([[2, 3], [1, 2]], pa.list_(pa.int32())),
            "bits": pa.array([[True, False], [False]], pa.list_(pa.bool_())),
            "labels": pa.array([[0], []], pa.list_(pa.uint32())),
            "num": pa.array([3, 4], pa.int64()),
        }
    )
    specs = [
        TensorSpec("centred", "centred", "bbox", dtype="float32", ndim=2),
        TensorSpec("solids", "solids", "bbox.3d", dtype="float32", ndim=2),
        TensorSpec("grid", "grid", dtype="int64", ndim=2),
        TensorSpec("bits", "bits", dtype="bool", ndim=1),
        TensorSpec("labels", "labels", "class_label", dtype="uint32", ndim=1),
        TensorSpec("num", "num", dtype="int64", ndim=0),
    ]
    return MemorySource(specs, table, {"centred": {"coords": {"type": "pixel", "mode": "CCWH"}}})


ITEMS: dict[str, list[Any]] = {
    "box_area(centred)": [[8, 8], []],
    "box_width(centred[::-1])": [[4, 4], []],
    "iou(centred, array[10, 10, 4, 2])": [[1.0, 0.0], []],
    "iou(centred, array[12, 10, 4, 2])": [[pytest.approx(1 / 3), 0.0], []],
    "shape(solids)": [[1, 9], [0, 9]],
    "solids[:, 3]": [[4], []],
    "any(bits = 1)": [True, False],
    "any(bits = true)": [True, False],
    "shape(array[[[1, 2], [3, 4]]][5])": [[0, 0], [0, 0]],
    "shape(array[[[1, 2], [3, 4]]][0])": [[2, 2], [2, 2]],
}


@pytest.mark.parametrize("item", ITEMS)
def test_values_of_rare_columns(item: str, rare: MemorySource) -> None:
    computed = engine.run(rare, f"select {item} as x").computed
    assert computed is not None
    assert computed.column("x").to_pylist() == ITEMS[item]


@pytest.mark.parametrize(
    ("query", "kind", "hint"),
    [
        ("select * where contains(labels, 'car')", "unknown-class", "there are no classes yet"),
        ("select * limit 1 + null", "bad-limit", ""),
        ("select box_area(solids) as x", "argument-type", ""),
    ],
)
def test_what_is_not_known_of_a_column_is_said(query: str, kind: str, hint: str, rare: MemorySource) -> None:
    with pytest.raises(TQLError) as raised:
        engine.run(rare, query)
    assert (raised.value.kind, raised.value.hint) == (kind, hint)


def test_a_list_that_holds_nothing_to_compare_with_matches_nothing(rare: MemorySource) -> None:
    computed = engine.run(rare, "select num + 1 in (?) as x, bits in (1) as y", [np.nan]).computed
    assert computed is not None
    assert computed.to_pydict() == {"x": [False, False], "y": [[True, False], [False]]}


def test_elements_are_looked_at_by_functions_too(rare: MemorySource) -> None:
    found = engine.run(rare, "select * where any(not is_nan(centred[:, 2]))").rows
    assert found is not None and found.tolist() == [0]


def test_a_column_is_gathered_once_for_all_that_asks_for_it(rare: MemorySource) -> None:
    computed = engine.run(rare, "select sum(num) as a, max(num) as b group by num > 9").computed
    assert computed is not None and computed.to_pydict() == {"a": [7], "b": [4]}


def test_groups_that_were_split_again_are_sorted_by_what_they_were_grouped_by(rare: MemorySource) -> None:
    inner = "select num, labels group by num"
    found = engine.run(rare, f"select num, labels from ({inner}) ungroup by split order by num desc").rows
    assert found is not None and found.tolist() == [1, 0]


def test_branches_in_branches_keep_the_order_that_one_of_them_asks_for(rare: MemorySource) -> None:
    sorted_first = "((select num order by num desc limit 2) limit 2) union (select num)"
    found = engine.run(rare, sorted_first).rows
    assert found is not None and found.tolist() == [1, 0]
    mixed = "((select num order by num desc) except (select num where num > 8)) union (select num)"
    found = engine.run(rare, mixed).rows
    assert found is not None and found.tolist() == [1, 0]


def test_one_dataset_that_is_named_twice_is_opened_once(rare: MemorySource) -> None:
    opened: list[str] = []

    def resolve(path: str, version: str | None) -> MemorySource:
        opened.append(path)
        return rare

    text = 'select num from "a" where num = 3 union all select num from "a"'
    found = engine.run(None, text, resolve=resolve).rows
    assert found is not None and found.tolist() == [0, 0, 1]
    assert opened == ["a"]


def test_registered_functions_are_given_what_they_can_take(rare: MemorySource) -> None:
    own = dict(REGISTERED)
    register_function(lambda x: 1.0, "taker")
    try:
        for item, kind in (("taker(num, num)", "argument-count"), ("taker(x)", "argument-type")):
            with pytest.raises(TQLError) as raised:
                engine.run(rare, f"select {item} as y from (select grid as x, num group by num)")
            assert raised.value.kind == kind
    finally:
        REGISTERED.clear()
        REGISTERED.update(own)


SILENT = DatasetSchema(
    (
        ColumnInfo("images", Kind.IMAGE, "images"),
        ColumnInfo("free", Kind.ARRAY, "free", "int64", None, shape="free.shape"),
        ColumnInfo("grid", Kind.ARRAY, "grid", "int64", 2, shape="grid.shape"),
    )
)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("select * where images is null", "no-shapes"),
        ("select shape(images) as x", "no-shapes"),
        ("select sample_info(images) as x", "no-sample-info"),
        ("select sum(free, axis=0) as x", "bad-axis"),
    ],
)
def test_what_was_not_recorded_of_files_cannot_be_asked(query: str, kind: str) -> None:
    with pytest.raises(TQLError) as raised:
        bind(parse(query), SILENT)
    assert raised.value.kind == kind


def test_a_query_of_no_dataset_names_one() -> None:
    with pytest.raises(TQLError) as raised:
        engine.run(None, "select *")
    assert raised.value.kind == "no-dataset"


@pytest.mark.parametrize("item", ["free + grid", "grid + free"])
def test_an_array_of_any_number_of_axes_has_those_of_what_it_meets(item: str) -> None:
    (field,) = bind(parse(f"select {item} as x"), SILENT).query.fields
    assert field.type.dims == (None, None)


def test_a_tensor_of_booleans_without_samples_has_none_that_is_true() -> None:
    ds = lakebed.empty("mem://no-samples")
    ds.create_tensor("flag", dtype="bool")
    ds.create_tensor("text", htype="text")
    for _ in range(2):
        assert list(ds.query("select any(flag) as x, not flag as y")["x"].numpy(aslist=True)) == [False] * len(ds)
        assert list(ds.query("select * where any(flag) or upper(text) = 'A'").sample_indices) == []
        ds.append({"flag": None, "text": None})
