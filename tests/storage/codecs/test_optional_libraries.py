"""Formats whose decoding needs a library of their field; each test is skipped where that library is missing."""

from __future__ import annotations

import gzip
import io
from typing import Any

import numpy as np
import pytest
from lakebed.storage.codecs.audio import decode_audio, read_audio_header
from lakebed.storage.codecs.video import decode_video, read_video_header
from lakebed.storage.codecs.volumes import decode_volume, las_points, nifti_shape, volume_format
from lakebed.storage.errors import SampleError


def test_flac_is_decoded_by_soundfile() -> None:
    soundfile: Any = pytest.importorskip("soundfile")
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2))
    out = io.BytesIO()
    soundfile.write(out, sound, 16000, format="FLAC")
    assert read_audio_header(out.getvalue()).shape == (1000, 2)
    assert np.abs(decode_audio(out.getvalue()) - sound).max() < 1e-4
    with pytest.raises(SampleError) as caught:
        decode_audio(out.getvalue()[:30])
    assert caught.value.kind == "bad-audio"


@pytest.mark.parametrize(("container", "format"), [("mp4", "mp4"), ("matroska", "mkv"), ("avi", "avi")])
def test_films_are_decoded_by_pyav(container: str, format: str) -> None:
    av: Any = pytest.importorskip("av")
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(7):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level * 30, np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    frames = decode_video(out.getvalue())
    assert read_video_header(out.getvalue()).format == format
    assert frames.shape == (7, 48, 64, 3)
    assert np.abs(frames.mean(axis=(1, 2, 3)) - 30 * np.arange(7)).max() < 3


@pytest.mark.parametrize("image", ["Nifti1Image", "Nifti2Image"])
def test_volumes_are_decoded_by_nibabel(image: str) -> None:
    nibabel: Any = pytest.importorskip("nibabel")
    volume = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    data = getattr(nibabel, image)(volume, np.eye(4)).to_bytes()
    assert nifti_shape(data) == (2, 3, 4)
    assert np.array_equal(decode_volume(data, "nii"), volume)
    assert np.array_equal(decode_volume(gzip.compress(data), "nii.gz"), volume)


def test_point_clouds_are_decoded_by_laspy() -> None:
    laspy: Any = pytest.importorskip("laspy")
    cloud = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    cloud.x, cloud.y, cloud.z = np.arange(5.0), np.arange(5.0) + 1, np.arange(5.0) + 2
    out = io.BytesIO()
    cloud.write(out, do_compress=False)
    assert las_points(out.getvalue()) == 5
    assert decode_volume(out.getvalue(), "las").tolist() == [[n, n + 1, n + 2] for n in range(5)]


@pytest.mark.parametrize(("format", "vertices"), [("ply", 8), ("stl", 36)])
def test_meshes_are_decoded_by_trimesh(format: str, vertices: int) -> None:
    trimesh: Any = pytest.importorskip("trimesh")
    data = trimesh.creation.box().export(file_type=format)
    assert volume_format(data, ("ply", "stl"), "mesh") == format
    assert decode_volume(data, format).shape == (vertices, 3)


def test_dicom_is_decoded_by_pydicom() -> None:
    pydicom: Any = pytest.importorskip("pydicom")
    secondary_capture = "1.2.840.10008.5.1.4.1.1.7"
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    scan = pydicom.dataset.Dataset()
    scan.file_meta = pydicom.dataset.FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID = secondary_capture
    scan.file_meta.MediaStorageSOPInstanceUID = scan.SOPInstanceUID = "1.2.3"
    scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.PixelRepresentation = 3, 4, 1, 0
    scan.PhotometricInterpretation, scan.BitsAllocated, scan.BitsStored, scan.HighBit = "MONOCHROME2", 16, 16, 15
    scan.PixelData = pixels.tobytes()
    out = io.BytesIO()
    scan.save_as(out, enforce_file_format=True)
    assert volume_format(out.getvalue(), ("dcm",), "dicom") == "dcm"
    assert np.array_equal(decode_volume(out.getvalue(), "dcm"), pixels)
