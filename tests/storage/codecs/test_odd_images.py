"""The documented outcome of each file of the odd-images collection, beside Pillow's own."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.storage.codecs import decode_image, read_header
from lakebed.storage.errors import SampleError
from PIL import Image

from image_files import made_files

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "odd-images"

EXPECTED: dict[str, tuple[int, int, int] | str] = {
    "hopper_gray.jpg": (128, 128, 1),
    "pil_sample_cmyk.jpg": (100, 100, 3),
    "hopper_orientation_2.jpg": (128, 128, 3),
    "hopper_orientation_3.jpg": (128, 128, 3),
    "hopper_orientation_6.jpg": (128, 128, 3),
    "hopper_orientation_8.jpg": (128, 128, 3),
    "exif-72dpi-int.jpg": (450, 500, 3),
    "truncated_jpeg.jpg": "truncated-image",
    "truncated_image.png": "truncated-image",
    "broken.png": "bad-image",
    "broken_data_stream.png": "bad-image",
    "hopper_16bit_qtables.jpg": (128, 128, 3),
    "jpeg_ff00_header.jpg": (225, 300, 3),
    "icc-after-SOF.jpg": (10, 10, 1),
    "invalid-exif.jpg": (200, 200, 3),
    "hopper_bad_exif.jpg": (500, 500, 1),
    "multiple_exif.jpg": (1, 1, 1),
    "transparent.png": (150, 200, 4),
    "pil123rgba.png": (150, 162, 4),
    "pil123p.png": (150, 162, 4),
    "p_trns_single.png": (64, 64, 4),
    "p_16.png": (128, 128, 4),
    "l_trns.png": (64, 64, 1),
    "i_trns.png": (64, 64, 1),
    "rgb_trns.png": (64, 64, 3),
    "1_trns.png": (64, 64, 1),
    "uncompressed_la.png": (128, 128, 4),
    "tiny.png": (4, 4, 4),
    "tRNS_null_1x1.png": (1, 1, 4),
    "padded_idat.png": (10, 256, 1),
    "hopper_idat_after_image_end.png": (128, 128, 3),
    "sugarshack.mpo": (480, 640, 3),
    "hopper.webp": (128, 128, 3),
    "transparent.webp": (150, 200, 4),
    "hopper_orientation_6.webp": (128, 128, 3),
    "hopper.gif": (128, 128, 3),
    "dispose_bgnd.gif": (100, 100, 3),
    "hopper.bmp": (128, 128, 3),
    "hopper.tif": (128, 128, 3),
    "16bit.cropped.tif": (64, 64, 1),
    "tiff_16bit_RGB.tiff": (40, 100, 3),
    "multipage.tiff": (10, 10, 3),
    "hopper.Lab.tif": (128, 128, 3),
    "00r0_gray_l.jp2": "bad-image",
    "exif_imagemagick_orientation.png": (512, 512, 3),
    "app13.jpg": (4, 4, 3),
    "icc_profile_big.jpg": (250, 425, 3),
    "apng_mode_16bit.png": (64, 128, 4),
    "apng_single_frame.png": (64, 128, 4),
    "decompression_bomb.gif": "image-too-large",
    "zero_width.gif": "not-an-image",
    "flower.jpg": (360, 480, 3),
    "coco-gray-000000000086.jpg": (640, 512, 1),
    "derived-progressive.jpg": (364, 640, 3),
    "derived-cmyk.jpg": (240, 320, 3),
    "derived-truncated-half.jpg": "truncated-image",
    "derived-truncated-header.jpg": "truncated-image",
    "derived-trailing-garbage.jpg": (364, 640, 3),
    "derived-jpeg-named.png": (364, 640, 3),
    "derived-rgba.png": (150, 200, 4),
    "derived-png-named.jpg": (120, 160, 3),
    "derived-uppercase-ext.JPG": (120, 160, 3),
    "derived-sp ace %20 ünï.jpg": (120, 160, 3),
    "derived-exif-rot6.jpg": (200, 320, 3),
    "derived-empty.jpg": "empty-file",
    "derived-text.jpg": "not-an-image",
    "derived-one-pixel.jpg": (1, 1, 3),
    "derived-wide.jpg": (1, 3000, 3),
}

OWN_COLOURS = {"i_trns.png", "16bit.cropped.tif", "hopper.Lab.tif"}
"""Files of modes that Pillow has no 8-bit colours for; our conversion of them is tested with made files."""


def file_bytes(name: str) -> bytes:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the odd-images collection is not at {FOLDER.name}")
    return path.read_bytes()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_odd_file_decodes_to_its_documented_shape_or_error(name: str) -> None:
    data, expected = file_bytes(name), EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(SampleError) as caught:
            decode_image(data)
        assert caught.value.kind == expected
        return
    pixels = decode_image(data)
    assert pixels.shape == expected
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    header = read_header(data, complete=True)
    assert (header.height, header.width, header.channels) == expected


@pytest.mark.parametrize(
    "name", [name for name, outcome in EXPECTED.items() if not isinstance(outcome, str) and name not in OWN_COLOURS]
)
def test_each_odd_file_that_decodes_looks_as_pillow_shows_it(name: str) -> None:
    data = file_bytes(name)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        pixels = decode_image(data)
        shown = np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]))
    assert np.abs(pixels.reshape(shown.shape).astype(int) - shown.astype(int)).mean() < 1.0


def test_the_table_names_every_file_of_the_collection() -> None:
    facts: list[dict[str, Any]] = json.loads(file_bytes("manifest.json"))
    assert {fact["file"] for fact in facts} == set(EXPECTED)


def test_the_orientation_of_each_odd_file_is_told_as_pillow_tells_it() -> None:
    facts: list[dict[str, Any]] = json.loads(file_bytes("manifest.json"))
    said = {fact["file"]: fact.get("exif_orientation") or 1 for fact in facts if fact["pillow_decodes"]}
    said["exif_imagemagick_orientation.png"] = 1  # a text chunk of ImageMagick's own, which is not looked into
    told = {name: read_header(file_bytes(name), complete=True).orientation or 1 for name in said}
    assert told == said


@pytest.mark.parametrize("made", made_files(), ids=lambda made: made.name)
def test_each_made_file_decodes_as_documented(made: Any) -> None:
    if made.kind:
        with pytest.raises(SampleError) as caught:
            decode_image(made.data)
        assert caught.value.kind == made.kind
        assert caught.value.place == ""
        return
    pixels = decode_image(made.data)
    header = read_header(made.data, complete=True)
    assert pixels.shape == made.shape == (header.height, header.width, header.channels)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    if made.mean is not None:
        assert abs(float(pixels.mean()) - made.mean) < 2.5
