"""Arrays as compressed .npy files, and masks as PNG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.codecs import arrays as array_codec
from lakebed.storage.codecs.arrays import decode_array, encode_array
from lakebed.storage.codecs.masks import decode_mask, encode_mask_png
from lakebed.storage.errors import SampleError
from PIL import Image

from image_files import photo, save

ANY_ARRAY = hnp.arrays(
    st.sampled_from(["bool", "uint8", "uint32", "int64", "float32", "float64"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(ANY_ARRAY, st.sampled_from(["zstd", "lz4"]))
def test_any_array_comes_back_as_it_was(array: Any, codec: str) -> None:
    again = decode_array(encode_array(array, codec))
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()
    assert again.flags.writeable
    assert again.flags.c_contiguous


def test_the_frame_holds_a_plain_npy_file() -> None:
    array = np.arange(6).reshape(2, 3)
    with pa.CompressedInputStream(pa.BufferReader(encode_array(array, "zstd")), "zstd") as stream:
        assert np.array_equal(np.load(io.BytesIO(stream.read())), array)


def test_a_bare_npy_file_in_column_order_is_read() -> None:
    out = io.BytesIO()
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.save(out, array)
    again = decode_array(out.getvalue())
    assert np.array_equal(again, array)
    assert again.flags.c_contiguous


@given(st.data())
def test_a_cut_array_is_an_error_of_ours(data: st.DataObject) -> None:
    whole = encode_array(np.arange(1000), "zstd")
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(SampleError):
        decode_array(whole[:cut])


def test_an_array_that_claims_more_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_codec, "MAX_BYTES", 1000)
    with pytest.raises(SampleError) as caught:
        decode_array(encode_array(np.zeros(2000, np.uint8)))
    assert caught.value.kind == "array-too-large"


def test_pickled_objects_are_never_loaded() -> None:
    out = io.BytesIO()
    np.save(out, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(SampleError):
        decode_array(out.getvalue())


@given(hnp.arrays(np.uint32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 0xFFFF)))
def test_a_mask_survives_png(mask: Any) -> None:
    assert np.array_equal(decode_mask(encode_mask_png(mask)), mask)


def test_a_mask_with_large_values_does_not_fit_png() -> None:
    with pytest.raises(SampleError, match="65536"):
        encode_mask_png(np.array([[65536]], np.uint32))


def test_a_palette_mask_gives_its_indices() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.putdata([2, 0, 1])
    assert decode_mask(save(image, "PNG")).tolist() == [[2, 0, 1]]


def test_a_colour_picture_is_no_mask() -> None:
    with pytest.raises(SampleError, match="mode RGB, expected one channel"):
        decode_mask(save(Image.fromarray(photo()), "PNG"))
