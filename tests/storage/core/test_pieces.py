"""Columns put together of what was written, edited and deleted: every way gives the rows that a list would hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.arrow import column_or_none, take_chunks, take_rows
from lakebed.storage.pieces import copied, edits_of, put_together

KINDS = {
    "numbers": pa.int64(),
    "halves": pa.float16(),
    "booleans": pa.bool_(),
    "texts": pa.string(),
    "bytes": pa.large_binary(),
    "labels": pa.list_(pa.uint32()),
    "tags": pa.list_(pa.string()),
    "boxes": pa.list_(pa.list_(pa.float32(), 4)),
    "polygons": pa.list_(pa.list_(pa.list_(pa.float32(), 2))),
    "sequences": pa.list_(pa.list_(pa.int16())),
    "structs": pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("offset", pa.int64())])),
    "nothing": pa.null(),
}


def value(kind: pa.DataType, number: int) -> Any:
    """A value of a type, another one for each number; every seventh is missing."""
    if pa.types.is_null(kind) or number % 7 == 3:
        return None
    if pa.types.is_list(kind):
        return [value(kind.value_type, number * 5 + place) for place in range(number % 4)]
    if pa.types.is_fixed_size_list(kind):
        return [float(number + place) for place in range(kind.list_size)]
    if pa.types.is_struct(kind):
        return {"key": str(number), "offset": number}
    if pa.types.is_boolean(kind):
        return number % 2 == 0
    if pa.types.is_string(kind):
        return "text " * (number % 5)
    return bytes(number % 6) if pa.types.is_large_binary(kind) else number % 100


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[int], list[int], list[int]]:
    """Sizes of batches, offsets in overlays, deleted offsets."""
    sizes = draw(st.lists(st.integers(0, 9), max_size=4))
    rows = sum(sizes)
    offsets = st.lists(st.integers(0, rows - 1), max_size=12) if rows else st.just([])
    return sizes, draw(offsets), sorted(set(draw(offsets)))


@pytest.mark.parametrize("name", KINDS)
@given(case=edited())
def test_edited_rows_stand_in_their_places_and_deleted_ones_are_left_out(
    name: str, case: tuple[list[int], list[int], list[int]]
) -> None:
    sizes, offsets, gone = case
    kind, rows = KINDS[name], sum(sizes)
    written = [value(kind, number) for number in range(rows)]
    overlaid = [value(kind, 1000 + number) for number in range(len(offsets))]
    wanted = dict(enumerate(written)) | dict(zip(offsets, overlaid, strict=True))
    live = [wanted[row] for row in range(rows) if row not in gone]

    edits = edits_of(sizes, np.array(offsets, np.int64), np.array(gone, np.int64))
    ends = np.cumsum([0, *sizes])
    # A batch may be a slice of something larger, as a mapped file is.
    whole = pa.array([value(kind, 999), *written, value(kind, 998)], kind)
    batches = [whole.slice(1 + int(low), int(high - low)) for low, high in pairwise(ends)]
    arrays = [*batches, pa.array(overlaid, kind).take(pa.array(edits.newest))]
    assert put_together(arrays, edits, kind).to_pylist() == live
    assert [item for part in edits.pieces.sliced(arrays) for item in part.to_pylist()] == live
    if live:
        found = copied(arrays, edits.pieces, edits)
        found.validate(full=True)
        assert found.to_pylist() == live
    numbers = [np.arange(low, high) for low, high in pairwise(ends)]
    if sizes:
        rows_of = edits.joined([*numbers, 1000 + edits.newest])
        assert [value(kind, int(row)) for row in rows_of] == live


@given(sizes=st.lists(st.integers(0, 5), max_size=5), seed=st.integers(0, 99), ascending=st.booleans())
def test_rows_are_taken_of_many_chunks_in_any_order(sizes: list[int], seed: int, ascending: bool) -> None:
    count = sum(sizes)
    ends = np.cumsum([0, *sizes])
    chunks = [pa.array(range(low, high), pa.int64()) for low, high in pairwise(ends)]
    column = pa.chunked_array(chunks, pa.int64())
    rows = np.random.default_rng(seed).integers(0, count, 8) if count else np.empty(0, np.int64)
    rows = np.sort(rows) if ascending else rows
    assert take_rows(column, rows).to_pylist() == rows.tolist()
    assert take_chunks(column, rows).to_pylist() == rows.tolist()


def test_a_column_is_found_by_its_name_and_none_is_found_where_there_is_none() -> None:
    table = pa.table({f"n{number}": [number] for number in range(300)})
    found = column_or_none(table, "n299")
    assert found is not None
    assert found.to_pylist() == [299]
    assert column_or_none(table, "n300") is None
    assert column_or_none(table, "") is None
