"""link[X]: URLs, and what was seen of the files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.errors import SampleError, SchemaError, StorageError
from lakebed.storage.htypes import EncodeContext, htype_of, new_spec
from lakebed.storage.htypes.link import HEAD_BYTES
from lakebed.storage.links.base import Link, LinkHead, StoredLink
from PIL import Image

from htype_kit import LinkedFiles, pack
from image_files import jpeg, photo, png, save

UNREAD: dict[str, Any] = {"verify": False, "create_shape_tensor": False, "create_sample_info_tensor": False}


def test_links_keep_url_key_and_what_was_seen() -> None:
    data = jpeg()
    files = LinkedFiles({"s3://b/a.jpg": data, "b.png": png()})
    packed = pack("link[image]", [Link("s3://b/a.jpg", "key"), "b.png", None], files=files)
    assert packed.cells[""].to_pylist() == ["s3://b/a.jpg", "b.png", None]
    assert packed.cells[".creds"].to_pylist() == ["key", None, None]
    assert packed.cells[".seen"][0].as_py() == {"size": len(data), "etag": f"etag-{len(data)}", "mtime": 1.5}
    assert packed.cells[".shape"].to_pylist() == [[48, 64, 3], [48, 64, 3], None]
    assert json.loads(packed.cells[".info"][0].as_py())["format"] == "jpeg"
    assert packed.shapes() == [(48, 64, 3), (48, 64, 3), (0, 0, 3)]


def test_nothing_is_read_where_nothing_is_asked_for() -> None:
    files = LinkedFiles({})
    packed = pack("link[image]", [Link("no/such/file.jpg"), None, "s3://b/x"], files=files, **UNREAD)
    assert files.reads == []
    assert packed.cells[""].to_pylist() == ["no/such/file.jpg", None, "s3://b/x"]
    assert all(packed.cells[suffix].null_count == 3 for suffix in (".creds", ".seen", ".shape", ".info"))
    assert packed.shapes() is None


@pytest.mark.parametrize("option", UNREAD)
def test_any_of_the_three_options_reads_the_header(option: str) -> None:
    files = LinkedFiles({"a.jpg": jpeg()})
    packed = pack("link[image]", ["a.jpg"], files=files, **{**UNREAD, option: True})
    assert files.reads == [("a.jpg", HEAD_BYTES)]
    assert (packed.cells[".shape"].null_count == 0) == (option == "create_shape_tensor")
    assert (packed.cells[".info"].null_count == 0) == (option == "create_sample_info_tensor")
    assert packed.cells[".seen"].null_count == 0


def test_more_is_read_only_where_the_header_needs_it() -> None:
    files = LinkedFiles({"small.jpg": jpeg(), "big.jpg": jpeg(icc_profile=b"x" * 100_000)})
    pack("link[image]", ["small.jpg", "big.jpg"], files=files)
    assert files.reads == [("small.jpg", HEAD_BYTES), ("big.jpg", HEAD_BYTES), ("big.jpg", HEAD_BYTES * 16)]


def test_a_source_that_does_not_tell_a_size_is_read_until_it_ends() -> None:
    class Silent(LinkedFiles):
        def head(self, url: str, creds_key: str | None, length: int) -> LinkHead:
            return replace(super().head(url, creds_key, length), size=0)

    files = Silent({"big.jpg": jpeg(icc_profile=b"x" * 100_000)})
    assert pack("link[image]", ["big.jpg"], files=files).shapes() == [(48, 64, 3)]


def test_many_links_are_read_in_order() -> None:
    sizes = range(1, 60)
    files = LinkedFiles({f"{size}.png": png(photo(size, size)) for size in sizes})
    packed = pack("link[image]", [f"{size}.png" for size in sizes], files=files)
    assert packed.shapes() == [(size, size, 3) for size in sizes]


@pytest.mark.parametrize("count", [1, 20])
def test_a_missing_file_is_an_error_with_row_and_url(count: int) -> None:
    files = LinkedFiles({"a.jpg": jpeg()})
    with pytest.raises(StorageError) as caught:
        pack("link[image]", ["a.jpg"] * (count - 1) + ["gone.jpg"], files=files, first_row=100)
    assert caught.value.kind == "link-missing"
    assert f"tensor 't', row {99 + count}" in caught.value.place
    assert "gone.jpg" in caught.value.place


@pytest.mark.parametrize(
    ("data", "kind"), [(b"text " * 9, "not-an-image"), (b"", "empty-file"), (jpeg()[:60], "truncated-image")]
)
def test_a_file_that_is_no_image_is_refused_with_row_and_url(data: bytes, kind: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack("link[image]", [None, "x.jpg"], files=LinkedFiles({"x.jpg": data}))
    assert caught.value.kind == kind
    assert caught.value.place == "tensor 't', row 1, link 'x.jpg'"


@pytest.mark.parametrize("value", ["", 5, b"bytes", np.zeros((2, 2, 3), np.uint8)])
def test_what_is_no_link_is_refused(value: Any) -> None:
    with pytest.raises(SampleError, match=r"expected lakebed.link\(url\)"):
        pack("link[image]", [value], **UNREAD)


def test_stored_links_are_taken_and_given_back() -> None:
    stored = StoredLink("a.jpg", "key", 5, "e", 1.0)
    packed = pack("link[image]", [stored, None], **UNREAD)
    assert packed.unpacked() == [StoredLink("a.jpg", "key"), None]


def test_links_without_a_reader_ask_for_verify_false() -> None:
    spec, info = new_spec("t", "t", "link[image]")
    with pytest.raises(StorageError) as caught:
        htype_of(spec).prepare(["a.jpg"], spec, EncodeContext(info))
    assert "verify=False" in caught.value.hint


@pytest.mark.parametrize("htype", ["link[image]", "link[image.rgb]", "link[segment_mask]"])
def test_a_compression_is_optional_for_links_and_checked(htype: str) -> None:
    assert new_spec("t", "t", htype)[0].sample_compression is None
    assert new_spec("t", "t", htype, sample_compression="png")[0].full_htype == htype
    with pytest.raises(SchemaError):
        new_spec("t", "t", htype, sample_compression="mp3")
    with pytest.raises(SchemaError):
        new_spec("t", "t", htype, chunk_compression="png")


@pytest.mark.parametrize("htype", ["link[text]", "link[class_label]", "link[generic]", "sequence[link[bbox]]"])
def test_only_files_can_be_linked(htype: str) -> None:
    with pytest.raises(SchemaError, match="only files can be linked"):
        new_spec("t", "t", htype)


def test_shapes_of_linked_gray_and_forced_images() -> None:
    files = LinkedFiles({"gray.png": save(Image.new("L", (5, 4)), "PNG")})
    assert pack("link[image]", ["gray.png"], files=files).shapes() == [(4, 5, 1)]
    assert pack("link[image.rgb]", ["gray.png"], files=files).shapes() == [(4, 5, 3)]
    assert pack("link[segment_mask]", ["gray.png"], files=files).shapes() == [(4, 5)]


def test_the_unlinked_tensor_decodes_what_the_links_hold() -> None:
    packed = pack("link[image]", ["a.jpg"], files=LinkedFiles({"a.jpg": jpeg()}))
    plain = packed.spec.unlinked()
    (image,) = htype_of(plain).unpack({"": pa.array([jpeg()], pa.large_binary())}, plain)
    assert image.shape == packed.shapes()[0]  # type: ignore[index]
