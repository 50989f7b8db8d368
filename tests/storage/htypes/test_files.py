"""audio, video, dicom, nifti, point_cloud, mesh: files kept byte for byte."""

from __future__ import annotations

import io
import json
import struct
import wave
from typing import Any

import numpy as np
import pytest
from lakebed.storage.codecs import optional
from lakebed.storage.errors import InvalidInputError, SampleError, SchemaError
from lakebed.storage.htypes import HTYPES, Sample, UnpackError, new_spec

from htype_kit import LinkedFiles, is_own, pack


def wav() -> bytes:
    """Half a second of two channels."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full((4000, 2), 16384, np.int16).tobytes())
    return out.getvalue()


def las() -> bytes:
    """The header of a cloud of 9 points."""
    head = bytearray(375)
    head[:4], head[24:26] = b"LASF", b"\1\2"
    struct.pack_into("<I", head, 107, 9)
    return bytes(head)


def nifti() -> bytes:
    """The header of a volume of 4 x 5 x 6."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, 4, 5, 6, 1, 1, 1, 1)
    head[344:348] = b"n+1\0"
    return bytes(head)


FILES: list[tuple[str, dict[str, Any], bytes, tuple[int, ...] | None, dict[str, Any]]] = [
    ("audio", {}, wav(), (4000, 2), {"format": "wav", "rate": 8000, "duration": 0.5}),
    ("audio", {}, b"ID3\3" + bytes(60), None, {"format": "mp3"}),
    ("video", {}, b"\0\0\0\x18ftypisom" + bytes(50), None, {"format": "mp4"}),
    ("dicom", {}, bytes(128) + b"DICM" + bytes(9), None, {"format": "dcm"}),
    ("nifti", {"sample_compression": "nii"}, nifti(), (4, 5, 6), {"format": "nii"}),
    ("point_cloud", {}, las(), (9, 3), {"format": "las"}),
    ("mesh", {"sample_compression": "ply"}, b"ply\nformat ascii 1.0\n", None, {"format": "ply"}),
]


@pytest.mark.parametrize(
    ("htype", "options", "data", "shape", "info"), FILES, ids=[f"{f[0]}-{f[4]['format']}" for f in FILES]
)
def test_files_are_kept_byte_for_byte_with_what_their_header_says(
    htype: str, options: dict[str, Any], data: bytes, shape: tuple[int, ...] | None, info: dict[str, Any]
) -> None:
    packed = pack(htype, [data, None], **options)
    assert packed.cells[""].to_pylist() == [data, None]
    assert json.loads(packed.cells[".info"][0].as_py()) == {**info, "bytes": len(data)}
    assert packed.cells[".shape"][0].as_py() == (None if shape is None else list(shape))
    assert (packed.shapes() is None) == (shape is None)


@pytest.mark.parametrize("htype", ["audio", "video", "dicom", "nifti", "point_cloud", "mesh"])
def test_nothing_reads_back_as_an_empty_array(htype: str) -> None:
    codec = {"nifti": "nii", "mesh": "ply"}.get(htype)
    (sample,) = pack(htype, [None], sample_compression=codec).unpacked()
    assert is_own(sample)
    assert sample.size == 0


@pytest.mark.parametrize("htype", ["audio", "video", "dicom", "nifti", "point_cloud", "mesh"])
def test_arrays_and_other_files_are_refused_with_their_row(htype: str) -> None:
    codec = {"nifti": "nii", "mesh": "ply"}.get(htype)
    for value in (np.zeros((3, 3)), b"GIF89a", b"", "a path as text", 5):
        with pytest.raises(SampleError) as caught:
            pack(htype, [value], sample_compression=codec)
        assert caught.value.place == "tensor 't', row 0"


def test_sound_is_decoded_to_full_scale_one() -> None:
    (sample,) = pack("audio", [wav()]).unpacked()
    assert sample.shape == (4000, 2)
    assert np.all(sample == 0.5)
    assert is_own(sample)


def test_a_file_of_another_format_than_the_tensors_is_refused() -> None:
    with pytest.raises(SampleError) as caught:
        pack("audio", [wav()], sample_compression="mp3")
    assert "found a wav file, expected mp3" in caught.value.message


def test_a_missing_library_is_said_when_the_sample_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "maybe_import", lambda package: None)
    packed = pack("audio", [b"ID3\3" + bytes(60)])
    with pytest.raises(UnpackError) as caught:
        packed.unpacked()
    assert caught.value.kind == "missing-library"
    assert "soundfile" in caught.value.hint


@pytest.mark.parametrize("htype", ["nifti", "mesh"])
def test_some_htypes_need_their_format_said(htype: str) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", htype)
    assert caught.value.kind == "missing-compression"


def test_linked_sound_is_described_from_its_first_bytes() -> None:
    files = LinkedFiles({"a.wav": wav()})
    packed = pack("link[audio]", ["a.wav"], files=files)
    assert packed.shapes() == [(4000, 2)]
    assert json.loads(packed.cells[".info"][0].as_py())["duration"] == 0.5


def test_data_of_a_film_calls_its_frames_frames() -> None:
    assert list(HTYPES["video"].data(np.zeros((1, 2, 2, 3)), {})) == ["frames"]


def test_a_sample_is_made_from_a_path_or_from_bytes() -> None:
    for arguments in ({}, {"path": "a", "data": b"b"}):
        with pytest.raises(InvalidInputError):
            Sample(**arguments)  # type: ignore[arg-type]
    assert "secret" not in repr(Sample(data=b"secret"))
