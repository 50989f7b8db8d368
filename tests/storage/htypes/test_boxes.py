"""Boxes, solid boxes, points and camera matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.errors import SampleError, SchemaError
from lakebed.storage.htypes import EncodeContext, htype_of, new_spec

from htype_kit import is_own, pack, round_trip

BOXES = st.integers(0, 5).flatmap(lambda count: hnp.arrays(np.float32, (count, 4)))


@given(st.lists(BOXES), st.data())
def test_boxes_come_back_as_they_were_also_from_slices(values: list[Any], data: st.DataObject) -> None:
    packed = pack("bbox", values)
    start = data.draw(st.integers(0, len(values)))
    count = data.draw(st.integers(0, len(values) - start))
    again = packed.rows(start, count).unpacked()
    assert [box.tobytes() for box in again] == [box.tobytes() for box in values[start : start + count]]
    assert packed.rows(start, count).shapes() == [box.shape for box in values[start : start + count]]
    assert all(is_own(box) and box.dtype == np.float32 for box in again)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, (0, 4)),
        ([], (0, 4)),
        (np.zeros((0, 4)), (0, 4)),
        (np.zeros(0), (0, 4)),
        ([[]], (0, 4)),
        ([1, 2, 3, 4], (1, 4)),
        ([[1, 2, 3, 4]], (1, 4)),
        (np.ones((3, 4), np.float64), (3, 4)),
        (np.ones((3, 4), np.int64), (3, 4)),
        (np.ones((3, 4), ">f4"), (3, 4)),
        (np.ones((4, 6), np.float32)[:, ::2].T.copy().T[:, :3].repeat(2, axis=1)[:, :4], (4, 4)),
        ([(1, 2, 3, 4.5), np.zeros(4)], (2, 4)),
        (np.full((2, 4), np.nan), (2, 4)),
    ],
)
def test_boxes_are_taken_in_every_usual_form(value: Any, shape: tuple[int, ...]) -> None:
    (box,) = round_trip("bbox", [value])
    assert box.shape == shape
    assert box.dtype == np.float32
    assert is_own(box)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros((2, 5), np.float32), "shape (2, 5)"),
        (np.zeros((0, 5), np.float32), "shape (0, 5)"),
        (np.zeros((2, 2, 4), np.float32), "shape (2, 2, 4)"),
        (np.zeros(3), "shape (3,)"),
        (5.0, "shape ()"),
        ([[1, 2, 3, 4], [1, 2]], "unequal parts"),
        (["a", "b", "c", "d"], "a list of 4"),
        (np.full((1, 4), 1e300), "too large for float32"),
        (np.zeros((1, 4), complex), "complex128"),
    ],
)
@pytest.mark.parametrize("before", [[], [np.zeros((1, 4), np.float32)]])
def test_what_is_no_box_is_refused_with_found_expected_and_row(value: Any, found: str, before: list[Any]) -> None:
    with pytest.raises(SampleError) as caught:
        pack("bbox", [*before, value], first_row=10)
    assert found in caught.value.message
    assert "expected an array of shape (n, 4) and dtype float32" in caught.value.message
    assert caught.value.place == f"tensor 't', row {10 + len(before)}"


def test_coordinates_are_kept_in_the_info_and_in_data() -> None:
    coords = {"type": "pixel", "mode": "LTWH"}
    packed = pack("bbox", [None], coords=coords)
    assert packed.info == {"coords": coords}
    assert htype_of(packed.spec).data(packed.unpacked()[0], packed.info)["coords"] == coords


@pytest.mark.parametrize("coords", [{"mode": "XYXY"}, {"kind": "pixel"}, {"type": "center"}])
def test_unknown_coordinates_are_refused_with_those_there_are(coords: Any) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", "bbox", coords=coords)
    assert "LTRB, LTWH, CCWH" in caught.value.hint


def test_later_changes_of_the_callers_boxes_do_not_reach_the_sample() -> None:
    for value in (np.ones((1, 4), np.float32), np.ones(4, np.float32)):
        spec, info = new_spec("t", "t", "bbox")
        _, prepared = htype_of(spec).prepare([value], spec, EncodeContext(info))
        value[:] = 7
        assert prepared[0].tolist() == [[1, 1, 1, 1]]


def test_solid_boxes_have_nine_numbers_or_eight_corners() -> None:
    assert round_trip("bbox.3d", [np.zeros((2, 9)), None])[0].shape == (2, 9)
    corners = round_trip("bbox.3d", [np.zeros((2, 8, 3)), None], coords={"mode": "vertex"})
    assert [box.shape for box in corners] == [(2, 8, 3), (0, 8, 3)]


def test_camera_matrices_are_three_by_three() -> None:
    one, two, none = round_trip("intrinsics", [np.eye(3), np.stack([np.eye(3)] * 2), None])
    assert np.array_equal(one, np.eye(3)[None])
    assert (two.shape, none.shape) == ((2, 3, 3), (0, 3, 3))


@pytest.mark.parametrize("width", [2, 3])
def test_the_first_point_fixes_the_number_of_coordinates(width: int) -> None:
    packed = pack("point", [None, [], np.ones((2, width), int), [1] * width])
    assert packed.spec.width == width
    assert [points.shape for points in packed.unpacked()] == [(0, width), (0, width), (2, width), (1, width)]
    assert packed.unpacked()[2].dtype == np.int32


def test_points_without_any_point_are_null_until_the_first() -> None:
    packed = pack("point", [None, []])
    assert str(packed.cells[""].type) == "null"
    assert packed.shapes() == [points.shape for points in packed.unpacked()] == [(0, 2), (0, 2)]


def test_rows_prepared_before_the_first_point_are_packed_with_those_after_it() -> None:
    spec, info = new_spec("t", "t", "point")
    htype = htype_of(spec)
    spec, before = htype.prepare([None], spec, EncodeContext(info))
    spec, after = htype.prepare([[[1, 2, 3]]], spec, EncodeContext(info))
    again = htype.unpack(htype.pack(before + after, spec), spec)
    assert [points.tolist() for points in again] == [[], [[1, 2, 3]]]


def test_points_that_are_not_whole_are_refused() -> None:
    with pytest.raises(SampleError, match="would lose information as int32"):
        pack("point", [[[1.5, 2.0]]])


def test_data_of_solid_boxes_and_key_points_carries_what_describes_them() -> None:
    coords = {"mode": "vertex"}
    solid = pack("bbox.3d", [None], coords=coords)
    assert htype_of(solid.spec).data(solid.unpacked()[0], solid.info)["coords"] == coords
    points = pack("keypoints_coco", [None], keypoints=["nose"], connections=[(0, 0)])
    data = htype_of(points.spec).data(points.unpacked()[0], points.info)
    assert (data["keypoints"], data["connections"]) == (["nose"], [[0, 0]])
