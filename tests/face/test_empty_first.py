"""Tensors whose first rows are empty: what they hold is not known when these are stored, yet all rows read alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import fresh_path, picture

SAMPLES: dict[str, Any] = {
    "generic": np.arange(12, dtype=np.float64).reshape(3, 4),
    "bbox": np.ones((2, 4), np.float32),
    "point": np.arange(6).reshape(2, 3),
    "keypoints_coco": np.ones((3, 2), np.int32),
    "polygon": [np.ones((3, 2), np.float32)],
    "intrinsics": np.ones((1, 3, 3), np.float32),
    "embedding": np.ones(4, np.float32),
    "class_label": ["car", "bus"],
    "text": "a street",
    "json": {"a": [1, None]},
    "list": [1, "a"],
    "tag": ["a", "b"],
    "segment_mask": np.arange(9, dtype=np.uint32).reshape(3, 3),
    "binary_mask": np.ones((3, 3, 2), bool),
    "sequence[generic]": [np.arange(3), np.arange(3) + 1],
    "sequence[bbox]": [np.ones((1, 4), np.float32), np.zeros((0, 4), np.float32)],
    "sequence[point]": [np.arange(3).reshape(1, 3)],
    "sequence[text]": ["a", "b"],
}


def assigned(ds: lakebed.Dataset, htype: str) -> None:
    ds.create_tensor("x", htype=htype)
    ds.extend({"x": [None] * 3})
    ds.commit("nothing yet")
    ds.x[1] = SAMPLES[htype]


def appended(ds: lakebed.Dataset, htype: str) -> None:
    ds.create_tensor("x", htype=htype)
    ds.append({"x": None})
    ds.commit("nothing yet")
    ds.extend({"x": [SAMPLES[htype], None]})


def added_later(ds: lakebed.Dataset, htype: str) -> None:
    ds.create_tensor("number")
    ds.extend({"number": [0, 1, 2]})
    ds.commit("another tensor")
    ds.create_tensor("x", htype=htype)
    ds.commit("the tensor alone")
    ds.x[1] = SAMPLES[htype]


@pytest.mark.parametrize("way", [assigned, appended, added_later])
@pytest.mark.parametrize("htype", SAMPLES)
def test_rows_read_alike_whenever_the_first_sample_came(
    htype: str, way: Callable[[lakebed.Dataset, str], None]
) -> None:
    at_once = lakebed.empty(fresh_path())
    at_once.create_tensor("x", htype=htype)
    at_once.extend({"x": [None, SAMPLES[htype], None]})
    at_once.commit("all")

    ds = lakebed.empty(fresh_path())
    way(ds, htype)
    ds.commit("one sample")
    for found in (ds, lakebed.load(ds.path), lakebed.copy(ds, fresh_path(), progressbar=False)):
        same(found, at_once)
    assert ds.verify("deep").ok


def same(found: lakebed.Dataset, expected: lakebed.Dataset) -> None:
    assert str(found.x.shape_interval) == str(expected.x.shape_interval)
    for one, other in zip(found.x.numpy(aslist=True), expected.x.numpy(aslist=True), strict=True):
        assert repr(one) == repr(other)


def test_pictures_too_are_empty_where_none_was_given() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.extend({"images": [None, None]})
    ds.commit("nothing yet")
    ds.images[1] = picture(3)
    ds.commit("one picture")
    again = lakebed.load(ds.path)
    assert again.images[0].numpy().size == 0
    assert np.array_equal(again.images[1].numpy(), picture(3))


def copied(ds: lakebed.Dataset) -> lakebed.Dataset:
    return lakebed.copy(ds, fresh_path(), progressbar=False)


def extended(ds: lakebed.Dataset) -> lakebed.Dataset:
    made = lakebed.like(fresh_path(), ds)
    made.extend(ds[:])
    return made


def row_by_row(ds: lakebed.Dataset) -> lakebed.Dataset:
    made = lakebed.like(fresh_path(), ds)
    for row in ds:
        made.append(row)
    return made


def replaced(ds: lakebed.Dataset) -> lakebed.Dataset:
    made = lakebed.like(fresh_path(), ds)
    made.extend({"x": [ds.x[1]] * 3})
    made.x[:] = ds.x
    return made


@pytest.mark.parametrize("way", [copied, extended, row_by_row, replaced])
@pytest.mark.parametrize("htype", ["number", *SAMPLES])
def test_a_missing_sample_is_missing_in_another_dataset_too(
    htype: str, way: Callable[[lakebed.Dataset], lakebed.Dataset]
) -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("x", htype="generic" if htype == "number" else htype)
    ds.extend({"x": [None, SAMPLES.get(htype, 5), None]})
    assert way(ds).to_arrow().equals(ds.to_arrow())
