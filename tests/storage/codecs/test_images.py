"""Decoding and encoding of images: modes, hints, limits, damage."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.codecs import decode_image, encode_image, read_header
from lakebed.storage.codecs import jpeg as jpeg_codec
from lakebed.storage.errors import SampleError
from PIL import Image

from image_files import Pixels, bomb_png, jpeg, photo, png, save

LOSSLESS = ["png", "bmp", "tiff", "ppm", "tga", "sgi", "pcx"]


@pytest.mark.parametrize("codec", LOSSLESS)
def test_lossless_formats_give_back_the_same_colours(codec: str) -> None:
    assert np.array_equal(decode_image(encode_image(photo(), codec)), photo())


@pytest.mark.parametrize("codec", ["png", "tiff", "tga"])
def test_formats_with_alpha_keep_it(codec: str) -> None:
    pixels = np.dstack([photo(), np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)])
    assert np.array_equal(decode_image(encode_image(pixels, codec)), pixels)


@pytest.mark.parametrize("codec", ["jpeg", "webp", "jpeg2000", "gif"])
def test_lossy_formats_come_close(codec: str) -> None:
    data = encode_image(photo(), codec)
    assert read_header(data, complete=True).format == codec
    assert np.abs(decode_image(data, mode="rgb").astype(int) - photo()).mean() < 8


@given(st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])), st.integers(0, 2**32 - 1))
def test_any_small_array_survives_png(shape: tuple[int, int, int], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert np.array_equal(decode_image(encode_image(pixels, "png")), pixels)


def test_a_plane_without_a_channel_axis_is_written_as_gray() -> None:
    assert decode_image(encode_image(photo()[:, :, 0], "jpeg")).shape == (48, 64, 1)


@pytest.mark.parametrize(("mode", "channels"), [("rgb", 3), ("gray", 1)])
@pytest.mark.parametrize("make", [jpeg, png])
def test_a_mode_forces_the_number_of_channels(make: object, mode: str, channels: int) -> None:
    gray = save(Image.fromarray(photo()).convert("L"), "JPEG" if make is jpeg else "PNG")
    colour = jpeg() if make is jpeg else png()
    alpha = png(np.dstack([photo(), photo()[:, :, :1]]))
    assert [decode_image(data, mode=mode).shape for data in (gray, colour, alpha)] == [(48, 64, channels)] * 3


def test_the_fast_decoder_and_pillow_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(photo(200, 301))
    fast = decode_image(data)
    monkeypatch.setattr(jpeg_codec, "maybe_import", lambda package: None)
    slow = decode_image(data)
    assert fast.shape == slow.shape
    assert np.abs(fast.astype(int) - slow).max() <= 3


def test_jpegs_are_written_without_the_fast_library_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_codec, "maybe_import", lambda package: None)
    assert np.abs(decode_image(encode_image(photo(), "jpeg")).astype(int) - photo()).mean() < 5


@given(st.integers(30, 300), st.integers(30, 300), st.integers(1, 400))
def test_a_smaller_decode_keeps_the_shorter_side_and_the_proportions(height: int, width: int, side: int) -> None:
    small = decode_image(jpeg(photo(height, width)), min_side=side)
    assert min(small.shape[:2]) >= min(side, height, width)
    assert abs(small.shape[0] * width - small.shape[1] * height) <= height + width


def test_a_smaller_decode_is_really_smaller() -> None:
    assert decode_image(jpeg(photo(400, 400)), min_side=50).shape == (50, 50, 3)


def test_sixteen_bit_white_becomes_eight_bit_white() -> None:
    deep = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    pixels = decode_image(save(Image.fromarray(deep), "PNG"))
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_a_transparent_palette_entry_becomes_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    pixels = decode_image(save(image, "PNG", transparency=1))
    assert pixels.tolist() == [[[10, 20, 30, 255], [40, 50, 60, 0]]]


def test_pixels_above_the_limit_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(SampleError) as caught:
        decode_image(jpeg(), max_pixels=48 * 64 - 1)
    assert caught.value.kind == "image-too-large"
    assert decode_image(jpeg(), max_pixels=48 * 64).shape == (48, 64, 3)
    with pytest.raises(SampleError, match="30000 x 30000"):
        decode_image(bomb_png(30_000))


@given(st.data())
def test_a_jpeg_cut_anywhere_is_refused_or_whole(data: st.DataObject) -> None:
    whole = jpeg(photo(64, 64))
    cut = data.draw(st.integers(1, len(whole) - 1))
    ending = data.draw(st.sampled_from([b"", b"\xff\xd9"]))
    try:
        pixels = decode_image(whole[:cut] + ending)
    except SampleError:
        return
    assert np.array_equal(pixels, decode_image(whole))


@given(st.data())
def test_a_png_cut_anywhere_is_refused_or_whole(data: st.DataObject) -> None:
    whole = png()
    cut = data.draw(st.integers(1, len(whole) - 1))
    try:
        pixels = decode_image(whole[:cut])
    except SampleError:
        return
    assert np.array_equal(pixels, photo())


def test_zeros_in_the_middle_of_a_jpeg_are_noticed() -> None:
    whole = jpeg(photo(200, 200))
    middle = len(whole) // 2
    with pytest.raises(SampleError) as caught:
        decode_image(whole[:middle] + bytes(600) + whole[middle + 600 :])
    assert caught.value.kind == "bad-image"


def test_a_few_padding_bytes_before_the_end_of_a_jpeg_are_let_through() -> None:
    whole = jpeg()
    assert np.array_equal(decode_image(whole[:-2] + b"\0" * 8 + whole[-2:]), decode_image(whole))


@pytest.mark.parametrize("give", [memoryview, bytearray, pa.py_buffer, lambda data: memoryview(pa.py_buffer(data))])
def test_other_buffers_are_decoded_as_bytes_are(give: Any) -> None:
    for data in (jpeg(), png()):
        assert np.array_equal(decode_image(give(data)), decode_image(data))
    with pytest.raises(SampleError) as caught:  # what Pillow alone would let through
        decode_image(give(jpeg()[:700] + b"\xff\xd9"))
    assert caught.value.kind == "bad-image"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros(4, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: Pixels) -> None:
    with pytest.raises(SampleError) as caught:
        encode_image(array, "png")
    assert caught.value.kind == "bad-array"


def test_formats_that_are_only_read_refuse_arrays() -> None:
    with pytest.raises(SampleError) as caught:
        encode_image(photo(), "mpo")
    assert caught.value.kind == "cannot-encode"


def test_a_limit_of_the_format_itself_is_an_error_of_ours() -> None:
    with pytest.raises(SampleError) as caught:
        encode_image(np.zeros((1, 17_000, 3), np.uint8), "webp")
    assert caught.value.kind == "cannot-encode"


def test_a_multi_page_file_gives_its_first_page() -> None:
    pages = [Image.new("L", (5, 4), level) for level in (10, 20)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    assert decode_image(out.getvalue()).mean() == 10
