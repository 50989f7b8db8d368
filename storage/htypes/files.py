"""Htypes whose samples are whole files, kept byte for byte: audio, video, dicom, nifti, point_cloud, mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..codecs.audio import decode_audio, read_audio_header
from ..codecs.video import decode_video, read_video_header
from ..codecs.volumes import decode_volume, las_points, nifti_shape, volume_format
from ..errors import SampleError
from ..schema import TensorSpec
from .base import Payload
from .payload import Facts, PayloadHtype


class FileHtype(PayloadHtype):
    """Files of a few formats; nothing is re-encoded, so a tensor with a compression takes that format alone."""

    ndim: ClassVar[int] = 2

    def from_file(self, data: bytes, spec: TensorSpec) -> Payload:
        facts = self.inspect(data, len(data), spec, complete=True)
        assert facts is not None
        shape, info = facts
        wanted = spec.sample_compression or spec.chunk_compression
        if wanted is not None and info["format"] != wanted:
            raise SampleError(
                f"found a {info['format']} file, expected {wanted}: {self.name} files are not re-encoded",
                kind="wrong-format",
                hint="convert the file, or leave sample_compression out to mix formats",
            )
        return Payload(data, shape or (), info)

    def empty(self, spec: TensorSpec) -> Any:
        return np.zeros((0,) * self.ndim, self.default_dtype)


class Audio(FileHtype):
    """Sound files: mp3, flac, wav, ogg. Decoded: float64 (samples, channels), full scale -1 to 1."""

    name: ClassVar[str] = "audio"
    default_dtype: ClassVar[str | None] = "float64"
    kinds: ClassVar[tuple[str, ...]] = ("audio",)

    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        header = read_audio_header(head)
        info = {"format": header.format, "bytes": size, "rate": header.rate, "duration": header.duration}
        return header.shape, _known(info)

    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        return decode_audio(bytes(data))


class Video(FileHtype):
    """Film files: mp4, mkv, avi. Decoded: uint8 (frames, height, width, 3)."""

    name: ClassVar[str] = "video"
    default_dtype: ClassVar[str | None] = "uint8"
    kinds: ClassVar[tuple[str, ...]] = ("video",)
    ndim: ClassVar[int] = 4

    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        header = read_video_header(head)
        return header.shape, _known({"format": header.format, "bytes": size, "duration": header.duration})

    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        return decode_video(bytes(data))

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"frames": sample}


class VolumeHtype(FileHtype):
    """Files that the library of their field decodes."""

    formats: ClassVar[tuple[str, ...]]

    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        format = volume_format(head, self.formats, self.name)
        return self.file_shape(head), {"format": format, "bytes": size}

    def file_shape(self, head: bytes) -> tuple[int, ...] | None:
        """The shape that the header gives, if it does."""
        return None

    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        whole = bytes(data)
        return decode_volume(whole, volume_format(whole, self.formats, self.name))


class Dicom(VolumeHtype):
    """DICOM files; decoded by pydicom to their pixel array."""

    name: ClassVar[str] = "dicom"
    kinds: ClassVar[tuple[str, ...]] = ("dicom",)
    formats: ClassVar[tuple[str, ...]] = ("dcm",)


class Nifti(VolumeHtype):
    """NIfTI files, plain or gzipped; decoded by nibabel to the scaled volume."""

    name: ClassVar[str] = "nifti"
    kinds: ClassVar[tuple[str, ...]] = ("nifti",)
    needs_compression: ClassVar[bool] = True
    formats: ClassVar[tuple[str, ...]] = ("nii", "nii.gz")
    ndim: ClassVar[int] = 3

    def file_shape(self, head: bytes) -> tuple[int, ...] | None:
        return nifti_shape(head)


class PointCloud(VolumeHtype):
    """LAS files; decoded by laspy to float32 (n, 3)."""

    name: ClassVar[str] = "point_cloud"
    default_dtype: ClassVar[str | None] = "float32"
    kinds: ClassVar[tuple[str, ...]] = ("point_cloud",)
    formats: ClassVar[tuple[str, ...]] = ("las",)

    def file_shape(self, head: bytes) -> tuple[int, ...] | None:
        points = las_points(head)
        return None if points is None else (points, 3)


class Mesh(VolumeHtype):
    """PLY and STL files; decoded by trimesh to the vertices, float32 (n, 3)."""

    name: ClassVar[str] = "mesh"
    default_dtype: ClassVar[str | None] = "float32"
    kinds: ClassVar[tuple[str, ...]] = ("mesh",)
    needs_compression: ClassVar[bool] = True
    formats: ClassVar[tuple[str, ...]] = ("ply", "stl")


def _known(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if value is not None}
