"""polygon: lists of point lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.errors import SampleError

from htype_kit import is_own, pack, round_trip


@given(st.sampled_from([2, 3]), st.data())
def test_polygons_come_back_as_they_were_also_from_slices(width: int, data: st.DataObject) -> None:
    polygon = st.integers(0, 5).flatmap(lambda points: hnp.arrays(np.float32, (points, width)))
    values = data.draw(st.lists(st.one_of(st.none(), st.lists(polygon, max_size=3)), max_size=5))
    start = data.draw(st.integers(0, len(values)))
    packed = pack("polygon", values).rows(start, len(values) - start)
    for value, again in zip(values[start:], packed.unpacked(), strict=True):
        assert [points.tobytes() for points in again] == [points.tobytes() for points in value or []]
        assert all(is_own(points) and points.dtype == np.float32 for points in again)


@pytest.mark.parametrize(
    ("value", "shapes"),
    [
        ([[0, 0, 1, 0, 1, 1]], [(3, 2)]),
        ([[0, 0, 1, 0, 1, 1], [5, 5, 6, 5, 6, 6, 5, 6]], [(3, 2), (4, 2)]),
        (np.zeros((4, 2)), [(4, 2)]),
        ([(0, 0), (1, 0), (1, 1)], [(3, 2)]),
        (np.zeros((2, 4, 2)), [(4, 2), (4, 2)]),
        ([np.zeros((3, 3)), [[1, 2, 3]]], [(3, 3), (1, 3)]),
        ([], []),
        (None, []),
    ],
)
def test_polygons_are_taken_in_every_usual_form(value: Any, shapes: list[tuple[int, int]]) -> None:
    assert [points.shape for points in round_trip("polygon", [value])[0]] == shapes


def test_shapes_are_known_without_decoding() -> None:
    packed = pack("polygon", [[np.zeros((3, 2)), np.zeros((5, 2))], None])
    assert packed.shapes() == [(2, 5, 2), (0, 0, 2)]
    assert pack("polygon", [None]).shapes() == [(0, 0, 2)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([np.zeros((3, 3))], "points of 3 numbers"),
        ([[1, 2, 3, 4, 5]], "shape (5,)"),
        ([np.zeros((2, 4))], "shape (2, 4)"),
        ("polygon", "the string 'polygon'"),
        ([["a", "b"]], "values are not numbers"),
        ([[[1, 2], [3]]], "unequal parts"),
    ],
)
def test_what_is_no_polygon_is_refused_with_its_row(value: Any, found: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack("polygon", [[np.zeros((3, 2))], value])
    assert found in caught.value.message
    assert caught.value.place == "tensor 't', row 1"
