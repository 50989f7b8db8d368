"""segment_mask, instance_label, binary_mask."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.codecs.arrays import encode_array
from lakebed.storage.errors import SampleError, SchemaError
from lakebed.storage.htypes import new_spec
from PIL import Image

from htype_kit import LinkedFiles, is_own, pack, round_trip
from image_files import photo, png, save

PLANE = hnp.array_shapes(min_dims=2, max_dims=2)
CODEC = st.sampled_from([None, "png", "lz4", "zstd"])


@given(hnp.arrays(np.uint32, PLANE, elements=st.integers(0, 65535)), CODEC)
def test_segment_masks_come_back_as_uint32(mask: Any, codec: str | None) -> None:
    packed = pack("segment_mask", [mask, None], sample_compression=codec)
    again, nothing = packed.unpacked()
    assert np.array_equal(again, mask)
    assert again.dtype == nothing.dtype == np.uint32
    assert is_own(again)
    assert packed.shapes() == [mask.shape, (0, 0)]


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=0)), st.sampled_from([None, "lz4"]))
def test_binary_masks_come_back_as_bool(masks: Any, codec: str | None) -> None:
    packed = pack("binary_mask", [masks, None], sample_compression=codec)
    again, nothing = packed.unpacked()
    assert np.array_equal(again, masks)
    assert again.dtype == nothing.dtype == np.bool_
    assert is_own(again)
    assert packed.shapes() == [masks.shape, (0, 0, 0)]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_masks_of_other_integers_are_cast(dtype: str) -> None:
    (again,) = round_trip("instance_label", [np.ones((3, 4, 1), dtype)])
    assert again.shape == (3, 4)
    assert again.dtype == np.uint32


def test_large_values_need_no_compression_or_a_lossless_one() -> None:
    mask = np.array([[2**31]])
    assert round_trip("instance_label", [mask])[0].tolist() == [[2**31]]
    with pytest.raises(SampleError) as caught:
        pack("instance_label", [mask], sample_compression="png")
    assert caught.value.place == "tensor 't', row 0"


def test_a_png_is_kept_byte_for_byte_and_a_palette_gives_indices() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.putdata([2, 0, 1])
    data = save(image, "PNG")
    packed = pack("segment_mask", [data], sample_compression="png")
    assert packed.cells[""].to_pylist() == [data]
    assert packed.unpacked()[0].tolist() == [[2, 0, 1]]


def test_files_of_other_formats_are_encoded() -> None:
    out = io.BytesIO()
    np.save(out, np.array([[5, 6]]))
    packed = pack("segment_mask", [out.getvalue(), save(Image.new("L", (2, 1), 9), "BMP")])
    assert [mask.tolist() for mask in packed.unpacked()] == [[[5, 6]], [[9, 9]]]
    assert json.loads(packed.cells[".info"][0].as_py())["format"] == "zstd"


def test_a_one_bit_file_is_one_binary_mask() -> None:
    data = save(Image.new("1", (3, 2), 1), "PNG")
    assert round_trip("binary_mask", [data], sample_compression="png")[0].tolist() == np.ones((2, 3, 1)).tolist()
    assert round_trip("binary_mask", [np.eye(3, dtype=np.uint8) * 255])[0].dtype == np.bool_


@pytest.mark.parametrize(
    ("htype", "value", "found"),
    [
        ("segment_mask", np.zeros((2, 2, 3), int), "shape (2, 2, 3)"),
        ("segment_mask", np.full((2, 2), -1), "the value -1"),
        ("segment_mask", np.zeros((2, 2)), "float64"),
        ("segment_mask", png(photo()), "mode RGB"),
        ("segment_mask", b"text", "no image"),
        ("binary_mask", np.full((2, 2), 7), "booleans or 0 and 1"),
        ("binary_mask", np.zeros(3, bool), "shape (3,)"),
    ],
)
def test_what_is_no_mask_is_refused_with_its_row(htype: str, value: Any, found: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack(htype, [None, value])
    assert found in caught.value.message
    assert caught.value.place == "tensor 't', row 1"


def test_several_binary_masks_do_not_fit_one_png() -> None:
    with pytest.raises(SampleError, match="2 masks"):
        pack("binary_mask", [np.zeros((3, 3, 2), bool)], sample_compression="png")


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_lossy_compression_of_masks_is_refused(codec: str) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", "segment_mask", sample_compression=codec)
    assert "png" in caught.value.hint


def test_class_names_of_masks_are_kept() -> None:
    assert pack("segment_mask", [], class_names=["sky"]).info == {"class_names": ["sky"]}


def test_a_linked_mask_in_an_array_file_is_read_whole_and_described() -> None:
    data = encode_array(np.zeros((30, 40), np.uint8))
    packed = pack("link[segment_mask]", ["a.npy.zst"], files=LinkedFiles({"a.npy.zst": data}))
    assert packed.shapes() == [(30, 40)]


def test_a_linked_picture_is_described_as_one_binary_mask() -> None:
    files = LinkedFiles({"a.png": save(Image.new("1", (5, 4)), "PNG")})
    assert pack("link[binary_mask]", ["a.png"], files=files).shapes() == [(4, 5, 1)]
