"""image, image.rgb, image.gray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.errors import SampleError, SchemaError
from lakebed.storage.htypes import Payload, Sample, UnpackError, htype_of, new_spec
from lakebed.storage.links.base import Link
from PIL import Image

from htype_kit import LinkedFiles, is_own, pack, round_trip
from image_files import bomb_png, jpeg, photo, png, rotated_exif, save

RGBA = np.dstack([photo(), np.full((48, 64), 128, np.uint8)])


def stored(packed: Any) -> list[bytes | None]:
    """The payloads as they are kept."""
    found: list[bytes | None] = packed.cells[""].to_pylist()
    return found


def test_an_image_tensor_needs_a_compression() -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", "image")
    assert caught.value.kind == "missing-compression"
    assert "jpeg" in caught.value.hint
    assert new_spec("t", "t", "image", chunk_compression="jpg")[0].chunk_compression == "jpeg"


@pytest.mark.parametrize("codec", ["mp3", "mp4", "dcm"])
def test_a_compression_that_holds_no_image_is_refused(codec: str) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", "image", sample_compression=codec)
    assert caught.value.kind == "bad-compression"


@pytest.mark.parametrize("give", [bytes, bytearray, memoryview, lambda data: Sample(data=data)])
def test_a_file_of_the_right_format_is_kept_byte_for_byte(give: Any) -> None:
    data = jpeg()
    packed = pack("image", [give(data)], sample_compression="jpg")
    assert stored(packed) == [data]
    assert packed.shapes() == [(48, 64, 3)]


@pytest.mark.parametrize("give", [Path, Sample, lambda path: Sample(path.as_uri())], ids=["path", "sample", "url"])
def test_a_file_is_read_from_its_path(tmp_path: Path, give: Any) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(jpeg())
    assert stored(pack("image", [give(path)], sample_compression="jpeg")) == [jpeg()]


def test_a_file_url_with_escapes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a b %20 ü.jpg"
    path.write_bytes(jpeg())
    assert stored(pack("image", [Sample(path.as_uri())], sample_compression="jpeg")) == [jpeg()]


def test_a_sample_behind_a_url_is_fetched() -> None:
    files = LinkedFiles({"s3://bucket/a.jpg": jpeg()})
    packed = pack("image", [Sample("s3://bucket/a.jpg")], sample_compression="jpeg", files=files)
    assert stored(packed) == [jpeg()]


def test_a_file_of_another_format_is_encoded_and_keeps_its_orientation() -> None:
    packed = pack("image", [jpeg(exif=rotated_exif(6))], sample_compression="png")
    (data,) = stored(packed)
    assert data is not None
    assert data.startswith(b"\x89PNG")
    info = json.loads(packed.cells[".info"][0].as_py())
    assert info == {"format": "png", "mode": "RGB", "bytes": len(data), "orientation": 6}


def test_the_info_of_a_kept_file_says_what_it_is() -> None:
    data = jpeg(progressive=True, exif=rotated_exif(3))
    info = json.loads(pack("image", [data], sample_compression="jpeg").cells[".info"][0].as_py())
    assert info == {"format": "jpeg", "mode": "RGB", "bytes": len(data), "orientation": 3, "progressive": True}


def test_no_info_is_kept_where_none_is_wanted() -> None:
    packed = pack("image", [jpeg()], sample_compression="jpeg", create_sample_info_tensor=False)
    assert packed.cells[".info"].null_count == 1


@pytest.mark.parametrize("codec", ["png", "lz4", "zstd"])
@pytest.mark.parametrize(
    "array", [photo(), photo()[:, :, :1], photo()[:, :, 0], RGBA], ids=["rgb", "one", "flat", "rgba"]
)
def test_arrays_survive_lossless_compression(codec: str, array: Any) -> None:
    (again,) = round_trip("image", [array], sample_compression=codec)
    assert np.array_equal(again, array if array.ndim == 3 else array[:, :, None])
    assert is_own(again)


def test_a_pil_image_is_taken_as_an_array() -> None:
    (again,) = round_trip("image", [Image.fromarray(photo())], sample_compression="png")
    assert np.array_equal(again, photo())


def test_no_image_is_an_empty_array_with_three_channels() -> None:
    packed = pack("image", [None, jpeg()], sample_compression="jpeg")
    assert [image.shape for image in packed.unpacked()] == packed.shapes() == [(0, 0, 3), (48, 64, 3)]
    assert round_trip("image.gray", [None], sample_compression="png")[0].shape == (0, 0, 1)


def test_large_batches_are_encoded_and_decoded_in_order() -> None:
    values: list[Any] = [photo(size, 9) for size in range(1, 40)]
    values[7] = None
    packed = pack("image", values, sample_compression="png")
    images = packed.unpacked()
    assert packed.shapes() == [image.shape for image in images]
    assert all(np.array_equal(image, value) for image, value in zip(images, values, strict=True) if value is not None)


def test_the_first_bad_sample_of_a_large_batch_is_named() -> None:
    values: list[Any] = [photo()] * 40
    values[11] = values[23] = np.zeros((2, 2))
    with pytest.raises(SampleError) as caught:
        pack("image", values, sample_compression="png")
    assert caught.value.place == "tensor 't', row 11"


def test_a_multi_picture_jpeg_is_kept() -> None:
    pages = [Image.fromarray(photo()), Image.fromarray(photo())]
    data = save(pages[0], "MPO", save_all=True, append_images=pages[1:])
    for codec in ("mpo", "jpeg"):
        packed = pack("image", [data], sample_compression=codec)
        assert stored(packed) == [data]
        assert packed.unpacked()[0].shape == (48, 64, 3)


def test_shapes_are_known_where_the_payload_lies_elsewhere() -> None:
    packed = pack("image", [photo(), None], sample_compression="png")
    packed.cells[""] = pa.nulls(2, pa.large_binary())
    assert packed.shapes() == [(48, 64, 3), (0, 0, 3)]


def test_rows_are_decoded_from_slices() -> None:
    packed = pack("image", [photo()[:4], None, photo()[:6], photo()[:8]], sample_compression="png")
    assert [image.shape[0] for image in packed.rows(1, 3).unpacked()] == [0, 6, 8]


def test_a_payload_is_passed_through() -> None:
    payload = Payload(jpeg(), (48, 64, 3), {"format": "jpeg"})
    assert stored(pack("image", [payload], sample_compression="jpeg")) == [jpeg()]


@pytest.mark.parametrize(("htype", "channels"), [("image.rgb", 3), ("image.gray", 1)])
@pytest.mark.parametrize("codec", ["png", "lz4", "jpeg"])
def test_forced_channels_hold_for_files_and_arrays(htype: str, channels: int, codec: str) -> None:
    gray = save(Image.fromarray(photo()).convert("L"), "PNG")
    packed = pack(htype, [photo(), RGBA, gray, png(RGBA), jpeg()], sample_compression=codec)
    images = packed.unpacked()
    assert packed.shapes() == [image.shape for image in images] == [(48, 64, channels)] * 5
    assert np.abs(images[0].astype(int) - images[4]).mean() < 5


def test_alpha_of_an_array_is_not_dropped_in_silence() -> None:
    with pytest.raises(SampleError) as caught:
        pack("image", [RGBA], sample_compression="jpeg")
    assert "image.rgb" in caught.value.hint


def test_alpha_of_a_file_is_left_out_where_the_format_has_none() -> None:
    assert round_trip("image", [png(RGBA)], sample_compression="jpeg")[0].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param(jpeg()[:700], "truncated-image", id="cut jpeg"),
        pytest.param(jpeg()[:700] + b"\xff\xd9", "bad-image", id="cut jpeg with an end"),
        pytest.param(png()[:700], "truncated-image", id="cut png"),
        pytest.param(b"text", "not-an-image", id="text"),
        pytest.param(b"", "empty-file", id="nothing"),
        pytest.param(bomb_png(30_000), "image-too-large", id="bomb"),
        pytest.param(Path("no/such/file.jpg"), "unreadable-file", id="no file"),
        pytest.param(Sample("s3://bucket/x.jpg"), "unreadable-file", id="no reader"),
        pytest.param(np.zeros((4, 4, 3)), "bad-array", id="floats"),
        pytest.param(np.zeros((4, 4, 5), np.uint8), "bad-array", id="five channels"),
        pytest.param("picture.jpg", "bad-sample", id="path as text"),
        pytest.param(Link("picture.jpg"), "bad-sample", id="link"),
        pytest.param(object(), "bad-sample", id="object"),
    ],
)
def test_what_is_no_whole_image_is_refused_with_its_row(value: Any, kind: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack("image", [photo(), value], sample_compression="png", first_row=7)
    assert caught.value.kind == kind
    assert caught.value.place.startswith("tensor 't', row 8")


def test_a_jpeg_without_its_end_marker_is_kept_where_its_pixels_are_whole() -> None:
    assert stored(pack("image", [jpeg()[:-2]], sample_compression="jpeg")) == [jpeg()[:-2]]


def test_a_cut_jpeg_with_an_end_marker_is_refused_when_it_is_read() -> None:
    damaged = jpeg()[:700] + b"\xff\xd9"
    packed = pack("image", [jpeg(), damaged], sample_compression="jpeg")
    with pytest.raises(UnpackError) as caught:
        packed.unpacked()
    assert (caught.value.kind, caught.value.index) == ("bad-image", 1)
    assert caught.value.place == "tensor 't', sample 1 of those read"


def test_a_decoding_error_keeps_its_index_through_pickle() -> None:
    import pickle

    error = UnpackError("m", kind="k", place="p", hint="h", index=3)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.index) == (str(error), "k", 3)


def test_files_are_decoded_without_their_shapes() -> None:
    packed = pack("image", [jpeg()], sample_compression="jpeg")
    (image,) = htype_of(packed.spec).unpack({"": packed.cells[""]}, packed.spec)
    assert image.shape == (48, 64, 3)
