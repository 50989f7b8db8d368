"""Headers read from the first bytes of image files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.codecs import ImageHeader, read_header
from lakebed.storage.errors import SampleError
from PIL import Image

from image_files import bomb_png, jpeg, made_files, photo, png, rotated_exif, save

READABLE = [made for made in made_files() if made.shape is not None]


def test_a_jpeg_header_tells_format_size_and_kind() -> None:
    assert read_header(jpeg(progressive=True)) == ImageHeader("jpeg", 48, 64, 3, "RGB", None, progressive=True)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [jpeg, png])
def test_exif_orientation_is_told_and_does_not_turn_height_and_width(make: Any, orientation: int) -> None:
    header = read_header(make(exif=rotated_exif(orientation)))
    assert header is not None
    assert (header.orientation, header.height, header.width) == (orientation, 48, 64)


@pytest.mark.parametrize("made", READABLE, ids=lambda made: made.name)
@given(data=st.data())
def test_a_part_of_a_file_gives_the_whole_header_or_asks_for_more(made: Any, data: st.DataObject) -> None:
    whole = read_header(made.data, complete=True)
    cut = data.draw(st.integers(len(made.data) // 50 + 16, len(made.data)))
    assert outcome(made.data[:cut]) in ({None, whole, "not-an-image"} if made.name in NO_MAGIC else {None, whole})


NO_MAGIC = {"plain.tga"}
"""A format that does not show in its first bytes; a part of such a file cannot be known for what it is."""


def outcome(head: bytes, **options: bool) -> ImageHeader | str | None:
    """The header, None, or the kind of the error."""
    try:
        return read_header(head, **options)
    except SampleError as error:
        return error.kind


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"BM"])
)
def test_random_bytes_give_an_error_of_ours_or_a_header_of_positive_size(body: bytes, magic: bytes) -> None:
    found = outcome(magic + body, complete=True)
    errors = {"not-an-image", "bad-image", "truncated-image", "empty-file", "image-too-large"}
    assert found in errors if isinstance(found, str) else (found and min(found.height, found.width) > 0)


def test_a_jpeg_with_a_large_block_before_the_size_asks_for_more() -> None:
    data = jpeg(icc_profile=b"x" * 100_000)
    assert read_header(data[: 64 * 1024]) is None
    assert read_header(data) is not None


def test_a_tiff_whose_directory_stands_at_its_end_asks_for_more() -> None:
    data = save(Image.fromarray(photo(200, 200)), "TIFF")
    directory = int.from_bytes(data[4:8], "little")
    moved = data[:4] + len(data).to_bytes(4, "little") + data[8:] + data[directory:]
    assert read_header(moved[: len(moved) // 2]) is None
    assert read_header(moved) == read_header(data)


def test_the_header_of_a_bomb_is_read_without_unpacking_it() -> None:
    header = read_header(bomb_png(30_000))
    assert header is not None
    assert (header.height, header.width) == (30_000, 30_000)


def test_a_file_that_is_no_image_is_named_for_what_it_is() -> None:
    with pytest.raises(SampleError, match="found a flac file, expected an image"):
        read_header(b"fLaC" + bytes(100))
