"""Files of pixel modes that are rare: what they become, or why they are refused."""

from __future__ import annotations

import numpy as np
import pytest
from lakebed.storage.codecs import decode_image
from lakebed.storage.codecs.header import exif_orientation
from lakebed.storage.codecs.masks import decode_mask
from lakebed.storage.errors import SampleError
from PIL import Image

from image_files import bomb_png, photo, save


def test_thirty_two_bit_integers_within_sixteen_bits_keep_their_upper_eight() -> None:
    deep = np.array([[0, 256, 65535]], np.int32)
    assert decode_image(save(Image.fromarray(deep), "TIFF"))[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("value", [-1, 65536])
def test_thirty_two_bit_integers_beyond_sixteen_bits_are_refused(value: int) -> None:
    with pytest.raises(SampleError, match="32-bit integers"):
        decode_image(save(Image.fromarray(np.array([[value]], np.int32)), "TIFF"))


def test_ycbcr_becomes_rgb() -> None:
    pixels = decode_image(save(Image.fromarray(photo()).convert("YCbCr"), "TIFF"))
    assert np.abs(pixels.astype(int) - photo()).mean() < 3


def test_a_broken_mask_and_a_mask_bomb_are_refused() -> None:
    whole = save(Image.new("L", (50, 50), 7), "PNG")
    for data in (whole[:-30], bomb_png(30_000), b"text"):
        with pytest.raises(SampleError):
            decode_mask(data)


@pytest.mark.parametrize("block", [b"", b"II*\0", b"XX*\0\0\0\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x05"])
def test_an_exif_block_that_makes_no_sense_says_no_orientation(block: bytes) -> None:
    assert exif_orientation(block) is None


def test_an_orientation_outside_one_to_eight_is_none() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    assert exif_orientation(exif.tobytes().removeprefix(b"Exif\0\0")) is None
