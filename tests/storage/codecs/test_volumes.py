"""Medical volumes, point clouds and meshes: what their headers say."""

from __future__ import annotations

import gzip
import struct

import pytest
from lakebed.storage.codecs import optional
from lakebed.storage.codecs.volumes import decode_volume, las_points, nifti_shape, volume_format
from lakebed.storage.errors import SampleError


def nifti(order: str = "<") -> bytes:
    """The header of a NIfTI-1 volume of 4 x 5 x 6."""
    head = bytearray(352)
    struct.pack_into(order + "i", head, 0, 348)
    struct.pack_into(order + "8h", head, 40, 3, 4, 5, 6, 1, 1, 1, 1)
    head[344:348] = b"n+1\0"
    return bytes(head)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_nifti_header_tells_its_shape_plain_or_zipped(order: str) -> None:
    data = nifti(order)
    assert nifti_shape(data) == nifti_shape(gzip.compress(data)) == (4, 5, 6)
    assert volume_format(data, ("nii", "nii.gz"), "nifti") == "nii"
    assert volume_format(gzip.compress(data), ("nii", "nii.gz"), "nifti") == "nii.gz"


def test_a_second_nifti_header_tells_its_shape() -> None:
    head = bytearray(540)
    struct.pack_into("<i", head, 0, 540)
    head[4:8] = b"n+2\0"
    struct.pack_into("<8q", head, 16, 2, 70_000, 3, 1, 1, 1, 1, 1)
    assert nifti_shape(bytes(head)) == (70_000, 3)


def test_a_las_header_tells_its_points() -> None:
    head = bytearray(375)
    head[:4] = b"LASF"
    head[24:26] = b"\1\2"
    struct.pack_into("<I", head, 107, 42)
    assert las_points(bytes(head)) == 42
    head[24:26] = b"\1\4"
    struct.pack_into("<Q", head, 247, 2**33)
    assert las_points(bytes(head)) == 2**33


def test_a_binary_stl_is_told_by_its_length() -> None:
    data = bytes(80) + struct.pack("<I", 2) + bytes(100)
    assert volume_format(data, ("ply", "stl"), "mesh") == "stl"
    with pytest.raises(SampleError):
        volume_format(data[:-1], ("ply", "stl"), "mesh")


@pytest.mark.parametrize(
    ("format", "package"),
    [("dcm", "pydicom"), ("nii", "nibabel"), ("las", "laspy"), ("ply", "trimesh"), ("stl", "trimesh")],
)
def test_each_format_names_the_library_that_decodes_it(
    format: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optional, "maybe_import", lambda package: None)
    with pytest.raises(SampleError) as caught:
        decode_volume(b"", format)
    assert caught.value.kind == "missing-library"
    assert f"pip install {package}" in caught.value.hint


def test_a_picture_is_no_volume() -> None:
    with pytest.raises(SampleError, match="found gif bytes, expected a dicom file"):
        volume_format(b"GIF89a", ("dcm",), "dicom")
