"""Masks: segment_mask, instance_label, binary_mask.

They are kept as ``.npy`` in a zstd frame, or in the sample compression: "png" (for every viewer), "zstd", "lz4".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..codecs.arrays import decode_array, encode_array
from ..codecs.formats import sniff_format
from ..codecs.header import read_header
from ..codecs.masks import decode_mask, encode_mask_png
from ..errors import SampleError, SchemaError
from ..schema import TensorSpec
from .base import Payload
from .cast import CastError, cast_safely
from .labels import check_class_names
from .payload import Facts, PayloadHtype
from .place import describe

Array = np.ndarray[Any, np.dtype[Any]]

_CODECS = ("png", "zstd", "lz4")
_ARRAY_FORMATS = ("zstd", "lz4", "npy")


class SegmentMask(PayloadHtype):
    """Samples are uint32 (H, W): the class of each pixel. None is (0, 0)."""

    name: ClassVar[str] = "segment_mask"
    default_dtype: ClassVar[str | None] = "uint32"
    ndim: ClassVar[int] = 2

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        check_class_names(info, spec.name)
        codec = spec.sample_compression or spec.chunk_compression
        if codec is not None and codec not in _CODECS:
            raise SchemaError(
                f"compression {codec!r} does not fit htype {self.name!r}",
                kind="bad-compression",
                place=f"tensor {spec.name!r}",
                hint=f"leave it out, or use one of {', '.join(_CODECS)}",
            )
        return replace(spec, ndim=self.ndim)

    def from_file(self, data: bytes, spec: TensorSpec) -> Payload:
        found, codec = sniff_format(data[:400]), _codec(spec)
        mask = self.decode(memoryview(data), None, spec)
        if found == codec:
            return Payload(data, mask.shape, {"format": codec, "bytes": len(data)})
        return self._encoded(mask, codec)

    def from_array(self, array: Array, spec: TensorSpec) -> Payload:
        return self._encoded(self.fit(array), _codec(spec))

    def fit(self, array: Array) -> Array:
        """An array as this htype's dtype and axes.

        Raises:
            SampleError: it has other axes, or values that do not fit.
        """
        plain = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
        if plain.ndim != 2:
            raise SampleError(f"found {describe(array)}, expected a mask of shape (H, W)", kind="bad-array")
        try:
            return cast_safely(plain, np.dtype("uint32"))
        except CastError as error:
            raise SampleError(
                f"found {describe(array)}: {error}, expected uint32",
                kind="bad-array",
                hint="cast it: mask.astype(np.uint32)",
            ) from error

    def _encoded(self, mask: Array, codec: str) -> Payload:
        data = self.to_png(mask) if codec == "png" else encode_array(mask, codec)
        return Payload(data, mask.shape, {"format": codec, "bytes": len(data)})

    def to_png(self, mask: Array) -> bytes:
        """The mask as a PNG file."""
        return encode_mask_png(mask)

    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        found = sniff_format(head[:400])
        if found in _ARRAY_FORMATS:
            return (self.fit(decode_array(head)).shape, {"format": found, "bytes": size}) if complete else None
        header = read_header(head, complete=complete)
        if header is None:
            return None
        return self.file_shape(header.height, header.width), {
            "format": header.format,
            "mode": header.mode,
            "bytes": size,
        }

    def file_shape(self, height: int, width: int) -> tuple[int, ...]:
        """Shape of the sample that a one-channel image file holds."""
        return (height, width)

    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        if sniff_format(bytes(data[:400])) in _ARRAY_FORMATS:
            return self.fit(decode_array(data))
        return self.fit(decode_mask(bytes(data)))

    def empty(self, spec: TensorSpec) -> Any:
        return np.zeros((0,) * self.ndim, self.default_dtype)


class InstanceLabel(SegmentMask):
    """Samples are uint32 (H, W): the object that each pixel belongs to."""

    name: ClassVar[str] = "instance_label"


class BinaryMask(SegmentMask):
    """Samples are bool (H, W, n): one plane for each of n objects; (H, W) is taken as n = 1. None is (0, 0, 0)."""

    name: ClassVar[str] = "binary_mask"
    default_dtype: ClassVar[str | None] = "bool"
    ndim: ClassVar[int] = 3

    def fit(self, array: Array) -> Array:
        planes = array[:, :, None] if array.ndim == 2 else array
        if planes.ndim != 3:
            raise SampleError(f"found {describe(array)}, expected masks of shape (H, W, n)", kind="bad-array")
        if planes.dtype == np.bool_:
            return planes
        if planes.dtype.kind not in "iu" or (planes.size and not np.isin(planes, (0, 1, 255)).all()):
            raise SampleError(f"found {describe(array)}, expected booleans or 0 and 1", kind="bad-array")
        return np.asarray(planes != 0)

    def to_png(self, mask: Array) -> bytes:
        if mask.shape[2] != 1:
            raise SampleError(
                f"found {mask.shape[2]} masks in one sample, a png holds 1",
                kind="cannot-encode",
                hint="leave sample_compression out",
            )
        return encode_mask_png(mask[:, :, 0])

    def file_shape(self, height: int, width: int) -> tuple[int, ...]:
        return (height, width, 1)


def _codec(spec: TensorSpec) -> str:
    return spec.sample_compression or spec.chunk_compression or "zstd"
