"""Bytes of cells are found where they lie, whatever part of a column is looked at."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.loader.payload_view import payload_views


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.string(), pa.large_string()])
@given(cells=st.lists(st.none() | st.text(max_size=5)), data=st.data())
def test_views_are_the_cells_of_any_slice(kind: pa.DataType, cells: list[str | None], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(cells)))
    stop = data.draw(st.integers(start, len(cells)))
    column = pa.array([None if cell is None else cell.encode() for cell in cells], pa.large_binary()).cast(kind)
    found = payload_views(column.slice(start, stop - start))
    assert found == [None if cell is None else cell.encode() for cell in cells[start:stop]]


def test_nothing_is_copied() -> None:
    column = pa.array([b"one", b"three"], pa.large_binary())
    address = column.buffers()[2].address
    second = pa.py_buffer(payload_views(column)[1])
    assert second.address == address + 3
